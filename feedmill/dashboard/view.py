"""One request of a page: who is signed in, what was sent, calls of the API in that person's name, and the answer as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import orjson
from aiohttp import web
from yarl import URL

from engine.errors import NotFound
from feedmill.dashboard.calls import perform
from feedmill.dashboard.rendering import choose_language, has_part, merge_query, render, translations
from feedmill.dashboard.sessions import NOTICE, shown_session
from feedmill.service.security.gate import Caller
from feedmill.service.security.people import form_token
from feedmill.web.endpoint import LARGEST

if TYPE_CHECKING:
    from feedmill.dashboard.page import Page
    from feedmill.service.context import Service
    from feedmill.web.endpoint import Method
    from sinks.sqlite.service.resources.people import Person

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of every page: nothing inline, nothing from elsewhere."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Vary": "Cookie, HX-Request",
}

_SCOPES: Final = {"admin": frozenset(("admin",)), "viewer": frozenset(("read",))}
_SESSION: Final = 0
"""The token of a caller that has none: the API's own begin at 1."""

Query = Mapping[str, object] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: rows by attribute, how many there are in all (None when that was not counted), and whether more follow."""

    rows: list[dict[str, Any]]
    total: int | None
    more: bool


@dataclass(frozen=True)
class View:
    """One request of a page. `form` holds what a POST sent, the last value of each name; `sent` every one, in order."""

    service: Service
    request: web.Request
    page: Page
    person: Person | None
    sent: Sequence[tuple[str, str]] = field(default=())

    @cached_property
    def form(self) -> Mapping[str, str]:
        """Return what was sent, the last value of each name."""
        return dict(self.sent)

    @property
    def query(self) -> Mapping[str, str]:
        """Return the query of the address."""
        return self.request.query

    @property
    def is_admin(self) -> bool:
        """Return whether whoever is signed in may change anything."""
        return self.person is not None and self.person.role == "admin"

    @cached_property
    def language(self) -> str:
        """Return the language of the answer."""
        return choose_language(self.request.headers.get("Accept-Language", ""))

    @property
    def came_from(self) -> str | None:
        """Return the page of ours that a form was sent from, None where nobody knows."""
        try:
            page = URL(self.request.headers.get("Referer", ""))
        except ValueError:
            return None
        return page.raw_path_qs if page.host is not None and page.authority == self.request.host else None

    def number(self, name: str = "id") -> int:
        """Return a parameter of the path that is an id. Raises `NotFound` for what can be the id of nothing."""
        text = self.request.match_info[name]
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= LARGEST):
            raise NotFound(f"{text[:80]!r} is no {name}")
        return int(text)

    def say(self, text: str, **values: object) -> str:
        """Return a text in the viewer's language, with `%(name)s` filled in."""
        said = translations(self.language).gettext(text)
        return said % values if values else said

    def here(self, **changes: str | int | None) -> str:
        """Return the address of this request with some of its query changed; None takes one away."""
        return str(URL(self.request.path).with_query(merge_query(list(self.query.items()), **changes)))

    async def get(self, path: str, query: Query = ()) -> Any:
        """Return what a GET of the API answers: `await view.get("/api/plan.json")`. Raises what the call raises."""
        return _document(await self.call("GET", path, query))

    async def list(self, path: str, query: Query = ()) -> Listing:
        """Return a page of a list of the API. Raises what the call raises."""
        answer = await self.call("GET", path, query)
        total = answer.headers.get("X-Total-Count")
        return Listing(_document(answer), None if total is None else int(total), "Link" in answer.headers)

    async def look(self, path: str) -> tuple[Any, str]:
        """Return what a GET of one thing answers, and the entity tag of its state. Raises what the call raises."""
        answer = await self.call("GET", path)
        return _document(answer), answer.headers["ETag"]

    async def send(self, method: Method, path: str, body: object = None, query: Query = (), *, holding: str | None = None) -> Any:
        """Return what a call of the API that changes something answers. Raises what the call raises, `Outdated` by `holding`."""
        return _document(await self.call(method, path, query, body, holding=holding))

    async def call(
        self, method: Method, path: str, query: Query = (), body: object = None, *, holding: str | None = None
    ) -> web.StreamResponse:
        """Do a call of the API for whoever is signed in and return its answer, as `perform` does."""
        pairs = query.items() if isinstance(query, Mapping) else query
        shown = [(name, _text(value)) for name, value in pairs if value is not None]
        scopes = frozenset[str]() if self.person is None else _SCOPES[self.person.role]
        caller = Caller(_SESSION, scopes, None if self.person is None else self.person.name)
        return await perform(self.service, self.request, caller, method, path, shown, body, holding=holding)

    def render(self, template: str, *, status: int = 200, **context: object) -> web.Response:
        """Answer a template; where the address asks for `?part=name`, that block of it alone, which is what live pages do."""
        part = self.query.get("part")
        if part is not None and not has_part(self.language, template, part):
            raise NotFound(f"the page has no part {part[:80]!r}")
        return self.answer(self.html(template, part, **context), status)

    def part(self, template: str, part: str, **context: object) -> web.Response:
        """Answer one block of a template, to be put where the page's script says."""
        return self.answer(self.html(template, part, **context))

    def html(self, template: str, part: str | None = None, **context: object) -> str:
        """Return a template, or a block of it, as text."""
        secret = shown_session(self.request)
        shared: dict[str, object] = {
            "view": self,
            "person": self.person,
            "is_admin": self.is_admin,
            "path": self.request.path,
            "form_token": form_token(secret) if secret else "",
            "notice": unquote(self.request.cookies.get(NOTICE, "")),
            "language": self.language,
        }
        return render(self.language, template, {**shared, **context}, part)

    def answer(self, html: str, status: int = 200) -> web.Response:
        """Answer HTML; a notice that it shows is not shown again."""
        response = web.Response(text=html, status=status, content_type="text/html", headers=HEADERS)
        if NOTICE in self.request.cookies and "HX-Request" not in self.request.headers:
            response.del_cookie(NOTICE, path="/")
        return response

    def go(self, address: str, notice: str = "") -> web.Response:
        """Send the browser to another page, which shows a notice once."""
        location = str(URL(address))
        if "HX-Request" in self.request.headers:
            response = web.Response(headers={**HEADERS, "HX-Redirect": location})
        else:
            response = web.Response(status=303, headers={**HEADERS, "Location": location})
        if notice:
            response.set_cookie(NOTICE, quote(notice, safe=" "), max_age=30, path="/", httponly=True, samesite="Lax")
        return response


def _document(answer: web.StreamResponse) -> Any:
    body = answer.body if isinstance(answer, web.Response) else None
    return orjson.loads(body) if isinstance(body, bytes) and body else None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
