"""What becomes of a run once it is decided: applied to its end, by whichever process gets to it.

A held run is decided later, by a person, who approves or rejects it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiosqlite
import orjson
from anyio import CancelScope

from engine.errors import Conflict
from engine.flow.checkpoint import left_by
from engine.run import Counts, Problem, RunRecord, RunStatus, left_out
from sinks.sqlite.catalogue.connecting import connect_run
from sinks.sqlite.control import Control
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Fence, Origin, Writer
from sinks.sqlite.history.retention import prune
from sinks.sqlite.landing.applying import Application, Plan
from sinks.sqlite.landing.housekeeping import clear_dead_stages
from sinks.sqlite.landing.statements import StageTable
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.queries import Queries
from sinks.sqlite.screen.gathering import create_applied

_ADD_EFFECT = (
    "UPDATE main.data_imports SET created = created + ?, updated = updated + ?, removed = removed + ?, skipped = skipped + ?,"
    " limited = limited + ? WHERE id = ?"
)


async def carry_out(writer: Writer, fence: Fence, plan: Plan, *, notes: bool = False) -> Counts:
    """Apply what is left of a run's stage and return what became of all its records.

    Each chunk is one transaction, and what it did is counted with it, so that a run which is gone on with counts nothing twice.
    `notes` is for whoever gathered a screen while the records were staged.
    """
    if plan.loaded:
        await connect_run(writer, fence, plan)
        return plan.planned
    stage = StageTable("main", fence.feed, fence.run, plan.definition.creates_above)
    if notes:
        await create_applied(writer)
    application = Application(writer, stage, plan, notes=notes)
    while True:
        async with writer.changing(Origin(plan.at, run=fence.run)):
            effect = await application.step()
            if effect is None:
                break
            counted = (effect.created, effect.updated, effect.removed, effect.skipped, effect.limited)
            await writer.execute(_ADD_EFFECT, *counted, fence.run)
    await connect_run(writer, fence, plan)
    done = "SELECT created, updated, removed, skipped, limited FROM main.data_imports WHERE id = ?"
    created, updated, removed, skipped, limited = (int(str(each)) for each in (await writer.query(done, fence.run))[0])
    return plan.settle(Counts(created=created, updated=updated, removed=removed, skipped=skipped, limited=limited))


async def finish_decided(connection: aiosqlite.Connection, control: Control, name: str, feed: int) -> None:
    """Finish the runs of a feed that were decided and whose process died. The caller holds the feed."""
    reader = Writer(connection, None, name)
    left = "SELECT id, kind FROM main.data_imports WHERE feed_id = ? AND status = 'started' AND decided_at IS NOT NULL ORDER BY id"
    for run, kind in await reader.query(left, feed):
        problem = Problem("resumed", "the process that applied this run died; what was left of it was applied later")
        if kind == "undo":
            await _go_on_undoing(connection, control, name, int(str(run)), problem)
        else:
            await _go_on(connection, control, name, int(str(run)), RunStatus.STARTED, problem)


async def _go_on_undoing(connection: aiosqlite.Connection, control: Control, name: str, run: int, why: Problem) -> None:
    fence = await control.take_over(run, RunStatus.STARTED)
    if fence is not None:
        # Imported where an undo was left: hardly any run finds one, and all runs come by here.
        from sinks.sqlite.history import undoing

        with CancelScope(shield=True):
            await undoing.go_on(control, Writer(connection, fence, name), fence, why)


async def _go_on(connection: aiosqlite.Connection, control: Control, name: str, run: int, status: RunStatus, why: Problem) -> None:
    # Before it is taken over: whoever takes it over from here and completes it forgets the plan.
    ((planned,),) = await Writer(connection, None, name).query("SELECT plan FROM main.data_imports WHERE id = ?", run)
    fence = await control.take_over(run, status)
    if fence is None:
        return
    writer = Writer(connection, fence, name)
    # What was held is changed when it is approved, not when it was held.
    at = await writer.number("SELECT decided_at FROM main.data_imports WHERE id = ?", run)
    plan = replace(Plan.load(str(planned)), at=at)
    with CancelScope(shield=True):
        counts = await carry_out(writer, fence, plan)
        stored = (await Queries(writer).run(run)).record
        record = _completed(stored, plan, counts, why)
        record.check_accounting()
        await control.finish(fence, record, left_by(plan.checkpoint, limited=counts.limited), plan.definition)
        await clear_dead_stages(writer.unfenced(), feed=fence.feed, run=run)
        await prune(writer, fence.feed, plan.definition.history_days)


def _completed(stored: RunRecord, plan: Plan, counts: Counts, why: Problem) -> RunRecord:
    return replace(
        stored,
        status=RunStatus.COMPLETE,
        counts=replace(counts, skipped=0, limited=0),
        skipped=plan.skipped + counts.skipped,
        limited=counts.limited,
        problems=(why, *left_out(plan.planned, counts), *stored.problems),
    )


async def approve(database: Database, run: int, *, comment: str | None = None) -> RunRecord:
    """Apply a held run and return its record. What it left becomes what the next run is judged against.

    Raises `NotFound` when there is no such run, `Conflict` when it is not held, `UnderWay` when another session works on its feed.
    """
    async with deciding(database, run) as (connection, control):
        reader = Writer(connection, None, database.name)
        await _require_held(reader, run)
        said = "" if comment is None else f": {comment}"
        await _go_on(connection, control, database.name, run, RunStatus.HELD, Problem("approved", f"held, and approved{said}"))
        return (await Queries(reader).run(run)).record


async def reject(database: Database, run: int, *, comment: str | None = None) -> RunRecord:
    """End a held run without applying it and return its record. Raises as `approve` does."""
    async with deciding(database, run) as (connection, control):
        reader = Writer(connection, None, database.name)
        await _require_held(reader, run)
        stored = (await Queries(reader).run(run)).record
        said = "" if comment is None else f": {comment}"
        await control.cancel(run, _rejected(stored, Problem("rejected", f"held, and rejected{said}; nothing of it was applied")))
        return (await Queries(reader).run(run)).record


def _rejected(stored: RunRecord, why: Problem) -> RunRecord:

    return replace(
        stored,
        status=RunStatus.CANCELLED,
        counts=Counts(),
        skipped=stored.read - stored.rejected,
        limited=0,
        problems=(why, *stored.problems),
    )


@asynccontextmanager
async def deciding(database: Database, run: int) -> AsyncIterator[tuple[aiosqlite.Connection, Control]]:
    """Hold the feed of a run, with what dead runs had decided done."""
    control = Control(database)
    async with database.connect() as connection:
        reader = Writer(connection, None, database.name)
        name = await Queries(reader).feed_of(run)
        feed = await reader.number("SELECT feed_id FROM main.data_imports WHERE id = ?", run)
        async with hold_feed(database, reader, feed, name):
            await finish_decided(connection, control, database.name, feed)
            yield connection, control
            # Of a run that was rejected, or gave way to the one that was approved.
            await clear_dead_stages(Writer(connection, None, database.name, locking=True), feed=feed, run=0)


async def _require_held(reader: Writer, run: int) -> None:
    ((status, problems, feed),) = await reader.query("SELECT status, problems, feed_id FROM main.data_imports WHERE id = ?", run)
    if status == RunStatus.HELD.value:
        return
    told: list[dict[str, Any]] = orjson.loads(str(problems))
    newer = next((str(problem["message"]) for problem in told if problem["code"] == "superseded"), None)
    held = await reader.query("SELECT max(id) FROM main.data_imports WHERE feed_id = ? AND status = 'held'", int(str(feed)))
    now = f"; run {held[0][0]} of the feed is held now" if held[0][0] is not None else ""
    raise Conflict(f"run {run} is not held, it is {status}{'' if newer is None else f' ({newer})'}{now}")
