"""How much of an item may be sold, step by step, as `engine.quantity` works it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any, Final

from engine.quantity import GONE, available_quantity, effective_policy

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

OVERRIDES: Final = ("none", "manual", "maximum")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is looked at, its figure, and what follows from it."""

    label: str
    value: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody decides of an item by hand."""

    override: str
    manual: int | None
    buffer: int | None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Override:
        """Return what is decided of an item as the API shows it."""
        return cls(item["inventoryQuantityOverride"], item["manualInventoryQuantity"], item["allocationBufferOverride"])


def available(item: Mapping[str, Any], feed: Mapping[str, Any], by_hand: Override) -> int | None:
    """Return how much may be sold of an item of a feed under an override, None where nothing says how much that is."""
    return available_quantity(
        item["inventoryQuantity"],
        status=item["status"],
        policy=effective_policy(feed.get("inventoryPolicy"), item["inventoryPolicy"]),
        override=by_hand.override,
        manual=by_hand.manual,
        buffer=feed.get("allocationBuffer") if by_hand.buffer is None else by_hand.buffer,
        minimum=feed.get("minimumInventoryQuantity"),
        maximum=feed.get("maximumInventoryQuantity"),
    )


def explain_quantity(view: View, item: Mapping[str, Any], feed: Mapping[str, Any]) -> list[Step]:
    """Return the steps from the supplier's stock to what may be sold; those that change nothing are left out."""
    stock, by_hand = item["inventoryQuantity"], Override.of(item)
    first = Step(
        view.say("Supplier's stock"), stock, "" if stock is not None else view.say("The supplier has never said how many there are.")
    )
    if item["status"] == GONE:
        return [first, Step(view.say("Removed"), 0, view.say("The supplier has it no longer: nothing may be sold, whatever else is set."))]
    if by_hand.override == "manual" and by_hand.manual is not None:
        note = view.say("Set by hand: this many may be sold, whatever the supplier's stock says.")
        return [first, Step(view.say("Quantity by hand"), by_hand.manual, note)]
    if effective_policy(feed.get("inventoryPolicy"), item["inventoryPolicy"]) == "ignore":
        return [first, Step(view.say("Not tracked"), by_hand.manual, view.say("The stock of this item is not tracked."))]
    return [first, *(() if stock is None else _from_stock(view, stock, feed, by_hand))]


def _from_stock(view: View, stock: float, feed: Mapping[str, Any], by_hand: Override) -> Iterator[Step]:
    left = floor(stock)
    if left != stock:
        yield Step(view.say("Whole pieces"), left, view.say("Fractions are not sold."))
    buffer = feed.get("allocationBuffer") if by_hand.buffer is None else by_hand.buffer
    if buffer:
        left -= buffer
        whose = view.say("The feed's buffer is kept back.") if by_hand.buffer is None else view.say("The item's own buffer is kept back.")
        yield Step(view.say("Buffer"), -buffer, whose)
    minimum, maximum = feed.get("minimumInventoryQuantity"), feed.get("maximumInventoryQuantity")
    if minimum is not None and left < minimum:
        yield Step(view.say("Minimum of the feed"), minimum, view.say("Fewer than that are shown as none."))
        return
    limits = (
        (by_hand.manual if by_hand.override == "maximum" else None, view.say("Most by hand")),
        (maximum, view.say("Most of the feed")),
    )
    for limit, label in limits:
        if limit is not None and limit < left:
            left = limit
            yield Step(label, limit, view.say("More than that are never shown."))


def describe_outcome(view: View, item: Mapping[str, Any], feed: Mapping[str, Any], by_hand: Override) -> str:
    """Return what an override would do, before it is saved."""
    now, then = item["availableQuantity"], available(item, feed, by_hand)
    before, after = view.say("unknown") if now is None else now, view.say("unknown") if then is None else then
    if item["status"] == GONE:
        return view.say("The item is removed: nothing may be sold of it until its supplier has it again.")
    kept = {
        "none": view.say("The quantity follows the supplier's stock again."),
        "manual": view.say("Imports go on, but do not change this quantity until you take it back."),
        "maximum": view.say("The quantity follows the supplier's stock, but is never more than that."),
    }[by_hand.override]
    if before == after:
        return view.say("May be sold: %(now)s, as it is now. %(kept)s", now=before, kept=kept)
    return view.say("May be sold: %(now)s now, %(then)s after. %(kept)s", now=before, then=after, kept=kept)
