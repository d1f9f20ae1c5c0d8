"""What readers may ask of a database: items, runs, rejects. Nothing here writes, migrates or creates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson
from anyio import to_thread

from engine.batch import JsonValue, Reject
from engine.errors import ConfigError, NotFound
from engine.figures import Figures
from engine.quantity import available_quantity, effective_policy
from engine.run import Counts, Problem, RunRecord, RunStatus, StageTimes
from engine.schema import ATTRIBUTES, Kind
from sinks.sqlite.clock import moment, rfc3339
from sinks.sqlite.database import Database, locate
from sinks.sqlite.fence import Writer
from sinks.sqlite.migrate import require_head

PAGE_ROWS: Final = 500
"""Rows a page: one short read transaction each, so that a slow reader never keeps the log from being checkpointed."""

_COLUMNS: Final = ("id", "content_hash", "inventory_updated_at", "created_at", "updated_at", *(each.column for each in ATTRIBUTES.values()))
ITEM_COLUMNS: Final = ", ".join(f"v.{column}" for column in _COLUMNS)
"""What `shape_item` takes, as SQL of an item `v`."""

_VISIBLE: Final = (
    f"SELECT {ITEM_COLUMNS} FROM inventory_feed_variants AS v"
    " JOIN inventory_feeds AS f ON f.id = v.inventory_feed_id"
    " WHERE v.inventory_feed_id = ? AND (f.loading_run_id IS NULL OR v.created_run_id IS NOT f.loading_run_id)"
)
_ITEMS: Final = f"{_VISIBLE} AND v.id > ? ORDER BY v.id LIMIT {PAGE_ROWS}"
_ITEM: Final = f"{_VISIBLE} AND v.external_id = ?"
_FETCHED: Final = "SELECT max(finished_at) FROM data_imports AS r WHERE r.feed_id = f.id AND r.status = 'complete' AND r.kind = 'sync'"
_FEEDS: Final = f"SELECT f.id, ({_FETCHED}), f.settings FROM inventory_feeds AS f"
_RUNS: Final = (
    "SELECT r.id, f.name, r.status, r.read, r.created, r.updated, r.unchanged, r.duplicate, r.removed, r.skipped, r.rejected, r.limited,"
    " r.screened, r.bytes, r.seconds, r.stages, r.dialect, r.problems, r.source, r.started_at, r.finished_at, r.asked_at, r.figures,"
    " (SELECT count(*) FROM data_import_rejects AS j WHERE j.run_id = r.id)"
    " FROM data_imports AS r JOIN inventory_feeds AS f ON f.id = r.feed_id"
)
_REJECTS: Final = (
    'SELECT seq, record, line, "column", value, reason, raw, document, fate FROM data_import_rejects'
    f" WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT {PAGE_ROWS}"
)


_PLAIN: Final = (Kind.TEXT, Kind.INTEGER, Kind.QUANTITY)
_NAMES: Final = (name for each in ATTRIBUTES for name in ((each, "availableQuantity") if each == "inventoryQuantity" else (each,)))
_BLANK: Final = dict[str, Any].fromkeys(
    ("id", "inventoryFeedId", *_NAMES, "hash", "lastFetchedAt", "inventoryUpdatedAt", "createdAt", "updatedAt")
)
"""An item with nothing in it, for the order in which it is shown: copied whole, a million times, rather than filled name by name."""

_SHOWN: Final = tuple(
    (name, each.to_json, each.kind in _PLAIN, each.default is None)
    for name, each in ATTRIBUTES.items()
    if each.kind not in _PLAIN or each.default is not None
)
"""The attributes that are not always shown as they are held: how, and whether a value, and one that is missing, is. Most are always."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A stored run: its record, and what only the store knows. `rejects_kept` may be less than the record counts."""

    record: RunRecord
    started_at: datetime
    finished_at: datetime | None
    source: str | None
    rejects_kept: int


