"""What SQLite's errors mean for the engine: try again, or have the operator change something."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from engine.errors import FeedmillError, InternalError, Retry, StoreFailed

_CURES: Final = {
    sqlite3.SQLITE_NOTADB: "is no SQLite database; give another file name",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a backup",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; make room",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error; check the disk",
    sqlite3.SQLITE_READONLY: "is read-only; make the file and its directory writable",
    sqlite3.SQLITE_PERM: "may not be opened; change the permissions of the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that it is a file and that this user may read and write it and its directory",
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code of an error, 0 when the error came from Python's side."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def explain(error: sqlite3.Error, name: str) -> FeedmillError:
    """Return what an SQLite error in database `name` means.

    `Retry` for a lock held too long, `StoreFailed` for what the operator can cure, `InternalError` for everything else: a
    statement of ours was wrong.
    """
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Retry(f"another process kept the database {name} locked for too long; nothing was applied", retry_after=5.0)
    if code in _CURES:
        return StoreFailed(f"the database {name} {_CURES[code]} ({error})")
    return InternalError(f"SQLite refused a statement on {name}: {error}")


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Raise SQLite's errors inside the block as Feedmill's, see `explain`."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, name) from error
