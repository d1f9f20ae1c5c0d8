"""What of a supplier's stock may be sold."""

from __future__ import annotations

from math import floor
from typing import Final

GONE: Final = "removed"
"""The status of an item that its supplier no longer has."""


def available_quantity(
    quantity: float | None,
    *,
    status: str = "pending",
    policy: str = "track",
    override: str = "none",
    manual: int | None = None,
    buffer: int | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int | None:
    """Return the quantity that may be sold, never negative; None where no figure says how much that is.

    The first of these that applies: an item of `status` `removed` has nothing to sell, whatever else is said of it. `override`
    `manual` sells the manual figure, whatever the supplier says. Under `policy` `ignore` stock is not tracked: None, unless
    `override` `maximum` gives a figure, which then is all there is. What the supplier has is None where it is unknown; where it
    is known, `buffer` is taken off, below `minimum` nothing is left, and more than the override's or the feed's `maximum` is never
    shown. Fractions are cut: 39.5 pieces are 39 to sell. Under `continue` the figure is the same as under every other policy: a
    shop may sell on without stock, but what it is told is there must be there.
    """
    if status == GONE:
        return 0
    if override == "manual" and manual is not None:
        return max(manual, 0)
    limit = manual if override == "maximum" else None
    if policy == "ignore":
        return None if limit is None else max(limit, 0)
    if quantity is None:
        return None
    available = floor(quantity) - (buffer or 0)
    if minimum is not None and available < minimum:
        return 0
    return max(min([available, *(each for each in (limit, maximum) if each is not None)]), 0)


def effective_policy(of_feed: str | None, of_item: str) -> str:
    """Return the policy an item is sold under: its feed's, unless that is `default` and leaves it to the item."""
    return of_item if of_feed is None or of_feed == "default" else of_feed
