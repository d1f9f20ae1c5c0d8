"""The page of one item, as it is looked at and as a refused form shows it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from engine.errors import NotFound
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import faults_of, status_of, whole_number
from feedmill.dashboard.items.origins import GROUPS, Origin, find_origins, origin_of
from feedmill.dashboard.items.quantity import Override, describe_outcome, explain_quantity
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import Listing, View

HISTORY: Final = 20
"""Entries of a page of the history."""

_KNOWN: Final = 1000
"""Entries of the history in which the origin of a value is looked for."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was not taken: which one, why, and what was typed."""

    form: str
    problem: Problem
    sent: Mapping[str, str] = field(default_factory=dict)


def item_address(number: int) -> str:
    """Return the address of an item in the API, without its ending."""
    return f"/api/inventory-feed-variants/{number}"


def is_link(address: object) -> bool:
    """Return whether a supplier's text is an address that may be a link."""
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.netloc)


async def show_item(view: View, number: int, refused: Refused | None = None) -> web.Response:
    """Answer the page of an item. Raises `NotFound` where there is none."""
    item = await view.get(f"{item_address(number)}.json")
    feed = await view.get(feed_call(item["inventoryFeedId"]))
    history = await view.list(f"{item_address(number)}/history.json", {"limit": _KNOWN})
    page = whole_number(view.query.get("history", "")) or 0
    first = page * HISTORY
    entries = history.rows[first : first + HISTORY]
    if first + HISTORY > len(history.rows) and (history.total or 0) > len(history.rows):
        entries = (await view.list(f"{item_address(number)}/history.json", {"limit": HISTORY, "from": page})).rows
    sent = Override.of(item)
    return view.render(
        "items/item.html",
        status=status_of(None if refused is None else refused.problem),
        item=item,
        feed=feed,
        variant=await find_variant(view, item["variantId"]),
        steps=explain_quantity(view, item, feed),
        outcome=describe_outcome(view, item, feed, sent),
        groups=_filled(item),
        labels=labels(view),
        origins=find_origins(view, history.rows),
        began=_began(view, history),
        timeline=[(entry, origin_of(view, entry)) for entry in entries],
        page=page,
        more=(history.total or 0) > first + HISTORY,
        refused=refused,
        faults=faults_of(None if refused is None else refused.problem),
        is_link=is_link,
        find=view.query.get("find", ""),
        candidates=await find_candidates(view, view.query.get("find", "")),
    )


def _began(view: View, history: Listing) -> Origin | None:
    """Return who created an item, None where its history is longer than what was read of it."""
    return origin_of(view, history.rows[-1]) if history.total == len(history.rows) else None


async def find_variant(view: View, number: int | None) -> Mapping[str, Any] | None:
    """Return a variant of the catalogue, None for none and for one that is there no longer."""
    if number is None:
        return None
    try:
        found: Mapping[str, Any] = await view.get(f"/api/variants/{number}.json")
    except NotFound:
        return None
    return found


async def find_candidates(view: View, text: str) -> Mapping[str, Any] | None:
    """Return variants of the catalogue that somebody looks for, None where nothing is typed."""
    if not text.strip():
        return None
    after = view.query.get("after") or None
    found: Mapping[str, Any] = await view.get("/api/variants/search.json", {"q": text.strip()[:200], "after": after})
    return found


def labels(view: View) -> Mapping[str, str]:
    """Return what the attributes of items are called on pages."""
    return {
        "externalId": view.say("Id at the supplier"),
        "externalGroupId": view.say("Group at the supplier"),
        "vendorSku": view.say("SKU"),
        "originalSku": view.say("SKU as sent"),
        "barcode": view.say("Barcode"),
        "mpn": view.say("MPN"),
        "handle": view.say("Handle"),
        "name": view.say("Name"),
        "description": view.say("Description"),
        "productType": view.say("Product type"),
        "vendorName": view.say("Brand"),
        "options": view.say("Options"),
        "tags": view.say("Tags"),
        "images": view.say("Images"),
        "metaFields": view.say("Meta fields"),
        "inventoryQuantity": view.say("Stock"),
        "locations": view.say("Stock by place"),
        "inventoryPolicy": view.say("Stock policy"),
        "retailPrice": view.say("Price"),
        "compareAtPrice": view.say("Compare-at price"),
        "costPrice": view.say("Cost"),
        "taxable": view.say("Taxable"),
        "grams": view.say("Weight in grams"),
        "requiresShipping": view.say("Needs shipping"),
        "position": view.say("Position"),
        "status": view.say("Status"),
        "inventoryQuantityOverride": view.say("Quantity by hand"),
        "manualInventoryQuantity": view.say("Figure by hand"),
        "allocationBufferOverride": view.say("Buffer by hand"),
        "variantId": view.say("Variant of the catalogue"),
        "messages": view.say("Messages"),
    }


def _filled(item: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the groups of attributes of which an item has any, each with those that it has."""
    filled = ((group, [name for name in names if item[name] not in (None, [])]) for group, names in GROUPS)
    return [(group, names) for group, names in filled if names]
