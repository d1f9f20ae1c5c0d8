"""API tokens: made and shown once, listed by their hints, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import FeedmillError
from feedmill.dashboard.feeds import MOST
from feedmill.dashboard.forms import faults_of, problem_of, status_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_ALL: Final = "/api/api-tokens.json"


async def _show(view: View) -> web.StreamResponse:
    return await _render(view)


async def _make(view: View) -> web.StreamResponse:
    scopes = [value for name, value in view.sent if name == "scopes"]
    name = view.form.get("name", "").strip()
    try:
        made = await view.send("POST", _ALL, {"name": name, "scopes": scopes})
    except (Problem, FeedmillError) as error:
        return await _render(view, problem=problem_of(error), name=name, scopes=scopes)
    return await _render(view, made=made)


async def _revoke(view: View) -> web.StreamResponse:
    revoked = await view.send("DELETE", f"/api/api-tokens/{view.number()}.json")
    return view.go("/tokens", view.say("%(name)s is revoked, and refused from now on.", name=revoked["name"]))


async def _render(
    view: View, *, made: object = None, problem: Problem | None = None, name: str = "", scopes: list[str] | None = None
) -> web.StreamResponse:
    tokens = await view.list(_ALL, {"order[attribute]": "id", "order[descending]": True, "limit": MOST})
    feeds = await view.list("/api/inventory-feeds.json", {"order[attribute]": "name", "limit": MOST})
    return view.render(
        "service/tokens.html",
        status=status_of(problem),
        tokens=sorted(tokens.rows, key=lambda token: token["revokedAt"] is not None),
        feeds=feeds.rows,
        names={feed["id"]: feed["name"] for feed in feeds.rows},
        made=made,
        problem=problem,
        faults=faults_of(problem),
        name=name,
        scopes=scopes or [],
    )


PAGES: Final[tuple[Page, ...]] = (
    shows("/tokens", _show, "admin"),
    does("/tokens", _make),
    does("/tokens/{id:[0-9]+}/revoke", _revoke),
)
