"""The feeds of a page, each with how it fares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from feedmill.dashboard.health import FeedHealth, judge_feed

if TYPE_CHECKING:
    from feedmill.dashboard.view import Query, View

MOST: Final = 500
"""Feeds that a page shows; the API pages through more."""

_SHORT: Final = (("attributes[]", "id"), ("attributes[]", "inventoryFeedId"))


async def held_runs(view: View) -> dict[int, int]:
    """Return the runs that are held, the newest of each feed, by the feed."""
    runs = await view.list("/api/data-imports.json", [("where[status]", "held"), ("limit", str(MOST)), *_SHORT])
    return {run["inventoryFeedId"]: run["id"] for run in runs.rows}


async def judged_feeds(view: View, query: Query = ()) -> list[FeedHealth]:
    """Return the feeds that a query of the API finds, at most `MOST`, each with how it fares."""
    pairs = query.items() if isinstance(query, Mapping) else query
    asked = [(name, str(value)) for name, value in pairs]
    feeds = await view.list("/api/inventory-feeds.json", [*asked, ("limit", str(MOST))])
    held, now = await held_runs(view), datetime.now(UTC)
    return [judge_feed(feed, held, now) for feed in feeds.rows]


async def judged_feed(view: View, number: int) -> FeedHealth:
    """Return one feed with how it fares. Raises `NotFound`."""
    feed: dict[str, Any] = await view.get(f"/api/inventory-feeds/{number}.json")
    return judge_feed(feed, await held_runs(view), datetime.now(UTC))
