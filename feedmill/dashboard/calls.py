"""Calls of the API made inside the process, by pages for whoever is signed in: the same endpoints, checks and errors as over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from yarl import URL

from engine.errors import NotFound
from feedmill.web.access import admits
from feedmill.web.app import all_endpoints
from feedmill.web.bodies import validate
from feedmill.web.endpoint import Call
from feedmill.web.problems import Problem
from feedmill.web.transport.preconditions import Condition

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service
    from feedmill.web.access import Caller
    from feedmill.web.endpoint import Endpoint, Method

Query: TypeAlias = Sequence[tuple[str, str]]


async def perform(
    service: Service,
    request: web.Request,
    caller: Caller,
    method: Method,
    path: str,
    query: Query = (),
    body: object = None,
    *,
    holding: str | None = None,
) -> web.StreamResponse:
    """Do a call for a caller and return its answer, which may have been streamed to whoever sent `request`.

    `path` is as it would be called, `/api/inventory-feeds/7.json`; `body` plain JSON, None for none; `holding` the entity tag that
    a change holds to, as `If-Match` has it.
    Raises `NotFound` where there is no such endpoint, `Problem` 403 where the caller's scopes do not admit it, 422 for a body that
    cannot be taken, and what the endpoint raises.
    """
    endpoint, parameters = _find(method, path)
    if not admits(caller, endpoint, parameters.get("id")):
        raise Problem(403, "forbidden", f"this needs the scope {endpoint.scope}")
    sent: object = {} if body is None and endpoint.body is not None else body
    if isinstance(endpoint.body, type):
        sent = validate(endpoint.body, sent)
    asked = request.clone(method=method, rel_url=URL(path).with_query(list(query)))
    # What the browser sends as conditions is of the page, and says nothing of what the page calls.
    condition = None if holding is None else Condition(frozenset((holding,)))
    return await endpoint.handle(Call(service, asked, endpoint, caller, sent, parameters, condition))


def _find(method: Method, path: str) -> tuple[Endpoint, Mapping[str, str]]:
    for endpoint, pattern in _patterns():
        if endpoint.method == method and (found := pattern.fullmatch(path)) is not None:
            return endpoint, found.groupdict()
    raise NotFound(f"there is nothing at {path}")


@cache
def _patterns() -> tuple[tuple[Endpoint, re.Pattern[str]], ...]:
    return tuple((endpoint, _pattern(endpoint.path)) for endpoint in all_endpoints())


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile("".join(f"(?P<{part}>[^/]+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)))
