"""The control tables through SQLAlchemy: beginning, deciding and ending a run, and a feed's definition."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from anyio import CancelScope
from sqlalchemy import ColumnElement, Connection, NullPool, Select, Update, case, delete, event, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from engine.batch import JsonValue
from engine.contracts import Checkpoint, FeedDefinition
from engine.run import Problem, RunRecord, RunStatus
from sinks.sqlite import clock
from sinks.sqlite.database import Database
from sinks.sqlite.definitions import find_or_create, read_definition, write_definition
from sinks.sqlite.failures import explain
from sinks.sqlite.fence import Fence, Writer, superseded
from sinks.sqlite.landing.applying import Plan
from sinks.sqlite.screen.stored import FORGET, IS_STORED, STORE, StoredScreen
from sinks.sqlite.tables import CHANGES, FEEDS, REJECTS, RUNS

FIRST_EPOCH: Final = 1

LAST_DIALECT: Final = (
    "SELECT dialect FROM main.data_imports WHERE feed_id = :feed AND status = 'complete' AND dialect <> '{}' ORDER BY id DESC LIMIT 1"
)
"""How the last complete run of a feed read it. One that found its source unchanged read nothing, and has no dialect."""

_EFFECTS: Final = ("created", "updated", "removed", "skipped", "limited")
"""Counters that a run under way adds what the database did to, chunk by chunk."""

_DIALECT: Final = dialect()


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run that has just begun: its fence, and the straight load of an earlier run that was left unfinished, if any."""

    fence: Fence
    feed: int
    dead_load: int | None
    checkpoint: Checkpoint | None
    asked_at: datetime | None
    dialect: Mapping[str, JsonValue]
    mark: int


