"""What a run says of known items that were not in its source."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.batch import JsonValue
from engine.contracts import FeedDefinition, StageSummary
from engine.flow.channel import StageClock
from engine.flow.tally import Tally
from engine.run import Problem


def told(summary: StageSummary, attributes: Mapping[str, JsonValue] | None = None, *, rejected: int = 0) -> list[Problem]:
    """Return the problems that a summary makes."""
    tally = Tally("shop", False, (StageClock("fetch"),), rejected=rejected)
    tally.note_outcome(summary, FeedDefinition("shop", attributes or {}))
    return tally.problems


MISSING = StageSummary(known=10, seen=7, created=0, updated=0, unchanged=7, duplicate=0, missing=3)
CASES: list[tuple[dict[str, JsonValue], str]] = [
    ({}, "by missingPolicy=zero they get status removed and no stock"),
    ({"missingPolicy": "remove"}, "by missingPolicy=remove they are deleted"),
    ({"missingPolicy": "keep", "missingGraceRuns": 2}, "by missingPolicy=keep they are left as they are"),
    ({"fetchCleanup": "disabled"}, "by fetchCleanup=disabled they are left as they are"),
    ({"feedKind": "delta", "missingPolicy": "remove"}, "by feedKind=delta they are left as they are"),
    (
        {"missingGraceRuns": 2},
        "by missingPolicy=zero those that were missing in 2 runs before (missingGraceRuns) get status removed and no stock, "
        "the others are left as they are for now",
    ),
]


@pytest.mark.parametrize(("attributes", "fate"), CASES, ids=[", ".join(case[0]) or "default" for case in CASES])
def test_the_fate_of_missing_items_is_told(attributes: dict[str, JsonValue], fate: str) -> None:
    """By the setting that decides it, in words that fit a run that is applied, held or dry."""
    assert told(MISSING, attributes) == [Problem("missing", f"3 known items were not in the source; {fate}")]


def test_where_records_were_rejected_an_item_may_be_among_them() -> None:
    """Then it is not said that the source lacks it."""
    (problem,) = told(MISSING, rejected=1)
    assert problem.message.startswith("3 known items were not among the records that could be read; ")


def test_nothing_is_told_where_nothing_is_missing() -> None:
    """A run that met every item has no such problem."""
    assert told(StageSummary(known=10, seen=10, created=0, updated=0, unchanged=10, duplicate=0)) == []


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({}, "2 new items are gone by the source's own word and were not imported"),
        (
            {"restrictInventoryImport": True},
            "2 new items are not above inventoryRestrictionLevel in stock or are gone by the source's own word and were not imported",
        ),
    ],
    ids=["gone", "restricted"],
)
def test_new_items_that_are_kept_out_are_told(attributes: dict[str, JsonValue], why: str) -> None:
    """With the reasons that this feed can have for it."""
    summary = StageSummary(known=0, seen=0, created=0, updated=0, unchanged=0, duplicate=0, skipped=2)
    assert told(summary, attributes) == [Problem("restricted", why)]
