"""The sink itself: open a database from its URL, begin runs on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from anyio import to_thread

from engine.contracts import FeedDefinition, SinkSession
from sinks.sqlite.control import Control
from sinks.sqlite.database import Database, locate
from sinks.sqlite.migrate import migrate
from sinks.sqlite.session import open_dry_session, open_session


class SqliteSink:
    """Items, feeds and runs in one SQLite database, see `engine.contracts.Sink`.

    One that is bound to a `run`, which was asked for and waits, begins that one and no other.
    """

    def __init__(self, database: Database, *, run: int | None = None) -> None:
        self._database = database
        self._run = run
        self._control = Control(database)

    async def feed(self, name: str) -> FeedDefinition | None:
        """Return the stored definition of a feed, None when there is none."""
        return await self._control.definition(name)

    def session(self, feed: FeedDefinition, *, dry_run: bool = False) -> AbstractAsyncContextManager[SinkSession]:
        if dry_run:
            return open_dry_session(self._database, feed)
        return open_session(self._database, self._control, feed, run=self._run)


@asynccontextmanager
async def open_sqlite(url: str, *, run: int | None = None) -> AsyncIterator[SqliteSink]:
    """Open a database by its URL, creating and migrating it; see `locate` for the URLs, and `SqliteSink` for `run`.

    Raises `ConfigError` when the directory is missing, the file is no database, or its schema is newer than this program.
    """
    database = locate(url)
    async with AsyncExitStack() as stack:
        if database.path is None:
            # A database in memory lives as long as one connection to it.
            await stack.enter_async_context(database.connect())
        await to_thread.run_sync(migrate, database)
        yield SqliteSink(database, run=run)
