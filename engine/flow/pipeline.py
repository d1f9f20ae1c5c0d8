"""The life of a record: fetch, decode, map, stage, judge, apply. One run of one feed, from the source to the sink."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import anyio
from anyio import CancelScope

from engine.contracts import Checkpoint, Connector, DocumentFacts, FeedDefinition, ScreeningSession, Sink, SinkSession
from engine.decode import Ended, Opened, Part
from engine.document import Document
from engine.errors import InternalError, NotModified, RefuseRun, Retry, Stalled, Superseded
from engine.events import RunEvent, RunFinished, RunStarted
from engine.feed import Feed
from engine.figures import Figures
from engine.flow.channel import Budget, Channel, StageClock, watch_for_stall
from engine.flow.checkpoint import confirm, fingerprint, left_by, make_checkpoint, read_alike, refuse_older, renew, wait_left
from engine.flow.lanes import Lane, OpenLane, Order, inline, thread
from engine.flow.reading import Advance, Verdict
from engine.flow.tally import Progress, Tally
from engine.flow.transform import MappedBatch, Recipe
from engine.flow.unchanged import Gate
from engine.flow.unpacking import Unpacking
from engine.guard import judge, refuse_unknown_sums, refuse_unusable
from engine.run import Counts, Problem, RunRecord, RunStatus, left_out
from engine.screen.screening import Screening
from engine.source import Source

_BYTES_AHEAD: Final = 2 * 1024 * 1024
"""Bytes that wait in a channel of bytes, at most: a file is read faster than anything is made of it, and would fill the budget."""

_BATCH_BYTES_AHEAD: Final = 8 * 1024 * 1024
"""Bytes of batches that wait for the sink: two or three, so that a mapper works on while the database waits for its disk."""

STALL_PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Job:
    """One run to do. `lane` says where the mapper works.

    With `refetch` the source is read whatever the last complete run left.
    """

    recipe: Recipe
    source: Source
    connector: Connector
    sink: Sink
    dry_run: bool = False
    refetch: bool = False
    lane: OpenLane = thread
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
    *_, apply = clocks = tuple(map(StageClock, ("fetch", "decode", "map", "stage", "apply")))
    feed = job.recipe.feed
    tally = Tally(feed.name, job.dry_run, clocks, feed.duplicate_keys)
    ended: RunRecord | _Decided
    async with job.sink.session(feed.definition(), dry_run=job.dry_run) as session:
        _notify(job, RunStarted(feed.name, session.run, job.source.name))
        mark = fingerprint(job.recipe, job.source)
        # A refetch reads the source as if for the first time, so a person can have everything guessed anew.
        job = replace(job, recipe=replace(job.recipe, pinned={} if job.refetch else session.dialect))
        before = None if job.refetch else read_alike(session.checkpoint, mark)
        source = replace(job.source, known=before.versions if before is not None else {})
        try:
            _leave_alone(session.asked_at, feed.transport.min_interval)
            screened = _Screened(session, mark, reads=not job.refetch)
            try:
                verdict, digests = await _read(job, source, session, tally, screened, Gate(before, job.budget))
            except _Doubt:
                tally = await _begin_again(session, tally)
                screened = replace(screened, reads=False)
                verdict, digests = await _read(job, replace(source, known={}), session, tally, screened, Gate(None, job.budget))
            if not job.refetch:
                refuse_older(session.checkpoint, mark, tally.newest, source)
            refuse_unusable(feed.guard, read=tally.read, rejected=tally.rejected, skipped=tally.skipped, reasons=tally.reasons)
            refuse_unknown_sums(tally.keyless)
            tally.note(verdict.problems)
            if verdict.refusal is not None:
                raise RefuseRun(verdict.refusal)
            planned = await _plan(session, tally, feed.definition())
            checkpoint = make_checkpoint(mark, tally.versions, tally.newest, planned, digests)
            if checkpoint is not None and tally.awaited:
                checkpoint = checkpoint.unread()
            held = _reasons_to_hold(feed, planned)
            screened.remember(verdict)
            ended = await _hold(session, tally, held, planned.counts, checkpoint) if held else _Decided(planned, checkpoint)
        except Superseded:
            raise
        except NotModified as reason:
            ended = await _confirm(session, tally, reason)
        except _TooSoon as reason:
            ended = await _discard(session, tally, RunStatus.SKIPPED, reason)
        except (Retry, RefuseRun) as error:
            ended = await _discard(session, tally, RunStatus.ERROR, error)
        record = ended if isinstance(ended, RunRecord) else await _apply(apply, session, tally, ended)
    _notify(job, RunFinished(record))
    return record


async def _read(job: Job, source: Source, session: SinkSession, tally: Tally, screened: _Screened, gate: Gate) -> tuple[Verdict, str]:
    """Bring the source from the connector to the sink's stage, and return what its records say all together, and its digests."""
    fetch, decode, map_, stage, _ = tally.clocks
    source = replace(source, tell=_Told(tally, fetch))
    received: Channel[Part] = Channel(job.budget, max_bytes=_BYTES_AHEAD)
    chunks: Channel[Part] = Channel(job.budget, max_bytes=_BYTES_AHEAD)
    batches: Channel[MappedBatch] = Channel(job.budget, max_bytes=_BATCH_BYTES_AHEAD)
    verdicts: list[Verdict] = []
    try:
        async with _lone_error(), anyio.create_task_group() as watched:
            watched.start_soon(_watch, tally.clocks[:4], job.stall_patience)
            async with anyio.create_task_group() as stages:
                stages.start_soon(_fetch, job, source, fetch, received, tally, gate)
                stages.start_soon(_decode, job, decode, received, chunks, tally)
                stages.start_soon(_map, job, map_, chunks, batches, tally, screened, verdicts)
                stages.start_soon(_stage, job, stage, batches, session, tally)
            watched.cancel_scope.cancel()
    finally:
        received.drain()
        chunks.drain()
        batches.drain()
        await gate.aclose()
    return verdicts[0], gate.digests


