"""The control tables: beginning, deciding and ending a run, and a feed's definition.

The statements are text: SQLAlchemy, in which the tables are defined (`sinks.sqlite.tables`), takes a quarter of a second and 17 MB to
import, half of what a small sync took altogether. What runs here runs on the tables of the migrations, which a test holds against
that definition.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, TypeAlias

import orjson
from anyio import CancelScope

from engine.batch import JsonValue
from engine.contracts import Checkpoint, FeedDefinition
from engine.run import Problem, RunRecord, RunStatus
from sinks.sqlite import clock
from sinks.sqlite.database import Database
from sinks.sqlite.definitions import find_or_create, read_definition, write_definition
from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Fence, Writer, superseded
from sinks.sqlite.landing.applying import Plan
from sinks.sqlite.screen.stored import StoredScreen, store_screen

Stored: TypeAlias = str | int | float | None
"""What a column of these tables takes."""

FIRST_EPOCH: Final = 1

LAST_DIALECT: Final = (
    "SELECT dialect FROM main.data_imports WHERE feed_id = ? AND status = 'complete' AND dialect <> '{}' ORDER BY id DESC LIMIT 1"
)
"""How the last complete run of a feed read it. One that found its source unchanged read nothing, and has no dialect."""

_EFFECTS: Final = ("created", "updated", "removed", "skipped", "limited")
"""Counters that a run under way adds what the database did to, chunk by chunk."""

_MINE: Final = "id = ? AND epoch = ? AND status = 'started'"
_MARK: Final = "SELECT coalesce(max(id), 0) FROM main.inventory_feed_variant_changes"
_NAME: Final = "SELECT name FROM main.inventory_feeds WHERE id = ?"
_NEXT_EPOCH: Final = "epoch = epoch + 1"

_LAST_ASKED: Final = (
    "SELECT max(CASE WHEN asked_at IS NULL AND status = 'error' THEN started_at ELSE asked_at END)"
    " FROM main.data_imports WHERE feed_id = ? AND id < ?"
)
"""When a run last asked the source; one that died without a record counts from its beginning."""

_KEEPS_DEFINITION: Final = (
    "SELECT 1 FROM main.data_imports AS r JOIN main.inventory_feeds AS f ON f.id = r.feed_id"
    " WHERE r.id = ? AND (r.requested IS NOT NULL OR f.updated_at > r.started_at)"
)


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

    async def definition(self, name: str) -> FeedDefinition | None:
        """Return the stored definition of a feed, None when there is none."""
        async with self._transaction() as writer:
            return await read_definition(writer, name)

    async def find_feed(self, feed: FeedDefinition) -> int:
        """Return a feed's id; a feed that does not exist is made as defined."""
        async with self._transaction() as writer:
            return await find_or_create(writer, feed, now=clock.now())

    async def begin(self, feed: FeedDefinition, number: int, *, run: int | None = None) -> Beginning:
        """Begin a run of the feed of that id, which the caller holds: whatever is still called started is dead.

        Dead runs that were not decided end as failed, those that were asked for wait again; they lose their fence in the same
        transaction. Those that were decided are finished before (`sinks.sqlite.decisions`). With `run` it is that one which begins,
        for the first time or once more: a row that is pending, or that a dead process had begun. Raises `Superseded` when it has
        ended.
        """
        now = clock.now()
        async with self._transaction() as writer:
            await _fail_dead(writer, number, now=now, but=run)
            source = feed.attributes.get("resourceLocation")
            mark = await writer.number(_MARK)
            values: dict[str, Stored] = {
                "status": RunStatus.STARTED.value,
                "started_at": now,
                "source": None if source is None else str(source),
                "change_mark": mark,
            }
            if run is None:
                run, epoch = await _insert_run(writer, {"feed_id": number, "epoch": FIRST_EPOCH, **values}), FIRST_EPOCH
            else:
                epoch = await _begin_again(writer, Fence(run, 0, number, feed.name), values)
            left = "SELECT loading_run_id, checkpoint FROM main.inventory_feeds WHERE id = ?"
            ((dead, checkpoint),) = await writer.query(left, number)
            ((asked,),) = await writer.query(_LAST_ASKED, number, run)
            read = await writer.query(LAST_DIALECT, number)
        return Beginning(
            fence=Fence(run, epoch, number, feed.name),
            feed=number,
            dead_load=None if dead is None else int(str(dead)),
            checkpoint=None if checkpoint is None else Checkpoint(**orjson.loads(str(checkpoint))),
            asked_at=None if asked is None else clock.moment(int(str(asked))),
            dialect=load_dialect(read[0][0] if read else None),
            mark=mark,
        )

    async def begin_undo(self, number: int, undoes: int) -> Fence:
        """Begin a run that undoes another one of the feed of that id, which the caller holds. It is decided from its beginning."""
        now = clock.now()
        values: dict[str, Stored] = {
            "status": RunStatus.STARTED.value,
            "epoch": FIRST_EPOCH,
            "kind": "undo",
            "started_at": now,
            "decided_at": now,
        }
        async with self._transaction() as writer:
            await _fail_dead(writer, number, now=now)
            mark = await writer.number(_MARK)
            run = await _insert_run(writer, {"feed_id": number, "undoes": undoes, "change_mark": mark, **values})
            return Fence(run, FIRST_EPOCH, number, await _name(writer, number))

    async def decide(self, fence: Fence, record: RunRecord, plan: Plan) -> None:
        """Store that a run is going to be applied, and how: from here on it is finished, by whoever gets to it.

        What the database does is counted from zero. Raises `Superseded` when the run no longer holds the fence.
        """
        values = {**_values(record), **dict.fromkeys(_EFFECTS, 0), "plan": plan.dump(), "decided_at": plan.at}
        async with self._transaction() as writer:
            await _change_own(writer, fence, values)

    async def hold(self, fence: Fence, record: RunRecord, plan: Plan) -> None:
        """Store that a run waits for a decision; one that the feed holds already gives way. Raises `Superseded` as `decide` does."""
        values = {**_values(record), "plan": plan.dump(), "status": RunStatus.HELD.value, "finished_at": clock.now()}
        async with self._transaction() as writer:
            await _change_own(writer, fence, values)
            await _give_way(writer, fence)

    async def take_over(self, run: int, status: RunStatus) -> Fence | None:
        """Make a run of this status, which nobody works on, the caller's, and return its fence; None when it has another status.

        Whoever worked on it cannot write any more: its epoch is another one.
        """
        values: dict[str, Stored] = {"status": RunStatus.STARTED.value}
        if status is RunStatus.HELD:
            values = {**values, **dict.fromkeys(_EFFECTS, 0), "decided_at": clock.now(), "finished_at": None}
        mine = f"UPDATE main.data_imports SET {_setting(values)}, {_NEXT_EPOCH} WHERE id = ? AND status = ? RETURNING epoch, feed_id"
        async with self._transaction() as writer:
            rows = await writer.query(mine, *values.values(), run, status.value)
            if not rows:
                return None
            epoch, feed = (int(str(each)) for each in rows[0])
            return Fence(run, epoch, feed, await _name(writer, feed))

    async def cancel(self, run: int, record: RunRecord) -> None:
        """End a held run as `record` says; nothing happens when it is not held.

        In one transaction: a run that were taken over first, and its process killed then, would be taken for one to be applied.
        """
        async with self._transaction() as writer:
            await _update_runs(writer, _ending(record), "id = ? AND status = 'held'", run, expressions=(_NEXT_EPOCH,))

    async def fail(self, fence: Fence, record: RunRecord) -> None:
        """Store the final record of a run that was not applied. Raises `Superseded` when the run no longer holds the fence."""
        async with self._transaction() as writer:
            await _change_own(writer, fence, _ending(record))

    async def put_back(self, fence: Fence) -> None:
        """Let a run that was asked for and is not decided wait again, as if nobody had begun it. Raises `Superseded` as `fail` does."""
        stops = "requested = json_set(requested, '$.stops', coalesce(json_extract(requested, '$.stops'), 0) + 1)"
        async with self._transaction() as writer:
            await _change_own(writer, fence, {"status": RunStatus.PENDING.value}, stops)

    async def fail_dead(self, feed: int) -> None:
        """End the runs of a feed, which the caller holds, that were begun and not decided: whoever began them is dead.

        Those that were asked for wait again instead.
        """
        async with self._transaction() as writer:
            await _fail_dead(writer, feed, now=clock.now())

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
        async with self._transaction() as writer:
            await _complete(writer, fence, record)
            await _reveal(writer, fence, checkpoint)
            if not await writer.query(_KEEPS_DEFINITION, fence.run):
                await write_definition(writer, feed, now=clock.now())
            if not keeps_screen:
                await store_screen(writer, fence.feed, screen)

    @staticmethod
    async def complete_undo(writer: Writer, fence: Fence, record: RunRecord, *, restored: bool) -> None:
        """Complete an undo inside a transaction of its writer, and leave the definition as it is.

        What the feed holds, and what it read last, count no more where something was restored, and stay where nothing was.
        """
        await _complete(writer, fence, record)
        if restored:
            await _reveal(writer, fence, None)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Writer]:
        # Shielded as a whole: it takes milliseconds, and what was cancelled before its commit would leave a run half told.
        with CancelScope(shield=True):
            async with self._opened() as writer, writer.transaction():
                yield writer

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Writer]:
        # Of its own each time: a run needs these tables a few times, and a connection at rest would keep a thread.
        with explained(self._database.name):
            async with self._database.connect() as connection:
                yield Writer(connection, None, self._database.name, locking=True)


