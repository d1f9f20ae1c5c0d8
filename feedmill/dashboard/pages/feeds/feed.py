"""One feed: how it fares, what it is fetched from or how it is pushed to, its last runs, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feedmill.dashboard.feeds import feed_call, judged_feed
from feedmill.dashboard.page import Page, does, shows

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View


async def _show(view: View) -> web.StreamResponse:
    number = view.number()
    judged = await judged_feed(view, number)
    runs = await view.list(
        "/api/data-imports.json",
        {"where[inventoryFeedId]": number, "order[attribute]": "id", "order[descending]": True, "limit": 10},
    )
    supplier = await view.get(f"/api/dropship-providers/{judged.feed['dropshipProviderId']}.json")
    open_run = next((run for run in runs.rows if run["status"] in ("pending", "started")), None)
    return view.render("feeds/feed.html", each=judged, feed=judged.feed, runs=runs.rows, supplier=supplier, open_run=open_run)


async def _fetch(view: View) -> web.StreamResponse:
    query = {"refetch": True} if view.form.get("refetch") else {}
    run = await view.send("POST", feed_call(view.number(), "fetch"), query=query)
    return view.go(f"/runs/{run['id']}")


async def _switch(view: View) -> web.StreamResponse:
    enabled = view.form.get("enabled") == "true"
    await view.send("PUT", feed_call(view.number()), {"enabled": enabled, **({"automatedFetching": "enabled"} if enabled else {})})
    return view.go(f"/feeds/{view.number()}", view.say("The feed is enabled.") if enabled else view.say("The feed is disabled."))


async def _delete(view: View) -> web.StreamResponse:
    removed = await view.send("DELETE", feed_call(view.number()))
    return view.go("/suppliers", view.say("%(name)s was removed, with its items and its history.", name=removed["name"]))


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/{id:[0-9]+}", _show),
    does("/feeds/{id:[0-9]+}/fetch", _fetch),
    does("/feeds/{id:[0-9]+}/switch", _switch),
    does("/feeds/{id:[0-9]+}/delete", _delete),
)
