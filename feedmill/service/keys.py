"""The keys that seal secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256), the newest first, older ones still open what they sealed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.batch import JsonValue

VARIABLE: Final = "FEEDMILL_KEYS"
"""The environment variable that holds keys, separated by commas or blanks, the newest first."""


class KeyRing:
    """Seal documents and open them. Never prints a key.

    `path` is the file that the keys come from, None where they do not come from one.
    """

    def __init__(self, keys: Sequence[str], path: Path | None = None) -> None:
        self.path = path
        self._fernet = _fernet(keys)
        self._text = " ".join(keys)

    def seal(self, document: Mapping[str, JsonValue]) -> bytes:
        """Return a document of JSON values sealed with the newest key."""
        return self._fernet.encrypt(orjson.dumps(dict(document)))

    def open(self, sealed: bytes) -> dict[str, JsonValue]:
        """Return what was sealed. Raises `ConfigError` when none of the keys fits."""
        try:
            opened: dict[str, JsonValue] = orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise ConfigError(
                f"a secret in the database was sealed with a key that is not here: give all keys in {VARIABLE} or in the key file"
            ) from None
        return opened

    def renew(self, sealed: bytes) -> bytes:
        """Return what was sealed, sealed with the newest key. Raises `ConfigError` as `open` does."""
        return self.seal(self.open(sealed))

    def reload(self) -> bool:
        """Read the key file anew and return whether it holds other keys than before. Blocks.

        Raises `ConfigError` when it cannot be read; the keys then stay as they were.
        """
        if self.path is None:
            return False
        keys = read_key_file(self.path)
        fernet, text = _fernet(keys), " ".join(keys)
        changed = text != self._text
        self._fernet, self._text = fernet, text
        return changed


def _fernet(keys: Sequence[str]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ConfigError(f"a key for secrets at rest is none ({error}): make one with feedmill keys new") from None


def key_file(database: Path) -> Path:
    """Return where the keys of a database lie unless the settings say otherwise: beside it."""
    return database.with_name(f"{database.name}.keys")


def keys_of_environment() -> list[str]:
    """Return the keys that the environment holds, the newest first; none where it holds none."""
    return os.environ.get(VARIABLE, "").replace(",", " ").split()


def load_keys(path: Path, *, create: bool = True) -> KeyRing:
    """Return the keys of the environment, else those of the file, which is made, for its owner alone, where there is none. Blocks.

    Without `create`, which is for a database that holds secrets already, raises `ConfigError` for a file that is not there.
    """
    if keys := keys_of_environment():
        return KeyRing(keys)
    if not path.exists():
        if not create:
            raise ConfigError(
                f"the key file {path} is gone, and the database holds secrets that were sealed with its keys: put it back from a backup,"
                f" name it (key_file), or give the keys in {VARIABLE}; without them the secrets of feeds and webhooks are lost"
            )
        create_key_file(path)
    return KeyRing(read_key_file(path), path)


def read_key_file(path: Path) -> list[str]:
    """Return the keys of a file, the newest first. Blocks. Raises `ConfigError`; warns of one that others may read."""
    try:
        keys, mode = path.read_text("ascii").split(), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read ({error}): put it back, or give the keys in {VARIABLE}") from None
    if mode & 0o077:
        shown = oct(mode & 0o777).removeprefix("0o")
        structlog.get_logger("feedmill").warning(f"others than its owner may read the key file (mode {shown}): chmod 600", path=str(path))
    if not keys:
        raise ConfigError(f"the key file {path} holds no key: put it back from a backup, or give the keys in {VARIABLE}")
    return keys


def create_key_file(path: Path) -> None:
    """Make a file with one new key; one that somebody else has just made is left alone. Blocks."""
    try:
        with _written_aside(path, [new_key()]) as written:
            # A link and not a renaming, which would replace the file of whoever was faster. Whoever finds the file finds the key in it.
            os.link(written, path)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be made: {error.strerror}; give the keys in {VARIABLE}") from None


def replace_key_file(path: Path, keys: Sequence[str]) -> None:
    """Put keys into a file, so that at every moment, and after a power loss, it holds the old ones or the new ones. Blocks."""
    try:
        with _written_aside(path, keys) as written:
            written.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be written: {error.strerror}; its keys are as they were") from None


@contextmanager
def _written_aside(path: Path, keys: Sequence[str]) -> Iterator[Path]:
    """Yield a file of its own, synced, beside `path` and for its owner alone; it is gone afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write("".join(f"{key}\n" for key in keys).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        yield written
    finally:
        written.unlink(missing_ok=True)


def new_key() -> str:
    """Return a new key."""
    return Fernet.generate_key().decode("ascii")


def digest(secret: str) -> bytes:
    """Return by what a secret of 256 random bits is known again; so long a one needs neither salt nor stretching.

    Takes whatever a header may hold, also bytes that are no UTF-8, which arrive as lone surrogates.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
