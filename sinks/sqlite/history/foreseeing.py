"""What an undo would do to the items as they are now, in figures and samples. Nothing here writes."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.batch import Value
from engine.run import Counts
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import SHOWN, read_rows
from sinks.sqlite.history.judging import Conflict, Verdict, judge_chunk
from sinks.sqlite.history.kinds import NAMING, Row, stock_of
from sinks.sqlite.history.summing import SAMPLES, Changes, Summing, read_stock
from sinks.sqlite.history.undo import require_undoable
from sinks.sqlite.history.undoing import add
from sinks.sqlite.landing.housekeeping import CHUNK_ROWS

CONFLICTS_SHOWN: Final = 100
"""Conflicts that are told with their values; the figures count them all."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What undoing a run would come to. `counts` are as an undo has them (`UndoOutcome`); of the `met` conflicts the first are told.

    `changes` are those of the items as they are now, `total` the stock of all items of the feed.
    """

    run: int
    counts: Counts
    met: int
    conflicts: tuple[Conflict, ...]
    changes: Changes
    total: float


async def foresee_undo(database: Database, run: int) -> Foreseen:
    """Return what `undo` would do, item by item taken together, and do nothing.

    Raises as `undo` does, but for `UnderWay`: a run under way may change the answer.
    """
    async with database.connect() as connection:
        reader = Writer(connection, None, database.name)
        feed = await require_undoable(reader, run)
        counts, conflicts, met, summing = Counts(), list[Conflict](), 0, Summing()
        cursor: int | None = None
        while (verdict := await judge_chunk(reader, feed, run, cursor, size=CHUNK_ROWS, beside=NAMING)) is not None:
            counts, cursor, met = add(counts, verdict), verdict.cursor, met + len(verdict.conflicts)
            conflicts += verdict.conflicts[: CONFLICTS_SHOWN - len(conflicts)]
            for before, after in _sides(verdict, await _read_touched(reader, feed, verdict)):
                summing.add(before, after)
        return Foreseen(run, counts, met, tuple(conflicts), summing.changes(), await read_stock(reader, feed))


async def _read_touched(reader: Writer, feed: int, verdict: Verdict) -> Mapping[int, Mapping[str, Value]]:
    """Return the items that a chunk would change: of those to be deleted whole are the ones that may come to be shown."""
    going = await read_rows(reader, feed, verdict.deletions, sorted(NAMING))
    # Of equals the first ones, as in the sum.
    most = heapq.nlargest(SAMPLES, (going[item] for item in verdict.deletions), key=stock_of)
    whole = await read_rows(reader, feed, (int(str(row["id"])) for row in most), SHOWN)
    return {**verdict.rows, **going, **whole}


def _sides(verdict: Verdict, rows: Mapping[int, Mapping[str, Value]]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield what is to be undone as items that are and will be; None stands for no item."""
    for item in verdict.deletions:
        yield rows[item], None
    for restored in verdict.restorations:
        row = rows[restored.item]
        yield row, {**row, **restored.values}
    for revived in verdict.revivals:
        yield None, {**dict.fromkeys(SHOWN), **revived.values, "id": revived.item, "external_id": revived.external_id}
