"""One feed: how it fares, what it is fetched from or how it is pushed to, its last runs, and what can be done with it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Final

from feedmill.dashboard.feeds import judged_feed
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.transport.proxies import client_of

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.health import FeedHealth
    from feedmill.dashboard.view import View

_ITEM: Final = {"externalId": "A-1", "vendorSku": "A-1", "inventoryQuantity": 5}


async def _show(view: View) -> web.StreamResponse:
    number = view.number()
    judged = await judged_feed(view, number)
    runs = await view.list(
        "/api/data-imports.json",
        {"where[inventoryFeedId]": number, "order[attribute]": "id", "order[descending]": True, "limit": 10},
    )
    supplier = await view.get(f"/api/dropship-providers/{judged.feed['dropshipProviderId']}.json")
    calls = _calls(view, judged) if judged.pushed else {}
    open_run = next((run for run in runs.rows if run["status"] in ("pending", "started")), None)
    return view.render("feeds/feed.html", each=judged, feed=judged.feed, runs=runs.rows, supplier=supplier, calls=calls, open_run=open_run)


async def _fetch(view: View) -> web.StreamResponse:
    query = {"refetch": True} if view.form.get("refetch") else {}
    run = await view.send("POST", f"/api/inventory-feeds/{view.number()}/fetch.json", query=query)
    return view.go(f"/runs/{run['id']}")


async def _switch(view: View) -> web.StreamResponse:
    enabled = view.form.get("enabled") == "true"
    await view.send("PUT", _one(view), {"enabled": enabled, **({"automatedFetching": "enabled"} if enabled else {})})
    return view.go(f"/feeds/{view.number()}", view.say("The feed is enabled.") if enabled else view.say("The feed is disabled."))


async def _rotate(view: View) -> web.StreamResponse:
    await view.send("POST", f"/api/inventory-feeds/{view.number()}/rotate-hash.json")
    return view.go(f"/feeds/{view.number()}", view.say("The feed has a new secret; the old one is refused from now on."))


async def _delete(view: View) -> web.StreamResponse:
    removed = await view.send("DELETE", _one(view))
    return view.go("/suppliers", view.say("%(name)s was removed, with its items and its history.", name=removed["name"]))


def _one(view: View) -> str:
    return f"/api/inventory-feeds/{view.number()}.json"


def _calls(view: View, judged: FeedHealth) -> dict[str, str]:
    """Return how items are sent to a feed: with a token of ours, and with the feed's own secret where it may be seen."""
    client = client_of(view.request, view.service.settings.server.trusted_proxies)
    base, number, secret = f"{client.scheme}://{client.host}", judged.feed["id"], judged.feed["hash"]
    item, items = (shlex.quote(json.dumps(sent)) for sent in (_ITEM, [_ITEM]))
    as_json = "-H 'Content-Type: application/json'"
    one, inbound = f"{base}/api/inventory-feeds/{number}/parse-webhook.json", f"{base}/webhooks/inventory-feeds/parse-webhooks.json"
    calls = {
        "one": one,
        "inbound": inbound,
        "token": f'curl -X PUT -H "Authorization: Bearer $TOKEN" {as_json} \\\n  -d {item} \\\n  {one}',
    }
    if view.is_admin and secret:
        calls |= {"hash": secret, "secret": f"curl -H 'feedmill-webhook-hash: {secret}' {as_json} \\\n  -d {items} \\\n  {inbound}"}
    return calls


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/{id:[0-9]+}", _show),
    does("/feeds/{id:[0-9]+}/fetch", _fetch),
    does("/feeds/{id:[0-9]+}/switch", _switch),
    does("/feeds/{id:[0-9]+}/rotate", _rotate),
    does("/feeds/{id:[0-9]+}/delete", _delete),
)
