"""OpenTelemetry spans for requests and runs, where its API is installed (`feedmill[otel]`); nothing otherwise.

Where spans go is the business of whoever sets up a provider; without one the API drops them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Final

import anyio
from anyio import TASK_STATUS_IGNORED

from sinks.sqlite.service.watching import EndedRun, newest_event, read_ended

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from opentelemetry.trace import Span

    from feedmill.service.context import Service


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.trace") is not None
    except ModuleNotFoundError:
        return False


AVAILABLE: Final = _is_installed()

_NAME: Final = "feedmill"
_EVERY: Final = 10.0
_AT_ONCE: Final = 100


def request_span(method: str, route: str) -> AbstractContextManager[Span] | None:
    """Return a span of a request that opens with a block and is the parent of what happens in it; None where nobody takes spans."""
    if not is_traced():
        return None
    trace = _api()
    attributes = {"http.request.method": method, "http.route": route}
    span: AbstractContextManager[Span] = trace.get_tracer(_NAME).start_as_current_span(
        f"{method} {route}", kind=trace.SpanKind.SERVER, attributes=attributes
    )
    return span


def is_traced() -> bool:
    """Return whether somebody takes spans. Without a provider the API makes each only to drop it, at a tenth of what a push costs."""
    return AVAILABLE and not isinstance(_api().get_tracer_provider(), _api().ProxyTracerProvider)


@cache
def _api() -> ModuleType:
    """Return the API, which is imported once it is needed: an import inside a function costs a microsecond each time."""
    from opentelemetry import trace

    return trace


def record_run(ended: EndedRun) -> None:
    """Make the span of a run that has ended: runs work in other processes, and their rows say when they began and ended."""
    if not AVAILABLE:
        return
    from opentelemetry import trace

    span: Span = trace.get_tracer(_NAME).start_span(f"run {ended.name}", start_time=ended.started_at * 1_000)
    span.set_attributes(
        {
            "feedmill.run": ended.run,
            "feedmill.feed": ended.feed,
            "feedmill.kind": ended.kind,
            "feedmill.status": ended.status,
            "feedmill.read": ended.read,
            "feedmill.bytes": ended.bytes,
            **{f"feedmill.{outcome}": count for outcome, count in ended.outcomes.items()},
        }
    )
    if ended.status == "error":
        span.set_status(trace.StatusCode.ERROR)
    span.end(end_time=max(ended.at, ended.started_at) * 1_000)


async def trace_runs(service: Service, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
    """Make a span of each run that ends from now on; a loop, see `feedmill.service.opening.LOOPS`."""
    async with service.store.reading() as reader:
        mark = await newest_event(reader)
    task_status.started()
    while True:
        await anyio.sleep(_EVERY)
        async with service.store.reading() as reader:
            ended = await read_ended(reader, mark, _AT_ONCE)
        for run in ended:
            record_run(run)
            mark = run.event
