"""`/healthz`, `/readyz` and `/metrics`: for who watches a service, not for its clients."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from aiohttp import web
from pydantic import BaseModel

from feedmill.service.operations.watch import find_faults
from feedmill.web.access import authenticate
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.problems import FieldFault, Problem

if TYPE_CHECKING:
    from feedmill.service.settings import Server


class Alive(BaseModel):
    """The answer of a process that answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The answer of a service that does its work."""

    status: Literal["ready"] = "ready"


async def show_health(call: Call) -> web.Response:
    """Answer: that alone says that the event loop turns."""
    return answer(Alive().model_dump())


async def show_readiness(call: Call) -> web.Response:
    """Answer whether the service does its work. Raises `Problem` 503 naming every part that does not."""
    if faults := await find_faults(call.service):
        listed = [FieldFault(part, message) for part, message in faults.items()]
        raise Problem(503, "unready", "; ".join(f"{part} {message}" for part, message in faults.items()), faults=listed, retry_after=5.0)
    return answer(Ready().model_dump())


async def show_metrics(call: Call) -> web.Response:
    """Answer the figures. Raises `Problem` 401 and 403 where they are not for everybody."""
    if not _is_private(call.service.settings.server):
        await authenticate(call.service, call.request, replace(call.endpoint, scope="read"))
    return web.Response(body=await call.service.watch.metrics.page(call.service), headers={"Content-Type": _PROMETHEUS})


def _is_private(server: Server) -> bool:
    """Return whether only this machine reaches the service. Behind a proxy everybody does, wherever it listens."""
    if server.trusted_proxies:
        return False
    try:
        return ip_address(server.host).is_loopback
    except ValueError:
        return server.host == "localhost"


_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_UNREADY = {503: "A part of the service does not do its work; `errors` names each."}
_ACCESS = {
    401: "No token, where the service is reached from elsewhere.",
    403: "The token's scopes do not admit reading.",
    503: "The database is busy.",
}

ENDPOINTS = (
    Endpoint("GET", "/healthz", show_health, "Whether the process answers", "watch", "public", answer=Alive),
    Endpoint("GET", "/readyz", show_readiness, "Whether the service does its work", "watch", "public", answer=Ready, statuses=_UNREADY),
    Endpoint(
        "GET",
        "/metrics",
        show_metrics,
        "Figures for Prometheus",
        "watch",
        "public",
        answer={"type": "string"},
        media="text/plain",
        statuses=_ACCESS,
    ),
)
