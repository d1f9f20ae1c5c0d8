"""One request and its answer: the id by which a person finds it in the log, and what every answer carries."""

from __future__ import annotations

import re
import secrets
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog

from feedmill.web.transport.proxies import client_of, is_trusted

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.security.buckets import Level
    from feedmill.service.settings import ServiceSettings

SERVER: Final = "feedmill"
"""What answers say of the program that gave them: no version, which would only help an attacker."""

CLIENT_GONE: Final = 499
"""What is logged where the client did not wait for the end; it is never sent."""

PLAIN: Final = {"X-Content-Type-Options": "nosniff"}
"""What every answer carries whatever it is about."""

_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_ENDLESS: Final = ("/events",)
"""What goes on until the client has had enough: that it leaves is no failure."""

_PRIVATE: Final = ("/api/", "/webhooks/")
_PROCESS: Final = secrets.token_hex(4)
_NUMBERS: Final = count(1)


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


def begin(request: web.BaseRequest, trusted: tuple[str, ...]) -> Exchange:
    """Begin an exchange, under the id that a trusted proxy gave it or one of its own; everything logged meanwhile holds it."""
    named = request.headers.get("X-Request-Id") if trusted else None
    if named is None or not _ID.fullmatch(named) or not is_trusted(request.remote or "", trusted):
        named = f"{_PROCESS}{next(_NUMBERS):08x}"
    exchange = Exchange(named, perf_counter())
    _CURRENT.set(exchange)
    return exchange


def name_request(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the id of the request that is being answered to a log line; a processor of structlog, so that no call pays for it."""
    exchange = _CURRENT.get()
    if exchange is not None:
        event.setdefault("request", exchange.id)
    return event


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add what every answer carries, to streamed ones too."""
    headers = response.headers
    headers["Server"] = SERVER
    headers.update(PLAIN)
    if request.path.startswith(_PRIVATE):
        headers.setdefault("Cache-Control", "no-store")
    exchange = _CURRENT.get()
    if exchange is not None:
        headers["X-Request-Id"] = exchange.id
        if exchange.level is not None:
            headers.update(exchange.level.headers())


def log_exchange(request: web.BaseRequest, path: str | None, status: int, exchange: Exchange, settings: ServiceSettings) -> None:
    """Log a request: what failed always, everything with `[log] access`. The path is the endpoint's, so that no id or secret is in it."""
    failed = status >= 400 and (status != CLIENT_GONE or path not in _ENDLESS)
    if not failed and not settings.log.access:
        return
    log = structlog.get_logger("feedmill")
    (log.error if status >= 500 else log.info)(
        "request",
        method=request.method,
        path=path,
        status=status,
        ms=round((perf_counter() - exchange.began) * 1000, 2),
        token_id=exchange.token,
        client=client_of(request, settings.server.trusted_proxies).address,
    )
