"""The part of a chunk that is no plain write: what others wrote since is left to them, and what is gone is taken out of stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.run import Counts
from engine.schema import ATTRIBUTES
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.left_out import OVERTAKEN, TOLD, keep_left_out
from sinks.sqlite.landing.statements import DELETED, GONE, GRACE, OTHER_DIGEST, VARIANTS, Layout, StageTable, stock_moved

_WRITTEN: Final = ", ".join(f"'{each.column}'" for each in ATTRIBUTES.values() if each.imported)


def written_later(stage: StageTable, mark: int) -> str:
    """Return FROM and WHERE of the fields `f` of the item of staged row `s` that somebody else wrote after change number `mark`."""
    return (
        "FROM main.inventory_feed_variant_changes AS c CROSS JOIN main.inventory_feed_variant_change_fields AS f"
        f" WHERE c.item_id = s.item_id AND c.id > {mark} AND c.run_id IS NOT {stage.run} AND f.change_id = c.id"
    )


def overtaken(stage: StageTable, mark: int) -> str:
    """Return the condition of staged rows `s` that are overtaken as a whole.

    Somebody else has made or deleted the item, took it out of stock or brought it back; or gave a stock to one that the run would
    take out of stock.
    """
    made = f"SELECT 1 FROM {VARIANTS} AS v WHERE v.inventory_feed_id = {stage.feed} AND v.external_id = s.external_id"
    gone = f"NOT EXISTS (SELECT 1 FROM {VARIANTS} AS v WHERE v.id = s.item_id)"
    stocked = "(s.layout < 0 OR s.status = 'removed') AND f.field = 'inventory_quantity'"
    written = f"SELECT 1 {written_later(stage, mark)} AND ({stocked} OR f.field = 'status' AND 'removed' IN (f.before, f.after))"
    return f"(CASE WHEN s.item_id IS NULL THEN EXISTS ({made}){stage.wanted} ELSE {gone} OR EXISTS ({written}) END)"


async def find_later_fields(writer: Writer, stage: StageTable, *, mark: int, end: str | None = None) -> list[str]:
    """Return the columns that somebody else wrote since, of any item of the source that is staged, up to a key where one is given."""
    among = f"s.run_id = {stage.run} AND s.layout >= 0{'' if end is None else ' AND s.external_id <= ?'}"
    joined = written_later(stage, mark).removeprefix("FROM ").replace(" WHERE ", f" WHERE {among} AND ", 1)
    select = f"SELECT DISTINCT f.field FROM {stage.table} AS s CROSS JOIN {joined} AND f.field IN ({_WRITTEN})"
    return [str(field) for (field,) in await writer.query(select, *(() if end is None else (end,)))]


async def leave_overtaken(writer: Writer, stage: StageTable, layouts: Sequence[Layout], end: str, *, mark: int) -> int:
    """Give way, up to a key, to what somebody else wrote since the run began, and return of how many records nothing is left.

    The later write wins, field by field: what a call says of a name must not keep the source's stock out. Only what a feed writes
    too counts: an item that was connected or overridden meanwhile still follows its source. Items that were missing are no records
    of the source, and so are not counted.
    """
    among = f"s.run_id = {stage.run} AND s.external_id <= ?"
    gone = f"DELETE FROM {stage.table} AS s WHERE {among} AND {overtaken(stage, mark)} RETURNING layout, {TOLD}"
    left = [tuple(told) for layout, *told in await writer.query(gone, end) if int(str(layout)) >= 0]
    if fields := await find_later_fields(writer, stage, mark=mark, end=end):
        left += await _leave_fields(writer, stage, layouts, end, mark=mark, fields=fields)
    await keep_left_out(writer, stage, OVERTAKEN, left)
    return len(left)


async def _leave_fields(
    writer: Writer, stage: StageTable, layouts: Sequence[Layout], end: str, *, mark: int, fields: Sequence[str]
) -> list[tuple[object, ...]]:
    """Give way field by field, and return the records, as `TOLD`, of which nothing is left then."""
    among = f"s.run_id = {stage.run} AND s.external_id <= ?"
    later = f"SELECT 1 {written_later(stage, mark)}"
    touched = f"{among} AND s.layout >= 0 AND EXISTS ({later} AND f.field IN ({_WRITTEN}))"
    # Read before the stored values take the place of what the source said.
    told = {row[1]: row for row in await writer.query(f"SELECT {TOLD} FROM {stage.table} AS s WHERE {touched}", end)}
    for field in fields:
        stored = f"(SELECT v.{field} FROM {VARIANTS} AS v WHERE v.id = s.item_id)"
        written = f"s.layout >= 0 AND EXISTS ({later} AND f.field = '{field}')"
        await writer.execute(f"UPDATE {stage.table} AS s SET {field} = {stored} WHERE {among} AND {written}", end)
    # The digest stands for what the source said; the next run has to look at the item again.
    await writer.execute(f"UPDATE {stage.table} AS s SET {OTHER_DIGEST} WHERE {touched}", end)
    left: list[tuple[object, ...]] = []
    for number, layout in enumerate(layouts):
        same = f"NOT EXISTS (SELECT 1 FROM {VARIANTS} AS v WHERE v.id = s.item_id AND {layout.differs()})"
        gone = f"DELETE FROM {stage.table} AS s WHERE {touched} AND s.layout = {number} AND {same} RETURNING external_id"
        left += [told[key] for (key,) in await writer.query(gone, end)]
    return left


async def bury(writer: Writer, stage: StageTable, end: str, *, deletes: bool, now: int) -> Counts:
    """Take out of stock, or delete, up to a key, what the source says is gone; it was updated too."""
    said = f"{stage.chunk()} AND s.layout >= 0 AND s.status = 'removed' AND v.status <> 'removed'"
    buried = await writer.execute(_delete(said) if deletes else _zero(said, now=now), end)
    return Counts(updated=buried, removed=buried)


async def take_missing(writer: Writer, stage: StageTable, end: str, *, now: int) -> Counts:
    """Do with missing items, up to a key, what they are staged for."""
    some = f"SELECT 1 FROM {stage.table} AS s WHERE s.run_id = {stage.run} AND s.external_id <= ? AND s.layout < 0 LIMIT 1"
    if not await writer.query(some, end):
        return Counts()

    def of(layout: int) -> str:
        return f"{stage.chunk()} AND s.layout = {layout} AND v.status <> 'removed'"

    removed = await writer.execute(_zero(of(GONE), now=now), end)
    removed += await writer.execute(_delete(of(DELETED)), end)
    await writer.execute(f"UPDATE {VARIANTS} AS v SET missing_runs = v.missing_runs + 1 {of(GRACE)}", end)
    return Counts(removed=removed)


async def forget_missing(writer: Writer, stage: StageTable, end: str) -> None:
    """Let the count of missing runs begin anew for items that were in the source, also where nothing else of them changed."""
    if not await writer.query(f"SELECT 1 {stage.items()} AND v.missing_runs > 0 LIMIT 1"):
        return
    met = f"{stage.chunk()} AND s.layout NOT IN ({GONE}, {DELETED}, {GRACE}) AND v.missing_runs > 0"
    await writer.execute(f"UPDATE {VARIANTS} AS v SET missing_runs = 0 {met}", end)


def _zero(condition: str, *, now: int) -> str:
    sets = f"status = 'removed', inventory_quantity = 0, content_hash = NULL, missing_runs = 0, updated_at = {now}"
    return f"UPDATE {VARIANTS} AS v SET {sets}, {stock_moved('0', now=now)} {condition}"


def _delete(condition: str) -> str:
    joined = condition.replace(" WHERE ", f" CROSS JOIN {VARIANTS} AS v WHERE ", 1)
    return f"DELETE FROM {VARIANTS} WHERE id IN (SELECT v.id {joined})"
