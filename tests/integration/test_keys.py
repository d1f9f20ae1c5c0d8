"""Keys of secrets at rest: made for their owner alone, proven at the start, changed beneath a running service without losing one."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
import structlog
from anyio import to_thread

from engine.errors import ConfigError, Retry
from feedmill.service.definition.stored_feeds import read_stored_feed
from feedmill.service.keys import VARIABLE, KeyRing, create_key_file, load_keys, new_key, read_key_file, replace_key_file
from feedmill.service.opening import open_service
from feedmill.service.security import rotation
from feedmill.service.security.rotation import rotate_keys, watch_keys
from feedmill.service.settings import ServiceSettings
from sinks.sqlite.service.sealed import read_sealed
from sinks.sqlite.service.store import Store, open_store
from tests.servers.feedmill_service import run_service
from tests.servers.stored_feed import store_feed

pytestmark = pytest.mark.anyio
LOCATION = "https://joe:pa55@feeds.example/stock.csv"


async def sealed_feeds(directory: Path, count: int) -> str:
    """Make a database with feeds whose secrets are sealed with the key beside it; return its URL."""
    async with run_service(directory, loops=False) as running:
        for number in range(count):
            await store_feed(running.service, f"feed {number}", LOCATION)
        return running.service.url


async def opened(url: str, key_file: Path) -> list[object]:
    """Return the location of every feed, opened with what stands in a key file."""
    ring = await to_thread.run_sync(load_keys, key_file)
    async with open_store(url) as store, store.reading() as reader:
        return [ring.open(secret)["resourceLocation"] for _, secret in await read_sealed(reader)]


async def test_rotation(tmp_path: Path) -> None:
    """After a rotation everything is sealed with one new key, and what was sealed is as it was; the old key opens nothing."""
    url, file = await sealed_feeds(tmp_path, 3), tmp_path / "shop.db.keys"
    before = await to_thread.run_sync(read_key_file, file)
    assert await rotate_keys(url, settle=0) == 3
    after = await to_thread.run_sync(read_key_file, file)
    assert len(after) == 1
    assert after != before
    assert stat.S_IMODE((await to_thread.run_sync(file.stat)).st_mode) == 0o600
    assert await opened(url, file) == [LOCATION] * 3
    async with open_store(url) as store, store.reading() as reader:
        for where, secret in await read_sealed(reader):
            with pytest.raises(ConfigError, match="not here"):
                KeyRing(before).open(secret)
            assert where.startswith("feed ")
    assert not [path.name for path in await to_thread.run_sync(lambda: list(tmp_path.iterdir())) if path.name.startswith(".")]


@pytest.mark.parametrize("step", range(4))
async def test_a_rotation_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Wherever a rotation ends, the file opens everything, and the next rotation completes: before or after each change of the file."""

    class Killed(BaseException):
        """What nothing in the program handles, as nothing handles a killed process."""

    changes = 0

    def replace_or_die(path: Path, held: Sequence[str]) -> None:
        nonlocal changes
        if changes == step:
            raise Killed
        changes += 1
        replace_key_file(path, held)
        if changes == step:
            raise Killed

    url, file = await sealed_feeds(tmp_path, 2), tmp_path / "shop.db.keys"
    with monkeypatch.context() as dying:
        dying.setattr(rotation, "replace_key_file", replace_or_die)
        with pytest.raises(Killed):
            await rotate_keys(url, settle=0)
    assert await opened(url, file) == [LOCATION] * 2
    await rotate_keys(url, settle=0)
    assert len(await to_thread.run_sync(read_key_file, file)) == 1
    assert await opened(url, file) == [LOCATION] * 2


