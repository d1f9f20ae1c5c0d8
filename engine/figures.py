"""What a run would do to the items of a feed, in figures: what the guard judges, and what a person is shown of its verdict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run would do to a feed's items as they stand, in items and pieces; items of status `removed` do not stand.

    Of the `known` items `missing` ones were not in the source and would be taken out of stock now or after their grace,
    `missing_in_stock` of them have stock. Of those `in_stock`, `emptied` would have none after the run, missing ones among them.
    The stock of all goes from `stock_before` to `stock_after`, new items included. Of the known items that were met, `compared`
    have a price (retail, compare-at or cost) before and after, and on `price_moved` one moves by more than the factor; `priced` cost
    something before, and on `price_zeroed` the retail price becomes zero or nothing.
    """

    known: int = 0
    missing: int = 0
    missing_in_stock: int = 0
    in_stock: int = 0
    emptied: int = 0
    stock_before: float = 0
    stock_after: float = 0
    compared: int = 0
    price_moved: int = 0
    priced: int = 0
    price_zeroed: int = 0
