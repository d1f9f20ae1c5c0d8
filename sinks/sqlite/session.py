"""One run of a feed: the sink session over a straight load or a staged run, its rejects and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from anyio import CancelScope

from engine.batch import ItemBatch, JsonValue, Reject
from engine.contracts import Checkpoint, FeedDefinition, StageSummary
from engine.errors import Superseded
from engine.run import Counts, Problem, RunRecord, RunStatus
from sinks.sqlite.control import LAST_DIALECT, Beginning, Control, load_dialect
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.housekeeping import clear_dead_stages, delete_load
from sinks.sqlite.landing.repeats import Landing, heed_repeats
from sinks.sqlite.landing.staged import StagedRun
from sinks.sqlite.landing.statements import VARIANTS, StageTable, create_temporary_stage
from sinks.sqlite.landing.straight import StraightLoad

REJECTS_KEPT: Final = 100_000
"""Rejects stored for one run; the count goes on. A feed with more is broken, and the first ones tell how."""


class SqliteSession:
    """A run that is stored, see `engine.contracts.SinkSession`."""

    def __init__(self, control: Control, writer: Writer, beginning: Beginning, landing: Landing, feed: FeedDefinition) -> None:
        self._control = control
        self._feed = feed
        self._applying: AsyncExitStack | None = None
        self._writer = writer
        self._fence = beginning.fence
        self._landing = heed_repeats(landing, writer, feed.duplicate_keys)
        self._open = True
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
        if len(batch) or batch.spoiled:
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

    async def summary(self) -> StageSummary:
        return await self._landing.summary()

    async def apply(self) -> Counts:
        """Apply the stage in one transaction, which `finish` commits together with the run's record.

        Until then a crash, a cancellation or a record that does not add up leaves the items as they were. The price is the
        write lock for as long as applying takes: some seconds for a million changes.
        """
        await self._begin_applying()
        return await self._landing.apply()

    async def _begin_applying(self) -> None:
        applying = AsyncExitStack()
        await applying.enter_async_context(self._writer.transaction())
        self._applying = applying

    async def discard(self) -> None:
        await self._roll_back()
        await self._landing.discard()
        self._open = False

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Store the final record. Unless the run is complete, what is applied, staged or hidden is taken back first."""
        if record.status is RunStatus.COMPLETE:
            if self._applying is None:
                # Nothing was applied, because the source is unchanged.
                await self._begin_applying()
            await self._control.complete(self._writer, self._fence, record, checkpoint)
            if self._applying is not None:
                applying, self._applying = self._applying, None
                await applying.aclose()
            self.finished = True
            await self._control.define(self._feed)
            return
        if self._open:
            await self.discard()
        await self._control.fail(self._fence, record)
        self.finished = True

    async def _roll_back(self) -> None:
        applying, self._applying = self._applying, None
        if applying is not None:
            await self._writer.connection.rollback()
            await applying.aclose()

    async def abandon(self) -> None:
        """End a run that was left without `finish` as failed and drop its stage. A superseded one has nothing left to end."""
        problem = Problem("abandoned", "the run was left before it was finished; nothing staged was kept")
        with suppress(Superseded):
            await self.finish(RunRecord(self._fence.name, self.run, RunStatus.ERROR, problems=(problem,)))


class DrySession:
    """A run that leaves no trace: it stages into a table of its own connection and stores no run."""

    def __init__(self, landing: Landing, dialect: Mapping[str, JsonValue]) -> None:
        self._landing = landing
        self.dialect = dialect
        self.checkpoint: Checkpoint | None = None
        self.asked_at: datetime | None = None

    @property
    def run(self) -> int:
        """Return 0: the run is not stored."""
        return 0

    async def stage(self, batch: ItemBatch) -> None:
        if len(batch) or batch.spoiled:
            await self._landing.stage(batch)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep nothing: there is no run to keep it with."""

    async def summary(self) -> StageSummary:
        return await self._landing.summary()

    async def apply(self) -> Counts:
        return await self._landing.apply()

    async def discard(self) -> None:
        await self._landing.discard()

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Store nothing."""


@asynccontextmanager
async def open_session(database: Database, control: Control, feed: FeedDefinition) -> AsyncIterator[SqliteSession]:
    """Begin a run of a feed; leaving without `finish` marks it as failed and drops what it staged, also when cancelled."""
    beginning = await control.begin(feed)
    async with database.connect() as connection:
        writer = Writer(connection, beginning.fence, database.name)
        stage = StageTable("main", beginning.feed, beginning.fence.run, feed.creates_above)
        session = SqliteSession(control, writer, beginning, StagedRun(writer, stage, dry=False), feed)
        try:
            # A straight load creates what it is given; what is not to be created has to be judged at the end, in a stage.
            if await _begin_empty(writer, beginning) and feed.creates_above is None:
                load = StraightLoad(writer, beginning.fence)
                session = SqliteSession(control, writer, beginning, load, feed)
                await load.hide()
            yield session
        finally:
            if not session.finished:
                with CancelScope(shield=True):
                    await session.abandon()


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
        landing = heed_repeats(StagedRun(writer, StageTable("temp", number, 0, feed.creates_above), dry=True), writer, feed.duplicate_keys)
        yield DrySession(landing, load_dialect(read[0][0] if read else None))
