"""What tests of the history stand on: a database on disk, runs that zero and delete, calls, and whole tables to compare."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from engine.batch import ItemBatch, Value
from engine.contracts import Checkpoint, FeedDefinition, Sink
from engine.run import Counts, RunRecord, RunStatus
from plugins.conformance.sink import FEED
from sinks.sqlite import clock
from sinks.sqlite.database import Database, locate
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.sink import open_sqlite

Rows = dict[int, dict[str, Value]]
OPEN = FeedDefinition(FEED.name, {"missingPolicy": "keep", "syncName": True, "syncPricing": True})


@dataclass(frozen=True)
class Shop:
    """A database with its sink."""

    database: Database
    sink: Sink

    async def run(self, *batches: ItemBatch, checkpoint: Checkpoint | None = None, feed: FeedDefinition = OPEN, hold: bool = False) -> int:
        """Run batches of the feed to the end, or until they are held, and return the number of the run."""
        async with self.sink.session(feed) as session:
            for each in batches:
                await session.stage(each)
            found = await session.summary()
            counts = Counts(found.created, found.updated, found.unchanged, found.duplicate, found.removed, found.skipped)
            read = sum(map(len, batches))
            status = RunStatus.HELD if hold else RunStatus.COMPLETE
            record = RunRecord(feed.name, session.run, status, read, counts, found.skipped)
            if hold:
                await session.hold(record, checkpoint)
            else:
                done = await session.apply(record, checkpoint)
                await session.finish(record.counted(done), checkpoint)
            return session.run

    async def write(self, *statements: str, run: int | None = None, call: str | None = None, at: int | None = None) -> None:
        """Change items in one transaction, as a run or a call would."""
        async with self.database.connect() as connection:
            writer = Writer(connection, None, self.database.name, locking=True)
            async with writer.changing(Origin(clock.now() if at is None else at, run=run, call=call)):
                for statement in statements:
                    await writer.execute(statement)

    async def rows(self) -> Rows:
        """Return every row of the items, every column, by id."""
        return {int(str(row["id"])): row for row in await self.ask("SELECT * FROM inventory_feed_variants ORDER BY id")}

    async def ask(self, sql: str, *parameters: Value) -> list[dict[str, Value]]:
        """Run a statement behind Feedmill's back and return its rows."""

        def ask() -> list[dict[str, Value]]:
            with closing(sqlite3.connect(str(self.database.path))) as connection, connection:
                connection.row_factory = sqlite3.Row
                return [dict(row) for row in connection.execute(sql, parameters)]

        return await to_thread.run_sync(ask)


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    """Open a shop of an empty folder."""
    url = f"sqlite:///{folder}/shop.db"
    async with open_sqlite(url) as sink:
        yield Shop(locate(url), sink)


def zero(keys: Sequence[str]) -> str:
    """Return the statement that takes items out of stock, as missing ones are."""
    among = ", ".join(f"'{key}'" for key in keys)
    return (
        "UPDATE inventory_feed_variants SET status = 'removed', inventory_quantity = 0, content_hash = NULL"
        f" WHERE external_id IN ({among}) AND status <> 'removed'"
    )


def delete(keys: Sequence[str]) -> str:
    """Return the statement that deletes items."""
    return f"DELETE FROM inventory_feed_variants WHERE external_id IN ({', '.join(repr(key) for key in keys)})"
