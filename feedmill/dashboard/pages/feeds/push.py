"""How to push to a feed: the address, the hash that proves who sends, and a call to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.contracts import PUSHED
from engine.errors import NotFound
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.access import HASH_HEADERS
from feedmill.web.transport.proxies import client_of

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_INBOUND: Final = "/webhooks/inventory-feeds/parse-webhooks.json"


async def _show(view: View) -> web.StreamResponse:
    number = view.number()
    feed = await view.get(feed_call(number))
    if feed["resourceType"] not in PUSHED:
        raise NotFound(view.say("the feed %(name)s is fetched: nothing is pushed to it", name=feed["name"]))
    client = client_of(view.request, view.service.settings.server.trusted_proxies)
    context = {
        "feed": feed,
        "address": f"{client.scheme}://{client.host}{_INBOUND}",
        "header": HASH_HEADERS[0],
        "secret": feed["hash"] if view.is_admin else "",
    }
    return view.render("feeds/push.html", **context)


async def _rotate(view: View) -> web.StreamResponse:
    number = view.number()
    await view.send("POST", feed_call(number, "rotate-hash"))
    return view.go(f"/feeds/{number}/push", view.say("The hash is a new one; the old one is refused from now on."))


PAGES: Final[tuple[Page, ...]] = (shows("/feeds/{id}/push", _show), does("/feeds/{id}/push/rotate", _rotate))