@dataclass(frozen=True, slots=True)
class ItemFeed:
    """What its items show of a feed: by its settings their stock may be sold, and `last_fetched` is when all of them were."""

    number: int
    last_fetched: str | None
    settings: Mapping[str, Any]


class Queries:
    """Reads over one database; all of them share one connection."""

    def __init__(self, reader: Writer) -> None:
        self._reader = reader

    async def items(self, feed: str) -> AsyncIterator[dict[str, JsonValue | Decimal]]:
        """Yield a feed's items in the order of their ids, by the API's attribute names, money as exact `Decimal`.

        Items of a load that is not finished are not there. Raises `ConfigError`, naming the feeds there are, for an unknown one.
        """
        known = await self._feed(feed)
        last = 0
        while items := await read_page(self._reader, known, last):
            for item in items:
                yield item
            last = int(str(items[-1]["id"]))

    async def item(self, feed: str, key: str) -> dict[str, JsonValue | Decimal]:
        """Return one item by its external id, as `items` does. Raises `ConfigError` for an unknown one."""
        known = await self._feed(feed)
        rows = await self._reader.query(_ITEM, known.number, key)
        if not rows:
            raise ConfigError(f"there is no item {key!r} in feed {feed!r}; feedmill items --feed {feed!r} lists them")
        return shape_item(rows[0], known)

    async def runs(self, feed: str | None = None) -> list[RunRow]:
        """Return the runs, of one feed or of all, newest first. Raises `ConfigError` for an unknown feed."""
        if feed is None:
            return [_run(row) for row in await self._reader.query(f"{_RUNS} ORDER BY r.id DESC")]
        known = await self._feed(feed)
        return [_run(row) for row in await self._reader.query(f"{_RUNS} WHERE r.feed_id = ? ORDER BY r.id DESC", known.number)]

    async def run(self, run: int) -> RunRow:
        """Return one run. Raises `ConfigError` for an unknown one."""
        await self.feed_of(run)
        return _run((await self._reader.query(f"{_RUNS} WHERE r.id = ?", run))[0])

    async def feed_of(self, run: int) -> str:
        """Return the name of the feed that a run was of. Raises `ConfigError` for an unknown run."""
        rows = await self._reader.query(
            "SELECT f.name FROM data_imports AS r JOIN inventory_feeds AS f ON f.id = r.feed_id WHERE r.id = ?", run
        )
        if not rows:
            raise NotFound(f"there is no run {run} in {self._reader.name}; `feedmill runs` lists them")
        return str(rows[0][0])

    async def rejects(self, run: int) -> AsyncIterator[Reject]:
        """Yield the kept rejects of a run in the order they were met. Raises `ConfigError` for an unknown run."""
        await self.feed_of(run)
        last = 0
        while rows := await self._reader.query(_REJECTS, run, last):
            for row in rows:
                yield _reject(row)
            last = int(str(rows[-1][0]))

    async def _feed(self, name: str) -> ItemFeed:
        rows = await self._reader.query(f"{_FEEDS} WHERE f.name = ?", name)
        if not rows:
            known = [str(row[0]) for row in await self._reader.query("SELECT name FROM inventory_feeds ORDER BY name")]
            listed = ", ".join(known) if known else "none yet"
            raise ConfigError(f"there is no feed {name!r} in {self._reader.name}; there are: {listed}")
        return _item_feed(rows[0])


@asynccontextmanager
async def open_queries(url: str) -> AsyncIterator[Queries]:
    """Open a database for reading by its URL.

    Raises `ConfigError` when it does not exist, is no Feedmill database, or has another schema than this program reads.
    """
    database: Database = locate(url)
    await to_thread.run_sync(require_head, database)
    async with database.connect() as connection:
        reader = Writer(connection, None, database.name)
        await reader.execute("PRAGMA query_only = ON")
        yield Queries(reader)


async def read_page(reader: Writer, feed: ItemFeed, after: int) -> list[dict[str, JsonValue | Decimal]]:
    """Return the next items of a feed behind an id, at most `PAGE_ROWS`; those of a load that is not finished are not there."""
    return [shape_item(row, feed) for row in await reader.query(_ITEMS, feed.number, after)]


