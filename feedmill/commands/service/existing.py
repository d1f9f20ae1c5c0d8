"""A service's database that has to be there already: a misspelt name makes none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinks.sqlite.service.store import Store


@asynccontextmanager
async def open_existing(db: str) -> AsyncIterator[Store]:
    """Open a database. Raises `ConfigError` where there is none."""
    from anyio import to_thread

    from engine.errors import ConfigError
    from feedmill.assembly import as_sink_url
    from sinks.sqlite.database import locate
    from sinks.sqlite.service.store import open_store

    url = as_sink_url(db)
    path = locate(url).path
    if path is not None and not await to_thread.run_sync(path.exists):
        raise ConfigError(f"there is no database {path}; give the one that the service uses")
    async with open_store(url) as store:
        yield store
