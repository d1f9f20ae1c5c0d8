"""Open a service from its settings: the database, the keys, the plugins; and the loops that run as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anyio import to_thread

from engine.errors import ConfigError
from engine.source import Egress
from feedmill.assembly import as_sink_url, load_plugins
from feedmill.service.context import Service
from feedmill.service.inbox import run_inbox
from feedmill.service.keys import key_file, load_keys
from feedmill.service.pushing import run_pushes
from sinks.sqlite.service.store import open_store

if TYPE_CHECKING:
    from feedmill.service.settings import Outgoing, ServiceSettings

Loop: TypeAlias = Callable[[Service], Coroutine[Any, Any, None]]

LOOPS: Final[tuple[Loop, ...]] = (run_pushes, run_inbox)
"""What runs beside the server until it is cancelled: scheduler, jobs, inbox, outbox, alerts."""


@asynccontextmanager
async def open_service(settings: ServiceSettings) -> AsyncIterator[Service]:
    """Open what a service needs; nothing runs yet. Raises `ConfigError` when the database or the keys cannot be used."""
    url = as_sink_url(settings.database)
    async with open_store(url) as store:
        path = settings.key_file or key_file(_path(store.database.path))
        keys = await to_thread.run_sync(load_keys, path)
        yield Service(settings.model_copy(update={"database": url}), store, keys, await load_plugins(), _egress(settings.egress))


def _path(path: Path | None) -> Path:
    if path is None:
        raise ConfigError("a service needs a database on disk")
    return path


def _egress(chosen: Outgoing) -> Egress:
    return Egress(
        chosen.allow_private,
        None if chosen.ports is None else frozenset(chosen.ports),
        None if chosen.schemes is None else frozenset(chosen.schemes),
    )
