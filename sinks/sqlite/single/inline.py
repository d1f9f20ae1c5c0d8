"""What is written for the event loop, on a thread of its own: over a plain connection nothing waits, so it ends in one step."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from anyio import CancelScope, to_thread

from engine.errors import InternalError
from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Joined

if TYPE_CHECKING:
    import aiosqlite

    from sinks.sqlite.database import Database

T = TypeVar("T")
Parameters: TypeAlias = "Sequence[str | int | float | bytes | None]"

# An answer of success is given after the commit, and then it has to be on disk: with NORMAL a power loss could take it back.
# Costs one sync a commit, which is why pushes share commits.
DURABLE: Final = "PRAGMA synchronous = FULL"


class _Inline:
    """As much of an `aiosqlite.Connection` as a `Writer` uses within a transaction, on the calling thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Parameters]) -> sqlite3.Cursor:
        return self._connection.executemany(sql, parameters)

    async def execute_fetchall(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()


def open_durable(database: Database) -> sqlite3.Connection:
    """Open a connection whose commits are on disk when they return; any thread may use it, one at a time. Blocks."""
    connection = database.open_blocking(create=False, shared=True)
    connection.execute(DURABLE)
    return connection


@asynccontextmanager
async def connect_durable(database: Database) -> AsyncIterator[sqlite3.Connection]:
    """Open a connection as `open_durable` does; it is closed on every path. To be used on worker threads only, one at a time."""
    with CancelScope(shield=True) as scope:
        connection = await to_thread.run_sync(open_durable, database)
        try:
            scope.shield = False
            yield connection
        finally:
            scope.shield = True
            await to_thread.run_sync(connection.close)


@contextmanager
def locked(connection: sqlite3.Connection, name: str) -> Iterator[None]:
    """Open a transaction that holds the write lock; commit at the end, roll back on any error. Blocks."""
    with explained(name):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def joined(connection: sqlite3.Connection, name: str) -> Joined:
    """Return a writer within the transaction that is open on a connection, for `finish`."""
    return Joined(cast("aiosqlite.Connection", _Inline(connection)), name)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run work over a writer of `joined` to its end and return what it returns. Blocks."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise InternalError("work over a plain connection waited for something else")
