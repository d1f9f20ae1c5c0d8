"""Run a service until it is told to stop: the server, and the loops beside it, in one task group."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from errno import EACCES, EADDRINUSE, EPERM
from typing import TYPE_CHECKING, Final

import anyio
import structlog
from aiohttp import web

from engine.errors import ConfigError, Retry
from feedmill.assembly import as_sink_url
from feedmill.exits import Exit
from feedmill.service.opening import LOOPS, Loop, open_service
from feedmill.service.operations import tracing
from feedmill.service.operations.claim import claim_database
from feedmill.service.operations.notify import notify
from feedmill.web.app import build_app
from feedmill.web.first_token import first_token
from sinks.sqlite.database import locate

if TYPE_CHECKING:
    from pathlib import Path
    from ssl import SSLContext

    from feedmill.service.context import Service
    from feedmill.service.settings import ServiceSettings

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_SHORTEST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


async def run_daemon(settings: ServiceSettings, say: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code; a second signal ends the process at once.

    `say` is given what an operator has to know, a line at a time: the address, and once the first token. Raises `ConfigError` for
    settings that cannot work, `UnderWay` when the database has a service already, `Retry` when the port is taken.
    """
    path = locate(as_sink_url(settings.database)).path
    if path is None:
        raise ConfigError("a service needs a database on disk: give its path, or a URL such as sqlite:///shop.db")
    # From here on: whoever has read the address may stop the service, and one that has not begun yet ends as well.
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        return await _serve(settings, path, signals, say)


async def _serve(settings: ServiceSettings, path: Path, signals: AsyncIterator[signal.Signals], say: Callable[[str], None]) -> int:
    async with claim_database(path), open_service(settings) as service, _listening(service) as (runner, address):
        await service.watch.metrics.begin(service)
        say(f"Feedmill serves {path} at {address}")
        if (token := await first_token(service)) is not None:
            say(f"Admin token, shown this once: {token}")
        return await _run(service, runner, signals)


async def _run(service: Service, runner: web.AppRunner, signals: AsyncIterator[signal.Signals]) -> int:
    log = structlog.get_logger("feedmill")
    loops: tuple[Loop, ...] = (*LOOPS, *((tracing.trace_runs,) if tracing.AVAILABLE else ()))
    try:
        async with anyio.create_task_group() as group:
            for loop in loops:
                group.start_soon(_keep_running, service, loop)
            await notify("READY=1", f"MAINPID={os.getpid()}")
            await _stopped(service, signals)
            await notify("STOPPING=1")
            # The loops go on meanwhile: a push that is under way is answered once it has been committed.
            await runner.cleanup()
            group.cancel_scope.cancel()
    except ExceptionGroup as failed:
        log.error("a part of the service failed, which is a bug: please report it", exc_info=failed)
        return Exit.INTERNAL
    log.info("the service has stopped")
    return Exit.COMPLETE


async def _stopped(service: Service, signals: AsyncIterator[signal.Signals]) -> None:
    """Wait for the signal to stop. The next one then does what it does to any process: it ends it."""
    number = await anext(signals)
    structlog.get_logger("feedmill").info("the service stops", signal=signal.Signals(number).name)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    service.stopping = True
    for bell in (service.bells.schedule, service.bells.jobs, service.bells.inbox, service.bells.outbox, service.bells.alerts):
        bell.ring()


async def _keep_running(service: Service, loop: Loop) -> None:
    """Run a loop, again after a pause when a passing cause ended it; any other error ends the service."""
    name, pause = loop.__name__, _SHORTEST_PAUSE
    service.watch.loops[name] = True
    while True:
        began = anyio.current_time()
        try:
            await loop(service)
        except (Retry, OSError) as error:
            structlog.get_logger("feedmill").warning("a loop failed and is begun again", loop=name, seconds=pause, error=str(error))
        else:
            # One that has nothing to do by its settings returns.
            del service.watch.loops[name]
            return
        pause = _SHORTEST_PAUSE if anyio.current_time() - began > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
        service.watch.loops[name] = False
        await anyio.sleep(pause)
        service.watch.loops[name] = True


@asynccontextmanager
async def _listening(service: Service) -> AsyncIterator[tuple[web.AppRunner, str]]:
    """Listen; yield what ends it, and the address. Raises `Retry` for a port that is taken, `ConfigError` for one that cannot be."""
    server = service.settings.server
    runner = web.AppRunner(build_app(service), handle_signals=False, access_log=None, shutdown_timeout=server.shutdown_seconds)
    await runner.setup()
    try:
        encryption = _encryption(service.settings)
        try:
            await web.TCPSite(runner, server.host, server.port, ssl_context=encryption).start()
        except OSError as error:
            raise _explain(error, server.host, server.port) from None
        host, port = runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        yield runner, f"{'https' if encryption else 'http'}://{shown}:{port}"
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


def _encryption(settings: ServiceSettings) -> SSLContext | None:
    """Return how connections are encrypted, None where they are not."""
    if settings.server.tls_certificate is None and settings.server.tls_key is None:
        return None
    raise ConfigError("server.tls_certificate: this build cannot encrypt; put a proxy before it")


def _explain(error: OSError, host: str, port: int) -> ConfigError | Retry:
    if error.errno == EADDRINUSE:
        return Retry(f"port {port} of {host} is taken by another process: end that one, or give another port (--port, [server] port)")
    if error.errno in (EACCES, EPERM):
        return ConfigError(f"port {port} of {host} may not be used by this user: give one above 1023 (--port, [server] port)")
    return ConfigError(
        f"{host}, port {port}, is no address to listen on ({error.strerror or error}): give another one (--host, [server] host)"
    )
