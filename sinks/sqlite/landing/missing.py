"""Items that were not in a complete run: found against the ones that were, and staged with what is to become of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import orjson

from engine.contracts import FeedDefinition
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.bitmap import Bitmap
from sinks.sqlite.landing.housekeeping import CHUNK_ROWS
from sinks.sqlite.landing.statements import BACK, DELETED, GONE, GRACE, VARIANTS, StageTable


async def stage_missing(writer: Writer, stage: StageTable, feed: FeedDefinition, seen: Bitmap) -> None:
    """Stage the items that stand and were not seen, as the feed's `missing_policy` and `missing_grace` say; `keep` stages none."""
    if feed.missing_policy == "keep":
        return
    act = DELETED if feed.missing_policy == "remove" else GONE
    layout = f"CASE WHEN v.missing_runs < {feed.missing_grace} THEN {GRACE} ELSE {act} END"
    async for found in _windows(writer, f"{stage.items()} AND v.status <> 'removed'"):
        await _put(writer, stage, layout, [number for number in found if number not in seen])


async def stage_returned(writer: Writer, stage: StageTable, seen: Bitmap) -> None:
    """Stage the items that were seen after runs in which they were missing; those staged already stay as they are staged."""
    async for found in _windows(writer, f"{stage.items()} AND v.missing_runs > 0"):
        await _put(writer, stage, str(BACK), [number for number in found if number in seen])


async def _windows(writer: Writer, condition: str) -> AsyncIterator[list[int]]:
    """Yield the ids of items, in order, as many at a time as one statement takes well."""
    last = 0
    while True:
        rows = await writer.query(f"SELECT v.id {condition} AND v.id > ? ORDER BY v.id LIMIT {CHUNK_ROWS}", last)
        if not rows:
            return
        found = [int(str(number)) for (number,) in rows]
        last = found[-1]
        yield found


async def _put(writer: Writer, stage: StageTable, layout: str, items: Sequence[int]) -> None:
    if not items:
        return
    # OR IGNORE: what a record of the source says of an item comes before what its absence would.
    insert = (
        f"INSERT OR IGNORE INTO {stage.table} (run_id, external_id, item_id, content_hash, layout)"
        f" SELECT {stage.run}, v.external_id, v.id, 0, {layout} FROM json_each(?) AS j CROSS JOIN {VARIANTS} AS v WHERE v.id = j.value"
    )
    async with writer.transaction():
        await writer.execute(insert, orjson.dumps(items).decode())
