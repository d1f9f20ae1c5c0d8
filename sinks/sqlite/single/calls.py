"""Push, edit and remove one item: each one transaction, which the change log keeps under the call's name."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import uuid4

import aiosqlite
import orjson
from anyio import Lock, to_thread

from engine.errors import ConfigError, FeedmillError, InvalidItem, UnderWay
from engine.mapping.attributes import EDITABLE, read_attributes
from sinks.sqlite import clock
from sinks.sqlite.database import Database, locate
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.migrate import require_head
from sinks.sqlite.queries import Queries
from sinks.sqlite.single.checks import check_required, settle_override
from sinks.sqlite.single.group import Item, Outcome, Push, Pushed, push_all
from sinks.sqlite.single.inline import connect_durable, locked
from sinks.sqlite.single.loading import end_load
from sinks.sqlite.single.rows import StoredItem, delete_item, find_item, write_item

_T = TypeVar("_T")

_FEED: Final = "SELECT id, settings, loading_run_id FROM main.inventory_feeds WHERE name = ?"

_FEEDS_WITH: Final = (
    "SELECT f.name FROM main.inventory_feed_variants AS v JOIN main.inventory_feeds AS f ON f.id = v.inventory_feed_id"
    " WHERE v.external_id = ? ORDER BY f.name"
)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a call: the whole item as it now is, by the API's attribute names, money as exact `Decimal`.

    `stale` is a call that is older than one that was stored before: it changed nothing.
    """

    outcome: Outcome
    item: Item


@dataclass(frozen=True, slots=True)
class _Feed:
    """The feed of a call, and the moment of its transaction."""

    name: str
    number: int
    settings: Mapping[str, Any]
    loading: int | None
    now: int


class ItemCalls:
    """Calls on one database over one connection, one after the other; other connections and processes write between them.

    While a feed is loaded for the first time its calls raise `UnderWay`: half of its items are there, and nobody may see them yet.
    Every call raises `ConfigError` for a feed that does not exist, and `Retry` when the database stays locked.
    """

    def __init__(self, database: Database, connection: aiosqlite.Connection, durable: sqlite3.Connection) -> None:
        self._database = database
        self._durable = durable
        self._connection = connection
        self._writer = Writer(connection, None, database.name, locking=True)
        self._lock = Lock()

    async def push(self, feed: str, sent: Mapping[str, object]) -> Written:
        """Create or update the item of a feed that `sent` names by `externalId`, by the API's attribute names.

        What is not sent stays as it is; null clears. `sync*` flags hold nothing back: a call says what it wants. An item of status
        `removed` comes back, unless the call says `removed` itself, which takes it out of stock. `sequence` and `occurredAt` (RFC
        3339) place a call among its sender's: an older one is `stale`. Raises `InvalidItem` with all faults, `LimitReached` when
        the daily limit is reached, `Conflict` when the feed or its provider is paused; then nothing is written.
        """
        async with self._lock:
            while True:
                target = await self._feed(feed)
                (result,) = await to_thread.run_sync(self._group, [Push(target.number, sent)])
                if isinstance(result, UnderWay):
                    await end_load(self._database, self._writer, target.number, feed)
                elif isinstance(result, FeedmillError):
                    raise result
                else:
                    return Written(result.outcome, result.show())

    async def edit(self, feed: str, key: str, sent: Mapping[str, object]) -> Written:
        """Change attributes of an item by hand. What a feed brings too, its next run brings again; overrides stay.

        No limit stops it: a person may always put a figure right. Raises `InvalidItem` with all faults, `ConfigError` when there
        is no such item.
        """
        return await self._call("edit", feed, lambda target: self._edit(target, key, sent))

    async def remove(self, feed: str, key: str) -> Item:
        """Delete an item and return it as it was. Raises `ConfigError` when there is no such item."""
        return await self._call("remove", feed, lambda target: self._remove(target, key))

    async def only_feed_with(self, key: str) -> str:
        """Return the name of the one feed that has an item of this external id. Raises `ConfigError` where none or several have."""
        async with self._lock:
            rows = await self._writer.query(_FEEDS_WITH, key)
        feeds = [str(name) for (name,) in rows]
        if len(feeds) != 1:
            what = f"several feeds have an item {key!r}: {', '.join(feeds)}" if feeds else f"no feed has an item {key!r}"
            raise ConfigError(f"{what}; {'say which with --feed' if feeds else 'feedmill items --feed NAME lists those of a feed'}")
        return feeds[0]

    def _group(self, pushes: Sequence[Push]) -> list[Pushed | FeedmillError]:
        with locked(self._durable, self._database.name):
            return push_all(self._durable, self._database.name, pushes, now=clock.now())

    async def _call(self, kind: str, name: str, work: Callable[[_Feed], Awaitable[_T]]) -> _T:
        async with self._lock:
            while True:
                async with self._writer.changing(Origin(clock.now(), call=f"{kind}:{uuid4()}")):
                    feed = await self._feed(name)
                    if feed.loading is None:
                        return await work(feed)
                await end_load(self._database, self._writer, feed.number, name)

    async def _feed(self, name: str) -> _Feed:
        rows = await self._writer.query(_FEED, name)
        if not rows:
            known = [str(row[0]) for row in await self._writer.query("SELECT name FROM main.inventory_feeds ORDER BY name")]
            raise ConfigError(f"there is no feed {name!r} in {self._database.name}; there are: {', '.join(known) or 'none yet'}")
        number, settings, loading = rows[0]
        return _Feed(name, int(str(number)), orjson.loads(str(settings)), None if loading is None else int(str(loading)), clock.now())

    async def _edit(self, feed: _Feed, key: str, sent: Mapping[str, object]) -> Written:
        stored = await self._find(feed, key)
        faults: dict[str, str] = {}
        values = read_attributes(sent, EDITABLE, faults)
        check_required(values, stored, feed.settings, faults)
        settle_override(values, stored, faults)
        if faults:
            raise InvalidItem(f"the item {key!r} of feed {feed.name!r} cannot be changed so; nothing of it was:", faults)
        changed = stored.differing(values)
        if changed:
            await write_item(self._writer, stored, changed, {}, now=feed.now)
        return await self._written("updated" if changed else "unchanged", feed, str(stored.values["externalId"]))

    async def _remove(self, feed: _Feed, key: str) -> Item:
        stored = await self._find(feed, key)
        item = (await self._written("unchanged", feed, str(stored.values["externalId"]))).item
        await delete_item(self._writer, stored)
        return item

    async def _find(self, feed: _Feed, key: str) -> StoredItem:
        read = read_attributes({"externalId": key}, ("externalId",), {}).get("externalId")
        stored = None if read is None else await find_item(self._writer, feed.number, str(read))
        if stored is None:
            raise ConfigError(f"there is no item {key!r} in feed {feed.name!r}; feedmill items --feed {feed.name!r} lists them")
        return stored

    async def _written(self, outcome: Outcome, feed: _Feed, key: str) -> Written:
        return Written(outcome, await Queries(self._writer).item(feed.name, key))


@asynccontextmanager
async def open_calls(url: str) -> AsyncIterator[ItemCalls]:
    """Open a database for calls by its URL. Raises `ConfigError` when it does not exist or has another schema."""
    database = locate(url)
    await to_thread.run_sync(require_head, database)
    async with database.connect() as connection, connect_durable(database) as durable:
        yield ItemCalls(database, connection, durable)
