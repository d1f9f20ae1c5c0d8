"""Connecting a feed's items to the catalogue after they were changed: set by set, and the same however often it is done.

An item is connected where it fits exactly one variant and no other item of its feed fits, or has, that variant. Everything else is
an ambiguity: nothing is connected, and the item's messages and the run's problems say so. A connection that stands stays for as
long as its item still fits the variant, whoever comes to fit it too; it ends with the item's removal only in so far as another
item may then have the variant. What a person connected or took off is never touched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias, cast

import orjson

from engine.batch import JsonValue, Value
from engine.contracts import FeedDefinition
from engine.run import Problem, RunRecord
from sinks.sqlite.catalogue.matching import Item, Matching, Shelf, Variant, sku_key
from sinks.sqlite.catalogue.statements import CREATE, INDEX_CLAIMS, Statements
from sinks.sqlite.fence import Fence, Origin, Writer
from sinks.sqlite.landing.applying import Plan
from sinks.sqlite.landing.rows import insert_rows, json_text
from sinks.sqlite.landing.statements import Insert

AMBIGUOUS: Final = "ambiguous"
"""The code of the problem that says what could not be connected."""

_PAGE_ROWS: Final = 5_000
_SAMPLES: Final = 5
_VARIANTS_NAMED: Final = 10

_Row: TypeAlias = "tuple[int, str | None, str | None, str | None, str, int | None, int, int, int]"
"""An item of a page: id, SKU, SKU before the prefix, barcode, options, variant, and whether it is told of, came back, is the run's."""

_CLAIM: Final = Insert("INSERT INTO temp.claims (item_id, matched, target, held, fresh, note)", "(?, ?, ?, ?, ?, ?)", "")
_BY_SKU: Final = (
    "SELECT v.sku_key, v.id, v.sku, v.gtin, v.options FROM json_each(?) AS j CROSS JOIN main.variants AS v WHERE v.sku_key = j.value"
)
_BY_GTIN: Final = (
    "SELECT v.gtin, v.id, v.sku, v.gtin, v.options FROM json_each(?) AS j CROSS JOIN main.variants AS v WHERE v.gtin = j.value"
)


