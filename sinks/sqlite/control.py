"""The control tables through SQLAlchemy: beginning and ending a run, and a feed's definition."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from anyio import CancelScope
from sqlalchemy import Connection, NullPool, Select, Update, case, event, func, insert, select, text, update
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
from sinks.sqlite.tables import FEEDS, RUNS

FIRST_EPOCH: Final = 1

LAST_DIALECT: Final = (
    "SELECT dialect FROM main.data_imports WHERE feed_id = :feed AND status = 'complete' AND dialect <> '{}' ORDER BY id DESC LIMIT 1"
)
"""How the last complete run of a feed read it. One that found its source unchanged read nothing, and has no dialect."""

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

    async def begin(self, feed: FeedDefinition) -> Beginning:
        """Begin a run: make the feed if need be, end earlier runs that are under way, insert the run.

        Those earlier runs lose their fence in the same transaction: from here on they cannot write.
        """
        now = clock.now()
        async with self._transaction() as connection:
            number = await find_or_create(connection, feed, now=now)
            source = feed.attributes.get("resourceLocation")
            values = {"status": RunStatus.STARTED.value, "epoch": FIRST_EPOCH, "started_at": now, "source": source and str(source)}
            made = await connection.execute(insert(RUNS).values(feed_id=number, **values))
            run = _first(made.inserted_primary_key)
            await _supersede(connection, number, by=run, now=now)
            left = select(FEEDS.c.loading_run_id, FEEDS.c.checkpoint).where(FEEDS.c.id == number)
            dead, checkpoint = (await connection.execute(left)).one()
            asked = (await connection.execute(_last_asked(number, before=run))).scalar_one()
            read = (await connection.execute(text(LAST_DIALECT), {"feed": number})).scalar_one_or_none()
        fence = Fence(run, FIRST_EPOCH, number, feed.name)
        moment = None if asked is None else clock.moment(asked)
        return Beginning(fence, number, dead, _load_checkpoint(checkpoint), moment, load_dialect(read))

    async def define(self, feed: FeedDefinition) -> None:
        """Store the definition under which a run was complete."""
        async with self._transaction() as connection:
            await write_definition(connection, feed, now=clock.now())

    async def fail(self, fence: Fence, record: RunRecord) -> None:
        """Store the final record of a run that was not applied. Raises `Superseded` when the run no longer holds the fence."""
        async with self._transaction() as connection:
            if (await connection.execute(_ending(fence, record))).rowcount != 1:
                newer = select(func.max(RUNS.c.id)).where(RUNS.c.feed_id == fence.feed)
                raise superseded(fence, (await connection.execute(newer)).scalar_one())

    @staticmethod
    async def complete(writer: Writer, fence: Fence, record: RunRecord, checkpoint: Checkpoint | None) -> None:
        """Store the final record of an applied run, and reveal what it loaded, inside the transaction that applied it."""
        loaded = (FEEDS.c.id == fence.feed) & (FEEDS.c.loading_run_id == fence.run)
        left = None if checkpoint is None else _dump(asdict(checkpoint))
        statements = (
            _ending(fence, record),
            update(FEEDS).where(loaded).values(loading_run_id=None),
            update(FEEDS).where(FEEDS.c.id == fence.feed).values(checkpoint=left),
        )
        for statement in statements:
            compiled = statement.compile(dialect=_DIALECT)
            await writer.execute(str(compiled), *(compiled.params[name] for name in compiled.positiontup or ()))

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


def _ending(fence: Fence, record: RunRecord) -> Update:
    values = {**_counters(record), "status": record.status.value, "finished_at": clock.now(), "seconds": record.seconds}
    values["asked_at"] = None if record.asked_at is None else clock.microseconds(record.asked_at)
    values["stages"] = _dump({name: asdict(times) for name, times in record.stages.items()})
    values["dialect"] = _dump(dict(record.dialect))
    values["problems"] = _dump([_problem(problem) for problem in record.problems])
    mine = (RUNS.c.id == fence.run) & (RUNS.c.epoch == fence.epoch) & (RUNS.c.status == RunStatus.STARTED.value)
    return update(RUNS).where(mine).values(**values)


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


async def _supersede(connection: AsyncConnection, feed: int, *, by: int, now: int) -> None:
    problem = _dump([_problem(Problem("superseded", f"superseded by run {by}"))])
    under_way = (RUNS.c.feed_id == feed) & (RUNS.c.status == RunStatus.STARTED.value) & (RUNS.c.id != by)
    values = {"status": RunStatus.ERROR.value, "finished_at": now, "problems": problem}
    await connection.execute(update(RUNS).where(under_way).values(epoch=RUNS.c.epoch + 1, **values))


def _counters(record: RunRecord) -> dict[str, Any]:
    own = {name: getattr(record, name) for name in ("read", "skipped", "rejected", "limited", "bytes")}
    return {**asdict(record.counts), **own}


def _problem(problem: Problem) -> dict[str, JsonValue]:
    return {name: value for name, value in asdict(problem).items() if value is not None}


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


def _first(primary_key: Any) -> int:
    return int(primary_key[0])


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