class Control:
    """The control tables of one database. Each method is one transaction, which holds the write lock from its start."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # No pool: a run needs these tables twice, and a connection at rest would keep a thread and, in memory, the database.
        self._engine = create_async_engine("sqlite+aiosqlite://", async_creator=database.open, poolclass=NullPool)
        event.listen(self._engine.sync_engine, "begin", _begin_immediate)

    async def definition(self, name: str) -> FeedDefinition | None:
        """Return the stored definition of a feed, None when there is none."""
        async with self._transaction() as connection:
            return await read_definition(connection, name)

    async def find_feed(self, feed: FeedDefinition) -> int:
        """Return a feed's id; a feed that does not exist is made as defined."""
        async with self._transaction() as connection:
            return await find_or_create(connection, feed, now=clock.now())

    async def begin(self, feed: FeedDefinition, number: int, *, run: int | None = None) -> Beginning:
        """Begin a run of the feed of that id, which the caller holds: whatever is still called started is dead.

        Dead runs that were not decided end as failed, those that were asked for wait again; they lose their fence in the same
        transaction. Those that were decided are finished before (`sinks.sqlite.decisions`). With `run` it is that one which begins,
        for the first time or once more: a row that is pending, or that a dead process had begun. Raises `Superseded` when it has
        ended.
        """
        now = clock.now()
        async with self._transaction() as connection:
            await _fail_dead(connection, number, now=now, but=run)
            source = feed.attributes.get("resourceLocation")
            mark = (await connection.execute(select(func.coalesce(func.max(CHANGES.c.id), 0)))).scalar_one()
            values = {"status": RunStatus.STARTED.value, "started_at": now, "source": source and str(source), "change_mark": mark}
            if run is None:
                made = await connection.execute(insert(RUNS).values(feed_id=number, epoch=FIRST_EPOCH, **values))
                run, epoch = _first(made.inserted_primary_key), FIRST_EPOCH
            else:
                epoch = await _begin_again(connection, Fence(run, 0, number, feed.name), values)
            left = select(FEEDS.c.loading_run_id, FEEDS.c.checkpoint).where(FEEDS.c.id == number)
            dead, checkpoint = (await connection.execute(left)).one()
            asked = (await connection.execute(_last_asked(number, before=run))).scalar_one()
            read = (await connection.execute(text(LAST_DIALECT), {"feed": number})).scalar_one_or_none()
        fence = Fence(run, epoch, number, feed.name)
        moment = None if asked is None else clock.moment(asked)
        return Beginning(fence, number, dead, _load_checkpoint(checkpoint), moment, load_dialect(read), mark)

    async def begin_undo(self, number: int, undoes: int) -> Fence:
        """Begin a run that undoes another one of the feed of that id, which the caller holds. It is decided from its beginning."""
        now = clock.now()
        mark = select(func.coalesce(func.max(CHANGES.c.id), 0)).scalar_subquery()
        values = {"status": RunStatus.STARTED.value, "epoch": FIRST_EPOCH, "kind": "undo", "started_at": now, "decided_at": now}
        async with self._transaction() as connection:
            await _fail_dead(connection, number, now=now)
            made = await connection.execute(insert(RUNS).values(feed_id=number, undoes=undoes, change_mark=mark, **values))
            name = (await connection.execute(select(FEEDS.c.name).where(FEEDS.c.id == number))).scalar_one()
            return Fence(_first(made.inserted_primary_key), FIRST_EPOCH, number, name)

    async def decide(self, fence: Fence, record: RunRecord, plan: Plan) -> None:
        """Store that a run is going to be applied, and how: from here on it is finished, by whoever gets to it.

        What the database does is counted from zero. Raises `Superseded` when the run no longer holds the fence.
        """
        values = {**_values(record), **dict.fromkeys(_EFFECTS, 0), "plan": plan.dump(), "decided_at": plan.at}
        async with self._writing(fence, values):
            pass

    async def hold(self, fence: Fence, record: RunRecord, plan: Plan) -> None:
        """Store that a run waits for a decision; one that the feed holds already gives way. Raises `Superseded` as `decide` does."""
        values = {**_values(record), "plan": plan.dump(), "status": RunStatus.HELD.value, "finished_at": clock.now()}
        async with self._writing(fence, values) as connection:
            await connection.execute(_give_way(fence))

    async def take_over(self, run: int, status: RunStatus) -> Fence | None:
        """Make a run of this status, which nobody works on, the caller's, and return its fence; None when it has another status.

        Whoever worked on it cannot write any more: its epoch is another one.
        """
        mine = (RUNS.c.id == run) & (RUNS.c.status == status.value)
        values: dict[str, Any] = {"epoch": RUNS.c.epoch + 1, "status": RunStatus.STARTED.value}
        if status is RunStatus.HELD:
            values = {**values, **dict.fromkeys(_EFFECTS, 0), "decided_at": clock.now(), "finished_at": None}
        async with self._transaction() as connection:
            row = (
                await connection.execute(update(RUNS).where(mine).values(**values).returning(RUNS.c.epoch, RUNS.c.feed_id))
            ).one_or_none()
            if row is None:
                return None
            name = (await connection.execute(select(FEEDS.c.name).where(FEEDS.c.id == row.feed_id))).scalar_one()
        return Fence(run, row.epoch, row.feed_id, name)

    async def cancel(self, run: int, record: RunRecord) -> None:
        """End a held run as `record` says; nothing happens when it is not held.

        In one transaction: a run that were taken over first, and its process killed then, would be taken for one to be applied.
        """
        held = (RUNS.c.id == run) & (RUNS.c.status == RunStatus.HELD.value)
        async with self._transaction() as connection:
            await connection.execute(update(RUNS).where(held).values(epoch=RUNS.c.epoch + 1, **_ending(record)))

    async def fail(self, fence: Fence, record: RunRecord) -> None:
        """Store the final record of a run that was not applied. Raises `Superseded` when the run no longer holds the fence."""
        async with self._writing(fence, _ending(record)):
            pass

    async def put_back(self, fence: Fence) -> None:
        """Let a run that was asked for and is not decided wait again, as if nobody had begun it. Raises `Superseded` as `fail` does."""
        stops = func.coalesce(func.json_extract(RUNS.c.requested, "$.stops"), 0) + 1
        values = {"status": RunStatus.PENDING.value, "requested": func.json_set(RUNS.c.requested, "$.stops", stops)}
        async with self._writing(fence, values):
            pass

    async def fail_dead(self, feed: int) -> None:
        """End the runs of a feed, which the caller holds, that were begun and not decided: whoever began them is dead.

        Those that were asked for wait again instead.
        """
        async with self._transaction() as connection:
            await _fail_dead(connection, feed, now=clock.now())

    async def finish(
        self,
        fence: Fence,
        record: RunRecord,
        checkpoint: Checkpoint | None,
        feed: FeedDefinition,
        *,
        screen: StoredScreen | None = None,
        keeps_screen: bool = False,
    ) -> None:
        """Complete a run with the definition it was applied under, all in one transaction: what dies has nothing left to do after it.

        A definition that somebody changed after the run had begun is newer, and stays; so does that of a feed whose run was asked
        of the service, which read it from the store and has nothing to add to it. `screen` takes the place of what was known before;
        without one that is forgotten, unless `keeps_screen` says that the run has changed nothing.

        Raises `Superseded` when the run no longer holds the fence.
        """
        async with self._transaction() as connection:
            first, *others = _completing(fence, record, checkpoint)
            await self._prove(connection, fence, first)
            for other in others:
                await connection.execute(other)
            if not await _keeps_definition(connection, fence):
                await write_definition(connection, feed, now=clock.now())
            if not keeps_screen:
                await _store_screen(connection, fence.feed, screen)

    @staticmethod
    async def complete_undo(writer: Writer, fence: Fence, record: RunRecord, *, restored: bool) -> None:
        """Complete an undo inside a transaction of its writer, and leave the definition as it is.

        What the feed holds, and what it read last, count no more where something was restored, and stay where nothing was.
        """
        first, *others = _completing(fence, record, None)
        await execute(writer, first, *(others if restored else ()))

    @asynccontextmanager
    async def _writing(self, fence: Fence, values: Mapping[str, Any]) -> AsyncIterator[AsyncConnection]:
        async with self._transaction() as connection:
            await self._prove(connection, fence, update(RUNS).where(_mine(fence)).values(**values))
            yield connection

    @staticmethod
    async def _prove(connection: AsyncConnection, fence: Fence, own: Update) -> None:
        """Change the run's own row, which is there to be changed only while the run holds its fence."""
        if (await connection.execute(own)).rowcount != 1:
            newer = select(func.max(RUNS.c.id)).where(RUNS.c.feed_id == fence.feed)
            raise superseded(fence, (await connection.execute(newer)).scalar_one())

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        # Shielded as a whole: it takes milliseconds, and a cancellation in the middle of SQLAlchemy's own clean-up would
        # leave a connection whose thread keeps the process alive.
        with CancelScope(shield=True):
            try:
                async with self._engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                raise self._explained(error) from error
            except sqlite3.Error as error:
                raise explain(error, self._database.name) from error

    def _explained(self, error: DBAPIError) -> Exception:
        # SQLAlchemy hands out the driver's error under an adapter of its own, with the driver's as its cause.
        cause: BaseException | None = error.orig
        while cause is not None and not isinstance(cause, sqlite3.Error):
            cause = cause.__cause__
        return error if cause is None else explain(cause, self._database.name)


