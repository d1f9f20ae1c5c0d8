"""Runs that are asked for: a row of its own for each, pending until a worker begins it, and the job that reminds one of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import orjson

from engine.errors import NotFound, UnderWay
from engine.run import Problem
from engine.scheduling.jobs import NewJob
from sinks.sqlite import clock
from sinks.sqlite.control import dump_problems
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.jobs import insert_job
from sinks.sqlite.single.targets import WORKING

JOB_KIND: Final = "run"

_UNDECIDED: Final = "status IN ('pending', 'started') AND decided_at IS NULL"

_UNFINISHED: Final = (
    "SELECT id, feed_id FROM main.data_imports AS r WHERE (status = 'pending' OR (status = 'started' AND (requested IS NOT NULL OR"
    " decided_at IS NOT NULL))) AND NOT EXISTS (SELECT 1 FROM main.jobs AS j WHERE j.dedupe_key = 'run:' || r.id) ORDER BY id"
)
"""What is asked for, and what is decided, which any process may finish. A run of the command line that is not is its own business."""

_LEFT: Final = (
    "SELECT DISTINCT f.id, f.name FROM main.data_imports AS r JOIN main.inventory_feeds AS f ON f.id = r.feed_id"
    " WHERE r.status = 'started' AND r.requested IS NULL AND r.decided_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run as whoever works on it finds it. `deaths` counts the workers that began it and did not come to its end.

    `wanted` is false where its feed has been disabled, or its provider, since it was asked for.
    """

    number: int
    feed: int
    feed_name: str
    status: str
    decided: bool
    refetch: bool
    deaths: int
    wanted: bool = True


def job_of(run: int, feed: int) -> NewJob:
    """Return the job that reminds a worker of a run."""
    return NewJob(JOB_KIND, {"run": run, "feed": feed}, key=f"run:{run}")


async def enqueue_run(writer: Writer, feed: int, *, trigger: Literal["schedule", "call"], refetch: bool = False) -> int:
    """Ask for a run of a feed and return its number; inside the caller's transaction.

    Raises `NotFound` when there is no such feed, `UnderWay` when a run of it is pending or has begun.
    """
    rows = await writer.query("SELECT name FROM main.inventory_feeds WHERE id = ?", feed)
    if not rows:
        raise NotFound(f"there is no inventory feed {feed}")
    waiting = "SELECT max(id) FROM main.data_imports WHERE feed_id = ? AND status IN ('pending', 'started')"
    ((run,),) = await writer.query(waiting, feed)
    if run is not None:
        raise UnderWay(f"run {run} of feed {str(rows[0][0])!r} is under way: nothing was begun; wait until it has ended", run=int(str(run)))
    now = clock.now()
    requested = orjson.dumps({"trigger": trigger, "refetch": refetch}).decode()
    made = await writer.query(
        "INSERT INTO main.data_imports (feed_id, status, epoch, started_at, enqueued_at, requested) VALUES (?, 'pending', 0, ?, ?, ?)"
        " RETURNING id",
        *(feed, now, now, requested),
    )
    number = int(str(made[0][0]))
    await insert_job(writer, job_of(number, feed))
    return number


async def read_asked_run(reader: Writer, run: int) -> AskedRun | None:
    """Return a run, None when there is none."""
    rows = await reader.query(
        "SELECT r.feed_id, f.name, r.status, r.decided_at IS NOT NULL, coalesce(json_extract(r.requested, '$.refetch'), 0),"
        " r.epoch - coalesce(json_extract(r.requested, '$.stops'), 0),"
        " f.enabled AND p.status IN (SELECT value FROM json_each(?))"
        " FROM main.data_imports AS r JOIN main.inventory_feeds AS f ON f.id = r.feed_id"
        " JOIN main.dropship_providers AS p ON p.id = f.dropship_provider_id WHERE r.id = ?",
        *(orjson.dumps(WORKING).decode(), run),
    )
    if not rows:
        return None
    feed, name, status, decided, refetch, deaths, wanted = rows[0]
    return AskedRun(run, int(str(feed)), str(name), str(status), bool(decided), bool(refetch), int(str(deaths)), bool(wanted))


async def awaits_batches(reader: Writer, run: int, *, now: int) -> bool:
    """Return whether batches can be applied that the feed of a run had taken before the run was asked for.

    They are older than what the run is going to read; applied after it they would pass for newer.
    """
    older = (
        "SELECT 1 FROM main.data_imports AS r CROSS JOIN main.batches AS b ON b.status = 'pending' AND b.feed_id = r.feed_id"
        " AND b.available_at <= ? AND b.created_at <= r.enqueued_at WHERE r.id = ? LIMIT 1"
    )
    return bool(await reader.query(older, now, run))


async def put_back(writer: Writer, asked: AskedRun) -> None:
    """Let a run wait again whose worker was killed by whoever stops the service, where it had begun since `asked` and is not decided."""
    stops = "coalesce(json_extract(requested, '$.stops'), 0)"
    await writer.execute(
        f"UPDATE main.data_imports SET status = 'pending', requested = json_set(requested, '$.stops', {stops} + 1)"
        f" WHERE id = ? AND status = 'started' AND decided_at IS NULL AND requested IS NOT NULL AND epoch - {stops} > ?",
        *(asked.number, asked.deaths),
    )


async def list_unfinished(reader: Writer) -> list[NewJob]:
    """Return the jobs of runs that are to be done and that no job speaks of."""
    return [job_of(int(str(run)), int(str(feed))) for run, feed in await reader.query(_UNFINISHED)]


async def list_left_feeds(reader: Writer) -> list[tuple[int, str]]:
    """Return the feeds, by id and name, that have a run which nobody asked the service for and whose process may have died."""
    return [(int(str(feed)), str(name)) for feed, name in await reader.query(_LEFT)]


async def end_undecided(writer: Writer, run: int, status: Literal["error", "cancelled"], problem: Problem) -> bool:
    """End a run that is pending, or has begun and is not decided, and return whether it was; whoever works on it writes no more."""
    ended = await writer.execute(
        f"UPDATE main.data_imports SET epoch = epoch + (status = 'started'), status = ?, finished_at = ?, problems = ?"
        f" WHERE id = ? AND {_UNDECIDED}",
        *(status, clock.now(), dump_problems((problem,)), run),
    )
    return bool(ended)
