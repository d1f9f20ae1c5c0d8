"""Run a service until it is told to stop: the server, and the loops beside it, in one task group."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import anyio
import structlog
from anyio import to_thread

from engine.errors import ConfigError, Retry
from feedmill.assembly import as_sink_url
from feedmill.exits import Exit
from feedmill.service.opening import LOOPS, Loop, open_service
from feedmill.service.operations import tracing
from feedmill.service.operations.claim import claim_database
from feedmill.service.operations.heap import settle_heap
from feedmill.service.operations.notify import notify
from feedmill.service.security.people import first_link
from feedmill.service.security.tokens import first_token
from feedmill.web.transport.listening import listen
from sinks.sqlite.database import locate

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.settings import ServiceSettings
    from feedmill.web.transport.listening import Listening

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_RELOAD: Final = signal.SIGHUP
_PASSING: Final = (Retry, ConfigError, OSError)
_SHORTEST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


async def run_daemon(settings: ServiceSettings, say: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code; a second signal ends the process at once.

    `say` is given what an operator has to know: a line with the address, the very first time one with a token, and one with a link
    as long as no admin has a password.

    Raises `ConfigError` for settings that cannot work, `UnderWay` when the database has a service already, `Retry` when the port is taken.
    """
    path = locate(as_sink_url(settings.database)).path
    if path is None:
        raise ConfigError("a service needs a database on disk: give its path, or a URL such as sqlite:///shop.db")
    # Before anything is said: whoever has read the address may stop the service, and one that has not begun yet ends as well.
    with anyio.open_signal_receiver(*_STOP, _RELOAD) as signals:
        async with claim_database(path), open_service(settings) as service, AsyncExitStack() as serving:
            listening = await serving.enter_async_context(listen(service))
            await service.watch.metrics.begin(service)
            token = await first_token(service)
            await to_thread.run_sync(settle_heap)
            link = await first_link(service)
            say(f"Feedmill serves {path} at {listening.url}" + (f"\nAdmin token, shown this once: {token}" if token else ""))
            if link is not None:
                say(f"Open {listening.url}/welcome/{link} within a day, and set the password of the first admin")
            return await _run(service, listening, serving, signals)


async def _run(service: Service, listening: Listening, serving: AsyncExitStack, signals: AsyncIterator[signal.Signals]) -> int:
    log = structlog.get_logger("feedmill")
    loops: tuple[Loop, ...] = (*LOOPS, *((tracing.trace_runs,) if tracing.AVAILABLE else ()))
    try:
        async with anyio.create_task_group() as group:
            for loop in loops:
                group.start_soon(_keep_running, service, loop)
            await notify("READY=1", f"MAINPID={os.getpid()}")
            await _until_stopped(service, listening, signals)
            await notify("STOPPING=1")
            # The loops go on meanwhile: a push that is under way is answered once it has been committed.
            await serving.aclose()
            group.cancel_scope.cancel()
    except ExceptionGroup as failed:
        log.error("a part of the service failed, which is a bug: please report it", exc_info=failed)
        return Exit.INTERNAL
    log.info("the service has stopped")
    return Exit.COMPLETE


async def _until_stopped(service: Service, listening: Listening, signals: AsyncIterator[signal.Signals]) -> None:
    """Wait for the signal to stop. The next one then does what it does to any process: it ends it."""
    log = structlog.get_logger("feedmill")
    # On a terminal it says that the terminal is gone: nobody would know of a service that went on.
    while (number := await anext(signals)) == _RELOAD and not os.isatty(2):
        try:
            await listening.reload()
        except ConfigError as error:
            log.error("the certificate cannot be read anew; the old one stays", error=str(error))
        else:
            log.info("the certificate was read anew")
    log.info("the service stops", signal=signal.Signals(number).name)
    for each in _STOP:
        signal.signal(each, signal.SIG_DFL)
    service.stopping = True
    for bell in (
        service.bells.stop,
        service.bells.schedule,
        service.bells.jobs,
        service.bells.inbox,
        service.bells.outbox,
        service.bells.alerts,
    ):
        bell.ring()


async def _keep_running(service: Service, loop: Loop) -> None:
    """Run a loop, again after a pause when what ended it passes or an operator can cure it; any other error ends the service."""
    name, pause, alive = loop.__name__, _SHORTEST_PAUSE, service.watch.loops
    while True:
        alive[name] = True
        began = anyio.current_time()
        try:
            await loop(service)
        except (Retry, ConfigError, OSError, ExceptionGroup) as error:
            # Of a loop that has tasks of its own comes a group, however few of them failed.
            if isinstance(error, ExceptionGroup) and error.split(_PASSING)[1] is not None:
                raise
            structlog.get_logger("feedmill").warning("a loop failed and is begun again", loop=name, seconds=pause, error=_told(error))
        else:
            # One that has nothing to do by its settings returns.
            del alive[name]
            return
        alive[name] = False
        await anyio.sleep(pause)
        pause = _SHORTEST_PAUSE if anyio.current_time() - began > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)


def _told(error: Exception) -> str:
    return "; ".join(_told(each) for each in error.exceptions) if isinstance(error, ExceptionGroup) else str(error)
