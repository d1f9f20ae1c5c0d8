"""The feeds of a page, each with how it fares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from feedmill.dashboard.health import FeedHealth, judge_feed

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

MOST: Final = 500
"""Feeds that a page shows; the API pages through more."""

_SHORT: Final = (("attributes[]", "id"), ("attributes[]", "inventoryFeedId"))


def feed_call(number: int, what: str = "") -> str:
    """Return the address of a feed in the API, or of something that belongs to it: `feed_call(1, "preview")`."""
    return f"/api/inventory-feeds/{number}{what and '/'}{what}.json"


async def held_runs(view: View, feed: int | None = None) -> dict[int, int]:
    """Return the runs that are held, the newest of each feed, by the feed; of one feed where it is named."""
    of_feed = () if feed is None else (("where[inventoryFeedId]", str(feed)),)
    runs = await view.list("/api/data-imports.json", [("where[status]", "held"), *of_feed, ("limit", str(MOST)), *_SHORT])
    return {run["inventoryFeedId"]: run["id"] for run in runs.rows}


async def judged_feeds(view: View) -> list[FeedHealth]:
    """Return the feeds, at most `MOST`, each with how it fares."""
    feeds = await view.list("/api/inventory-feeds.json", {"limit": MOST})
    held, now = await held_runs(view), datetime.now(UTC)
    return [judge_feed(feed, held, now) for feed in feeds.rows]


async def judged_feed(view: View, number: int) -> FeedHealth:
    """Return one feed with how it fares. Raises `NotFound`."""
    feed: dict[str, Any] = await view.get(feed_call(number))
    return judge_feed(feed, await held_runs(view, number), datetime.now(UTC))