def _setting(values: Mapping[str, Stored]) -> str:
    return ", ".join(f"{name} = ?" for name in values)


async def _insert_run(writer: Writer, values: Mapping[str, Stored]) -> int:
    places = ", ".join("?" * len(values))
    return await writer.number(f"INSERT INTO main.data_imports ({', '.join(values)}) VALUES ({places}) RETURNING id", *values.values())


async def _update_runs(
    writer: Writer, values: Mapping[str, Stored], where: str, *parameters: Stored, expressions: Iterable[str] = ()
) -> int:
    assigned = ", ".join((_setting(values), *expressions))
    return await writer.execute(f"UPDATE main.data_imports SET {assigned} WHERE {where}", *values.values(), *parameters)


async def _name(writer: Writer, feed: int) -> str:
    ((name,),) = await writer.query(_NAME, feed)
    return str(name)


async def _change_own(writer: Writer, fence: Fence, values: Mapping[str, Stored], *expressions: str) -> None:
    """Change the run's own row, which is there to be changed only while the run holds its fence."""
    if await _update_runs(writer, values, _MINE, fence.run, fence.epoch, expressions=expressions) != 1:
        raise superseded(fence, await writer.number("SELECT max(id) FROM main.data_imports WHERE feed_id = ?", fence.feed))


