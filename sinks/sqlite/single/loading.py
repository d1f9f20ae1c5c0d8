"""The first load of a feed whose process died: a call that finds it ends it, and is made after it."""

from __future__ import annotations

from sinks.sqlite.control import Control
from sinks.sqlite.database import Database
from sinks.sqlite.decisions import finish_decided
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.housekeeping import delete_load
from sinks.sqlite.locks import hold_feed

_FEED = "SELECT name, loading_run_id FROM main.inventory_feeds WHERE id = ?"


async def end_load(database: Database, writer: Writer, feed: int, name: str) -> None:
    """End the first load of a feed, if whoever was at it is dead. Raises `UnderWay` when it is not."""
    async with hold_feed(database, writer, feed, name):
        await finish_decided(writer.connection, Control(database), database.name, feed)
        ((loading,),) = await writer.query("SELECT loading_run_id FROM main.inventory_feeds WHERE id = ?", feed)
        if loading is not None:
            await delete_load(writer, feed=feed, run=int(str(loading)))


async def end_dead_load(database: Database, feed: int) -> None:
    """End a first load as `end_load` does, over a connection of its own; nothing is to be done for a feed that is gone."""
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name, locking=True)
        rows = await writer.query(_FEED, feed)
        if rows and rows[0][1] is not None:
            await end_load(database, writer, feed, str(rows[0][0]))
