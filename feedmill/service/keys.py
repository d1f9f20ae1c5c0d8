"""The keys that seal secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256), the newest first, older ones still open what they sealed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.batch import JsonValue

VARIABLE: Final = "FEEDMILL_KEYS"
"""The environment variable that holds keys, separated by commas or blanks, the newest first."""


class KeyRing:
    """Seal documents and open them. Never prints a key."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise ConfigError(f"a key for secrets at rest is none ({error}): make one with feedmill keys new") from None

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


def key_file(database: Path) -> Path:
    """Return where the keys of a database lie unless the settings say otherwise: beside it."""
    return database.with_name(f"{database.name}.keys")


def load_keys(path: Path) -> KeyRing:
    """Return the keys of the environment, else those of the file, which is made, for its owner alone, where there is none. Blocks."""
    if text := os.environ.get(VARIABLE, "").strip():
        return KeyRing(text.replace(",", " ").split())
    if not path.exists():
        create_key_file(path)
    try:
        return KeyRing(path.read_text("ascii").split())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read ({error}): put it back, or give the keys in {VARIABLE}") from None


def create_key_file(path: Path) -> None:
    """Make a file with one new key; one that somebody else has just made is left alone. Blocks."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be made: {error.strerror}; give the keys in {VARIABLE}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")


def digest(secret: str) -> bytes:
    """Return by what a secret of 256 random bits is known again; so long a one needs neither salt nor stretching.

    Takes whatever a header may hold, also bytes that are no UTF-8, which arrive as lone surrogates.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