async def _begin_again(writer: Writer, fence: Fence, values: Mapping[str, Stored]) -> int:
    """Begin the run of a fence and return its epoch; what its dead epochs told of records is told again."""
    waits = "id = ? AND feed_id = ? AND status IN ('pending', 'started') AND decided_at IS NULL"
    begun = f"UPDATE main.data_imports SET {_setting(values)}, {_NEXT_EPOCH} WHERE {waits} RETURNING epoch"
    rows = await writer.query(begun, *values.values(), fence.run, fence.feed)
    if not rows:
        raise superseded(fence, fence.run)
    await writer.execute("DELETE FROM main.data_import_rejects WHERE run_id = ?", fence.run)
    return int(str(rows[0][0]))


async def _complete(writer: Writer, fence: Fence, record: RunRecord) -> None:
    """Store the final record of an applied run, and what its feed had read before."""
    before = "checkpoint_before = (SELECT f.checkpoint FROM main.inventory_feeds AS f WHERE f.id = feed_id)"
    await _change_own(writer, fence, {**_ending(record), "plan": None}, before)
    # A run with nothing to apply was not decided before.
    decided = "UPDATE main.data_imports SET decided_at = finished_at WHERE id = ? AND decided_at IS NULL"
    await writer.execute(decided, fence.run)


