"""What the mapping of a feed was: who changed what and when, and the way to bring an older version back into the editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.page import Page, shows
from feedmill.dashboard.pages.mapping.editor import words_of

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View


async def _show(view: View) -> web.StreamResponse:
    number = view.number()
    feed = await view.get(feed_call(number))
    versions = await view.get(feed_call(number, "mapping-history"))
    return view.render("mapping/history.html", feed=feed, versions=versions, words=words_of)


PAGES: Final[tuple[Page, ...]] = (shows("/feeds/{id:[0-9]+}/mapping/history", _show),)
