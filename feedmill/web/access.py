"""Who calls: bearer tokens with their scopes, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

import orjson

from feedmill.service.keys import digest
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service
    from feedmill.web.endpoint import Endpoint

_FIND: Final = "SELECT id, scopes, digest FROM main.api_tokens WHERE digest = ? AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True)
class Caller:
    """A token that was shown: its id and its scopes, `admin`, `read`, `feed:7:push`."""

    token: int
    scopes: frozenset[str]

    def may(self, endpoint: Endpoint, feed: str | None) -> bool:
        """Return whether the scopes admit a call; `feed` is the id in the path of an endpoint that is pushed to."""
        if "admin" in self.scopes or endpoint.scope == "token":
            return True
        if endpoint.scope == "read":
            return "read" in self.scopes
        return endpoint.scope == "push" and feed is not None and f"feed:{feed}:push" in self.scopes


async def authenticate(service: Service, request: web.Request, endpoint: Endpoint) -> Caller | None:
    """Return who calls, None where anybody may. Raises `Problem` 401 without a valid token, 403 for one that may not."""
    if endpoint.scope == "public":
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("send Authorization: Bearer TOKEN")
    shown = digest(token.strip())
    caller = await _find(service, shown)
    if caller is None:
        raise _unauthenticated("the token is not known, or was revoked")
    if not caller.may(endpoint, request.match_info.get("id")):
        raise Problem(403, "forbidden", f"the token's scopes do not admit this call, which needs {endpoint.scope}")
    return caller


async def authenticate_inbound(service: Service, request: web.Request) -> int:
    """Return the feed whose secret a supplier's call shows in its header. Raises `Problem` 401 when it is no feed's."""
    secret = request.headers.get("feedmill-webhook-hash") or request.headers.get("jetti-webhook-hash") or ""
    shown = digest(secret).hex()
    async with service.store.reading() as reader:
        rows = await reader.query("SELECT id, hash FROM main.inventory_feeds WHERE hash = ?", shown)
    for number, stored in rows:
        if compare_digest(str(stored), shown):
            return int(str(number))
    raise Problem(401, "unauthenticated", "send the hash of the feed in the header feedmill-webhook-hash")


async def _find(service: Service, shown: bytes) -> Caller | None:
    async with service.store.reading() as reader:
        rows = await reader.connection.execute_fetchall(_FIND, (shown,))
    for number, scopes, stored in rows:
        if compare_digest(stored, shown):
            return Caller(number, frozenset(orjson.loads(scopes)))
    return None


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="feedmill"'})
