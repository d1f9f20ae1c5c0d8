"""Feedmill for programs, after a run: decide one that is held, see what runs did, and take it back.

All of it is about a database that runs were stored in: `db` is its URL (`sqlite:///shop.db`) or its path. Every function raises
`ConfigError` when the database, the run or the item does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from feedmill.assembly import as_sink_url

if TYPE_CHECKING:
    from engine.run import RunRecord
    from sinks.sqlite.database import Database
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.history.diff import RunDiff
    from sinks.sqlite.history.kinds import ItemChange
    from sinks.sqlite.history.log import ItemHistory
    from sinks.sqlite.history.undo import UndoOutcome


async def approve(run: int, *, db: str, comment: str | None = None) -> RunRecord:
    """Apply a held run and return its record.

    What it leaves is what the next run is judged against. Raises `ConfigError` when the run is not held, `UnderWay` when another run of
    its feed is under way.
    """
    from sinks.sqlite import decisions

    return await decisions.approve(await _existing(db), run, comment=comment)


async def reject(run: int, *, db: str, comment: str | None = None) -> RunRecord:
    """End a held run without applying it and return its record, which is `cancelled`. Raises as `approve` does."""
    from sinks.sqlite import decisions

    return await decisions.reject(await _existing(db), run, comment=comment)


async def undo(run: int, *, db: str, dry_run: bool = False) -> UndoOutcome:
    """Restore what a complete run changed, except for what was written since, and return the record of doing so with the conflicts.

    An undo is a run of its own and can be undone. With `dry_run` nothing is done, and the outcome is what it would be. Raises
    `ConfigError` when the run is not complete, is undone already, or its changes are not known any more; `UnderWay` as `approve` does.
    """
    from sinks.sqlite.history import undo as undoing

    database = await _existing(db)
    return await (undoing.plan_undo if dry_run else undoing.undo)(database, run)


async def diff(run: int, *, db: str) -> RunDiff:
    """Return what a complete run did to the items, or what a held one would do: figures, and samples of each kind of change.

    Raises `ConfigError` for a run of another status, and for one whose changes are not known any more.
    """
    from sinks.sqlite.history.diff import read_diff

    async with _reading(db) as reader:
        return await read_diff(reader, run)


async def changes(run: int, *, db: str) -> AsyncGenerator[ItemChange, None]:
    """Yield every item that a complete run changed, or that a held one would. Raises as `diff` does."""
    from sinks.sqlite.history.diff import read_changes

    async with _reading(db) as reader:
        async for change in read_changes(reader, run):
            yield change


async def history(item: str, *, db: str, feed: str | None = None) -> ItemHistory:
    """Return what was done to an item, newest first, deleted ones included.

    `item` is an externalId, a SKU, or `#` and an id. Raises `ConfigError` when none is meant or several are, and names these.
    """
    from sinks.sqlite.history.log import read_history

    async with _reading(db) as reader:
        return await read_history(reader, item, feed)


async def _existing(db: str) -> Database:
    from sinks.sqlite.database import locate
    from sinks.sqlite.migrate import require_head

    database = locate(as_sink_url(db))
    await to_thread.run_sync(require_head, database)
    return database


@asynccontextmanager
async def _reading(db: str) -> AsyncIterator[Writer]:
    from sinks.sqlite.fence import Writer

    database = await _existing(db)
    async with database.connect() as connection:
        reader = Writer(connection, None, database.name)
        await reader.execute("PRAGMA query_only = ON")
        yield reader
