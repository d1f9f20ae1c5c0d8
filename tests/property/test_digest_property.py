"""Equal rows have equal digests and different rows have different ones: what decides whether a row is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.digest import digest_rows
from engine.mapping.rules import Rules
from tests.unit.rules_parts import SKU, apply, compiled

HEADER = ("sku", "title", "text", "qty", "price")
ROWS: tuple[dict[str, object], ...] = (
    {"name": "title", "purpose": "name"},
    {"name": "text", "purpose": "description"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
)
CELLS = st.tuples(
    st.text(max_size=6), st.text(max_size=6), st.integers(-9, 2**62).map(str) | st.just(""), st.integers(0, 10**9).map(str) | st.just("")
)
PROGRAM = """
from tests.property.test_digest_property import digests_of, fresh
print(digests_of(fresh(), [("Lampe", "", "5", "12.5"), ("", "\\u6f22", "", "")]))
"""


def fresh(**changes: object) -> Rules:
    """Compile the rules anew, with empty memos."""
    return compiled(HEADER, SKU, *({**row, **changes} for row in ROWS))


def digests_of(rules: Rules, rows: list[tuple[str, str, str, str]]) -> list[int]:
    """Return the digests of rows of cells, all under one SKU so that it makes no difference."""
    return apply(rules, HEADER, *(("a", *cells) for cells in rows)).items.digests


def copied(text: str) -> str:
    """Return an equal text that is another object, never interned."""
    return "".join(list(text)) if len(text) > 1 else text.encode("utf-8").decode("utf-8")


@given(st.lists(CELLS, min_size=1, max_size=6))
def test_equal_rows_have_equal_digests_whatever_their_objects_are(rows: list[tuple[str, str, str, str]]) -> None:
    """Interned or not, shared within the batch or not, first met or remembered: only the content counts."""
    once = fresh()
    found = digests_of(once, [*rows, *rows])
    anew = [digests_of(fresh(), [(sys.intern(copied(a)), copied(b), copied(c), copied(d))])[0] for a, b, c, d in rows]
    assert found == anew + anew
    assert found == digests_of(once, rows) * 2


@given(CELLS, CELLS)
def test_rows_have_equal_digests_only_if_they_are_equal(one: tuple[str, str, str, str], two: tuple[str, str, str, str]) -> None:
    """A change of any value changes the digest, also where texts move between neighbouring columns."""
    items = apply(fresh(), HEADER, ("a", *one), ("a", *two)).items
    assert (items.digests[0] == items.digests[1]) == (items.rows[0] == items.rows[1])


@given(st.text(max_size=4), st.text(max_size=4))
def test_a_text_that_moves_to_the_next_column_is_a_change(one: str, two: str) -> None:
    """`ab` beside `c` is not `a` beside `bc`, and blank beside `x` is not `x` beside blank."""
    items = apply(fresh(), HEADER, ("a", one + two, "", "", ""), ("a", one, two, "", "")).items
    assert (items.digests[0] == items.digests[1]) == (items.rows[0] == items.rows[1])


@given(CELLS)
def test_a_digest_is_a_signed_integer_of_64_bits(cells: tuple[str, str, str, str]) -> None:
    """Any store has a column for it."""
    assert -(2**63) <= digests_of(fresh(), [cells])[0] < 2**63


def test_the_columns_are_part_of_the_digest() -> None:
    """The same values under another attribute are another content."""
    seen: set[int] = set()
    for purpose in ("name", "description", "mpn", "vendorName"):
        items = apply(compiled(("sku", "t"), SKU, {"name": "t", "purpose": purpose}), ("sku", "t"), ("a", "x")).items
        seen.add(items.digests[0])
    assert len(seen) == 4


def test_whether_blank_clears_is_part_of_the_digest() -> None:
    """A feed that begins to clear blanks writes rows whose cells have not changed."""
    row = ("", "", "5", "1")
    assert digests_of(fresh(), [row]) != digests_of(fresh(blank="clear"), [row])


def test_digests_are_the_same_in_every_process() -> None:
    """No hash that Python salts per process goes into them."""
    root = Path(__file__).parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4711")
    }
    here = digests_of(fresh(), [("Lampe", "", "5", "12.5"), ("", "\u6f22", "", "")])
    assert found == {f"{here}\n"}


def test_values_of_different_kinds_never_share_a_digest() -> None:
    """The text `1`, the number 1 and nothing are three contents."""
    cells = [("1", "", "", ""), ("", "1", "", ""), ("", "", "1", ""), ("", "", "", "1"), ("", "", "", "0.000001"), ("", "", "", "")]
    assert len(set(digests_of(fresh(), cells))) == len(cells)


def test_half_a_surrogate_pair_has_a_digest_too() -> None:
    """A text that JSON cannot say, as a plugin's rule may make it, changes no other row's digest and is told from all others."""
    rows = [("a", 1), ("\ud800", 1), ("\ud801", 1), ("\ud800", 1)]
    found = digest_rows(rows, 7)
    assert found[0] == digest_rows(rows[:1], 7)[0]
    assert found[1] == found[3]
    assert len(set(found)) == 3
    assert all(-(2**63) <= digest < 2**63 for digest in found)
