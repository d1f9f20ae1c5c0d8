"""Open a service from its settings: the database, the keys, the plugins; and the loops that run as long as it does."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anyio import to_thread

from engine.errors import ConfigError
from engine.source import Egress
from feedmill.assembly import as_sink_url, load_plugins
from feedmill.service.alerting.alerts import run_alerts
from feedmill.service.connecting import run_connecting
from feedmill.service.context import Bells, Service
from feedmill.service.inbox import run_inbox
from feedmill.service.keys import key_file, load_keys
from feedmill.service.operations.live import run_live
from feedmill.service.outbox.loop import run_outbox
from feedmill.service.pushing import run_pushes
from feedmill.service.scheduling.scheduler import run_scheduler
from feedmill.service.security.gate import make_gate, run_token_uses
from feedmill.service.security.rotation import watch_keys
from feedmill.service.workers.pool import open_workers
from feedmill.service.workers.running import run_jobs
from sinks.sqlite.service.jobs import SqliteJobs
from sinks.sqlite.service.sealed import read_sealed
from sinks.sqlite.service.store import Store, open_store

if TYPE_CHECKING:
    from feedmill.service.keys import KeyRing
    from feedmill.service.settings import Outgoing, ServiceSettings

Loop: TypeAlias = Callable[[Service], Coroutine[Any, Any, None]]

LOOPS: Final[tuple[Loop, ...]] = (
    *(run_pushes, run_inbox, run_jobs, run_scheduler),
    *(run_outbox, run_alerts, run_connecting, run_token_uses, watch_keys),
    run_live,
)
"""What runs beside the server until it is cancelled: scheduler, jobs, inbox, outbox, alerts, what is told to who watches."""


@asynccontextmanager
async def open_service(settings: ServiceSettings) -> AsyncIterator[Service]:
    """Open what a service needs; nothing runs yet. Raises `ConfigError` when the database or the keys cannot be used."""
    url = as_sink_url(settings.database)
    async with open_store(url) as store:
        path = settings.key_file or key_file(_path(store.database.path))
        keys = await _fitting_keys(store, path)
        bells = Bells()
        jobs = SqliteJobs(store, secrets.token_hex(8), bells.jobs)
        # What a worker is told holds no secret: it reads the keys for itself.
        told = {
            "database": url,
            "keys": str(path),
            "egress": settings.egress.model_dump(mode="json"),
            "level": settings.log.level,
            "lane": settings.workers.lane,
        }
        async with open_workers(told, settings.server.shutdown_seconds) as workers:
            chosen, plugins = settings.model_copy(update={"database": url}), await load_plugins()
            gate = make_gate(settings.limits)
            yield Service(chosen, store, keys, plugins, _egress(settings.egress), workers, jobs, bells, gate=gate)


async def _fitting_keys(store: Store, path: Path) -> KeyRing:
    """Return the keys, proven on what is sealed: better now than when the first feed is fetched."""
    async with store.reading() as reader:
        sealed = await read_sealed(reader, limit=1)
    keys = await to_thread.run_sync(lambda: load_keys(path, create=not sealed))
    for where, secret in sealed:
        try:
            keys.open(secret)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
    return keys


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
