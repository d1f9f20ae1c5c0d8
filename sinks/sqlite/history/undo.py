"""Undo: take back what a run did, but for what was written since. An undo is itself a run, and can be undone."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import CancelScope

from engine import errors
from engine.run import Counts, RunRecord, RunStatus
from sinks.sqlite.database import Database
from sinks.sqlite.decisions import deciding
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.judging import Conflict, judge_chunk
from sinks.sqlite.history.undoing import CONFLICTS_KEPT, add, describe_undo, go_on, read_conflicts
from sinks.sqlite.landing.housekeeping import CHUNK_ROWS
from sinks.sqlite.queries import Queries


@dataclass(frozen=True, slots=True)
class UndoOutcome:
    """The record of an undo, and what it left alone.

    Of the record's counts `updated` items had fields restored, `created` ones came back, `removed` ones, which the run had created,
    are deleted, and of `skipped` ones nothing was restored. The conflicts are the first 100,000.
    """

    record: RunRecord
    conflicts: tuple[Conflict, ...]

    @property
    def restored(self) -> int:
        """Return how many items are other than they were."""
        counts = self.record.counts
        return counts.created + counts.updated + counts.removed


async def undo(database: Database, run: int) -> UndoOutcome:
    """Restore what a complete run changed, fields that were written since left alone, and return the record of doing so.

    What the run created is deleted and what it deleted comes back under its id. Where nobody wrote to an item since, all its columns
    are what they were before the run. Raises `NotFound` when there is no such run, `Conflict` when it is not complete, is undone
    already, or its changes are not in the log; `UnderWay` when another session works on its feed.
    """
    async with deciding(database, run) as (connection, control):
        reader = Writer(connection, None, database.name)
        feed = await require_undoable(reader, run)
        fence = await control.begin_undo(feed, run)
        with CancelScope(shield=True):
            await go_on(control, Writer(connection, fence, database.name), fence)
        stored = await Queries(reader).run(fence.run)
        return UndoOutcome(stored.record, await read_conflicts(reader, fence.run))


async def plan_undo(database: Database, run: int) -> UndoOutcome:
    """Return what `undo` would do, and do nothing. Raises as it does, but for `UnderWay`: a run under way may change the answer."""
    async with database.connect() as connection:
        reader = Writer(connection, None, database.name)
        name = await Queries(reader).feed_of(run)
        feed = await require_undoable(reader, run)
        counts, conflicts, met = Counts(), list[Conflict](), 0
        cursor: int | None = None
        while (verdict := await judge_chunk(reader, feed, run, cursor, size=CHUNK_ROWS)) is not None:
            counts, cursor, met = add(counts, verdict), verdict.cursor, met + len(verdict.conflicts)
            conflicts += verdict.conflicts[: CONFLICTS_KEPT - len(conflicts)]
    read = counts.created + counts.updated + counts.unchanged + counts.skipped
    problems = describe_undo(run, met)
    record = RunRecord(name, 0, RunStatus.COMPLETE, read, counts, counts.skipped, problems=problems, dry_run=True)
    record.check_accounting()
    return UndoOutcome(record, tuple(conflicts))


async def require_undoable(reader: Writer, run: int) -> int:
    """Return the feed of a run that can be undone. Raises `Conflict` for any other, with the reason."""
    await Queries(reader).feed_of(run)
    asked = "SELECT feed_id, status, decided_at, change_mark FROM main.data_imports WHERE id = ?"
    ((feed, status, decided, mark),) = await reader.query(asked, run)
    if status != RunStatus.COMPLETE.value:
        raise errors.Conflict(f"run {run} cannot be undone: it is {status}, and only a complete run has changed anything")
    if decided is None:
        raise errors.Conflict(f"run {run} cannot be undone: it was before changes were logged")
    if (by := await _undone_by(reader, run)) is not None:
        newest = by
        while (again := await _undone_by(reader, newest)) is not None:
            newest = again
        raise errors.Conflict(f"run {run} was undone by run {by} already: undo run {newest} to turn that round")
    if mark is None:
        raise errors.Conflict(f"run {run} cannot be undone: the change log of its time is pruned, see the feed's historyDays")
    return int(str(feed))


async def _undone_by(reader: Writer, run: int) -> int | None:
    """Return the complete run that undid a run; one that met nothing but conflicts undid nothing."""
    rows = await reader.query(
        "SELECT max(id) FROM main.data_imports WHERE undoes = ? AND status = 'complete'"
        " AND (created + updated + removed > 0 OR skipped = 0)",
        run,
    )
    return None if rows[0][0] is None else int(str(rows[0][0]))