async def _reveal(writer: Writer, fence: Fence, checkpoint: Checkpoint | None) -> None:
    """Show what a run loaded straight, leave its checkpoint, and end what the feed holds."""
    feeds = "UPDATE main.inventory_feeds SET"
    await writer.execute(f"{feeds} loading_run_id = NULL WHERE id = ? AND loading_run_id = ?", fence.feed, fence.run)
    left = None if checkpoint is None else _dump(asdict(checkpoint))
    await writer.execute(f"{feeds} checkpoint = ? WHERE id = ?", left, fence.feed)
    await _give_way(writer, fence)


def _ending(record: RunRecord) -> dict[str, Stored]:
    return {**_values(record), "status": record.status.value, "finished_at": clock.now()}


def _values(record: RunRecord) -> dict[str, Stored]:
    return {
        **asdict(record.counts),
        **{name: getattr(record, name) for name in ("read", "skipped", "rejected", "limited", "screened", "bytes")},
        "seconds": record.seconds,
        "asked_at": None if record.asked_at is None else clock.microseconds(record.asked_at),
        "stages": _dump({name: asdict(times) for name, times in record.stages.items()}),
        "dialect": _dump(dict(record.dialect)),
        "problems": dump_problems(record.problems),
        "figures": None if record.figures is None else _dump(asdict(record.figures)),
    }


def load_dialect(stored: object) -> Mapping[str, JsonValue]:
    """Return a stored dialect, empty when there is none."""
    return {} if stored is None else orjson.loads(str(stored))


async def _fail_dead(writer: Writer, feed: int, *, now: int, but: int | None = None) -> None:
    problem = Problem("abandoned", "the run died before it was decided; nothing of it was applied")
    dead = "feed_id = ? AND id IS NOT ? AND status = 'started' AND decided_at IS NULL AND requested"
    values: dict[str, Stored] = {"status": RunStatus.ERROR.value, "finished_at": now, "problems": dump_problems((problem,))}
    # Whoever asked for it is owed it: another worker takes it over. That one began it stays counted.
    await _update_runs(writer, {"status": RunStatus.PENDING.value}, f"{dead} IS NOT NULL", feed, but)
    await _update_runs(writer, values, f"{dead} IS NULL", feed, but, expressions=(_NEXT_EPOCH,))


async def _give_way(writer: Writer, fence: Fence) -> None:
    """End what the feed holds: what it waits to apply is older than what this run read.

    Its figures are those of what was done, which is nothing: what was to be done stays with its plan.
    """
    why = Problem("superseded", f"run {fence.run} came after it; nothing of this one was applied", value=str(fence.run))
    problem = _dump(_problem(why))
    none = "created = 0, updated = 0, unchanged = 0, duplicate = 0, removed = 0, limited = 0, skipped = read - rejected"
    told = f"{none}, problems = json_insert(problems, '$[#]', json(?))"
    cancelled = f"UPDATE main.data_imports SET {told}, status = 'cancelled', {_NEXT_EPOCH}"
    await writer.execute(f"{cancelled} WHERE feed_id = ? AND status = 'held' AND id <> ?", problem, fence.feed, fence.run)


def dump_problems(problems: Iterable[Problem]) -> str:
    """Return problems as they are stored."""
    return _dump([_problem(problem) for problem in problems])


def _problem(problem: Problem) -> dict[str, JsonValue]:
    return {name: value for name, value in asdict(problem).items() if value is not None}


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()
