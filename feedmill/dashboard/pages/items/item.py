"""One item: what it is and where that came from, how much may be sold, its history, and what is decided by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.errors import NotFound
from feedmill.dashboard.items.showing import HISTORY, show_item
from feedmill.dashboard.page import Page, shows

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View


async def _show(view: View) -> web.StreamResponse:
    try:
        return await show_item(view, view.number())
    except NotFound:
        return await _show_gone(view, view.number())


async def _show_gone(view: View, number: int) -> web.StreamResponse:
    """Show what is known of an item that was deleted. Raises `NotFound` where that is nothing."""
    known = await view.list(f"/api/inventory-feed-variants/{number}/history.json", {"limit": HISTORY})
    last: dict[str, Any] = next((entry for entry in known.rows if entry["action"] == "deleted"), known.rows[0])
    return view.render("items/gone.html", status=404, number=number, last=last, entries=known.rows)


PAGES: Final[tuple[Page, ...]] = (shows("/items/{id}", _show),)
