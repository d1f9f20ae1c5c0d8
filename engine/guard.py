"""When a run may not be applied, or not without a person: refusals and holds. Both are judged on figures, which the verdict names."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.errors import RefuseRun
from engine.feed import GuardLimits
from engine.run import Problem

if TYPE_CHECKING:
    from engine.contracts import FeedDefinition
    from engine.figures import Figures


def refuse_unusable(limits: GuardLimits, *, read: int, rejected: int, skipped: int, reasons: dict[str, int]) -> None:
    """Raise `RefuseRun` when nothing valid was read, or when too many records were rejected (API, section 5).

    `reasons` counts rejects by reason; the message names the most frequent one, because its cure is usually the cure of all.
    Fewer than `minItems` records are exempt from the ratio, but not from having a valid one among them.
    """
    valid = read - rejected - skipped
    frequent = max(reasons, key=lambda reason: reasons[reason], default="")
    most = f"; most often: {frequent} ({reasons[frequent]} times)" if frequent else ""
    if valid == 0:
        raise RefuseRun(f"no valid record among {read} read ({rejected} rejected, {skipped} skipped): nothing was applied{most}")
    counted = read - skipped
    if counted >= limits.min_items and _exceeds(rejected, limits.max_reject_ratio, counted):
        raise RefuseRun(
            f"{rejected} of {counted} records were rejected, more than guard.maxRejectRatio allows "
            f"({limits.max_reject_ratio:.0%}): nothing was applied{most}"
        )


def refuse_unknown_sums(keyless: int) -> None:
    """Raise `RefuseRun` when records whose stock belongs to some sum were rejected and nobody knows to which.

    Of a rejected record with a readable key, that key's sum alone is unknown, and the sink leaves the stock that is stored.
    """
    if keyless:
        raise RefuseRun(
            f"{keyless} of the rejected records have no readable key, and the feed has duplicateKeys=sum: the stock of one item or "
            "another would lack them; nothing was applied: correct the source, whose rejects feedmill rejects shows"
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """A share that a limit of the guard is set on: `part` of `whole`, in items, or of the stock in pieces.

    `name` is the limit's in the API, `limit` its value. What is not `judged` cannot be `exceeded`: the guard is disabled, the feed had
    no items before, or fewer than `minItems`.
    """

    name: str
    part: float
    whole: float
    limit: float
    judged: bool

    @property
    def value(self) -> float:
        """Return the share, 0 of nothing."""
        return self.part / self.whole if self.whole else 0.0

    @property
    def exceeded(self) -> bool:
        """Return whether a run has to be held for it."""
        return self.judged and _exceeds(self.part, self.limit, self.whole)


def measure(limits: GuardLimits, figures: Figures) -> tuple[Measure, ...]:
    """Return what the guard looks at, beside its limits (API, section 5).

    A ratio of fewer than `minItems` items is not judged, that of the stock by how many items have some, and nothing is where the feed
    had no items before.
    """
    judging, floor = limits.enabled and figures.known > 0, limits.min_items
    stocked = judging and figures.in_stock >= floor
    drop = max(figures.stock_before - figures.stock_after, 0)
    known, compared, priced = (judging and whole >= floor for whole in (figures.known, figures.compared, figures.priced))
    return (
        Measure("maxMissingRatio", figures.missing, figures.known, limits.max_missing_ratio, known),
        Measure("maxZeroFlipRatio", figures.emptied, figures.in_stock, limits.max_zero_flip_ratio, stocked),
        Measure("maxStockDropRatio", drop, figures.stock_before, limits.max_stock_drop_ratio, stocked),
        Measure("maxPriceMoveRatio", figures.price_moved, figures.compared, limits.max_price_move_ratio, compared),
        Measure("maxZeroPriceRatio", figures.price_zeroed, figures.priced, limits.max_zero_price_ratio, priced),
    )


def judge(limits: GuardLimits, figures: Figures) -> tuple[Problem, ...]:
    """Return why a run is to be held until a person decides, nothing where it may be applied; see `measure`.

    Each reason names what was measured and the limit it is over.
    """
    return tuple(Problem("held", _tell(each, limits, figures)) for each in measure(limits, figures) if each.exceeded)


def _tell(measured: Measure, limits: GuardLimits, figures: Figures) -> str:
    allowed = f"guard.{measured.name} allows {_percent(measured.limit)}"
    match measured.name:
        case "maxMissingRatio":
            what = f"{_share(measured, 'items')} are missing from the source, {figures.missing_in_stock:,} of them in stock"
        case "maxZeroFlipRatio":
            what = f"{_share(measured, 'items in stock')} would have no stock left"
        case "maxStockDropRatio":
            fall = f"from {figures.stock_before:,} to {figures.stock_after:,}"
            what = f"the stock of all items would fall {fall}, by {_measured(measured)}"
        case "maxPriceMoveRatio":
            moves = f"guard.maxPriceFactor, {limits.max_price_factor:g}"
            what = f"{_share(measured, 'items with a price')} would have one that moves by more than {moves}"
        case _:
            what = f"{_share(measured, 'items with a retail price')} would have none or zero"
    return f"{what}; {allowed}"


def price_factor(definition: FeedDefinition) -> tuple[int, int]:
    """Return `maxPriceFactor` as numerator and denominator, for a comparison of prices that is exact at the limit."""
    return _exact(GuardLimits.model_validate(definition.guard).max_price_factor).as_integer_ratio()


def _exceeds(part: float, limit: float, whole: float) -> bool:
    """Say whether a part is more than the limit's share of a whole, exactly: 29 of 100 is not more than 0.29."""
    return _exact(part) > _exact(limit) * _exact(whole)


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _share(measured: Measure, of_what: str) -> str:
    return f"{measured.part:,} of {measured.whole:,} {of_what} ({_measured(measured)})"


def _measured(measured: Measure) -> str:
    return f"{100 * measured.part / measured.whole:.1f} %"


def _percent(limit: float) -> str:
    return f"{100 * limit:g} %"
