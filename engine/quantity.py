"""What of a supplier's stock may be sold."""

from __future__ import annotations

from math import floor


def available_quantity(
    quantity: float | None,
    *,
    override: str = "none",
    manual: int | None = None,
    buffer: int | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
) -> int | None:
    """Return the quantity that may be sold: after override, buffer, minimum and cap, never negative; None when unknown.

    `override` `manual` sells the manual figure whatever the supplier says, `maximum` sells at most that. Below `minimum`
    nothing is sold; more than `maximum` is never shown. Fractions are cut: 39.5 pieces are 39 to sell.
    """
    if override == "manual" and manual is not None:
        return max(manual, 0)
    if quantity is None:
        return None
    available = floor(quantity) - (buffer or 0)
    if override == "maximum" and manual is not None:
        available = min(available, manual)
    if minimum is not None and available < minimum:
        return 0
    if maximum is not None:
        available = min(available, maximum)
    return max(available, 0)
