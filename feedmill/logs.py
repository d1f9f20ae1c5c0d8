"""Logging: structlog to stderr, for people on a terminal, JSON lines otherwise."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from engine.events import RunStarted
from engine.run import RunStatus

if TYPE_CHECKING:
    from engine.errors import FeedmillError
    from engine.events import RunEvent

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(usual: str | None = None) -> None:
    """Set structlog up. `FEEDMILL_LOG` sets the level, else it is the `usual` one.

    Unset, that is `info`, on a terminal `warning`, since results are printed there anyway.
    """
    # Which takes them where it can: to print tracebacks that are not printed here, and for threads that are none of ours. They are
    # more than twice its own time and memory.
    with _without("rich", "greenlet"):
        import structlog
    from feedmill.service.security.masking import mask_secrets
    from feedmill.web.transport.exchange import name_request

    terminal = sys.stderr.isatty()
    usual = usual or ("warning" if terminal else "info")
    level = _LEVELS.get(os.environ.get("FEEDMILL_LOG", "").lower(), _LEVELS[usual])
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # A traceback becomes text first, so that it is masked as well.
            structlog.processors.format_exc_info,
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Hide modules from what is imported in the block, those that nothing has imported yet."""
    modules = cast("dict[str, Any]", sys.modules)
    hidden = [name for name in names if name not in modules]
    # The import system's own word for a module that cannot be had.
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


def log_event(event: RunEvent) -> None:
    """Log the begin or the end of a run, with feed and run."""
    import structlog

    log = structlog.get_logger("feedmill")
    if isinstance(event, RunStarted):
        log.info("run started", feed=event.feed, run=event.run, source=event.source)
        return
    record = event.record
    counts = record.counts
    held = record.status is RunStatus.HELD
    # A held run waits for a person, who may look at nothing but warnings.
    (log.warning if held else log.info)(
        "run held" if held else "run finished",
        feed=record.feed,
        run=record.run,
        status=record.status.value,
        read=record.read,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        removed=counts.removed,
        rejected=record.rejected,
        seconds=round(record.seconds, 3),
        bottleneck=record.bottleneck,
        **({"reasons": record.reasons} if held else {}),
    )


def log_listener_error(error: FeedmillError) -> None:
    """Log that a plugin's listener failed; the run goes on."""
    import structlog

    structlog.get_logger("feedmill").error("a plugin's listener failed", error=str(error))