async def read_item_feeds(reader: Writer, feeds: Iterable[int]) -> dict[int, ItemFeed]:
    """Return what items show of their feeds, by the ids of the feeds; those that do not exist are left out."""
    known = f"{_FEEDS} WHERE f.id IN (SELECT value FROM json_each(?))"
    rows = await reader.query(known, orjson.dumps(sorted(set(feeds))).decode())
    return {feed.number: feed for feed in map(_item_feed, rows)}


def _item_feed(row: tuple[Any, ...]) -> ItemFeed:
    number, finished, settings = row
    return ItemFeed(int(str(number)), rfc3339(_integer(finished)), orjson.loads(str(settings)))


def shape_item(row: tuple[Any, ...], feed: ItemFeed) -> dict[str, JsonValue | Decimal]:
    """Return a row of `ITEM_COLUMNS` as an item, by the API's attribute names, money as exact `Decimal`."""
    return show_item(row[:5], dict(zip(ATTRIBUTES, row[5:], strict=True)), feed)


def show_item(kept: Sequence[Any], held: Mapping[str, Any], feed: ItemFeed) -> dict[str, JsonValue | Decimal]:
    """Return an item as readers see it, of its attributes and what is `kept` beside: id, digest and the three times."""
    number, digest, inventory_updated_at, created_at, updated_at = kept
    item: dict[str, JsonValue | Decimal] = {**_BLANK, **held}
    for name, show, plain, blank in _SHOWN:
        value = held[name]
        if not (blank if value is None else plain):
            item[name] = [] if value == "[]" else show(value)
    item["id"], item["inventoryFeedId"] = number, feed.number
    item["availableQuantity"] = _available(held, feed.settings)
    item["hash"] = None if digest is None else f"{digest & 0xFFFF_FFFF_FFFF_FFFF:016x}"
    item["lastFetchedAt"] = feed.last_fetched
    item["inventoryUpdatedAt"] = rfc3339(inventory_updated_at)
    item["createdAt"] = rfc3339(created_at)
    item["updatedAt"] = rfc3339(updated_at)
    return item


def _available(held: Mapping[str, Any], settings: Mapping[str, Any]) -> int | None:
    own_buffer = held["allocationBufferOverride"]
    return available_quantity(
        held["inventoryQuantity"],
        status=held["status"],
        policy=effective_policy(settings.get("inventoryPolicy"), held["inventoryPolicy"]),
        override=held["inventoryQuantityOverride"],
        manual=held["manualInventoryQuantity"],
        buffer=settings.get("allocationBuffer") if own_buffer is None else own_buffer,
        minimum=settings.get("minimumInventoryQuantity"),
        maximum=settings.get("maximumInventoryQuantity"),
    )


def _run(row: tuple[Any, ...]) -> RunRow:
    run, feed, status, read, *counted = row[:9]
    skipped, rejected, limited, screened, size, seconds, stages, dialect, problems, *placed = row[9:]
    source, started, finished, asked, figures, kept = placed
    record = RunRecord(
        feed,
        run,
        RunStatus(status),
        read,
        Counts(*counted),
        skipped,
        rejected,
        limited,
        screened,
        size,
        seconds,
        {name: StageTimes(**times) for name, times in orjson.loads(stages).items()},
        orjson.loads(dialect),
        tuple(Problem(**problem) for problem in orjson.loads(problems)),
        asked_at=None if asked is None else moment(asked),
        figures=None if figures is None else Figures(**orjson.loads(figures)),
    )
    return RunRow(record, moment(started), None if finished is None else moment(finished), source, kept)


def _reject(row: tuple[Any, ...]) -> Reject:
    _, record, line, column, value, reason, raw, document, fate = row
    return Reject(record, line, column, value, reason, raw, document, fate)


def _integer(value: object) -> int | None:
    return None if value is None else int(str(value))
