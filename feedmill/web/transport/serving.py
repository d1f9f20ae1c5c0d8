"""The outermost layer of the application: every request gets its id, its connection learns when it is answered, and the log how."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from feedmill.web.transport.connections import Connection
from feedmill.web.transport.exchange import CLIENT_GONE, begin, log_exchange

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from feedmill.service.context import Service


def exchanging(service: Service) -> Middleware:
    """Return the middleware."""
    settings = service.settings

    @web.middleware
    async def answer_request(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        exchange, connection = begin(request, settings.server.trusted_proxies), request.protocol
        if isinstance(connection, Connection):
            connection.began()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            if status >= 400 and not request.content.is_eof():
                # Whatever else the client is about to send is of no use any more.
                response.force_close()
            return response
        except (ConnectionError, asyncio.CancelledError):
            status = CLIENT_GONE
            raise
        finally:
            if isinstance(connection, Connection):
                connection.answered(request.content)
            resource = request.match_info.route.resource
            log_exchange(request, None if resource is None else resource.canonical, status, exchange, settings)

    return answer_request


async def expect_later(request: web.Request) -> None:
    """Leave `Expect: 100-continue` unanswered: the body is asked for once it is known that the call may be made."""
