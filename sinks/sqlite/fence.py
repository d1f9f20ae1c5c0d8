"""The fencing token of a run: who may write a feed's rows, and the one way to open a transaction that does.

No queue and no lock file stops a paused process that wakes up again: the database itself has to refuse it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiosqlite
from anyio import CancelScope

from engine.errors import Superseded
from sinks.sqlite.failures import explained


@dataclass(frozen=True, slots=True)
class Fence:
    """What a run must still hold to write: its row with this epoch and status `started`."""

    run: int
    epoch: int
    feed: int
    name: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who changes items, as the change log keeps it: a run, or a call by its name and id; `at` in microseconds."""

    at: int
    run: int | None = None
    call: str | None = None


def superseded(fence: Fence, newest: int) -> Superseded:
    """Return the error of a run that lost its fence; `newest` is the feed's newest run."""
    other = f"run {newest} took over" if newest > fence.run else "the run was ended from outside"
    return Superseded(f"run {fence.run} of feed {fence.name!r} may not write any more: {other}")


class Writer:
    """A connection and how transactions are opened on it.

    `fence` is None where no run writes: in a dry run, which has only its own temporary table, for readers, and for single calls,
    which set `locking` to take the write lock at once.
    """

    def __init__(self, connection: aiosqlite.Connection, fence: Fence | None, name: str, *, locking: bool = False) -> None:
        self.connection = connection
        self._fence = fence
        self._begin = "BEGIN IMMEDIATE" if locking or fence is not None else "BEGIN"
        self.name = name

    def unfenced(self) -> Writer:
        """Return a writer on the same connection that no run's fence holds back, for what may be done after a run has ended."""
        return Writer(self.connection, None, self.name, locking=True)

    async def query(self, sql: str, *parameters: str | int | float | None) -> list[tuple[object, ...]]:
        """Return the rows of a SELECT; inside `transaction` it sees what the transaction wrote."""
        with explained(self.name):
            return [tuple(row) for row in await self.connection.execute_fetchall(sql, parameters)]

    @asynccontextmanager
    async def each(self, sql: str, *parameters: str | int | float | None) -> AsyncIterator[AsyncIterator[tuple[object, ...]]]:
        """Yield the rows of a SELECT one by one, for rows that are big: one is in memory at a time. They are of one moment."""
        with explained(self.name):
            async with self.connection.execute(sql, parameters) as cursor:
                yield _fetch(cursor)

    async def number(self, sql: str, *parameters: str | int | float | None) -> int:
        """Return the one number that a SELECT yields."""
        return int(str((await self.query(sql, *parameters))[0][0]))

    async def execute(self, sql: str, *parameters: str | int | float | None) -> int:
        """Run a statement and return how many rows the database says it changed."""
        with explained(self.name):
            return (await self.connection.execute(sql, parameters)).rowcount

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Writer]:
        """Open a transaction that holds the write lock, prove the fence, commit at the end or roll back on any error.

        Raises `Superseded` when a newer run holds the feed. BEGIN IMMEDIATE takes the lock first, so the proof stays true
        until the commit and needs no write of its own.
        """
        with explained(self.name):
            try:
                await self.connection.execute(self._begin)
                if self._fence is not None:
                    await self._prove(self._fence)
                yield self
                await self.connection.commit()
            except BaseException:
                # A cancelled call may still run in the connection's thread; the rollback queues behind it.
                with CancelScope(shield=True):
                    await self.connection.rollback()
                raise

    @asynccontextmanager
    async def changing(self, origin: Origin) -> AsyncIterator[Writer]:
        """Open a transaction, see `transaction`, in which what happens to items is logged under `origin`.

        The triggers of the change log see the origin in `write_origin`, whose row never outlives the transaction.
        """
        async with self.transaction():
            await self.execute("INSERT INTO main.write_origin (run_id, call, at) VALUES (?, ?, ?)", origin.run, origin.call, origin.at)
            yield self
            await self.execute("DELETE FROM main.write_origin")

    async def _prove(self, fence: Fence) -> None:
        held = "SELECT 1 FROM main.data_imports WHERE id = ? AND epoch = ? AND status = 'started'"
        if not await self.connection.execute_fetchall(held, (fence.run, fence.epoch)):
            rows = await self.connection.execute_fetchall("SELECT max(id) FROM main.data_imports WHERE feed_id = ?", (fence.feed,))
            raise superseded(fence, next(iter(rows))[0] or fence.run)


class Joined(Writer):
    """A writer within a transaction that its caller has open, and whose origin stands: what it opens is part of that one."""

    def __init__(self, connection: aiosqlite.Connection, name: str) -> None:
        super().__init__(connection, None, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Writer]:
        """Open nothing: the caller commits, or rolls back all of it."""
        yield self

    @asynccontextmanager
    async def changing(self, origin: Origin) -> AsyncIterator[Writer]:
        """Open nothing: the caller has said who writes."""
        yield self


async def _fetch(cursor: aiosqlite.Cursor) -> AsyncIterator[tuple[object, ...]]:
    # Not by iterating over the cursor, which takes 64 rows at once.
    while (row := await cursor.fetchone()) is not None:
        yield tuple(row)