async def _store_screen(connection: AsyncConnection, feed: int, screen: StoredScreen | None) -> None:
    if screen is None:
        await connection.execute(text(FORGET), {"feed": feed})
    elif not screen.same or (await connection.execute(text(IS_STORED), {"feed": feed})).one_or_none() is None:
        await connection.execute(text(STORE), screen.parameters(feed))


async def _keeps_definition(connection: AsyncConnection, fence: Fence) -> bool:
    joined = select(RUNS.c.id).join(FEEDS, FEEDS.c.id == RUNS.c.feed_id).where(RUNS.c.id == fence.run)
    kept = joined.where(RUNS.c.requested.is_not(None) | (FEEDS.c.updated_at > RUNS.c.started_at))
    return (await connection.execute(kept)).one_or_none() is not None


async def _begin_again(connection: AsyncConnection, fence: Fence, values: Mapping[str, Any]) -> int:
    """Begin the run of a fence and return its epoch; what its dead epochs told of records is told again."""
    waits = RUNS.c.status.in_((RunStatus.PENDING.value, RunStatus.STARTED.value)) & RUNS.c.decided_at.is_(None)
    mine = (RUNS.c.id == fence.run) & (RUNS.c.feed_id == fence.feed) & waits
    begun = await connection.execute(update(RUNS).where(mine).values(epoch=RUNS.c.epoch + 1, **values).returning(RUNS.c.epoch))
    epoch = begun.scalar_one_or_none()
    if epoch is None:
        raise superseded(fence, fence.run)
    await connection.execute(delete(REJECTS).where(REJECTS.c.run_id == fence.run))
    return int(epoch)


async def execute(writer: Writer, *statements: Update) -> None:
    """Run statements of SQLAlchemy on a writer's connection, inside its transaction."""
    for statement in statements:
        compiled = statement.compile(dialect=_DIALECT)
        await writer.execute(str(compiled), *(compiled.params[name] for name in compiled.positiontup or ()))


