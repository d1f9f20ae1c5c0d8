"""Whole columns give what single cells give, however full the memos are and however records are grouped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.batch import Value
from engine.errors import RejectRecord
from engine.mapping import readers
from engine.mapping.convert import read_key, trim_text
from engine.mapping.numbers import NumberReader
from engine.mapping.readers import Bad, FreeText, Identifiers, Memo, Read
from engine.mapping.several import first_known, read_several
from tests.unit.rules_parts import SKU, apply, compiled

TEXTS = st.text(max_size=8) | st.text(alphabet="'=+-@ \0\u00a0\u202f019.,eE", max_size=8)
FIGURES = st.sampled_from(["", "0", "5", "x", ">100", "1.234", "8,00", "N/A", "-3", "'7", "1\0002", "\0005"])
HEADER = ("sku", "qty", "price", "title")
ROWS: tuple[dict[str, object], ...] = (
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
    {"name": "title", "purpose": "name"},
)
RECORDS = st.lists(st.tuples(st.sampled_from(["a", "b", "", "1E+5"]), FIGURES, FIGURES, TEXTS), max_size=12)


def shown(read: Read) -> Value | tuple[str]:
    """Make a value comparable: a bad one by its reason."""
    return (read.reason,) if isinstance(read, Bad) else read


def singly(convert_text: Callable[[str], Value], cells: list[str]) -> list[Value | tuple[str]]:
    """Convert each cell on its own."""
    found: list[Value | tuple[str]] = []
    for cell in cells:
        try:
            found.append(convert_text(cell))
        except RejectRecord as fault:
            found.append((str(fault),))
    return found


@given(st.lists(TEXTS, max_size=8))
@example(["A", "1e", "+5", "B"])
@example(["1.2E+3\u00a0", "x"])
def test_a_column_of_identifiers_is_read_as_its_cells_are(cells: list[str]) -> None:
    """The fast look over a whole column never lets damage, a guard or a strange blank through."""
    assert [shown(read) for read in Identifiers().column(cells)] == singly(read_several(read_key, first_known), cells)


@given(st.lists(TEXTS, max_size=8))
def test_a_column_of_free_text_is_read_as_its_cells_are(cells: list[str]) -> None:
    """One apostrophe somewhere changes how the column is read, not what it says."""
    assert [shown(read) for read in FreeText().column(cells)] == singly(
        read_several(lambda cell: trim_text(cell) or None, first_known), cells
    )


@given(st.lists(st.one_of(FIGURES, TEXTS), max_size=20), st.integers(1, 3), st.integers(0, 8))
def test_a_memo_changes_nothing(cells: list[str], entries: int, longest: int) -> None:
    """Remembered, forgotten in between, or too long to be remembered: each cell has the value that it has alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "MEMO_ENTRIES", entries)
        patch.setattr(readers, "MEMO_TEXT", longest)
        memo = Memo(NumberReader("decimal").quantity)
        found = [shown(read) for read in memo.column(cells)]
        again = [shown(read) for read in memo.column(cells)]
    assert found == again == singly(NumberReader("decimal").quantity, cells)
    assert memo.met_bad == any(isinstance(value, tuple) for value in found)
    assert len(memo) <= entries


@given(RECORDS, st.integers(1, 5))
def test_how_records_are_grouped_changes_nothing(records: list[tuple[str, str, str, str]], size: int) -> None:
    """One batch, or many: the same items with the same digests and the same flaws, record by record."""
    rules = compiled(HEADER, SKU, *ROWS)
    whole = apply(compiled(HEADER, SKU, *ROWS), HEADER, *records)
    keys: list[str] = []
    digests: list[int] = []
    reasons: dict[int, str] = {}
    for begin in range(0, len(records), size):
        part = apply(rules, HEADER, *records[begin : begin + size])
        keys += part.items.keys
        digests += part.items.digests
        reasons |= {begin + index: flaw.reason for index, flaw in part.flaws.items()}
    assert (keys, digests) == (whole.items.keys, whole.items.digests)
    assert reasons == {index: flaw.reason for index, flaw in whole.flaws.items()}


@given(RECORDS)
def test_every_record_is_an_item_or_a_flaw(records: list[tuple[str, str, str, str]]) -> None:
    """None is lost, none is both, and what an item holds is what its own cells say, whatever stands around it."""
    mapped = apply(compiled(HEADER, SKU, *ROWS), HEADER, *records)
    assert sorted([*mapped.indices, *mapped.flaws]) == list(range(len(records)))
    assert not any(isinstance(value, Bad) for row in mapped.items.rows for value in row)
    for place, index in enumerate(mapped.indices):
        alone = apply(compiled(HEADER, SKU, *ROWS), HEADER, records[index]).items
        assert (alone.keys[0], alone.rows[0]) == (mapped.items.keys[place], mapped.items.rows[place])
        assert mapped.items.lines[place] == index + 2
    for index, flaw in mapped.flaws.items():
        assert flaw.line == index + 2
        assert flaw.value is not None
