"""When a run may not be applied, or not without a person: refusals and holds. Both are judged on figures, which the verdict names."""

from __future__ import annotations

from collections.abc import Iterator
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


def judge(limits: GuardLimits, figures: Figures) -> tuple[Problem, ...]:
    """Return why a run is to be held until a person decides, nothing where it may be applied (API, section 5).

    Each reason names what was measured and the limit it is over. A ratio of fewer than `minItems` items is not judged, that of the
    stock by how many items have some, and nothing is where the feed had no items before.
    """
    if not limits.enabled or not figures.known:
        return ()
    return tuple(Problem("held", reason) for reason in (*_judge_stock(limits, figures), *_judge_prices(limits, figures)))


def _judge_stock(limits: GuardLimits, figures: Figures) -> Iterator[str]:
    floor = limits.min_items
    if figures.known >= floor and _exceeds(figures.missing, limits.max_missing_ratio, figures.known):
        yield (
            f"{_share(figures.missing, figures.known, 'items')} are missing from the source, {figures.missing_in_stock:,} of them "
            f"in stock; guard.maxMissingRatio allows {_percent(limits.max_missing_ratio)}"
        )
    if figures.in_stock < floor:
        return
    if _exceeds(figures.emptied, limits.max_zero_flip_ratio, figures.in_stock):
        yield (
            f"{_share(figures.emptied, figures.in_stock, 'items in stock')} would have no stock left; "
            f"guard.maxZeroFlipRatio allows {_percent(limits.max_zero_flip_ratio)}"
        )
    drop = figures.stock_before - figures.stock_after
    if _exceeds(drop, limits.max_stock_drop_ratio, figures.stock_before):
        yield (
            f"the stock of all items would fall from {figures.stock_before:,} to {figures.stock_after:,}, by "
            f"{_measured(drop, figures.stock_before)}; guard.maxStockDropRatio allows {_percent(limits.max_stock_drop_ratio)}"
        )


def _judge_prices(limits: GuardLimits, figures: Figures) -> Iterator[str]:
    floor = limits.min_items
    if figures.compared >= floor and _exceeds(figures.price_moved, limits.max_price_move_ratio, figures.compared):
        yield (
            f"{_share(figures.price_moved, figures.compared, 'items with a price')} would have one that moves by more than "
            f"guard.maxPriceFactor, {limits.max_price_factor:g}; guard.maxPriceMoveRatio allows {_percent(limits.max_price_move_ratio)}"
        )
    if figures.priced >= floor and _exceeds(figures.price_zeroed, limits.max_zero_price_ratio, figures.priced):
        yield (
            f"{_share(figures.price_zeroed, figures.priced, 'items with a retail price')} would have none or zero; "
            f"guard.maxZeroPriceRatio allows {_percent(limits.max_zero_price_ratio)}"
        )


def price_factor(definition: FeedDefinition) -> tuple[int, int]:
    """Return `maxPriceFactor` as numerator and denominator, for a comparison of prices that is exact at the limit."""
    return _exact(GuardLimits.model_validate(definition.guard).max_price_factor).as_integer_ratio()


def _exceeds(part: float, limit: float, whole: float) -> bool:
    """Say whether a part is more than the limit's share of a whole, exactly: 29 of 100 is not more than 0.29."""
    return _exact(part) > _exact(limit) * _exact(whole)


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _share(part: int, whole: int, of_what: str) -> str:
    return f"{part:,} of {whole:,} {of_what} ({_measured(part, whole)})"


def _measured(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %"


def _percent(limit: float) -> str:
    return f"{100 * limit:g} %"
