"""The overview: how the feeds are, what ran last, how much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feedmill.dashboard.page import Page, shows

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_NEWEST: Final = {"order[attribute]": "id", "order[descending]": True, "limit": 10}


async def _show(view: View) -> web.StreamResponse:
    feeds = await view.list("/api/inventory-feeds.json", {"limit": 200})
    runs = await view.list("/api/data-imports.json", _NEWEST)
    return view.render("home/overview.html", feeds=feeds, runs=runs.rows)


PAGES: Final[tuple[Page, ...]] = (shows("/", _show),)
