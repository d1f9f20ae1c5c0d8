"""The record of a run and the identity that ties its figures together (API, section 6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InternalError
from engine.run import Counts, RunRecord, RunStatus, StageTimes

FIGURES = st.integers(0, 1000)


def test_the_states_of_a_run_are_those_of_the_api() -> None:
    """`data-imports` knows exactly these words."""
    assert {status.value for status in RunStatus} == {"pending", "started", "held", "complete", "error", "skipped", "cancelled"}


@given(FIGURES, FIGURES, FIGURES, FIGURES, FIGURES, FIGURES, FIGURES)
def test_a_record_that_adds_up_passes(a: int, b: int, c: int, d: int, e: int, f: int, removed: int) -> None:
    """Read is the sum of its six parts; removed items were not read and limited ones are within skipped."""
    RunRecord("f", 1, RunStatus.COMPLETE, a + b + c + d + e + f, Counts(a, b, c, d, removed), e, f, limited=e).check_accounting()


@given(st.integers(-3, 3).filter(bool))
def test_a_record_that_does_not_add_up_is_our_fault(off: int) -> None:
    """One record too many or too few is an `InternalError` that shows every figure."""
    with pytest.raises(InternalError, match=r"run 7 of feed 'f' does not add up: .* 1 created \+ 2 updated \+ 3 unchanged"):
        RunRecord("f", 7, RunStatus.COMPLETE, 21 + off, Counts(1, 2, 3, 4), 5, 6).check_accounting()


def test_a_negative_part_is_our_fault_even_where_the_sum_is_right() -> None:
    """Two errors that cancel each other out are found."""
    with pytest.raises(InternalError, match="-1 unchanged"):
        RunRecord("f", 1, RunStatus.COMPLETE, 1, Counts(created=2, unchanged=-1)).check_accounting()


def test_the_bottleneck_is_the_stage_that_worked_longest() -> None:
    """Waiting is no work; where no stage ran there is none."""
    stages = {"fetch": StageTimes(0.1, 0.0, 9.0), "map": StageTimes(2.0, 1.0, 0.0), "stage": StageTimes(1.0, 9.0, 0.0)}
    assert RunRecord("f", 1, RunStatus.COMPLETE, stages=stages).bottleneck == "map"
    assert RunRecord("f", 1, RunStatus.COMPLETE).bottleneck is None
