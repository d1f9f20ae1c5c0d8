"""When a run is refused: nothing valid, or too much that is not."""

from __future__ import annotations

import pytest

from engine.errors import RefuseRun
from engine.feed import GuardLimits
from engine.guard import refuse_unusable


def judge(read: int, rejected: int = 0, skipped: int = 0, limits: GuardLimits | None = None, **reasons: int) -> None:
    """Judge a run of these figures."""
    refuse_unusable(limits or GuardLimits(), read=read, rejected=rejected, skipped=skipped, reasons=reasons)


@pytest.mark.parametrize(("read", "rejected", "skipped"), [(0, 0, 0), (5, 5, 0), (5, 0, 5), (5, 3, 2), (1000, 999, 1)])
def test_a_run_without_a_valid_record_is_refused(read: int, rejected: int, skipped: int) -> None:
    """However small it is: an empty feed never empties the stock."""
    with pytest.raises(RefuseRun, match=f"no valid record among {read} read"):
        judge(read, rejected, skipped)


@pytest.mark.parametrize(("read", "rejected"), [(20, 2), (100, 10), (30, 3), (1000, 100), (19, 18), (1, 0)])
def test_a_run_within_the_limit_passes(read: int, rejected: int) -> None:
    """Exactly the ratio passes, and fewer than `minItems` records are exempt from it."""
    judge(read, rejected)


@pytest.mark.parametrize(("read", "rejected"), [(20, 3), (100, 11), (1000, 101), (1_000_000, 100_001)])
def test_a_run_over_the_limit_is_refused(read: int, rejected: int) -> None:
    """One reject too many refuses it."""
    with pytest.raises(RefuseRun, match=r"more than guard.maxRejectRatio allows \(10%\)"):
        judge(read, rejected)


def test_what_is_no_item_does_not_count() -> None:
    """Totals and notes neither thin the rejects out nor make records scarce."""
    with pytest.raises(RefuseRun, match="3 of 20 records"):
        judge(120, rejected=3, skipped=100)
    judge(119, rejected=3, skipped=100)


def test_the_refusal_names_the_most_frequent_reason() -> None:
    """Its cure is usually the cure of all."""
    with pytest.raises(RefuseRun, match=r"most often: qty \(60 times\)"):
        judge(100, 70, price=10, qty=60)
    with pytest.raises(RefuseRun, match=r"nothing was applied; most often: key \(2 times\)"):
        judge(2, 2, key=2)


@pytest.mark.parametrize("limits", [GuardLimits(enabled=False), GuardLimits(enabled=False, minItems=0)])
def test_a_guard_that_is_off_still_refuses(limits: GuardLimits) -> None:
    """`enabled` = false switches the holds off, never the refusals."""
    with pytest.raises(RefuseRun):
        judge(100, 50, limits=limits)
    with pytest.raises(RefuseRun):
        judge(0, limits=limits)


def test_the_limits_are_the_feeds() -> None:
    """A feed may allow more, or none, and set from how many records on the ratio counts."""
    judge(100, 50, limits=GuardLimits(maxRejectRatio=0.5))
    judge(100, 99, limits=GuardLimits(minItems=101))
    with pytest.raises(RefuseRun):
        judge(2, 1, limits=GuardLimits(maxRejectRatio=0, minItems=0))