async def _begin_again(session: SinkSession, tally: Tally) -> Tally:
    if not isinstance(session, ScreeningSession):
        raise InternalError("a run that had no screen was in doubt of it")
    await session.restart()
    again = Tally(tally.feed, tally.dry_run, tally.clocks, tally.duplicate_keys)
    again.asked_at = tally.asked_at
    return again


class _Doubt(Exception):
    """What the records say all together cannot be told, because some were known and not parsed."""


@dataclass(frozen=True, slots=True)
class _Screened:
    """The screen of a run: what the session remembers under the run's mark, if it keeps a screen at all, and if the run `reads` it."""

    session: SinkSession
    mark: str
    reads: bool

    async def open(self) -> Screening | None:
        if not isinstance(self.session, ScreeningSession):
            return None
        return Screening(self.mark, await self.session.remembered(self.mark) if self.reads else None)

    def remember(self, verdict: Verdict) -> None:
        if isinstance(self.session, ScreeningSession) and verdict.pattern:
            self.session.remember(self.mark, verdict.pattern, verdict.evidence)


async def _fetch(job: Job, source: Source, clock: StageClock, out: Channel[Part], tally: Tally, gate: Gate) -> None:
    with clock.running():
        tally.asked_at = datetime.now(UTC)
        try:
            async with job.connector.fetch(source) as documents:
                async for document in documents:
                    tally.open(document)
                    _tell(job, tally)
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
        # Told here too: of a slow source it may be minutes until a batch is full.
        _tell(job, tally)
    await gate.send(Ended(), out, clock)


async def _decode(job: Job, clock: StageClock, source: Channel[Part], out: Channel[Part], tally: Tally) -> None:
    with clock.running(), Unpacking(job.recipe.decoding, inline=job.lane is inline) as unpacking:
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
    screened: _Screened,
    verdicts: list[Verdict],
) -> None:
    lane: Lane | None = None
    verdict = Verdict()
    with clock.running():
        async with AsyncExitStack() as stack:
            async for part in source.receive(clock):
                if lane is None and isinstance(part, Opened):
                    # Not before there is something to read: a source that is unchanged needs neither lane nor screen.
                    order = Order(job.recipe, job.source.name, screened.session.dialect, await screened.open(), part.facts)
                    lane = await stack.enter_async_context(job.lane(order))
                if lane is None:
                    raise InternalError("bytes came before their document was opened")
                await _hand_on(await lane.take(part), clock, out, tally)
            while lane is not None and (advance := await lane.drain()) is not None:
                await _hand_on(advance, clock, out, tally)
            if lane is not None:
                verdict = await lane.judge()
        if verdict.doubt:
            raise _Doubt
        if verdict.contradiction is not None:
            raise RefuseRun(verdict.contradiction)
        verdicts.append(verdict)
        out.close()


async def _hand_on(advance: Advance, clock: StageClock, out: Channel[MappedBatch], tally: Tally) -> None:
    tally.dialect = advance.dialect or tally.dialect
    tally.note(advance.problems)
    if advance.refusal is not None:
        raise RefuseRun(advance.refusal)
    for batch in advance.batches:
        await out.send(batch, batch.weight, clock)


async def _stage(job: Job, clock: StageClock, source: Channel[MappedBatch], session: SinkSession, tally: Tally) -> None:
    with clock.running():
        async for batch in source.receive(clock):
            if batch.rejects:
                await session.keep(batch.rejects)
            items = batch.items
            if items.keys or items.spoiled or items.known or items.blocks:
                await session.stage(items)
            tally.add(batch)
            _tell(job, tally)


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


def _tell(job: Job, tally: Tally) -> None:
    if job.on_progress is not None:
        job.on_progress(tally.progress())


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
