"""Runs that are asked for: a row of its own for each, pending until a worker begins it, and the job that reminds one of it."""

from __future__ import annotations

from typing import Final, Literal

import orjson

from engine.errors import NotFound, UnderWay
from sinks.sqlite import clock
from sinks.sqlite.fence import Writer

JOB_KIND: Final = "run"


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
    await writer.execute(
        "INSERT OR IGNORE INTO main.jobs (kind, dedupe_key, payload, available_at, created_at) VALUES (?, ?, ?, ?, ?)",
        *(JOB_KIND, f"feed:{feed}", orjson.dumps({"feed": feed, "run": number}).decode(), now, now),
    )
    return number
