"""The differences of two mappings, whatever their rows: they are all of it, and no more."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feedmill.service.definition.differences import Difference, find_differences

ROW = st.fixed_dictionaries(
    {"name": st.sampled_from("abc"), "purpose": st.sampled_from(("sku", "name", "tags"))}, optional={"slugify": st.just(True)}
)
ROWS = st.lists(ROW, max_size=6)


def as_text(row: Any) -> str:
    """Return a row as a text that equal rows share."""
    return repr(sorted(row.items()))


def make(before: list[dict[str, Any]], found: list[Difference]) -> list[dict[str, Any]]:
    """Return what the differences make of rows, sorted: each takes a row away, puts one there, or both."""
    rows: list[Any] = list(before)
    for each in found:
        if not each.moved:
            if each.before is not None:
                rows.remove(each.before)
            if each.after is not None:
                rows.append(each.after)
    return sorted(rows, key=as_text)


@given(before=ROWS, after=ROWS)
def test_differences_are_all_there_is(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """Applied to the rows of before they make those of after; nothing differs only where both are the same; a move loses no row."""
    found = find_differences({"fields": before}, {"fields": after})
    assert make(before, found) == sorted(after, key=as_text)
    assert (not found) == (before == after)
    for each in found:
        if each.moved:
            assert isinstance(each.before, list)
            assert isinstance(each.after, list)
            assert sorted(each.before, key=as_text) == sorted(each.after, key=as_text)


@given(kept=ROW, added=ROW)
def test_a_row_in_front_moves_nothing(kept: dict[str, Any], added: dict[str, Any]) -> None:
    """One more row before another is a row that was added, and the other has not changed."""
    assert find_differences({"fields": [kept]}, {"fields": [added, kept]}) == [Difference("fields", None, added)]
