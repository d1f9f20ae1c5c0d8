"""All items: searched, filtered, sorted, page by page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from yarl import URL

from engine.errors import FeedmillError
from engine.schema import CHOICES
from feedmill.dashboard.forms import problem_of
from feedmill.dashboard.page import Page, shows
from feedmill.dashboard.rendering import merge_query
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_TEMPLATE: Final = "items/items.html"
_SHOWN: Final = 50
_FILTERS: Final = ("q", "status", "feed", "connected")
_NEWEST: Final = "-id"


async def _show(view: View) -> web.StreamResponse:
    asked = {name: view.query.get(name, "").strip() for name in _FILTERS}
    sort = view.query.get("sort") or _NEWEST
    query = {
        "q": asked["q"] or None,
        "status": asked["status"] or None,
        "inventoryFeedId": asked["feed"] or None,
        "connected": asked["connected"] or None,
        "order[attribute]": sort.lstrip("-"),
        "order[descending]": sort.startswith("-"),
        "limit": _SHOWN,
        "cursor": view.query.get("cursor"),
        "wait": "sorted" in view.query,
    }
    problem = None
    try:
        page = await view.get("/api/inventory-feed-variants/search.json", query)
    except (Problem, FeedmillError) as error:
        problem, page = problem_of(error), None
    feeds = await view.list("/api/inventory-feeds.json", [("attributes[]", "id"), ("attributes[]", "name"), ("limit", "1000")])
    response = view.render(
        _TEMPLATE,
        asked=asked,
        sort=sort,
        filtered=any(asked.values()),
        found=page,
        problem=problem,
        feeds=sorted(feeds.rows, key=lambda feed: str(feed["name"]).casefold()),
        names={feed["id"]: feed["name"] for feed in feeds.rows},
        statuses=CHOICES["status"],
        sorts=_sorts(view),
        here=partial(_here, view),
    )
    if view.request.headers.get("HX-Trigger") == "items-search":
        # Somebody types: the address is that of what is shown, and the way back leads past every letter.
        response.headers["HX-Replace-Url"] = _here(view)
    return response


def _here(view: View, **changes: str | int | None) -> str:
    """Return the address of what is shown, with some of it changed, and without what nobody has chosen."""
    pairs = [(name, value) for name, value in view.query.items() if name not in ("part", "sorted") and value.strip()]
    return str(URL(view.request.path).with_query(merge_query(pairs, **changes)))


def _sorts(view: View) -> list[tuple[str, str]]:
    return [
        (_NEWEST, view.say("Newest first")),
        ("id", view.say("Oldest first")),
        ("externalId", view.say("Id, A to Z")),
        ("-externalId", view.say("Id, Z to A")),
        ("vendorSku", view.say("SKU, A to Z")),
        ("-vendorSku", view.say("SKU, Z to A")),
        ("name", view.say("Name, A to Z")),
        ("-name", view.say("Name, Z to A")),
        ("-inventoryQuantity", view.say("Most stock first")),
        ("inventoryQuantity", view.say("Least stock first")),
        ("-retailPrice", view.say("Dearest first")),
        ("retailPrice", view.say("Cheapest first")),
        ("-updatedAt", view.say("Latest change first")),
        ("updatedAt", view.say("Longest unchanged first")),
    ]


PAGES: Final[tuple[Page, ...]] = (shows("/items", _show),)
