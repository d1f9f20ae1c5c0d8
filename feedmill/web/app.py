"""The application: every endpoint behind the same kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web

from engine.errors import FeedmillError
from feedmill.web import resources
from feedmill.web.access import authenticate
from feedmill.web.bodies import read_body
from feedmill.web.endpoint import Call, Endpoint
from feedmill.web.problems import FieldFault, Problem, answer_error
from feedmill.web.transport.exchange import add_headers
from feedmill.web.transport.preconditions import conditions_of
from feedmill.web.transport.serving import exchanging, expect_later
from feedmill.web.watching import watch_calls

if TYPE_CHECKING:
    from feedmill.service.context import Service

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WRITING: Final = ("POST", "PUT", "DELETE")


@cache
def all_endpoints() -> tuple[Endpoint, ...]:
    """Return the endpoints of every module of `feedmill.web.resources`, in the order of the modules' names. Blocks the first time."""
    names = sorted(found.name for found in iter_modules(resources.__path__))
    return tuple(endpoint for name in names for endpoint in import_module(f"{resources.__name__}.{name}").ENDPOINTS)


def build_app(service: Service) -> web.Application:
    """Return the application of a service."""
    app = web.Application(
        middlewares=[watch_calls(service), exchanging(service), _answer_problems],
        client_max_size=service.settings.server.max_body_bytes,
    )
    app.on_response_prepare.append(add_headers)
    # The router tries the paths below one prefix in the order in which they come: those that are called most are to be found first.
    for endpoint in sorted(all_endpoints(), key=lambda endpoint: endpoint.scope != "push"):
        methods = ("GET", "HEAD") if endpoint.method == "GET" else (endpoint.method,)
        for path in (endpoint.path, *endpoint.aliases):
            for method in methods:
                app.router.add_route(method, path, _serve(service, endpoint), expect_handler=expect_later)
    return app


def _serve(service: Service, endpoint: Endpoint) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        if service.stopping and endpoint.method in _WRITING:
            raise Problem(503, "stopping", "the server is stopping; send it again in a moment", retry_after=5.0)
        caller = await authenticate(service, request, endpoint)
        _check_query(request, endpoint)
        sent = await read_body(service, request, endpoint)
        conditions = conditions_of(request, endpoint)
        return await endpoint.handle(Call(service, request, endpoint, caller, sent, request.match_info, *conditions))

    return serve


def _check_query(request: web.Request, endpoint: Endpoint) -> None:
    """Refuse a query that is none of an administrator's call: with a misspelt `dryRun` it would do what was only to be foreseen.

    Lists check their own. What only reads, and what suppliers push, may carry queries of other systems.
    """
    if endpoint.scope != "admin" or endpoint.method == "GET" or not (endpoint.query or endpoint.body):
        return
    known = {each.name for each in endpoint.query}
    if wrong := sorted(set(request.query) - known):
        cure = f"is no query of this call; it takes {', '.join(sorted(known))}" if known else "is no query of this call: it takes none"
        faults = [FieldFault(name[:80], cure) for name in wrong[:20]]
        raise Problem(422, "invalid", "the query cannot be taken as it is; nothing was done", faults=faults)


@web.middleware
async def _answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a call raises into a problem document."""
    try:
        return await handler(request)
    except (Problem, FeedmillError) as error:
        return answer_error(error, request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _explain_refusal(error, request).response()


def _explain_refusal(error: web.HTTPException, request: web.Request) -> Problem:
    """Return what the router, or the library, refused as a problem that says what to ask for instead."""
    name = {404: "not-found", 405: "method", 413: "too-large"}.get(error.status, "refused")
    kept = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    detail, path = error.reason, request.rel_url.raw_path[:200]
    if error.status == 404:
        ending = " and end in .json" if path.startswith("/api/") and not path.endswith(".json") else ""
        detail = f"there is nothing at {path}; paths are case-sensitive{ending}, and /api/docs lists them"
    elif kept is not None:
        detail = f"{request.method} is no method of {path}; it takes {kept['Allow'].replace(',', ', ')}"
    return Problem(error.status, name, detail, headers=kept)