async def test_a_running_service_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service opens and seals without a break while its keys change; what it seals too late with an old one is found and sealed anew."""
    monkeypatch.setattr(rotation, "WATCH_SECONDS", 0.02)
    async with run_service(tmp_path, loops=False) as running, anyio.create_task_group() as group:
        service = running.service
        group.start_soon(watch_keys, service)
        feed, _ = await store_feed(service, "Acme", LOCATION)

        async def read_and_store() -> None:
            number = 0
            while True:
                async with service.store.reading() as reader:
                    assert (await read_stored_feed(reader, service.keys, feed)).location == LOCATION
                number += 1
                await store_feed(service, f"feed {number}", LOCATION)
                await anyio.sleep(0.01)

        group.start_soon(read_and_store)
        assert await rotate_keys(service.url, settle=0.3) >= 2
        group.cancel_scope.cancel()
    assert set(await opened(service.url, tmp_path / "shop.db.keys")) == {LOCATION}


async def test_a_seal_that_comes_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that slept through most of a rotation and seals with the old key loses nothing: its seal is found and made anew."""
    url, file = await sealed_feeds(tmp_path, 1), tmp_path / "shop.db.keys"
    look, late = rotation.left_behind, iter(("first", "second", "third"))

    async def wake_and_look(store: Store, ring: KeyRing) -> bool:
        if name := next(late, None):
            await store_feed(asleep, name, LOCATION)
        return await look(store, ring)

    async with open_service(ServiceSettings(database=url)) as asleep:
        monkeypatch.setattr(rotation, "left_behind", wake_and_look)
        with pytest.raises(Retry, match="still seals with an old key"):
            await rotate_keys(url, settle=0)
        assert await opened(url, file) == [LOCATION] * 4
        await to_thread.run_sync(asleep.keys.reload)
        assert await rotate_keys(url, settle=0) == 4
    assert await opened(url, file) == [LOCATION] * 4


async def test_keys_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database whose keys are gone, or are others, is refused at the start with what cures it; no new key is put in their place."""
    url, file = await sealed_feeds(tmp_path, 1), tmp_path / "shop.db.keys"
    held = await to_thread.run_sync(file.read_text)
    await to_thread.run_sync(file.unlink)
    with pytest.raises(ConfigError, match=r"shop\.db\.keys is gone.*put it back from a backup"):
        async with open_service(ServiceSettings(database=url)):
            pass
    with pytest.raises(ConfigError, match="there is no key file"):
        await rotate_keys(url, settle=0)
    for content, said in ((new_key(), "feed 1: .*sealed with a key that is not here"), ("", "holds no key"), ("no key", "is none")):
        await to_thread.run_sync(file.write_text, content)
        with pytest.raises(ConfigError, match=said):
            async with open_service(ServiceSettings(database=url)):
                pass
    await to_thread.run_sync(file.unlink)
    monkeypatch.setenv(VARIABLE, held)
    with pytest.raises(ConfigError, match=f"the keys are in {VARIABLE}.*put it in front"):
        await rotate_keys(url, settle=0)
    fresh = new_key()
    monkeypatch.setenv(VARIABLE, f"{fresh},{held}")
    assert await rotate_keys(url, settle=0) == 1
    monkeypatch.setenv(VARIABLE, fresh)
    assert await opened(url, file) == [LOCATION]


def test_key_files(tmp_path: Path) -> None:
    """A key file is its owner's alone, whatever the umask; one that others may read is warned of, one that exists is never replaced."""
    file = tmp_path / "keys"
    before = os.umask(0)
    try:
        create_key_file(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    held = file.read_text()
    create_key_file(file)
    assert file.read_text() == held
    with structlog.testing.capture_logs() as quiet:
        read_key_file(file)
    assert not quiet
    file.chmod(0o640)
    with structlog.testing.capture_logs() as warned:
        read_key_file(file)
    assert [(line["log_level"], "chmod 600" in line["event"]) for line in warned] == [("warning", True)]
    assert held.strip() not in str(warned)


async def test_two_rotations_at_once(tmp_path: Path) -> None:
    """Of two rotations of one key file the second one does nothing."""
    url = await sealed_feeds(tmp_path, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: rotate_keys(url, settle=0.5))
        with anyio.fail_after(5):
            while len(await to_thread.run_sync(read_key_file, tmp_path / "shop.db.keys")) == 1:
                await anyio.sleep(0.01)
        with pytest.raises(Retry, match="another process changes"):
            await rotate_keys(url, settle=0)
