"""The database of a service: a few connections for readers, and one that writes, each with a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import anyio
from anyio import to_thread

from engine.errors import ConfigError
from sinks.sqlite.control import Control
from sinks.sqlite.database import Database, locate
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.migrate import migrate
from sinks.sqlite.service.browsing.sorting import Orders
from sinks.sqlite.service.resources.health import ConnectedCounts
from sinks.sqlite.service.resources.totals import KeptTotals

READERS: Final = 4
"""Requests that may read at once. More would wait for the interpreter, not for the disk."""


class Store:
    """Transactions on one database. Functions that take a `Writer` run inside the transaction of whoever calls them."""

    def __init__(self, database: Database, writer: Writer, readers: list[Writer]) -> None:
        self.database = database
        self.control = Control(database)
        self.connected = ConnectedCounts()
        self.totals = KeptTotals()
        self.orders = Orders()
        self._writer = writer
        self._lock = anyio.Lock()
        self._idle = list(readers)
        self._free = anyio.Semaphore(len(readers), max_value=len(readers))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Writer]:
        """Lend a connection that only reads; all that is read inside the block is of one moment."""
        async with self._free:
            reader = self._idle.pop()
            try:
                async with reader.transaction():
                    yield reader
            finally:
                self._idle.append(reader)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writer]:
        """Open a transaction that holds the write lock; it is committed at the end, rolled back on any error."""
        async with self._lock, self._writer.transaction():
            yield self._writer

    @asynccontextmanager
    async def changing(self, origin: Origin) -> AsyncIterator[Writer]:
        """Open a transaction as `writing` does, in which what happens to items is logged under `origin`."""
        async with self._lock, self._writer.changing(origin):
            yield self._writer


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[Store]:
    """Open a database by its URL, creating and migrating it. Raises `ConfigError` for what is none, and for one in memory."""
    database = locate(url)
    if database.path is None:
        raise ConfigError("a service needs a database on disk: give its path, or a URL such as sqlite:///shop.db")
    await to_thread.run_sync(migrate, database)
    async with AsyncExitStack() as stack:
        writer = Writer(await stack.enter_async_context(database.connect()), None, database.name, locking=True)
        readers = [Writer(await stack.enter_async_context(database.connect()), None, database.name) for _ in range(READERS)]
        for reader in readers:
            await reader.execute("PRAGMA query_only = ON")
        yield Store(database, writer, readers)
