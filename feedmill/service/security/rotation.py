"""Change the keys of secrets at rest beneath a running service, losing none whenever the power goes.

At every moment the file holds each key that something is sealed with. A new key is first added behind the others, so that every
process can open what it seals; then in front, so that every process seals with it; then everything is sealed anew in one
transaction; then the old keys are dropped. Services look at the file once a second, `SETTLE_SECONDS` is for that.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import structlog
from anyio import to_thread

from engine.errors import ConfigError, Retry
from feedmill.service.keys import VARIABLE, KeyRing, key_file, keys_of_environment, new_key, read_key_file, replace_key_file
from sinks.sqlite.database import locate
from sinks.sqlite.service.sealed import read_sealed, renew_sealed
from sinks.sqlite.service.store import Store, open_store

if TYPE_CHECKING:
    from feedmill.service.context import Service

WATCH_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 2.5
_ROUNDS: Final = 3


async def rotate_keys(url: str, path: Path | None = None, *, settle: float = SETTLE_SECONDS) -> int:
    """Seal everything in a database with a new key, drop the old ones from the key file, and return how much was sealed.

    With keys in the environment, which only its owner can change, everything is sealed with the first of them. Raises `ConfigError`
    when there is no key to begin from, `Retry` when another process rotates them or still seals with an old one.
    """
    if keys := keys_of_environment():
        return await _seal_with_first(url, keys)
    database = locate(url)
    file = path or key_file(database.path or Path(database.name))
    # Asked before the database is opened, which would make one where a name is misspelt.
    if not await to_thread.run_sync(file.exists):
        raise ConfigError(f"there is no key file {file}: name the one that the service uses (--key-file), or give {VARIABLE}")
    with _rotating(file):
        async with open_store(url) as store:
            return await _rotate(store, file, settle)


async def _rotate(store: Store, file: Path, settle: float) -> int:
    old = await to_thread.run_sync(read_key_file, file)
    new = new_key()
    for keys in ([*old, new], [new, *old]):
        await to_thread.run_sync(replace_key_file, file, keys)
        await anyio.sleep(settle)
    for _ in range(_ROUNDS):
        async with store.writing() as writer:
            count = await renew_sealed(writer, KeyRing([new, *old]).renew)
        await to_thread.run_sync(replace_key_file, file, [new])
        if not await left_behind(store, KeyRing([new])):
            return count
        # A process that slept through all of it has sealed with an old key in between.
        await to_thread.run_sync(replace_key_file, file, [new, *old])
        await anyio.sleep(settle)
    raise Retry(f"another process still seals with an old key, so that {file} keeps them all: restart the service and rotate again")


async def left_behind(store: Store, keys: KeyRing) -> bool:
    """Return whether something is sealed with another key."""
    async with store.reading() as reader:
        sealed = await read_sealed(reader)
    for _, secret in sealed:
        try:
            keys.open(secret)
        except ConfigError:
            return True
    return False


async def _seal_with_first(url: str, keys: Sequence[str]) -> int:
    if len(keys) < 2:
        raise ConfigError(
            f"the keys are in {VARIABLE}, where this program cannot put a new one: make one (feedmill keys new), put it in front of the"
            " other, separated by a comma, restart the service, run this again, and take the old one out"
        )
    async with open_store(url) as store, store.writing() as writer:
        return await renew_sealed(writer, KeyRing(keys).renew)


@contextmanager
def _rotating(file: Path) -> Iterator[None]:
    """Hold the right to change a key file. The lock is on its folder: the file itself is replaced."""
    descriptor = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Retry(f"another process changes {file}: wait until it has ended") from None
        yield
    finally:
        os.close(descriptor)


async def watch_keys(service: Service) -> None:
    """Read the key file again whenever it has changed. One that cannot be read is reported, and the keys stay as they were."""
    path, seen = service.keys.path, None
    if path is None:
        return
    while True:
        found = await to_thread.run_sync(_version, path)
        if found != seen:
            try:
                if await to_thread.run_sync(service.keys.reload):
                    structlog.get_logger("feedmill").info("the keys of secrets at rest have changed", path=str(path))
            except ConfigError as error:
                structlog.get_logger("feedmill").error("the key file is not as it was; the keys stay", error=str(error))
            seen = found
        await anyio.sleep(WATCH_SECONDS)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
