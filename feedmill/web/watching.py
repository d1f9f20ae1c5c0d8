"""Watch every call: count it and time it by the template of its route, and open its span."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import web

from feedmill.service.operations.tracing import request_span

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware
    from opentelemetry.trace import Span

    from feedmill.service.context import Service

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def watch_calls(service: Service) -> Middleware:
    """Return the middleware; the outermost one, for what the others answer counts too."""
    calls, metrics = service.watch, service.watch.metrics

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        # What a client makes up is no label: there would be a series for each.
        method = request.method if request.method in _METHODS else "other"
        resource = request.match_info.route.resource
        route = "unmatched" if resource is None else resource.canonical
        began, status = perf_counter(), 500
        try:
            with calls:
                traced = request_span(method, route)
                response = await (handler(request) if traced is None else _trace(traced, handler, request))
                status = response.status
                return response
        except web.HTTPException as answered:
            status = answered.status
            raise
        finally:
            metrics.count_request(method, route, status, perf_counter() - began)

    return watch


async def _trace(traced: AbstractContextManager[Span], handler: Handler, request: web.Request) -> web.StreamResponse:
    with traced as span:
        response = await handler(request)
        span.set_attribute("http.response.status_code", response.status)
        return response
