"""The part of a chunk that is no plain write: what others wrote since is left to them, and what is gone is taken out of stock."""

from __future__ import annotations

from typing import Final

from engine.run import Counts
from engine.schema import ATTRIBUTES
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import DELETED, GONE, GRACE, VARIANTS, StageTable, stock_moved

_WRITTEN: Final = ", ".join(f"'{each.column}'" for each in ATTRIBUTES.values() if each.imported)


def overtaken(stage: StageTable, mark: int) -> str:
    """Return the condition of staged rows `s` whose item somebody else wrote, made or deleted after change number `mark`.

    Only what a feed writes too counts: an item that was connected or overridden meanwhile still follows its source.
    """
    made = f"SELECT 1 FROM {VARIANTS} AS v WHERE v.inventory_feed_id = {stage.feed} AND v.external_id = s.external_id"
    written = (
        "SELECT 1 FROM main.inventory_feed_variant_changes AS c JOIN main.inventory_feed_variant_change_fields AS f ON f.change_id = c.id"
        f" WHERE c.item_id = s.item_id AND c.id > {mark} AND c.run_id IS NOT {stage.run}"
        f" AND (f.field IN ({_WRITTEN}) OR f.field = 'status' AND 'removed' IN (f.before, f.after))"
    )
    gone = f"NOT EXISTS (SELECT 1 FROM {VARIANTS} AS v WHERE v.id = s.item_id)"
    return f"(CASE WHEN s.item_id IS NULL THEN EXISTS ({made}){stage.wanted} ELSE {gone} OR EXISTS ({written}) END)"


async def leave_overtaken(writer: Writer, stage: StageTable, end: str, *, mark: int) -> int:
    """Drop the staged rows up to a key whose items were written by somebody else since, and return how many records that are.

    The later write wins. Items that were missing are no records of the source, and so are not counted.
    """
    delete = f"DELETE FROM {stage.table} AS s WHERE s.run_id = {stage.run} AND s.external_id <= ? AND {overtaken(stage, mark)}"
    return sum(int(str(layout)) >= 0 for (layout,) in await writer.query(f"{delete} RETURNING layout", end))


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
