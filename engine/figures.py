"""What a run would do to the items of a feed, in figures: what the guard judges, and what a person is shown of its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PRICES: Final = ("retailPrice", "compareAtPrice", "costPrice")
"""The attributes whose moves are figures, where the feed follows them at all (`FeedDefinition.settled` it does not)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run would do to a feed's items as they stand, in items and pieces; items of status `removed` do not stand.

    Of the `known` items `missing` ones are not in the source, for the first time in a row, and would be taken out of stock now or
    after their grace; `missing_in_stock` of them have stock. Of those `in_stock`, with more than none, `emptied` would have none after
    the run, because the source says so, says that they are gone, or has been silent about them long enough. The stock of all goes from
    `stock_before` to `stock_after`, new items included; less than none is none. Of the known items that were met, `compared` have a
    price that the feed follows, before and after, and on `price_moved` one moves by more than the factor; `priced` have a retail price,
    where the feed follows it, and on `price_zeroed` it becomes zero or nothing.

    Of a run that changes nothing only `known` is counted. A store that reads no more than what changes takes as many of the unchanged
    items that were met for priced as there can be: where silence means nothing, as in a delta, the last four may be too high by that.
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


def pieces(total: float) -> float:
    """Return a sum of stock without what adding fractions of a piece leaves behind: whole where it is whole, else of six decimals."""
    rounded = round(total, 6)
    return int(rounded) if rounded == int(rounded) else rounded
