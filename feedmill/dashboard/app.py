"""The pages of a service behind their addresses: who may see what, forms that are ours, and errors as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlencode

import structlog
from aiohttp import web

from engine.errors import FeedmillError, NotFound
from feedmill.dashboard.assets import PREFIX, load_assets, serve_asset
from feedmill.dashboard.events import EVENTS
from feedmill.dashboard.page import Page, all_pages
from feedmill.dashboard.rendering import environment, languages
from feedmill.dashboard.sessions import FIELD, HEADER, require_our_form, signed_in
from feedmill.dashboard.view import View
from feedmill.web.problems import Problem, explain

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from feedmill.service.context import Service

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

SIGN_IN: Final = "/sign-in"
_PROGRAMS: Final = ("/api/", "/webhooks/", PREFIX)


def prepare_pages() -> None:
    """Read what pages are made of. Blocks the first time."""
    load_assets()
    all_pages()
    for language in languages():
        environment(language)


def add_pages(app: web.Application, service: Service) -> None:
    """Add the pages, the scripts and the styles to the application of a service."""
    app.router.add_get(f"{PREFIX}{{hash:[0-9a-f]{{12}}}}/{{name:.+}}", serve_asset)
    for page in (*all_pages(), EVENTS):
        app.router.add_route(page.method, page.path, _serve(service, page))
    app.middlewares.append(_miss_pages(service))


def _miss_pages(service: Service) -> Middleware:
    """Return a middleware that says with a page that there is none, where a browser asks for one."""

    @web.middleware
    async def miss(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if request.path.startswith(_PROGRAMS) or "text/html" not in request.headers.get("Accept", ""):
                raise
        view = View(service, request, _NOWHERE, await signed_in(service, request))
        return _tell(view, NotFound(view.say("there is no such page")))

    return miss


async def _show_nothing(view: View) -> web.StreamResponse:
    raise NotFound(f"there is nothing at {view.request.path}")


_NOWHERE: Final = Page("GET", "", _show_nothing, "nobody")


def _serve(service: Service, page: Page) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        view = View(service, request, page, await signed_in(service, request))
        try:
            return await _answer(view)
        except (Problem, FeedmillError) as error:
            return _tell(view, error)

    return serve


async def _answer(view: View) -> web.StreamResponse:
    page, request, service = view.page, view.request, view.service
    if page.needs != "nobody" and view.person is None:
        wanted = request.rel_url.raw_path_qs if page.method == "GET" and page is not EVENTS else "/"
        return view.go(f"{SIGN_IN}?{urlencode({'to': wanted})}")
    if page.needs == "admin" and not view.is_admin:
        raise Problem(
            403,
            "forbidden",
            view.say("this is for admins; you may look at feeds, runs and items: ask an admin"),
        )
    if page.method == "GET":
        return await page.handle(view)
    if service.stopping:
        raise Problem(503, "stopping", view.say("the server is stopping; send it again in a moment"), retry_after=5.0)
    # Read by a copy: calls of the API are made of the request, and what is read cannot be copied.
    sent = tuple((name, value) for name, value in (await request.clone().post()).items() if isinstance(value, str))
    token = request.headers.get(HEADER) or dict(sent).get(FIELD, "")
    require_our_form(request, service, token if page.needs != "nobody" else None)
    return await page.handle(View(service, request, page, view.person, tuple(pair for pair in sent if pair[0] != FIELD)))


def _tell(view: View, error: Problem | FeedmillError) -> web.Response:
    """Answer what went wrong: as a page, or, where a page's script asked, as a notice on top of it."""
    problem = error if isinstance(error, Problem) else explain(error)
    if problem is None:
        structlog.get_logger("feedmill").error("a page failed", path=view.page.path, method=view.page.method, exc_info=error)
        problem = Problem(500, "internal", view.say("the server is at fault, and has logged how; please report it"))
    if "HX-Request" in view.request.headers:
        # The script swaps only what succeeded, and a browser writes everything else into its console.
        response = view.part("error.html", "notice", problem=problem)
        response.headers.update({"HX-Retarget": "#notices", "HX-Reswap": "beforeend"})
        return response
    return view.answer(view.html("error.html", problem=problem), problem.status)
