"""The life of a record: fetch, decode, map, stage, judge, apply. One run of one feed, from the source to the sink."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal

import anyio
from anyio import CancelScope, to_thread

from engine.batch import JsonValue
from engine.contracts import Checkpoint, Connector, DocumentFacts, FeedDefinition, Sink, SinkSession
from engine.decode import Ended, Opened, Part
from engine.document import Document
from engine.errors import InternalError, NotModified, RefuseRun, Retry, Stalled, Superseded
from engine.events import RunEvent, RunFinished, RunStarted
from engine.feed import Feed
from engine.figures import Figures
from engine.flow.absence import Absence
from engine.flow.channel import Budget, Channel, StageClock, watch_for_stall
from engine.flow.checkpoint import confirm, fingerprint, left_by, make_checkpoint, read_alike, refuse_older, renew, wait_left
from engine.flow.drift import find_drift
from engine.flow.tally import Progress, Tally
from engine.flow.transform import MappedBatch, Recipe, Transform
from engine.flow.unchanged import Gate
from engine.flow.unpacking import Unpacking
from engine.guard import judge, refuse_unknown_sums, refuse_unusable
from engine.run import Counts, Problem, RunRecord, RunStatus, left_out
from engine.source import Source

STALL_PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Job:
    """One run to do. `lane` says where the mapper works: in a thread, or inline, which suits tests and tiny feeds.

    With `refetch` the source is read whatever the last complete run left.
    """

    recipe: Recipe
    source: Source
    connector: Connector
    sink: Sink
    dry_run: bool = False
    refetch: bool = False
    lane: Literal["thread", "inline"] = "thread"
    budget: Budget = field(default_factory=Budget)
    stall_patience: float = STALL_PATIENCE
    on_progress: Callable[[Progress], None] | None = None
    notify: Callable[[RunEvent], None] | None = None


async def run_feed(job: Job) -> RunRecord:
    """Run a feed once and return the record of the run, whatever became of it.

    Bytes stream from the connector through the mapper and the rules into the sink's stage, at the pace of the slowest. Only
    when the source ended as it said it would, and enough of it could be read, is the stage applied; otherwise it is
    discarded and the record has status `error` with the reason among its problems. What the guard finds implausible is kept for a
    person to decide, and the record has status `held`. A source that is what the last complete run
    read is not read again, or not beyond its bytes: the record is what it would be had it been. One that is to be left alone for
    a while ends as `skipped`. Raises what is not the run's own outcome: `ConfigError` and `PluginError`, `InternalError` when the
    figures do not add up, and whatever the sink raises while it applies; the session ends such a run as failed.
    """
    fetch, decode, map_, stage, apply = clocks = tuple(map(StageClock, ("fetch", "decode", "map", "stage", "apply")))
    feed = job.recipe.feed
    tally = Tally(feed.name, job.dry_run, clocks, feed.duplicate_keys)
    absence = Absence(job.recipe.rows)
    ended: RunRecord | _Decided
    async with job.sink.session(feed.definition(), dry_run=job.dry_run) as session:
        _notify(job, RunStarted(feed.name, session.run, job.source.name))
        mark = fingerprint(job.recipe, job.source)
        # A refetch reads the source as if for the first time, so a person can have everything guessed anew.
        job = replace(job, recipe=replace(job.recipe, pinned={} if job.refetch else session.dialect))
        before = None if job.refetch else read_alike(session.checkpoint, mark)
        source = replace(job.source, known=before.versions if before is not None else {}, tell=_Told(tally, fetch))
        gate = Gate(before, job.budget)
        received: Channel[Part] = Channel(job.budget)
        chunks: Channel[Part] = Channel(job.budget)
        batches: Channel[MappedBatch] = Channel(job.budget)
        try:
            _leave_alone(session.asked_at, feed.transport.min_interval)
            async with _lone_error(), anyio.create_task_group() as watched:
                watched.start_soon(_watch, clocks[:4], job.stall_patience)
                async with anyio.create_task_group() as stages:
                    stages.start_soon(_fetch, job, source, fetch, received, tally, gate)
                    stages.start_soon(_decode, job, decode, received, chunks, tally)
                    stages.start_soon(_map, job, map_, chunks, batches, tally, session.dialect, absence)
                    stages.start_soon(_stage, job, stage, batches, session, tally)
                watched.cancel_scope.cancel()
            if not job.refetch:
                refuse_older(session.checkpoint, mark, tally.newest, source)
            refuse_unusable(feed.guard, read=tally.read, rejected=tally.rejected, skipped=tally.skipped, reasons=tally.reasons)
            refuse_unknown_sums(tally.keyless)
            tally.note(absence.judge())
            planned = await _plan(session, tally, feed.definition())
            checkpoint = make_checkpoint(mark, tally.versions, tally.newest, planned, gate.digests)
            if checkpoint is not None and tally.awaited:
                checkpoint = checkpoint.unread()
            held = _reasons_to_hold(feed, planned)
            ended = await _hold(session, tally, held, planned.counts, checkpoint) if held else _Decided(planned, checkpoint)
        except Superseded:
            raise
        except NotModified as reason:
            ended = await _confirm(session, tally, reason)
        except _TooSoon as reason:
            ended = await _discard(session, tally, RunStatus.SKIPPED, reason)
        except (Retry, RefuseRun) as error:
            ended = await _discard(session, tally, RunStatus.ERROR, error)
        finally:
            received.drain()
            chunks.drain()
            batches.drain()
            await gate.aclose()
        record = ended if isinstance(ended, RunRecord) else await _apply(apply, session, tally, ended)
    _notify(job, RunFinished(record))
    return record


async def _fetch(job: Job, source: Source, clock: StageClock, out: Channel[Part], tally: Tally, gate: Gate) -> None:
    with clock.running():
        tally.asked_at = datetime.now(UTC)
        try:
            async with job.connector.fetch(source) as documents:
                async for document in documents:
                    tally.open(document)
                    with job.budget.holding(document.buffer_bytes):
                        await _pass_on(job, document, clock, out, tally, gate)
        except NotModified as reason:
            if tally.versions or not source.known:
                raise InternalError(f"the connector of {source.name} said not modified of what it yielded, or of nothing known") from reason
            raise
        await gate.end(source, tally.newest, out, clock)
        out.close()


async def _pass_on(job: Job, document: Document, clock: StageClock, out: Channel[Part], tally: Tally, gate: Gate) -> None:
    await gate.send(Opened(DocumentFacts.of(document)), out, clock)
    async for chunk in document.chunks:
        tally.bytes += len(chunk)
        await gate.send(chunk, out, clock)
        if gate.holds and job.on_progress is not None:
            job.on_progress(tally.progress())
    await gate.send(Ended(), out, clock)


async def _decode(job: Job, clock: StageClock, source: Channel[Part], out: Channel[Part], tally: Tally) -> None:
    with clock.running(), Unpacking(job.recipe.decoding, inline=job.lane == "inline") as unpacking:
        async for part in source.receive(clock):
            unpacking.take(part)
            while (decoded := await unpacking.next_part()) is not None:
                await out.send(decoded, len(decoded) if isinstance(decoded, bytes) else 0, clock)
            tally.unpacked = tally.unpacked or unpacking.how
        out.close()


async def _map(
    job: Job,
    clock: StageClock,
    source: Channel[Part],
    out: Channel[MappedBatch],
    tally: Tally,
    before: Mapping[str, JsonValue],
    absence: Absence,
) -> None:
    numbers = job.recipe.read_numbers()
    first: Transform | None = None
    transform: Transform | None = None
    records = 0
    with clock.running():
        async for part in source.receive(clock):
            if isinstance(part, Opened):
                try:
                    transform = Transform(job.recipe, part.facts, numbers=numbers, records=records)
                except RefuseRun as error:
                    raise _of_document(error, part.facts.name, job.source.name) from None
                first = first or transform
            elif transform is not None and first is not None:
                try:
                    produced = await _in_lane(job, transform, part)
                    if transform is first and isinstance(part, Ended):
                        _note_drift(job.recipe, first, before, tally)
                except RefuseRun as error:
                    if transform is first:
                        _note_drift(job.recipe, first, before, tally)
                    raise _of_document(error, transform.document, job.source.name) from None
                finally:
                    # Also when the document is refused: how it was read is half of the explanation.
                    tally.dialect = first.dialect
                    tally.note(transform.problems)
                if isinstance(part, Ended):
                    transform.tell(absence)
                for batch in produced:
                    records += batch.read
                    await out.send(batch, batch.weight, clock)
        if contradiction := numbers.contradiction():
            raise RefuseRun(contradiction)
        out.close()


def _note_drift(recipe: Recipe, transform: Transform, before: Mapping[str, JsonValue], tally: Tally) -> None:
    drift = find_drift(before, transform.dialect, [name for row in recipe.rows for name in row.names])
    tally.note([drift] if drift is not None else [])


def _of_document(error: RefuseRun, document: str, source: str) -> RefuseRun:
    """Return a refusal that names the one of several documents that it is of."""
    return error if document == source or document in str(error) else RefuseRun(f"{document}: {error}")


async def _in_lane(job: Job, transform: Transform, part: bytes | Ended) -> list[MappedBatch]:
    def work() -> list[MappedBatch]:
        produced: Iterable[MappedBatch] = transform.finish() if isinstance(part, Ended) else transform.feed(part)
        return list(produced)

    # Abandoned when the run ends early, so that a mapper that hangs cannot hold the run open; what it still does is thrown away.
    return await to_thread.run_sync(work, abandon_on_cancel=True) if job.lane == "thread" else work()


async def _stage(job: Job, clock: StageClock, source: Channel[MappedBatch], session: SinkSession, tally: Tally) -> None:
    with clock.running():
        async for batch in source.receive(clock):
            if batch.rejects:
                await session.keep(batch.rejects)
            if batch.items.keys or batch.items.spoiled:
                await session.stage(batch.items)
            tally.add(batch)
            if job.on_progress is not None:
                job.on_progress(tally.progress())


async def _plan(session: SinkSession, tally: Tally, definition: FeedDefinition) -> RunRecord:
    """Ask what applying would do, and prove that it adds up before anything is done."""
    summary = await session.summary()
    tally.note_outcome(summary, definition)
    counts = Counts(
        summary.created, summary.updated, summary.unchanged, summary.duplicate, removed=summary.removed, skipped=summary.skipped
    )
    planned = tally.record(session.run, RunStatus.COMPLETE, counts)
    planned.check_accounting()
    return planned


def _reasons_to_hold(feed: Feed, planned: RunRecord) -> tuple[Problem, ...]:
    held = judge(feed.guard, planned.figures or Figures())
    counts = planned.counts
    if feed.review_changes and counts.created + counts.updated + counts.removed:
        return (*held, Problem("review", "the feed has reviewChanges set: every run that would change something waits for a decision"))
    return held


async def _discard(session: SinkSession, tally: Tally, status: RunStatus, reason: Retry | RefuseRun | _TooSoon) -> RunRecord:
    await session.discard()
    wish = reason.retry_after if isinstance(reason, Retry) else None
    tally.note([Problem(_code(reason), str(reason), retry_after=wish)])
    record = tally.record(session.run, status, Counts())
    record.check_accounting()
    return await session.finish(record)


async def _hold(
    session: SinkSession, tally: Tally, reasons: Iterable[Problem], planned: Counts, checkpoint: Checkpoint | None
) -> RunRecord:
    tally.problems[:0] = reasons
    record = tally.record(session.run, RunStatus.HELD, planned)
    await session.hold(record, checkpoint)
    return record.counted(planned)


@dataclass(frozen=True, slots=True)
class _Decided:
    """What is going to be applied, and the checkpoint that it leaves."""

    planned: RunRecord
    checkpoint: Checkpoint | None


async def _apply(clock: StageClock, session: SinkSession, tally: Tally, decided: _Decided) -> RunRecord:
    """Apply and finish. What has been decided is done, also when the run is cancelled meanwhile: it takes seconds."""
    with CancelScope(shield=True):
        with clock.running():
            counts = await session.apply(decided.planned, decided.checkpoint)
        tally.note(left_out(decided.planned.counts, counts))
        record = tally.record(session.run, RunStatus.COMPLETE, counts).counted(counts)
        record.check_accounting()
        return await session.finish(record, left_by(decided.checkpoint, limited=record.limited))
    raise InternalError("a shield has swallowed an error")


@dataclass(frozen=True, slots=True)
class _Told:
    """Take down what the connector says. It is a sign of life too: who says that it waits for the supplier has not stalled."""

    tally: Tally
    clock: StageClock

    def __call__(self, message: str) -> None:
        self.tally.tell(message)
        self.clock.moved()


class _TooSoon(Exception):
    """The source was asked so lately that it is left alone."""


def _leave_alone(asked_at: datetime | None, min_interval: float) -> None:
    left = wait_left(asked_at, min_interval)
    if left > 0:
        raise _TooSoon(f"the source was asked less than transport.minInterval ({min_interval:g} s) ago: ask again in {left:.1f} s")


async def _confirm(session: SinkSession, tally: Tally, reason: NotModified) -> RunRecord:
    checkpoint = session.checkpoint
    if checkpoint is None:
        raise InternalError("a source was found unchanged since a run that left no checkpoint") from reason
    await session.discard()
    tally.note([Problem(_code(reason), f"{reason}; its records are those that run {checkpoint.run} read")])
    record = confirm(checkpoint, tally.record(session.run, RunStatus.COMPLETE, Counts()))
    record.check_accounting()
    return await session.finish(record, renew(checkpoint, tally.versions, tally.newest))


async def _watch(clocks: tuple[StageClock, ...], patience: float) -> None:
    raise Stalled(f"{await watch_for_stall(clocks, patience=patience)}: nothing was applied; try again later")


def _notify(job: Job, event: RunEvent) -> None:
    if job.notify is not None:
        job.notify(event)


def _code(error: Retry | RefuseRun | NotModified | _TooSoon) -> str:
    if isinstance(error, NotModified):
        return "not-modified"
    if isinstance(error, _TooSoon):
        return "too-soon"
    if isinstance(error, Stalled):
        return "stalled"
    return "retry" if isinstance(error, Retry) else "refused"


@asynccontextmanager
async def _lone_error() -> AsyncIterator[None]:
    """Raise what went wrong itself rather than a task group's wrapping of it.

    When several stages failed it is the first: a group holds its errors in the order in which they happened, and what a
    stage says while it is broken off is a consequence. A crash must not pass for the `Retry` of a source that it cut.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        raise next(iter(_leaves(group))) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner
