"""What a complete run did to the items of its feed, and what a held one would do: in figures, in samples, and whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.batch import Value
from engine.errors import Conflict
from engine.run import RunStatus
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import CHANGES, FIELDS, SHOWN, WHOLE_ROW, Effect, read_effects, read_rows, values_after
from sinks.sqlite.history.held import read_held
from sinks.sqlite.history.kinds import ItemChange, Kind, Row, Sides, describe_change
from sinks.sqlite.history.summing import StockMoves, Summing, read_stock
from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.queries import Queries

PAGE_ITEMS: Final = 500

_NAMING: Final = ("vendor_sku", "name", "inventory_quantity")
"""What is told of an item whether or not the run changed it."""


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What a run did, or, where `held`, would do: items by kind, known items by field, and of each kind those with most stock.

    Of a held one, `stock` is what becomes of the stock, and `total` that of all items of the feed as they stand.
    """

    feed: str
    run: int
    held: bool
    counts: Mapping[Kind, int]
    fields: Mapping[str, int]
    samples: Mapping[Kind, tuple[ItemChange, ...]]
    stock: StockMoves | None = None
    total: float | None = None


async def read_diff(reader: Writer, run: int) -> RunDiff:
    """Return what a run did or would do, in figures and samples. Raises as `read_changes` does."""
    feed = await Queries(reader).feed_of(run)
    summing = Summing()
    async for page in _read_sides(reader, run):
        for before, after in page:
            summing.add(before, after)
    ((number, status),) = await reader.query("SELECT feed_id, status FROM main.data_imports WHERE id = ?", run)
    held = status == RunStatus.HELD.value
    total = await read_stock(reader, int(str(number))) if held else None
    found = summing.changes()
    return RunDiff(feed, run, held, found.counts, found.fields, found.samples, found.stock if held else None, total)


async def read_changes(reader: Writer, run: int) -> AsyncIterator[ItemChange]:
    """Yield every item that a complete run changed, or a held one would. Memory does not grow with their number.

    Raises `NotFound` when there is no such run, `Conflict` when nothing is known of what it did.
    """
    async for page in _read_sides(reader, run):
        for before, after in page:
            if (change := describe_change(before, after)) is not None:
                yield change


async def _read_sides(reader: Writer, run: int) -> AsyncIterator[list[Sides]]:
    await Queries(reader).feed_of(run)
    asked = "SELECT feed_id, status, decided_at, change_mark FROM main.data_imports WHERE id = ?"
    ((feed, status, decided, mark),) = await reader.query(asked, run)
    if status == RunStatus.HELD.value:
        async for page in read_held(reader, int(str(feed)), run):
            yield page
        return
    if status != RunStatus.COMPLETE.value:
        raise Conflict(f"run {run} is {status}: it has changed nothing that could be shown")
    if decided is None or mark is None:
        raise Conflict(f"what run {run} changed is not known any more: the change log of its time is pruned, or never was")
    async for page in _created(reader, int(str(feed)), run, int(str(mark))):
        yield page
    async for page in _changed(reader, int(str(feed)), run):
        yield page


async def _created(reader: Writer, feed: int, run: int, mark: int) -> AsyncIterator[list[Sides]]:
    """Yield the items that a run created, as it left them; those that were deleted since come out of the log."""
    mine = f"SELECT id FROM {VARIANTS} WHERE inventory_feed_id = ? AND id > ? AND created_run_id = ? ORDER BY id LIMIT {PAGE_ITEMS}"
    gone = (
        f"SELECT DISTINCT item_id FROM {CHANGES} WHERE inventory_feed_id = ? AND item_id > ? AND created_run_id = ? AND id > ?"
        f" AND action = 'deleted' AND NOT EXISTS (SELECT 1 FROM {VARIANTS} AS v WHERE v.id = item_id) ORDER BY item_id LIMIT {PAGE_ITEMS}"
    )
    for question, last_parameters in ((mine, ()), (gone, (mark,))):
        last = 0
        while rows := await reader.query(question, feed, last, run, *last_parameters):
            items = [int(str(row[0])) for row in rows]
            yield [(None, row) for row in (await values_after(reader, run, await _rows(reader, feed, items))).values()]
            last = items[-1]


async def _changed(reader: Writer, feed: int, run: int) -> AsyncIterator[list[Sides]]:
    end: int | None = 0
    while end is not None:
        effects, end = await read_effects(reader, run, after=end, size=PAGE_ITEMS)
        known = [effect for effect in effects if not effect.existed or effect.image.created_run_id != run]
        rows = await _rows(reader, feed, [effect.item for effect in known], _NAMING)
        yield [_sides(effect, rows.get(effect.item, {})) for effect in known]


def _sides(effect: Effect, row: Row) -> Sides:
    """Return an item before and after a run: what is known of it now, with what the run changed of it."""
    whole: dict[str, Value] = {"id": effect.item, "external_id": effect.external_id}
    whole |= {name: row.get(name) for name in _NAMING}
    before = {**whole, **{name: each.before for name, each in effect.fields.items() if name in SHOWN}}
    after = {**whole, **{name: each.after for name, each in effect.fields.items() if name in SHOWN}}
    return (before if effect.existed else None, after if effect.exists else None)


async def _rows(reader: Writer, feed: int, items: list[int], columns: Iterable[str] = WHOLE_ROW) -> dict[int, dict[str, Value]]:
    """Return columns of items as they are, and those that are deleted as they were last."""
    rows = await read_rows(reader, feed, items, columns)
    for item in items:
        if item not in rows:
            rows[item] = await _last_known(reader, item)
    return rows


async def _last_known(reader: Writer, item: int) -> dict[str, Value]:
    fields = await reader.query(
        f"SELECT c.external_id, f.field, f.before FROM {CHANGES} AS c LEFT JOIN {FIELDS} AS f ON f.change_id = c.id WHERE c.id ="
        f" (SELECT max(id) FROM {CHANGES} WHERE item_id = ? AND action = 'deleted')",
        item,
    )
    row: dict[str, Value] = {**dict.fromkeys(SHOWN), "id": item}
    for key, field, before in fields:
        row["external_id"] = str(key)
        if field in SHOWN and isinstance(before, str | int | float):
            row[str(field)] = before
    return row
