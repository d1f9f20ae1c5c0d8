"""A part of a cell for another purpose: `subfieldRegex` and `subfieldPurpose`."""

from __future__ import annotations

import time

import pytest

from engine.batch import SEVERAL, Value
from engine.errors import RefuseRun, RejectRecord
from engine.mapping.pattern import compile_pattern
from tests.unit.rules_parts import SKU, apply, compiled, values

HEADER = ("sku", "title")


def parts(pattern: str, purpose: str, *titles: str, **rules: object) -> list[Value | str]:
    """Read titles, of which a part is for another purpose; a reject shows as its reason after an exclamation mark."""
    row = {"name": "title", "purpose": "name", "subfieldRegex": pattern, "subfieldPurpose": purpose, **rules}
    made = compiled(HEADER, SKU, row)
    mapped = apply(made, HEADER, *((f"k{number}", title) for number, title in enumerate(titles)))
    target = next(name for name in made.names if name not in {"vendorSku", "name"})
    found = dict(zip(mapped.indices, values(mapped, target), strict=True))
    return [found[index] if index in found else f"!{mapped.flaws[index].reason}" for index in range(len(titles))]


def test_the_first_group_or_the_whole_match_is_the_value() -> None:
    """Of several groups the first; no match is blank, and so is a group that took no part."""
    assert parts(r"EAN (\d+)", "barcode", "Lamp EAN 0040", "Lamp", "") == ["0040", None, None]
    assert parts(r"\d+ Stk", "mpn", "a 12 Stk b") == ["12 Stk"]
    assert parts(r"(\d+)-(\d+)", "mpn", "7-8") == ["7"]
    assert parts(r"a(b)?", "mpn", "a", "ab") == [None, "b"]


def test_the_part_is_read_by_its_own_purpose() -> None:
    """Stock is a figure, a price an amount, tags a list; what is none rejects the record."""
    assert parts(r"stock: ?(\S+)", "inventoryQuantity", "Lamp stock: >20", "stock:few") == [
        20,
        "!inventoryQuantity is not a number; map such texts with a lookup, or set parseNumber",
    ]
    assert parts(r"([\d.]+) EUR", "retailPrice", "Lamp 12.50 EUR") == [12_500_000]
    assert parts(r"\[(.*)\]", "tags", "Lamp [oak, new]") == ['["oak","new"]']
    assert parts(r"size (\w+)", "option", "Lamp size L", optionName="Size") == ['[{"name":"Size","value":"L","position":1}]']
    assert parts(r"(\d.*)", "barcode", "x 1.23E+12")[0] == (
        "!barcode is a number in scientific notation: a spreadsheet destroyed the identifier; export it as text"
    )


def test_the_row_keeps_its_own_purpose_and_its_rules_for_itself() -> None:
    """The part comes out of the cell as it came, before `strip` could take it away."""
    row = {"name": "title", "purpose": "name", "strip": ["EAN 0040"], "subfieldRegex": r"EAN (\d+)", "subfieldPurpose": "barcode"}
    mapped = apply(compiled(HEADER, SKU, row), HEADER, ("a", "Lamp EAN 0040"))
    assert (values(mapped, "name"), values(mapped, "barcode")) == (["Lamp"], ["0040"])


def test_a_part_stands_beside_columns_of_its_purpose() -> None:
    """Stock of two columns is added up, whichever way they came; one key is never one column or another."""
    header = ("sku", "a", "b")
    row = {"name": "a", "purpose": "name", "subfieldRegex": r"\d+", "subfieldPurpose": "inventoryQuantity"}
    rules = compiled(header, SKU, row, {"name": "b", "purpose": "inventoryQuantity"})
    assert values(apply(rules, header, ("x", "5 left", "2")), "inventoryQuantity") == [7]
    with pytest.raises(RefuseRun, match="sku is mapped to"):
        compiled(header, SKU, {**row, "subfieldPurpose": "sku"})


def test_a_part_takes_its_purpose_off_the_preset() -> None:
    """As a row of that purpose does; a missing column is missed for both."""
    row = {"name": "gone", "purpose": "name", "subfieldRegex": r"\d+", "subfieldPurpose": "inventoryQuantity"}
    with pytest.raises(RefuseRun, match="'gone', mapped to inventoryQuantity"):
        compiled(("sku", "stock"), SKU, row, mapping="inventory")


def test_every_value_of_a_cell_has_its_part() -> None:
    """Of several values each is looked into by itself."""
    assert parts(r"\d+", "inventoryQuantity", SEVERAL.join(("north 5", "south 2"))) == [7]


def test_a_pattern_takes_time_in_proportion_to_the_text() -> None:
    """What takes a backtracking engine for ever is over at once."""
    extract = compile_pattern(r"(a*)*b|(x+x+)+y")
    begun = time.perf_counter()
    assert extract("a" * 50_000 + "x" * 50_000) == ""
    assert time.perf_counter() - begun < 2


def test_a_text_that_is_no_unicode_rejects_the_record() -> None:
    """Half of a surrogate pair, as JSON escapes can write it, ends neither the run nor the program."""
    with pytest.raises(RejectRecord, match="half of a surrogate pair"):
        compile_pattern("a")("\ud800")
