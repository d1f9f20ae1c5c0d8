"""Who works on a feed: one session at a time, and whoever comes second is told which run is under way.

The lock is the operating system's, on a file beside the database, so that it ends with the process that holds it, however that
ends. It keeps processes apart; that a process which lost its run writes nothing more is the fence's business.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import CancelScope, to_thread

from engine.errors import UnderWay
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Writer

_IN_MEMORY: Final[set[tuple[str, int]]] = set()
"""The feeds in work of databases in memory, which no other process sees."""


@asynccontextmanager
async def hold_feed(database: Database, reader: Writer, feed: int, name: str) -> AsyncIterator[None]:
    """Hold a feed for as long as the block lasts. Raises `UnderWay`, naming the run, when another session holds it."""
    held = await to_thread.run_sync(_acquire, database, feed)
    if held is None:
        rows = await reader.query("SELECT max(id) FROM main.data_imports WHERE feed_id = ? AND status = 'started'", feed)
        run = int(str(rows[0][0] or 0))
        what = f"run {run} of feed {name!r} is under way" if run else f"another process works on feed {name!r}"
        raise UnderWay(f"{what}: nothing was begun; wait until it has ended", run=run)
    try:
        yield
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(_release, database, feed, held)


def _acquire(database: Database, feed: int) -> int | None:
    """Return what `_release` wants, None when somebody else holds the feed."""
    if database.path is None:
        if (database.uri, feed) in _IN_MEMORY:
            return None
        _IN_MEMORY.add((database.uri, feed))
        return 0
    # By its real name: who comes by a symbolic link works on the same database.
    descriptor = os.open(f"{os.path.realpath(database.path)}-feed-{feed}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        # Never removed: a name that is taken away and made again could be locked twice.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _release(database: Database, feed: int, held: int) -> None:
    if database.path is None:
        _IN_MEMORY.discard((database.uri, feed))
    else:
        os.close(held)
