"""How much there is in all. To add up a million items takes a third of a second, so sums of many are kept for a while."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from engine.figures import pieces

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

FEW: Final = 20_000
"""So many items are added up whenever somebody asks."""

SECONDS_A_MILLION: Final = 20.0
"""How long the sums of a million items are kept."""

_SUMS: Final = (
    "SELECT (SELECT count(*) FROM main.inventory_feeds), count(*), coalesce(sum(status = 'connected'), 0),"
    " coalesce(sum(inventory_quantity > 0), 0), coalesce(sum(max(inventory_quantity, 0)), 0) FROM main.inventory_feed_variants"
)


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is. `stock` is in pieces, and whole unless some supplier sells fractions of one, as metres of cable."""

    feeds: int = 0
    items: int = 0
    connected: int = 0
    in_stock: int = 0
    stock: float = 0


class KeptTotals:
    """The sums that were made last, and until when they are good enough."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._until = 0.0

    def get(self) -> Totals | None:
        """Return the sums, None when they have to be made anew."""
        return self._totals if monotonic() < self._until else None

    def keep(self, totals: Totals) -> None:
        """Keep sums for as long as it is worth."""
        self._totals = totals
        if totals.items > FEW:
            self._until = monotonic() + SECONDS_A_MILLION * totals.items / 1_000_000


async def read_totals(reader: Writer, kept: KeptTotals) -> Totals:
    """Return how much there is, exact where it is little and some seconds old where it is much."""
    if (totals := kept.get()) is not None:
        return totals
    *counts, stock = map(str, (await reader.query(_SUMS))[0])
    feeds, items, connected, in_stock = map(int, counts)
    totals = Totals(feeds, items, connected, in_stock, pieces(float(stock)))
    kept.keep(totals)
    return totals
