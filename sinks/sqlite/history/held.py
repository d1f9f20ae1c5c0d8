"""What a held run would do: its stage laid over the items as they are now, by the rule by which it would be applied."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from engine.batch import Value
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import SHOWN
from sinks.sqlite.history.kinds import ItemChange, Row, describe_change
from sinks.sqlite.landing.applying import Plan
from sinks.sqlite.landing.removals import find_later_fields, overtaken, written_later
from sinks.sqlite.landing.statements import DELETED, GONE, VARIANTS, Layout, StageTable, default_literal

PAGE_ROWS: Final = 500

_COLUMNS: Final = tuple(SHOWN)
_STORED: Final = ", ".join(f"v.{column}" for column in _COLUMNS)


async def read_held(reader: Writer, feed: int, run: int) -> AsyncIterator[ItemChange]:
    """Yield what a held run of a feed would change, item by item, were it applied to the items as they are now."""
    plan = Plan.load(str((await reader.query("SELECT plan FROM main.data_imports WHERE id = ? AND feed_id = ?", run, feed))[0][0]))
    stage = StageTable("main", feed, run, plan.definition.creates_above)
    later = {
        column: f"EXISTS (SELECT 1 {written_later(stage, plan.mark)} AND f.field = '{column}')"
        for column in await find_later_fields(reader, stage, mark=plan.mark)
    }
    for number, layout in enumerate(plan.layouts):
        async for staged in _pages(reader, stage, plan, number, _merged(layout, later)):
            if not _kept_out(staged, plan) and (change := describe_change(staged.before, _applied(staged, plan))) is not None:
                yield change
    for number in (GONE, DELETED):
        async for staged in _pages(reader, stage, plan, number, _STORED):
            after = None if number == DELETED else _taken_out(staged.after)
            if staged.before is not None and (change := describe_change(staged.before, after)) is not None:
                yield change


@dataclass(frozen=True, slots=True)
class _Staged:
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


async def _pages(reader: Writer, stage: StageTable, plan: Plan, layout: int, after: str) -> AsyncIterator[_Staged]:
    """Yield the staged rows of a layout that nobody overtook; `after` is the SQL of the columns that a row makes."""
    page = (
        f"SELECT s.external_id, v.id, s.status, {_STORED}, {after} FROM {stage.table} AS s LEFT JOIN {VARIANTS} AS v ON v.id = s.item_id"
        f" WHERE s.run_id = ? AND s.layout = ? AND s.external_id > ? AND NOT {overtaken(stage, plan.mark)}"
        f" ORDER BY s.external_id LIMIT {PAGE_ROWS}"
    )
    last = ""
    while rows := await reader.query(page, stage.run, layout, last):
        for key, item, status, *cells in rows:
            values, width = cast("list[Value]", cells), len(_COLUMNS)
            known: dict[str, Value] = {"id": cast("int | None", item), "external_id": str(key)}
            stored = {**dict(zip(_COLUMNS, values[:width], strict=True)), **known}
            made = {**dict(zip(_COLUMNS, values[width:], strict=True)), **known}
            yield _Staged(None if item is None else stored, made, status == "removed")
        last = str(rows[-1][0])


def _merged(layout: Layout, later: Mapping[str, str]) -> str:
    """Return the SQL of every column after the run, in order: the one place that knows how a stage becomes items.

    `later` holds the conditions under which a column was written since the run began: then it stays.
    """
    merged = dict(layout.stored())
    for column in merged.keys() & later.keys():
        merged[column] = f"CASE WHEN {later[column]} THEN v.{column} ELSE {merged[column]} END"
    return ", ".join(_or_default(column, merged.get(column, f"v.{column}")) for column in _COLUMNS)


def _or_default(column: str, sql: str) -> str:
    literal = default_literal(SHOWN[column])
    return sql if literal is None else f"coalesce({sql}, {literal})"
