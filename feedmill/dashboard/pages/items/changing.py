"""What is decided of an item by hand: its quantity, and the variant of the catalogue that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.errors import FeedmillError
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import change_as_seen, problem_of, refuse_decided, whole_number
from feedmill.dashboard.items.quantity import OVERRIDES, Override, describe_outcome
from feedmill.dashboard.items.showing import Refused, find_candidates, item_address, show_item
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import FieldFault, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View

_OVERRIDE, _MANUAL, _BUFFER = "inventoryQuantityOverride", "manualInventoryQuantity", "allocationBufferOverride"
_LONGEST: Final = 15


async def _foretell(view: View) -> web.StreamResponse:
    """Show what an override would do while somebody types it."""
    item = await view.get(f"{item_address(view.number())}.json")
    feed = await view.get(feed_call(item["inventoryFeedId"]))
    by_hand, faults = _read_override(view, view.query)
    text = "" if faults else describe_outcome(view, item, feed, by_hand)
    return view.part("items/outcome.html", "outcome", outcome=text or " ".join(fault.message for fault in faults))


async def _override(view: View) -> web.StreamResponse:
    number = view.number()
    by_hand, faults = _read_override(view, view.form)
    try:
        if faults:
            raise Problem(422, "invalid", view.say("The quantity cannot be set so; nothing was changed."), faults=faults)
        sent = {_OVERRIDE: by_hand.override, _MANUAL: by_hand.manual, _BUFFER: by_hand.buffer}
        changed = await _decide(view, (_OVERRIDE, _MANUAL, _BUFFER), ".json", sent)
    except (Problem, FeedmillError) as error:
        return await show_item(view, number, Refused("override", problem_of(error), view.form))
    left = changed["availableQuantity"]
    said = view.say("Saved. May be sold now: %(n)s.", n=view.say("unknown") if left is None else left)
    return view.go(f"/items/{number}", said)


async def _connect(view: View) -> web.StreamResponse:
    number, variant = view.number(), view.form.get("variant", "")
    try:
        if (chosen := whole_number(variant)) is None:
            raise Problem(422, "invalid", view.say("Choose a variant of the catalogue."))
        await _decide(view, ("variantId",), "/connect.json", {"variantId": chosen})
    except (Problem, FeedmillError) as error:
        return await show_item(view, number, Refused("connect", problem_of(error)))
    return view.go(f"/items/{number}", view.say("Connected. No import changes that."))


async def _disconnect(view: View) -> web.StreamResponse:
    number = view.number()
    try:
        await _decide(view, ("variantId",), "/disconnect.json")
    except (Problem, FeedmillError) as error:
        return await show_item(view, number, Refused("connect", problem_of(error)))
    return view.go(f"/items/{number}", view.say("Disconnected. It stays so until somebody connects it again."))


async def _find(view: View) -> web.StreamResponse:
    """Show variants while somebody types."""
    number, text = view.number(), view.query.get("find", "")
    item = await view.get(f"{item_address(number)}.json")
    return view.part("items/candidates.html", "candidates", item=item, find=text, candidates=await find_candidates(view, text))


async def _decide(view: View, names: tuple[str, ...], call: str, sent: Mapping[str, object] | None = None) -> Any:
    """Do a call that decides these attributes of an item. Raises `Problem` 409 where they are others than the form has shown."""
    address = item_address(view.number())

    def decide(item: Mapping[str, Any]) -> Mapping[str, object] | None:
        seen = {name: view.form[f"was-{name}"] for name in names if f"was-{name}" in view.form}
        refuse_decided(view, {name: item[name] for name, was in seen.items() if was != _shown(item[name])})
        return sent

    return await change_as_seen(view, f"{address}.json", f"{address}{call}", decide)


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _read_override(view: View, sent: Mapping[str, str]) -> tuple[Override, list[FieldFault]]:
    faults: list[FieldFault] = []
    override = sent.get(_OVERRIDE, "none")
    if override not in OVERRIDES:
        faults.append(FieldFault(_OVERRIDE, view.say("Choose one of the three.")))
    manual = _whole(view, sent, _MANUAL, faults) if override != "none" else None
    if override != "none" and manual is None and not faults:
        faults.append(FieldFault(_MANUAL, view.say("Say how many.")))
    return Override(override, manual, _whole(view, sent, _BUFFER, faults)), faults


def _whole(view: View, sent: Mapping[str, str], name: str, faults: list[FieldFault]) -> int | None:
    text = sent.get(name, "").strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        faults.append(FieldFault(name, view.say("This has to be a whole number from 0.")))
        return None
    return int(text) if text else None


PAGES: Final[tuple[Page, ...]] = (
    shows("/items/{id}/outcome", _foretell, "admin"),
    shows("/items/{id}/variants", _find, "admin"),
    does("/items/{id}/override", _override),
    does("/items/{id}/connect", _connect),
    does("/items/{id}/disconnect", _disconnect),
)