def _completing(fence: Fence, record: RunRecord, checkpoint: Checkpoint | None) -> tuple[Update, ...]:
    """Return what stores the final record of an applied run and its checkpoint, and reveals what it loaded."""
    loaded = (FEEDS.c.id == fence.feed) & (FEEDS.c.loading_run_id == fence.run)
    before = select(FEEDS.c.checkpoint).where(FEEDS.c.id == fence.feed).scalar_subquery()
    now = clock.now()
    values = {**_ending(record), "checkpoint_before": before, "decided_at": func.coalesce(RUNS.c.decided_at, now), "plan": None}
    return (
        update(RUNS).where(_mine(fence)).values(**values),
        update(FEEDS).where(loaded).values(loading_run_id=None),
        update(FEEDS).where(FEEDS.c.id == fence.feed).values(checkpoint=None if checkpoint is None else _dump(asdict(checkpoint))),
        _give_way(fence),
    )


def _mine(fence: Fence) -> ColumnElement[bool]:
    return (RUNS.c.id == fence.run) & (RUNS.c.epoch == fence.epoch) & (RUNS.c.status == RunStatus.STARTED.value)


def _ending(record: RunRecord) -> dict[str, Any]:
    return {**_values(record), "status": record.status.value, "finished_at": clock.now()}


def _values(record: RunRecord) -> dict[str, Any]:
    return {
        **_counters(record),
        "seconds": record.seconds,
        "asked_at": None if record.asked_at is None else clock.microseconds(record.asked_at),
        "stages": _dump({name: asdict(times) for name, times in record.stages.items()}),
        "dialect": _dump(dict(record.dialect)),
        "problems": dump_problems(record.problems),
        "figures": None if record.figures is None else _dump(asdict(record.figures)),
    }


def _last_asked(feed: int, *, before: int) -> Select[int | None]:
    """Return when a run last asked the source; one that died without a record counts from its beginning."""
    died = (RUNS.c.asked_at.is_(None)) & (RUNS.c.status == RunStatus.ERROR.value)
    moment = case((died, RUNS.c.started_at), else_=RUNS.c.asked_at)
    return select(func.max(moment)).where((RUNS.c.feed_id == feed) & (RUNS.c.id < before))


def load_dialect(stored: object) -> Mapping[str, JsonValue]:
    """Return a stored dialect, empty when there is none."""
    return {} if stored is None else orjson.loads(str(stored))


def _load_checkpoint(stored: str | None) -> Checkpoint | None:
    return None if stored is None else Checkpoint(**orjson.loads(stored))


async def _fail_dead(connection: AsyncConnection, feed: int, *, now: int, but: int | None = None) -> None:
    problem = Problem("abandoned", "the run died before it was decided; nothing of it was applied")
    dead = (RUNS.c.feed_id == feed) & (RUNS.c.status == RunStatus.STARTED.value) & RUNS.c.decided_at.is_(None)
    if but is not None:
        dead &= RUNS.c.id != but
    values = {"status": RunStatus.ERROR.value, "finished_at": now, "problems": dump_problems((problem,))}
    asked = RUNS.c.requested.is_not(None)
    # Whoever asked for it is owed it: another worker takes it over. That one began it stays counted.
    await connection.execute(update(RUNS).where(dead & asked).values(status=RunStatus.PENDING.value))
    await connection.execute(update(RUNS).where(dead & ~asked).values(epoch=RUNS.c.epoch + 1, **values))


def _give_way(fence: Fence) -> Update:
    """End what the feed holds: what it waits to apply is older than what this run read."""
    held = (RUNS.c.feed_id == fence.feed) & (RUNS.c.status == RunStatus.HELD.value) & (RUNS.c.id != fence.run)
    problem = _dump(_problem(Problem("superseded", f"run {fence.run} came after it; nothing of this one was applied")))
    told = func.json_insert(RUNS.c.problems, "$[#]", func.json(problem))
    return update(RUNS).where(held).values(status=RunStatus.CANCELLED.value, epoch=RUNS.c.epoch + 1, problems=told)


def dump_problems(problems: Iterable[Problem]) -> str:
    """Return problems as they are stored."""
    return _dump([_problem(problem) for problem in problems])


def _counters(record: RunRecord) -> dict[str, Any]:
    own = {name: getattr(record, name) for name in ("read", "skipped", "rejected", "limited", "screened", "bytes")}
    return {**asdict(record.counts), **own}


def _problem(problem: Problem) -> dict[str, JsonValue]:
    return {name: value for name, value in asdict(problem).items() if value is not None}


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


def _first(primary_key: Any) -> int:
    return int(primary_key[0])


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
