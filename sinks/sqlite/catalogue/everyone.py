"""Connecting the items of all feeds, after the catalogue has changed."""

from __future__ import annotations

import secrets

import orjson

from engine.contracts import FeedDefinition
from engine.errors import UnderWay
from sinks.sqlite import clock
from sinks.sqlite.catalogue.connecting import Connected, connect_feed
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.locks import hold_feed


async def connect_all(database: Database) -> tuple[list[Connected], list[str]]:
    """Connect what every feed has in the database; return what was done, and the names of the feeds that a run works on.

    Those are connected by their runs. A first load that nobody has finished is left to the next run of its feed.
    """
    origin = Origin(clock.now(), call=f"catalogue:{secrets.token_hex(8)}")
    done: list[Connected] = []
    busy: list[str] = []
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name, locking=True)
        feeds = await writer.query("SELECT id, name, settings FROM main.inventory_feeds ORDER BY id")
        for number, name, settings in feeds:
            feed = int(str(number))
            try:
                async with hold_feed(database, writer, feed, str(name)):
                    if await writer.query("SELECT 1 FROM main.inventory_feeds WHERE id = ? AND loading_run_id IS NOT NULL", feed):
                        continue
                    connected = await connect_feed(writer, feed, FeedDefinition(str(name), orjson.loads(str(settings))), origin)
            except UnderWay:
                busy.append(str(name))
                continue
            if connected is not None:
                done.append(connected)
    return done, busy
