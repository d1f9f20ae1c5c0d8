"""Push, edit and remove one item: each one transaction, which the change log keeps under the call's name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, TypeVar
from uuid import uuid4

import aiosqlite
import orjson
from anyio import Lock, to_thread

from engine.batch import JsonValue, Value
from engine.contracts import FeedDefinition
from engine.errors import ConfigError, InvalidItem
from engine.mapping.attributes import EDITABLE, read_attributes
from engine.quantity import GONE
from sinks.sqlite import clock
from sinks.sqlite.catalogue.connecting import connect_feed
from sinks.sqlite.control import Control
from sinks.sqlite.database import Database, locate
from sinks.sqlite.decisions import finish_decided
from sinks.sqlite.fence import Joined, Origin, Writer
from sinks.sqlite.landing.housekeeping import delete_load
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.migrate import require_head
from sinks.sqlite.queries import Queries
from sinks.sqlite.single.checks import Place, check_required, read_push, settle_override
from sinks.sqlite.single.plan import count_items, is_counted, read_allowance
from sinks.sqlite.single.rows import (
    IMPORTED,
    StoredItem,
    confirm_stock,
    create_item,
    delete_item,
    find_item,
    takes_out_of_stock,
    write_item,
)

Item: TypeAlias = "dict[str, JsonValue | Decimal]"
Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]
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

    def __init__(self, database: Database, connection: aiosqlite.Connection) -> None:
        self._database = database
        self._connection = connection
        self._writer = Writer(connection, None, database.name, locking=True)
        self._lock = Lock()

    async def push(self, feed: str, sent: Mapping[str, object]) -> Written:
        """Create or update the item of a feed that `sent` names by `externalId`, by the API's attribute names.

        What is not sent stays as it is; null clears. `sync*` flags hold nothing back: a call says what it wants. An item of status
        `removed` comes back, unless the call says `removed` itself, which takes it out of stock. `sequence` and `occurredAt` (RFC
        3339) place a call among its sender's: an older one is `stale`. Raises `InvalidItem` with all faults, `LimitReached` when
        the daily limit is reached; then nothing is written.
        """
        return await self._call("push", feed, lambda target: self._push(target, sent))

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

    async def _call(self, kind: str, name: str, work: Callable[[_Feed], Awaitable[_T]]) -> _T:
        async with self._lock:
            while True:
                async with self._writer.changing(Origin(clock.now(), call=f"{kind}:{uuid4()}")):
                    feed = await self._feed(name)
                    if feed.loading is None:
                        return await work(feed)
                await self._end_load(feed)

    async def _feed(self, name: str) -> _Feed:
        rows = await self._writer.query(_FEED, name)
        if not rows:
            known = [str(row[0]) for row in await self._writer.query("SELECT name FROM main.inventory_feeds ORDER BY name")]
            raise ConfigError(f"there is no feed {name!r} in {self._database.name}; there are: {', '.join(known) or 'none yet'}")
        number, settings, loading = rows[0]
        return _Feed(name, int(str(number)), orjson.loads(str(settings)), None if loading is None else int(str(loading)), clock.now())

    async def _end_load(self, feed: _Feed) -> None:
        """End the first load of a feed, if whoever was at it is dead. Raises `UnderWay` when it is not."""
        reader = Writer(self._connection, None, self._database.name)
        async with hold_feed(self._database, reader, feed.number, feed.name):
            await finish_decided(self._connection, Control(self._database), self._database.name, feed.number)
            ((loading,),) = await reader.query("SELECT loading_run_id FROM main.inventory_feeds WHERE id = ?", feed.number)
            if loading is not None:
                await delete_load(self._writer, feed=feed.number, run=int(str(loading)))

    async def _push(self, feed: _Feed, sent: Mapping[str, object]) -> Written:
        faults: dict[str, str] = {}
        values, place = read_push(sent, faults, now=feed.now)
        key = str(values.pop("externalId", None) or "")
        stored = await find_item(self._writer, feed.number, key)
        check_required(values, stored, feed.settings, faults)
        settle_override(values, stored, faults)
        if stored is None and values.get("status") == GONE:
            faults["status"] = f"is {GONE}, but there is no such item"
        if faults:
            raise InvalidItem(f"the item {key!r} of feed {feed.name!r} cannot be stored; nothing of it was:", faults)
        if stored is not None and place.before(stored):
            return await self._written("stale", feed, key)
        outcome = await self._store(feed, stored, {"externalId": key, **values}, place)
        if outcome in ("created", "updated"):
            await self._connect(feed)
        return await self._written(outcome, feed, key)

    async def _connect(self, feed: _Feed) -> None:
        """Connect what the call changed, in its own transaction, so that its answer shows it.

        Where a run of the feed is being applied, that one connects: it looks at all that was written since the last time.
        """
        applying = "SELECT 1 FROM main.data_imports WHERE feed_id = ? AND status = 'started' AND decided_at IS NOT NULL"
        if not await self._writer.query(applying, feed.number):
            joined = Joined(self._connection, self._database.name)
            await connect_feed(joined, feed.number, FeedDefinition(feed.name, feed.settings), Origin(feed.now))

    async def _store(self, feed: _Feed, stored: StoredItem | None, values: dict[str, Value], place: Place) -> Outcome:
        if stored is not None:
            return await self._update(feed, stored, values, place)
        await self._create(feed, values, place)
        return "created"

    async def _create(self, feed: _Feed, values: Mapping[str, Value], place: Place) -> None:
        number = await create_item(self._writer, feed.number, values, place.news(None), now=feed.now)
        allowance = await read_allowance(self._writer)
        if allowance is None:
            return
        if not allowance.left:
            raise allowance.reached(f"the item {values['externalId']!r} of feed {feed.name!r}")
        await count_items(self._writer, allowance, [number])

    async def _update(self, feed: _Feed, stored: StoredItem, values: dict[str, Value], place: Place) -> Outcome:
        if stored.values["status"] == GONE and "status" not in values:
            values["status"] = "pending" if stored.values["variantId"] is None else "connected"
        changed = stored.differing(values)
        beside = place.news(stored)
        if stored.missing_runs:
            # The item was heard of: it is not missing.
            beside["missing_runs"] = 0
        if changed and not takes_out_of_stock(stored, changed):
            await self._spend(feed, stored)
        if changed or beside:
            await write_item(self._writer, stored, changed, beside, now=feed.now)
        if "inventoryQuantity" in values and IMPORTED.isdisjoint(changed) and await self._is_awaited(feed):
            await confirm_stock(self._writer, stored)
        return "updated" if changed else "unchanged"

    async def _is_awaited(self, feed: _Feed) -> bool:
        """Return whether a run of the feed that has been read is still to be applied: what is said now is newer, also where it is known."""
        waiting = "SELECT 1 FROM main.data_imports WHERE feed_id = ? AND status IN ('started', 'held') LIMIT 1"
        return bool(await self._writer.query(waiting, feed.number))

    async def _spend(self, feed: _Feed, stored: StoredItem) -> None:
        allowance = await read_allowance(self._writer)
        if allowance is None or await is_counted(self._writer, allowance, stored.number):
            return
        if not allowance.left:
            raise allowance.reached(f"the item {stored.values['externalId']!r} of feed {feed.name!r}")
        await count_items(self._writer, allowance, [stored.number])

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
    async with database.connect() as connection:
        yield ItemCalls(database, connection)
