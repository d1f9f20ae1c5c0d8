"""One run of a feed: the sink session over a straight load or a staged run, its rejects and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from anyio import CancelScope, get_cancelled_exc_class

from engine.batch import ItemBatch, JsonValue, Reject
from engine.contracts import Checkpoint, FeedDefinition, StageSummary
from engine.errors import FeedmillError, InternalError, Superseded
from engine.run import Counts, Problem, RunRecord, RunStatus
from engine.screen.screening import Remembered
from sinks.sqlite import clock
from sinks.sqlite.catalogue.connecting import with_ambiguities
from sinks.sqlite.control import LAST_DIALECT, Beginning, Control, load_dialect
from sinks.sqlite.database import Database
from sinks.sqlite.decisions import carry_out, finish_decided
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.retention import prune
from sinks.sqlite.landing.applying import Plan
from sinks.sqlite.landing.housekeeping import clear_dead_stages, clear_stage, delete_load
from sinks.sqlite.landing.left_out import REJECTS_KEPT
from sinks.sqlite.landing.limit import RunLimit, is_limited
from sinks.sqlite.landing.repeats import Landing, heed_repeats
from sinks.sqlite.landing.statements import VARIANTS, StageTable, create_temporary_stage
from sinks.sqlite.landing.straight import StraightLoad
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.screen.screened import Screened

LAST_ITEM: Final = f"SELECT coalesce(max(id), 0) FROM {VARIANTS}"


class SqliteSession:
    """A run that is stored, see `engine.contracts.SinkSession`."""

    def __init__(
        self,
        control: Control,
        writer: Writer,
        beginning: Beginning,
        landing: Landing,
        feed: FeedDefinition,
        screened: Screened,
        *,
        loaded: bool = False,
    ) -> None:
        self._control = control
        self._screened = screened
        self._feed = feed
        self._writer = writer
        self._fence = beginning.fence
        self._mark = beginning.mark
        self._loaded = loaded
        self._landing = landing
        self._open = True
        self._decided = False
        self.checkpoint = beginning.checkpoint
        self.asked_at = beginning.asked_at
        self.dialect = beginning.dialect
        self.kept = 0
        self.finished = False

    @property
    def run(self) -> int:
        """Return the number of the run."""
        return self._fence.run

    async def stage(self, batch: ItemBatch) -> None:
        if len(batch) or batch.spoiled or batch.known or batch.blocks:
            await self._landing.stage(batch)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep rejects, at most `REJECTS_KEPT` a run; `kept` says how many are."""
        rows = [
            (self.run, self.kept + number, each.document, each.record, each.line, each.column, each.value, each.reason, each.raw, each.fate)
            for number, each in enumerate(rejects[: REJECTS_KEPT - self.kept], start=1)
        ]
        if not rows:
            return
        async with self._writer.transaction() as writer:
            await writer.connection.executemany(
                'INSERT INTO main.data_import_rejects (run_id, seq, document, record, line, "column", value, reason, raw, fate)'
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        self.kept += len(rows)

    async def remembered(self, mark: str) -> Remembered | None:
        return await self._screened.remembered(mark)

    def remember(self, mark: str, pattern: bytes, evidence: Mapping[str, JsonValue]) -> None:
        self._screened.gathering.keep(mark, pattern, evidence)

    async def restart(self) -> None:
        """Forget what was staged and kept. Only a run that had a screen starts again, and a feed with one is not loaded straight."""
        await self._landing.discard()
        async with self._writer.transaction() as writer:
            await writer.execute("DELETE FROM main.data_import_rejects WHERE run_id = ?", self.run)
        self.kept = 0
        self._landing = self._screened.begin_again()

    async def summary(self) -> StageSummary:
        return await self._landing.summary()

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Apply the stage in chunks of a transaction each, after the decision to do so is stored with all that it takes.

        From the decision on the run is finished, if not here, then by whoever works on the feed next: what is left of the stage
        says what is left to do.
        """
        plan = self._plan(record, checkpoint)
        await self._control.decide(self._fence, record, plan)
        self._decided = True
        return await carry_out(self._writer, self._fence, plan, notes=self._screened.gathering.open)

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Keep stage and plan with the run until it is approved or rejected (`sinks.sqlite.decisions`), or gives way to a newer one."""
        await self._control.hold(self._fence, record, self._plan(record, checkpoint))
        self.finished = True
        await self._clear_others()

    def _plan(self, record: RunRecord, checkpoint: Checkpoint | None) -> Plan:
        skipped = record.skipped - record.counts.skipped
        return Plan(self._feed, self._landing.layouts, record.counts, skipped, self._mark, clock.now(), checkpoint, loaded=self._loaded)

    async def _clear_others(self) -> None:
        """Delete the stage of a held run that gave way. Without the fence, which a run that has ended holds no more."""
        await clear_dead_stages(self._writer.unfenced(), feed=self._fence.feed, run=self.run)

    async def discard(self) -> None:
        await self._landing.discard()
        self._open = False

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> RunRecord:
        """Store the final record. Unless the run is complete, what is staged or hidden is taken back first."""
        if record.status is RunStatus.COMPLETE:
            record = await with_ambiguities(self._writer, record)
            screen = await self._screened.gathering.settle(self._writer) if self._decided else None
            await self._control.finish(self._fence, record, checkpoint, self._feed, screen=screen, keeps_screen=not self._decided)
            self.finished = True
            await self._clear_others()
            await prune(self._writer, self._fence.feed, self._feed.history_days)
            return record
        if self._decided:
            raise InternalError(f"run {self.run} of feed {self._fence.name!r} was decided: it can only be completed")
        if self._open:
            await self.discard()
        await self._control.fail(self._fence, record)
        self.finished = True
        return record

    async def abandon(self, failure: FeedmillError | None = None) -> None:
        """End a run that was left without `finish`: it failed and its stage goes, unless it was decided.

        One that was decided is left to the next session of the feed. A superseded one has nothing left to end.
        """
        if self._decided:
            return
        problem = Problem("abandoned", "the run was left before it was finished; nothing staged was kept")
        if failure is not None:
            problem = Problem("failed", str(failure))
        with suppress(Superseded):
            await self.finish(RunRecord(self._fence.name, self.run, RunStatus.ERROR, problems=(problem,)))

    async def put_back(self) -> None:
        """Let a run that was asked for wait again, because its worker stops; one that was decided is left as `abandon` leaves it.

        What it staged goes when it begins again: whoever is told to stop has seconds.
        """
        if self._decided:
            return
        with suppress(Superseded):
            await self._control.put_back(self._fence)
        self.finished = True


class DrySession:
    """A run that leaves no trace: it stages into a table of its own connection and stores no run."""

    def __init__(self, writer: Writer, stage: StageTable, landing: Landing, dialect: Mapping[str, JsonValue], screened: Screened) -> None:
        self._writer = writer
        self._screened = screened
        self._stage = stage
        self._landing = landing
        self.dialect = dialect
        self.checkpoint: Checkpoint | None = None
        self.asked_at: datetime | None = None

    @property
    def run(self) -> int:
        """Return 0: the run is not stored."""
        return 0

    async def stage(self, batch: ItemBatch) -> None:
        if len(batch) or batch.spoiled or batch.known or batch.blocks:
            await self._landing.stage(batch)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep nothing: there is no run to keep it with."""

    async def remembered(self, mark: str) -> Remembered | None:
        return await self._screened.remembered(mark)

    def remember(self, mark: str, pattern: bytes, evidence: Mapping[str, JsonValue]) -> None:
        """Keep nothing."""

    async def restart(self) -> None:
        await self._landing.discard()
        self._landing = self._screened.begin_again()

    async def summary(self) -> StageSummary:
        return await self._landing.summary()

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Return what applying would do, as far as the daily limit goes today, and do nothing."""
        return await RunLimit(self._writer, self._stage, self._landing.layouts).foresee(record.counts)

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Keep nothing: that the run would be held is all there is to it."""

    async def discard(self) -> None:
        await self._landing.discard()

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> RunRecord:
        """Store nothing."""
        return record


@asynccontextmanager
async def open_session(
    database: Database, control: Control, feed: FeedDefinition, *, run: int | None = None
) -> AsyncIterator[SqliteSession]:
    """Begin a run of a feed; leaving without `finish` marks it as failed and drops what it staged, also when cancelled.

    What a dead run had decided is done first. A `run` that was asked for is begun as that one, and waits again when it is cancelled.
    Raises `UnderWay` when another session works on the feed, `Superseded` when the run that was asked for has ended.
    """
    number = await control.find_feed(feed)
    async with database.connect() as connection, hold_feed(database, Writer(connection, None, database.name), number, feed.name):
        await finish_decided(connection, control, database.name, number)
        last_item = await Writer(connection, None, database.name).number(LAST_ITEM)
        beginning = await control.begin(feed, number, run=run)
        writer = Writer(connection, beginning.fence, database.name)
        stage = StageTable("main", beginning.feed, beginning.fence.run, feed.creates_above, last_item)
        screened = Screened(writer, stage, feed)
        session = SqliteSession(control, writer, beginning, screened.begin_again(), feed, screened)
        failure: FeedmillError | None = None
        stopped = False
        try:
            if run is not None:
                await clear_stage(writer, stage)
            if await _begin_empty(writer, beginning) and _loads_straight(feed) and not await is_limited(writer):
                load = StraightLoad(writer, beginning.fence, feed, screened.gathering)
                if await load.hide():
                    session = SqliteSession(
                        control, writer, beginning, heed_repeats(load, writer, feed.duplicate_keys), feed, screened, loaded=True
                    )
            yield session
        except FeedmillError as error:
            failure = error
            raise
        except get_cancelled_exc_class():
            stopped = run is not None
            raise
        finally:
            with CancelScope(shield=True):
                if not session.finished:
                    await (session.put_back() if stopped else session.abandon(failure))
                # A held run that gave way to this one has left its stage.
                await clear_dead_stages(Writer(connection, None, database.name, locking=True), feed=number, run=session.run)


def _loads_straight(feed: FeedDefinition) -> bool:
    """Return whether a first load may go where it will stay: what is held, or left out at the end, has to be in a stage."""
    return feed.creates_above is None and not feed.reviewed


async def _begin_empty(writer: Writer, beginning: Beginning) -> bool:
    """Remove what dead runs left and return whether the feed has no item at all."""
    await clear_dead_stages(writer, feed=beginning.feed, run=beginning.fence.run)
    if beginning.dead_load is not None:
        await delete_load(writer, feed=beginning.feed, run=beginning.dead_load)
    return not await writer.query(f"SELECT 1 FROM {VARIANTS} WHERE inventory_feed_id = ? LIMIT 1", beginning.feed)


@asynccontextmanager
async def open_dry_session(database: Database, feed: FeedDefinition) -> AsyncIterator[DrySession]:
    """Begin a run that leaves no trace; the feed need not exist."""
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name)
        known = await writer.query("SELECT id FROM main.inventory_feeds WHERE name = ?", feed.name)
        number = int(str(known[0][0])) if known else 0
        read = await writer.query(LAST_DIALECT, number)
        await writer.execute(create_temporary_stage())
        stage = StageTable("temp", number, 0, feed.creates_above, await writer.number(LAST_ITEM))
        screened = Screened(writer, stage, feed)
        yield DrySession(writer, stage, screened.begin_again(), load_dialect(read[0][0] if read else None), screened)
