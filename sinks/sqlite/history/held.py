"""What a held run would do: its stage laid over the items as they are now, by the rule by which it would be applied."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from engine.batch import Value
from engine.mapping.attributes import default_value
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import SHOWN
from sinks.sqlite.history.kinds import NAMING, Row, Sides
from sinks.sqlite.landing.applying import Plan
from sinks.sqlite.landing.removals import find_later_fields, overtaken, written_later
from sinks.sqlite.landing.statements import DELETED, GONE, VARIANTS, Layout, StageTable, default_literal

PAGE_ROWS: Final = 2_000

_COLUMNS: Final = tuple(SHOWN)
_NEEDED: Final = tuple(name for name in SHOWN if name in NAMING)

_NEW: Final[Row] = {column: default_value(attribute) for column, attribute in SHOWN.items()}


async def read_held(reader: Writer, feed: int, run: int) -> AsyncIterator[list[Sides]]:
    """Yield what a held run of a feed would change, were it applied to the items as they are now: a page of items at a time.

    Some are as they were. Of a known item only the columns that may become others are told, and those that name it.
    """
    plan = Plan.load(str((await reader.query("SELECT plan FROM main.data_imports WHERE id = ? AND feed_id = ?", run, feed))[0][0]))
    stage = StageTable("main", feed, run, plan.definition.creates_above)
    later = {
        column: f"EXISTS (SELECT 1 {written_later(stage, plan.mark)} AND f.field = '{column}')"
        for column in await find_later_fields(reader, stage, mark=plan.mark)
    }
    for number, layout in enumerate(plan.layouts):
        merged = _merged(layout, later)
        columns = _COLUMNS if layout.buries and plan.definition.removal == "remove" else [name for name in _COLUMNS if name in merged]
        made = ", ".join(merged.get(column, f"v.{column}") for column in columns)
        async for rows in _pages(reader, stage, plan, number, columns, made):
            yield [(staged.before, _applied(staged, plan)) for staged in _read(rows, ("id", *columns)) if not _kept_out(staged, plan)]
    for number, columns in ((GONE, _NEEDED), (DELETED, _COLUMNS)):
        async for rows in _pages(reader, stage, plan, number, columns, _of_items(columns)):
            staged_rows = (staged for staged in _read(rows, ("id", *columns)) if staged.before is not None)
            yield [(staged.before, None if number == DELETED else _taken_out(staged.after)) for staged in staged_rows]


class _Staged(NamedTuple):
    """A staged row: the item as it is now, None for a new one, as the row makes it, and whether the source says that it is gone."""

    before: Row | None
    after: Row
    gone: bool


def _applied(staged: _Staged, plan: Plan) -> Row | None:
    if staged.gone and staged.before is not None and staged.before["status"] == "removed":
        return staged.before
    if staged.gone:
        return None if plan.definition.removal == "remove" else _taken_out(staged.after)
    if staged.after["status"] == "removed":
        return {**staged.after, "status": "pending" if staged.after["variant_id"] is None else "connected"}
    return staged.after


def _kept_out(staged: _Staged, plan: Plan) -> bool:
    """Return whether a new item is not created."""
    if staged.before is not None:
        return False
    above, quantity = plan.definition.creates_above, staged.after["inventory_quantity"]
    return staged.gone or (above is not None and not (isinstance(quantity, int | float) and quantity > above))


def _taken_out(row: Row) -> Row:
    return {**row, "status": "removed", "inventory_quantity": 0}


async def _pages(
    reader: Writer, stage: StageTable, plan: Plan, layout: int, columns: Sequence[str], made: str
) -> AsyncIterator[list[tuple[object, ...]]]:
    """Yield the staged rows of a layout that nobody overtook: key, status, id, columns, and the SQL of them that a row makes."""
    page = (
        f"SELECT s.external_id, s.status, v.id, {_of_items(columns)}, {made}"
        f" FROM {stage.table} AS s LEFT JOIN {VARIANTS} AS v ON v.id = s.item_id"
        f" WHERE s.run_id = ? AND s.layout = ? AND s.external_id > ? AND NOT {overtaken(stage, plan.mark)}"
        f" ORDER BY s.external_id LIMIT {PAGE_ROWS}"
    )
    last = ""
    while rows := await reader.query(page, stage.run, layout, last):
        yield rows
        last = str(rows[-1][0])


def _read(rows: Sequence[Sequence[object]], names: Sequence[str]) -> Iterator[_Staged]:
    """Yield rows of a page; `names` are those of the id and the columns."""
    end = 2 + len(names)
    for row in cast("Sequence[Sequence[Value]]", rows):
        key, status, item = row[:3]
        made = dict(zip(names, (item, *row[end:]), strict=True))
        made["external_id"] = key
        gone = status == "removed"
        if item is None:
            # Of a new item all that its row does not say is the default.
            yield _Staged(None, {**_NEW, **made}, gone)
            continue
        stored = dict(zip(names, row[2:end], strict=True))
        stored["external_id"] = key
        yield _Staged(stored, made, gone)


def _of_items(columns: Sequence[str]) -> str:
    return ", ".join(f"v.{column}" for column in columns)


def _merged(layout: Layout, later: Mapping[str, str]) -> dict[str, str]:
    """Return the SQL of columns after the run, in order: the one place that knows how a stage becomes items. All others stay.

    `later` holds the conditions under which a column was written since the run began: then it stays.
    """
    merged = dict(layout.stored())
    for column in merged.keys() & later.keys():
        merged[column] = f"CASE WHEN {later[column]} THEN v.{column} ELSE {merged[column]} END"
    return {column: _or_default(column, merged.get(column, f"v.{column}")) for column in _COLUMNS if column in merged or column in _NEEDED}


def _or_default(column: str, sql: str) -> str:
    literal = default_literal(SHOWN[column])
    return sql if literal is None else f"coalesce({sql}, {literal})"
