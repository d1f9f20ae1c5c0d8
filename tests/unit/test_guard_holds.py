"""When a run is held: each limit, just at it and just over it, its floor, and who sets it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from engine.feed import GuardLimits
from engine.figures import Figures, pieces
from engine.guard import judge, price_factor
from engine.run import Problem, RunRecord, RunStatus

QUIET: Final = Figures(known=1000, in_stock=1000, stock_before=1000, stock_after=1000, compared=1000, priced=1000)

CASES: Final = [
    ("missing", 250, "251 of 1,000 items (25.1 %) are missing from the source, 0 of them in stock; guard.maxMissingRatio allows 25 %"),
    ("emptied", 250, "251 of 1,000 items in stock (25.1 %) would have no stock left; guard.maxZeroFlipRatio allows 25 %"),
    (
        "price_moved",
        50,
        "51 of 1,000 items with a price (5.1 %) would have one that moves by more than guard.maxPriceFactor, 3; "
        "guard.maxPriceMoveRatio allows 5 %",
    ),
    ("price_zeroed", 50, "51 of 1,000 items with a retail price (5.1 %) would have none or zero; guard.maxZeroPriceRatio allows 5 %"),
]
NAMED: Final = [case[0] for case in CASES]


def holds(figures: Figures, **limits: float) -> list[str]:
    """Return why a run of these figures would be held."""
    problems = judge(GuardLimits.model_validate(limits), figures)
    assert {problem.code for problem in problems} <= {"held"}
    return [problem.message for problem in problems]


@pytest.mark.parametrize(("figure", "allowed", "reason"), CASES, ids=NAMED)
def test_a_ratio_holds_from_one_item_over_its_limit_on(figure: str, allowed: int, reason: str) -> None:
    """Exactly the limit passes; one more holds, and the reason names what was measured and what is allowed."""
    assert holds(replace(QUIET, **{figure: allowed})) == []
    assert holds(replace(QUIET, **{figure: allowed + 1})) == [reason]


def test_a_falling_stock_holds_from_a_piece_over_its_limit_on() -> None:
    """Half of the stock may go, fractions of a piece included; a stock that grows is never held."""
    assert holds(replace(QUIET, stock_after=500)) == []
    assert holds(replace(QUIET, stock_after=9_000)) == []
    message = "the stock of all items would fall from 1,000 to 499.5, by 50.0 %; guard.maxStockDropRatio allows 50 %"
    assert holds(replace(QUIET, stock_after=499.5)) == [message]


def test_missing_items_in_stock_are_named() -> None:
    """A person sees how much of what is missing was on sale: 892 gone, 335 of them in stock."""
    figures = Figures(known=1985, missing=892, missing_in_stock=335, in_stock=1500, emptied=335, stock_before=9, stock_after=9)
    assert holds(figures) == [
        "892 of 1,985 items (44.9 %) are missing from the source, 335 of them in stock; guard.maxMissingRatio allows 25 %"
    ]


def test_every_limit_that_is_passed_is_a_reason() -> None:
    """One reason does not hide another."""
    worst = Figures(1000, 1000, 1000, 1000, 1000, 1000, 0, 1000, 1000, 1000, 1000)
    assert [each.partition("; ")[2].split()[0] for each in holds(worst)] == [
        *("guard.maxMissingRatio", "guard.maxZeroFlipRatio", "guard.maxStockDropRatio", "guard.maxPriceMoveRatio"),
        "guard.maxZeroPriceRatio",
    ]


WORST_OF_19: Final = [
    Figures(known=19, missing=19, missing_in_stock=19),
    Figures(known=1000, in_stock=19, emptied=19, stock_before=500, stock_after=0),
    Figures(known=1000, compared=19, price_moved=19),
    Figures(known=1000, priced=19, price_zeroed=19),
]


@pytest.mark.parametrize("figures", WORST_OF_19, ids=["missing", "stock", "moved", "zeroed"])
def test_a_ratio_of_few_items_is_not_judged(figures: Figures) -> None:
    """Of 19 items all may go, of 20 they may not: each ratio has the floor for the items that it is of, stock for those in stock."""
    assert holds(figures) == []
    assert holds(figures, minItems=19)
    of_20 = {name: 20 for name, value in zip(Figures.__dataclass_fields__, _values(figures), strict=True) if value == 19}
    assert holds(replace(figures, **of_20))


def _values(figures: Figures) -> list[float]:
    return [getattr(figures, name) for name in Figures.__dataclass_fields__]


def test_the_first_run_is_not_held() -> None:
    """A feed without items has nothing to lose, however low its floor, and whatever a sink makes of that."""
    assert holds(Figures(stock_after=5), minItems=0) == []
    assert holds(Figures(known=0, in_stock=40, emptied=40, stock_before=40, priced=40, price_zeroed=40)) == []


def test_a_run_that_changes_nothing_is_not_held() -> None:
    """Also where no ratio allows anything, and nothing is there that a ratio could be of."""
    nothing = {"maxMissingRatio": 0, "maxZeroFlipRatio": 0, "maxStockDropRatio": 0, "maxPriceMoveRatio": 0, "maxZeroPriceRatio": 0}
    assert holds(QUIET, minItems=0, **nothing) == []
    assert holds(Figures(known=1), minItems=0, **nothing) == []


@pytest.mark.parametrize(("figure", "allowed"), [case[:2] for case in CASES], ids=NAMED)
def test_a_guard_that_is_off_holds_nothing(figure: str, allowed: int) -> None:
    """`enabled` = false switches every hold off."""
    assert holds(replace(QUIET, **{figure: 1000}, stock_after=0), enabled=False) == []
    assert len(holds(replace(QUIET, **{figure: 1000}, stock_after=0))) == 2


LIMITS: Final = [
    ("missing", "maxMissingRatio"),
    ("emptied", "maxZeroFlipRatio"),
    ("price_moved", "maxPriceMoveRatio"),
    ("price_zeroed", "maxZeroPriceRatio"),
]


@pytest.mark.parametrize(("figure", "limit"), LIMITS, ids=NAMED)
@pytest.mark.parametrize("ratio", [0, 0.001, 0.29, 0.57, 1])
def test_the_limits_are_the_feeds_and_exact(figure: str, limit: str, ratio: float) -> None:
    """A feed may allow less or more; 29 of 100 are not more than 0.29, although binary fractions say so."""
    hundred = Figures(known=100, in_stock=100, stock_before=1, stock_after=1, compared=100, priced=100)
    allowed = round(100 * ratio)
    assert holds(replace(hundred, **{figure: allowed}), **{limit: ratio}) == []
    if ratio < 1:
        assert len(holds(replace(hundred, **{figure: allowed + 1}), **{limit: ratio})) == 1


@pytest.mark.parametrize(("settings", "factor"), [({}, (3, 1)), ({"maxPriceFactor": 1.1}, (11, 10)), ({"maxMissingRatio": 1}, (3, 1))])
def test_the_factor_of_prices_is_the_feeds_and_exact(settings: dict[str, JsonValue], factor: tuple[int, int]) -> None:
    """As a stored definition has it, or by default; 1.1 is eleven tenths."""
    assert price_factor(FeedDefinition("shop", {"guard": settings} if settings else {})) == factor


def test_a_record_gives_its_reasons() -> None:
    """Those of the guard and of a review, also after the run was approved; other problems are none."""
    problems = tuple(Problem(code, code) for code in ("approved", "held", "review", "missing", "rejected"))
    assert RunRecord("shop", 1, RunStatus.COMPLETE, problems=problems).reasons == ("held", "review")


def test_pieces_are_whole_where_they_can_be() -> None:
    """Goods by the metre are added without what binary fractions leave behind."""
    assert [pieces(total) for total in (0.1 + 0.2, 3.0, -0.0)] == [0.3, 3, 0]
    assert str(pieces(2.0**60)) == "1152921504606846976"