@dataclass(frozen=True, slots=True)
class Connected:
    """What connecting did to the items of a feed; `problem` says what it could not connect."""

    feed: str
    connected: int = 0
    disconnected: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far connecting had come with a feed: the change and the item it had seen last. `whole` where that counts no more."""

    version: int
    changes: int
    items: int
    whole: bool


async def connect_run(writer: Writer, fence: Fence, plan: Plan) -> None:
    """Connect the items of a feed after a run of it was applied; what is ambiguous becomes a problem of the run.

    Costs a query where the catalogue is empty or the feed connects nothing by itself.
    """
    done = await connect_feed(writer, fence.feed, plan.definition, Origin(plan.at, run=fence.run))
    if done is None:
        return
    # What an earlier attempt at the same run said gives way, so that going on with it says nothing twice.
    kept = "(SELECT json_group_array(json(value)) FROM json_each(problems) WHERE json_extract(value, '$.code') <> ?)"
    told = [] if done.problem is None else [_shape(done.problem)]
    async with writer.transaction():
        added = "json_insert({0}, '$[#]', json(?))" if told else "{0}"
        await writer.execute(
            f"UPDATE main.data_imports SET problems = {added.format(kept)} WHERE id = ?",
            AMBIGUOUS,
            *(orjson.dumps(each).decode() for each in told),
            fence.run,
        )


async def with_ambiguities(writer: Writer, record: RunRecord) -> RunRecord:
    """Return a record with what connecting said of its run."""
    rows = await writer.query("SELECT problems FROM main.data_imports WHERE id = ?", record.run)
    stored: list[dict[str, Any]] = orjson.loads(str(rows[0][0])) if rows else []
    told = tuple(Problem(**each) for each in stored if each["code"] == AMBIGUOUS)
    return replace(record, problems=(*(each for each in record.problems if each.code != AMBIGUOUS), *told))


async def connect_feed(writer: Writer, feed: int, definition: FeedDefinition, origin: Origin) -> Connected | None:
    """Connect a feed's items as its definition says, None where there is nothing to connect to or by.

    Looks at the items that were made or changed since it was done last, and at those that were ambiguous; at all of them when the
    catalogue or the feed's settings are others than then. Each page is a transaction, logged under `origin`, but for items that the
    run itself made: of those the log knows that they are new. Raises `Superseded` when the writer's run lost its fence.
    """
    matching = Matching.of(definition)
    if matching.idle:
        await _forget_settings(writer, feed)
        return None
    seen = await _recall(writer, feed, matching)
    return None if seen is None else await _Pass(writer, feed, matching, origin, seen).work(definition.name)


async def _forget_settings(writer: Writer, feed: int) -> None:
    """See to it that all items are looked at once the feed connects again: what is changed until then is not followed."""
    followed = "FROM main.inventory_feed_connecting WHERE inventory_feed_id = ? AND settings <> ''"
    if await writer.query(f"SELECT 1 {followed}", feed):
        async with writer.transaction():
            await writer.execute("UPDATE main.inventory_feed_connecting SET settings = '' WHERE inventory_feed_id = ?", feed)


async def _recall(writer: Writer, feed: int, matching: Matching) -> _Seen | None:
    """Return how far connecting had come, None where the catalogue has never had a variant."""
    rows = await writer.query("SELECT version FROM main.catalogue_state")
    if not rows:
        return None
    version = int(str(rows[0][0]))
    state = "SELECT change_mark, item_mark, catalogue_version, settings FROM main.inventory_feed_connecting WHERE inventory_feed_id = ?"
    known = await writer.query(state, feed)
    if not known:
        return _Seen(version, 0, 0, whole=True)
    changes, items, then, settings = known[0]
    return _Seen(version, int(str(changes)), int(str(items)), whole=(then, settings) != (version, matching.dump()))


class _Pass:
    """One pass over the items of a feed."""

    def __init__(self, writer: Writer, feed: int, matching: Matching, origin: Origin, seen: _Seen) -> None:
        self._writer = writer
        self._feed = feed
        self._matching = matching
        self._origin = origin
        self._seen = seen
        self._sql = Statements(feed, origin.run, origin.at)
        self._logged = 0
        self._connected = 0
        self._disconnected = 0

    async def work(self, name: str) -> Connected:
        """Do it and return what was done."""
        for statement in CREATE:
            await self._writer.execute(statement)
        changes, items = await self._newest_change(), await self._newest_item()
        await self._writer.execute(self._sql.touch_changed(), self._seen.changes)
        if not self._seen.whole:
            await self._writer.execute(self._sql.touch_rivals())
            await self._writer.execute(self._sql.touch_new(), self._seen.items, self._seen.changes)
        await self._claim()
        await self._writer.execute(self._sql.settle_rivals())
        for fresh in (1, 0):
            await self._carry_out(fresh)
        problem = await self._judge()
        await self._remember(changes, items)
        await self._writer.execute("DELETE FROM temp.claims")
        return Connected(name, self._connected, self._disconnected, problem)

    async def _newest_change(self) -> int:
        return await self._writer.number("SELECT coalesce(max(id), 0) FROM main.inventory_feed_variant_changes")

    async def _newest_item(self) -> int:
        newest = "SELECT coalesce(max(id), 0) FROM main.inventory_feed_variants WHERE inventory_feed_id = ?"
        return await self._writer.number(newest, self._feed)

    async def _claim(self) -> None:
        """Match page by page; an item that fits nothing, has nothing and of which nothing is told makes no claim."""
        last = 0
        page = self._sql.page(_PAGE_ROWS, whole=self._seen.whole)
        while rows := cast("list[_Row]", await self._writer.query(page, last)):
            items = [Item(*row[1:5]) for row in rows]
            skus, gtins = list(map(self._matching.skus, items)), list(map(self._matching.gtin, items))
            shelf = Shelf(
                await self._by(_BY_SKU, {sku_key(sku) for each in skus for sku in each}),
                await self._by(_BY_GTIN, {gtin for gtin in gtins if gtin is not None}),
            )
            claims: list[tuple[Value, ...]] = []
            for (number, _, _, _, _, variant, told, restored, fresh), item, names, gtin in zip(rows, items, skus, gtins, strict=True):
                found = self._matching.choose(item, names, gtin, shelf)
                if found or variant is not None or told:
                    claims.append((number, *_claim(found, variant, restored), fresh, _note(found, variant)))
            await insert_rows(self._writer, _CLAIM, claims)
            last = rows[-1][0]
        await self._writer.execute(INDEX_CLAIMS)

    async def _by(self, select: str, keys: set[str]) -> dict[str, list[Variant]]:
        found: dict[str, list[Variant]] = {}
        if keys:
            rows = cast("list[tuple[str, int, str | None, str | None, str]]", await self._writer.query(select, json_text(sorted(keys))))
            for key, number, sku, gtin, options in rows:
                variant = Variant(number, sku, gtin, options)
                if key in found:
                    found[key].append(variant)
                else:
                    found[key] = [variant]
        return found

    async def _carry_out(self, fresh: int) -> None:
        """Make the claims true, page by page: first those that lose a variant, for another one may get it."""
        last = 0
        while (end := (await self._writer.query(self._sql.page_end(_PAGE_ROWS), fresh, last))[0][0]) is not None:
            page = (fresh, last, int(str(end)))
            async with self._writer.transaction() if fresh else self._writer.changing(self._origin) as writer:
                await writer.execute(self._sql.yield_to_holders(), *page)
                for (audit, update), released in ((self._sql.release(), True), (self._sql.connect(), False)):
                    counted = await writer.execute(audit, *page)
                    changed = await writer.execute(update, *page)
                    self._disconnected += counted if released else 0
                    self._connected += 0 if released else counted
                    self._logged += 0 if fresh else changed
            last = page[2]

    async def _judge(self) -> Problem | None:
        """Return what could not be connected, with samples."""
        count = await self._writer.number("SELECT count(*) FROM temp.claims WHERE note IS NOT NULL")
        if not count:
            return None
        sample = (
            "SELECT v.external_id, c.note FROM temp.claims AS c CROSS JOIN main.inventory_feed_variants AS v"
            f" WHERE c.note IS NOT NULL AND v.id = c.item_id ORDER BY c.item_id LIMIT {_SAMPLES}"
        )
        rows = await self._writer.query(sample)
        samples = "; ".join(f"{str(key)!r} {_told(str(note))}" for key, note in rows)
        subject = "1 item was" if count == 1 else f"{count} items were"
        return Problem(
            "ambiguous", f"{subject} not connected, for it is not clear to what: {samples}; connect by hand, or make SKUs unique"
        )

    async def _remember(self, changes: int, items: int) -> None:
        """Store how far connecting has come; its own changes count as seen unless somebody else wrote meanwhile."""
        async with self._writer.transaction() as writer:
            newest = await self._newest_change()
            since = "SELECT count(*) FROM main.inventory_feed_variant_changes WHERE id > ? AND inventory_feed_id = ?"
            mark = newest if await writer.number(since, changes, self._feed) == self._logged else changes
            await writer.execute(
                "INSERT OR REPLACE INTO main.inventory_feed_connecting"
                " (inventory_feed_id, catalogue_version, settings, change_mark, item_mark) VALUES (?, ?, ?, ?, ?)",
                self._feed,
                self._seen.version,
                self._matching.dump(),
                mark,
                items,
            )


def _claim(found: tuple[int, ...], variant: int | None, restored: int) -> tuple[int | None, int | None, int]:
    """Return the variant an item fits, the one it is to have, and whether it has that already and may insist."""
    if variant is not None and variant in found:
        return variant, variant, int(not restored)
    only = found[0] if len(found) == 1 else None
    return only, only, 0


def _note(found: tuple[int, ...], variant: int | None) -> str | None:
    if len(found) < 2 or variant in found:
        return None
    named = ", ".join(map(str, found[:_VARIANTS_NAMED])) + (", …" if len(found) > _VARIANTS_NAMED else "")
    return json_text([f"{AMBIGUOUS}: fits several variants of the catalogue ({named})"])


def _told(note: str) -> str:
    return str(orjson.loads(note)[0]).removeprefix(f"{AMBIGUOUS}: ")


def _shape(problem: Problem) -> dict[str, JsonValue]:
    return {name: value for name, value in asdict(problem).items() if value is not None}
