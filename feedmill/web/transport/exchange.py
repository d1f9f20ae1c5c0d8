"""One request and its answer: the id by which a person finds it in the log, and what every answer carries."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

import structlog

from feedmill.web.transport.proxies import client_of, is_trusted

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.security.buckets import Level
    from feedmill.service.settings import ServiceSettings

SERVER: Final = "feedmill"
"""What answers say of the program that gave them: no version, which would only help an attacker."""

_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_PRIVATE: Final = ("/api/", "/webhooks/")


@dataclass(slots=True)
class Exchange:
    """What is known of a request while it is answered: its id, when it began, whose token it showed, how full that one's bucket is."""

    id: str
    began: float
    token: int | None = None
    level: Level | None = None


_CURRENT: ContextVar[Exchange | None] = ContextVar("feedmill_exchange", default=None)


def current() -> Exchange | None:
    """Return the exchange that this task answers, None outside of one."""
    return _CURRENT.get()


def begin(request: web.Request, trusted: tuple[str, ...]) -> Exchange:
    """Begin an exchange, under the id that a trusted proxy gave it or one of its own; everything logged meanwhile holds it."""
    named = request.headers.get("X-Request-Id", "")
    kept = named and _ID.fullmatch(named) and is_trusted(request.remote or "", trusted)
    exchange = Exchange(named if kept else secrets.token_hex(8), perf_counter())
    _CURRENT.set(exchange)
    structlog.contextvars.bind_contextvars(request=exchange.id)
    return exchange


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer carries, to streamed ones too."""
    headers = response.headers
    headers["Server"] = SERVER
    headers["X-Content-Type-Options"] = "nosniff"
    if request.path.startswith(_PRIVATE):
        headers.setdefault("Cache-Control", "no-store")
    exchange = _CURRENT.get()
    if exchange is not None:
        headers["X-Request-Id"] = exchange.id
        if exchange.level is not None:
            headers.update(exchange.level.headers())


def log_exchange(request: web.Request, status: int, exchange: Exchange, settings: ServiceSettings) -> None:
    """Log a request: what failed always, everything with `[log] access`. The path is the endpoint's, so that no id or secret is in it."""
    failed = status >= 400
    if not failed and not settings.log.access:
        return
    resource = request.match_info.route.resource
    log = structlog.get_logger("feedmill")
    (log.error if status >= 500 else log.info)(
        "request",
        method=request.method,
        path=resource.canonical if resource is not None else None,
        status=status,
        ms=round((perf_counter() - exchange.began) * 1000, 2),
        token_id=exchange.token,
        client=client_of(request, settings.server.trusted_proxies).address,
    )
