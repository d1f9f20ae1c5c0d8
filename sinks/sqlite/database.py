"""A SQLite database by its URL: where it lies, how connections to it are opened and closed."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiosqlite
from anyio import CancelScope

from engine.errors import ConfigError

BUSY_SECONDS: Final = 30.0
"""How long a connection waits for another writer. Write transactions take milliseconds; this is for a machine in trouble."""

OLDEST_SQLITE: Final = (3, 36, 0)
"""UPDATE FROM came with 3.33, the shared memory database with 3.36."""

CACHE_KIBIBYTES: Final = 16_384
"""Pages that a connection keeps in memory."""

PRAGMAS: Final = (
    # With WAL, NORMAL syncs at checkpoints only. A power loss can take back the last committed transactions, in order, but
    # never tears one: the run is then still `started`, and the next run ends as if it had never been. A killed process
    # loses nothing at all. FULL would sync twice a batch to save work that is done again anyway.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    # 16 MiB of pages. 32 MiB loaded no faster, keys in order or shuffled; only looking up a million shuffled keys was a quarter
    # faster (340,000 rows/s against 270,000, one run each), which is not worth the memory in the flat total.
    f"PRAGMA cache_size = -{CACHE_KIBIBYTES}",
    # 16 MiB of log before its pages are copied into the file: keys in random order touch the same index pages again and
    # again, and each is then copied once, not four times (measured: 56,000 rows/s against 40,000). Costs no memory.
    "PRAGMA wal_autocheckpoint = 4000",
    # A dry run of a million rows must not need a gigabyte of memory for its temporary stage.
    "PRAGMA temp_store = FILE",
)


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is: `uri` for SQLite, `name` for people, `path` for the file system, None in memory."""

    uri: str
    name: str
    path: Path | None

    def open_blocking(self, *, create: bool, shared: bool = False) -> sqlite3.Connection:
        """Open a connection on the calling thread, which must not be the event loop's; a `shared` one other threads may use too."""
        target = self._target(create=create)
        connection = sqlite3.connect(target, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not shared)
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[aiosqlite.Connection]:
        """Open a connection of its own thread, in autocommit mode: transactions are begun by name.

        It is closed on every path, shielded from cancellation: the thread of an unclosed connection keeps the process alive.
        """
        with CancelScope(shield=True) as scope:
            connection = await self.open()
            try:
                scope.shield = False
                yield connection
            finally:
                scope.shield = True
                await connection.close()

    async def open(self) -> aiosqlite.Connection:
        """Open a connection that the caller closes, see `connect`; the file must exist."""
        connection = await aiosqlite.connect(self._target(create=False), uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            for pragma in PRAGMAS:
                await connection.execute(pragma)
        except sqlite3.Error:
            await connection.close()
            raise
        return connection

    def _target(self, *, create: bool) -> str:
        # Asking SQLite, never the file itself: closing any other descriptor of the file would drop this process's POSIX locks.
        return self.uri if self.path is None else f"{self.uri}?mode={'rwc' if create else 'rw'}"


def locate(url: str) -> Database:
    """Return the database that a URL names.

    `sqlite:///relative.db`, `sqlite:////absolute/path.db`, `sqlite://` and `sqlite:///:memory:`, as SQLAlchemy reads them; a
    database in memory is new with every call. Raises `ConfigError` for anything else.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old; run Feedmill on a Python with SQLite 3.36 or newer")
    scheme, _, rest = url.partition("://")
    if scheme.lower() != "sqlite" or (rest and not rest.startswith("/")):
        raise ConfigError(
            "the database is not given as a SQLite URL; write sqlite:///relative.db (three slashes) or sqlite:////absolute/path.db (four)"
        )
    if "?" in rest or "#" in rest:
        raise ConfigError("the SQLite URL has options after the path (? or #); it takes none here")
    if rest in ("", "/", "/:memory:"):
        # This VFS gives every connection of the process the same database, with the locks of a file.
        return Database(f"file:/feedmill-{secrets.token_hex(8)}?vfs=memdb", ":memory:", None)
    path = Path(rest[1:])
    return Database(f"file:{quote(str(path.absolute()))}", str(path), path)
