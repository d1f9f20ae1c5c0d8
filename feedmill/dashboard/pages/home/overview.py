"""The overview: how the feeds are, what waits for somebody, what ran last, how much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feedmill.dashboard.feeds import judged_feeds
from feedmill.dashboard.health import WORDS, count_words
from feedmill.dashboard.page import Page, shows

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_NEWEST: Final = {"order[attribute]": "id", "order[descending]": True, "limit": 10}
_OPEN: Final = {"where[resolvedAt][$null]": True, "order[attribute]": "id", "order[descending]": True, "limit": 5}


async def _show(view: View) -> web.StreamResponse:
    feeds = await judged_feeds(view)
    runs = await view.list("/api/data-imports.json", _NEWEST)
    return view.render(
        "home/overview.html",
        counts=count_words(feeds),
        feeds=sorted(feeds, key=lambda each: WORDS.index(each.word)),
        names={each.feed["id"]: each.feed["name"] for each in feeds},
        runs=runs.rows,
        alerts=await view.list("/api/alerts.json", _OPEN),
        totals=await view.get("/api/totals.json"),
        plan=await view.get("/api/plan.json"),
    )


PAGES: Final[tuple[Page, ...]] = (shows("/", _show),)
