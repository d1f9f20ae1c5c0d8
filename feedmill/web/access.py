"""Who calls: bearer tokens with their scopes, inbound hashes, what each may do, and how often."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from aiohttp import hdrs

from feedmill.service.keys import digest
from feedmill.service.security.gate import Caller
from feedmill.web.endpoint import OPEN
from feedmill.web.problems import Problem
from feedmill.web.transport.exchange import current
from feedmill.web.transport.proxies import client_of, network_of

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service
    from feedmill.service.security.gate import Reading
    from feedmill.web.endpoint import Endpoint

__all__ = ["Caller", "admits", "authenticate", "authenticate_inbound", "shown_token"]

HASH_HEADERS: Final = ("feedmill-webhook-hash", "jetti-webhook-hash")
_READING: Final = ("GET", "HEAD")
V_co = TypeVar("V_co", covariant=True)


class _Memory(Protocol[V_co]):
    def known(self, digest: bytes) -> V_co | None: ...

    def seen(self, digest: bytes) -> bool: ...

    async def get(self, reading: Reading, digest: bytes) -> V_co | None: ...


async def authenticate(service: Service, request: web.Request, endpoint: Endpoint) -> Caller | None:
    """Return who calls, None where no token is asked for.

    Raises `Problem` 401 without a valid token, 403 for one that may not, 429 for one that calls too often, and for an address that
    has shown too many that are none.
    """
    if endpoint.scope == "inbound":
        # Before the body is looked at: a stranger's megabyte is not read for nothing. The handler asks which feed it is.
        _count(service, request, f"feed {await authenticate_inbound(service, request)}")
    if endpoint.scope in OPEN:
        return None
    token = shown_token(request)
    if not token:
        raise _unauthenticated("send Authorization: Bearer TOKEN")
    caller = await _recognise(service, request, service.gate.tokens, digest(token))
    if caller is None:
        raise _unauthenticated("the token is not known, or was revoked")
    service.gate.note_use(caller)
    if (exchange := current()) is not None:
        exchange.token = caller.token
    _count(service, request, caller.token)
    if not admits(caller, endpoint, request.match_info.get("id")):
        raise Problem(403, "forbidden", f"the token's scopes do not admit this call, which needs {endpoint.scope}")
    return caller


async def authenticate_inbound(service: Service, request: web.Request) -> int:
    """Return the feed whose secret a supplier's call shows in its header.

    Raises `Problem` 401 when it is no feed's, in the same words whether it is wrong or missing, and 429 as `authenticate` does.
    """
    secret = next((request.headers[name] for name in HASH_HEADERS if request.headers.get(name)), "")
    feed = await _recognise(service, request, service.gate.hashes, digest(secret)) if secret else None
    if feed is None:
        challenge = {"WWW-Authenticate": f'FeedHash realm="feedmill", header="{HASH_HEADERS[0]}"'}
        raise Problem(401, "unauthenticated", f"send the hash of the feed in the header {HASH_HEADERS[0]}", headers=challenge)
    return feed


def shown_token(request: web.BaseRequest) -> str:
    """Return the token that a request shows, a text without anything where it shows none."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def admits(caller: Caller, endpoint: Endpoint, feed: str | None) -> bool:
    """Return whether the scopes admit a call; `feed` is the id in the path of an endpoint that is pushed to."""
    if "admin" in caller.scopes or endpoint.scope == "token":
        return True
    if endpoint.scope == "read":
        return "read" in caller.scopes
    return endpoint.scope == "push" and feed is not None and f"feed:{feed}:push" in caller.scopes


async def _recognise(service: Service, request: web.Request, memory: _Memory[V_co], shown: bytes) -> V_co | None:
    """Return what a secret stands for. What was valid lately is looked at whatever others behind its address have shown."""
    if (known := memory.known(shown)) is not None:
        return known
    failures = service.gate.failures
    if failures is None:
        return await memory.get(service.store.reading, shown)
    address = network_of(client_of(request, service.settings.server.trusted_proxies).address)
    level = failures.look(address, monotonic())
    if not level.admitted and not memory.seen(shown):
        raise Problem(429, "too-many-failures", "this address has shown too many tokens or hashes that are none", retry_after=level.wait)
    found = await memory.get(service.store.reading, shown)
    if found is None:
        failures.take(address, monotonic())
    return found


def _count(service: Service, request: web.Request, who: int | str) -> None:
    """Count a call of a token, by its id, or of a feed's hash. Raises `Problem` 429."""
    bucket = service.gate.reads if request.method in _READING else service.gate.writes
    if bucket is None:
        return
    level = bucket.take(who, monotonic())
    if (exchange := current()) is not None:
        exchange.level = level
    if not level.admitted:
        kind = "reads" if request.method in _READING else "writes"
        raise Problem(429, "rate-limit", f"the token or hash {kind} more often than this server admits; wait", retry_after=level.wait)


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="feedmill"'})
