"""The list of runs: newest first, by status and feed, those under way with how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feedmill.dashboard.forms import whole_number
from feedmill.dashboard.page import Page, shows

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import Listing, View

STATUSES: Final = ("pending", "started", "held", "complete", "error", "skipped", "cancelled")
UNDER_WAY: Final = ("pending", "started")
_PAGE_ROWS: Final = 50
_FEEDS: Final = (("limit", "1000"), ("order[attribute]", "name"), ("attributes[]", "id"), ("attributes[]", "name"))


async def _show(view: View) -> web.Response:
    status = view.query.get("status", "") if view.query.get("status") in STATUSES else ""
    feed, page = whole_number(view.query.get("feed", "")), whole_number(view.query.get("from", "")) or 0
    runs = await _read(view, status, feed, page)
    feeds = await view.list("/api/inventory-feeds.json", _FEEDS)
    names = {each["id"]: each["name"] for each in feeds.rows}
    progress = {run["id"]: view.service.live.progress[run["id"]] for run in runs.rows if run["id"] in view.service.live.progress}
    topics = " ".join(("runs", "feeds", *(f"run-{run['id']}" for run in runs.rows if run["status"] in UNDER_WAY)))
    shown: dict[str, Any] = {"wanted": status, "feed": feed, "page": page, "page_rows": _PAGE_ROWS, "statuses": STATUSES, "topics": topics}
    return view.render("runs/runs.html", runs=runs, names=names, progress=progress, **shown)


async def _read(view: View, status: str, feed: int | None, page: int) -> Listing:
    query: dict[str, Any] = {"order[attribute]": "id", "order[descending]": True, "limit": _PAGE_ROWS, "from": page}
    if status:
        query["where[status]"] = status
    if feed is not None:
        query["where[inventoryFeedId]"] = feed
    return await view.list("/api/data-imports.json", query)


PAGES: Final[tuple[Page, ...]] = (shows("/runs", _show),)
