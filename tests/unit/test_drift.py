"""Quirk 9: what a person is told when a source is written otherwise than in the last complete run, and what is no news."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.batch import JsonValue
from engine.flow.drift import find_drift

CSV: Mapping[str, JsonValue] = {
    "format": "csv",
    "delimiter": ";",
    "quote": '"',
    "encoding": "cp1252",
    "headerRow": 1,
    "columns": ["sku", "stock"],
    "reasons": {"delimiter": "a"},
    "warnings": ["b"],
}
JSON: Mapping[str, JsonValue] = {"format": "json", "layout": "lines", "encoding": "utf-8", "columns": ["externalId", "stock"]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"delimiter": "\t"}, r"delimiter was ';' and is '\t'"),
        ({"delimiter": None, "encoding": "utf-8"}, "delimiter was ';' and is none; encoding was 'cp1252' and is 'utf-8'"),
        ({"headerRow": 4}, "headerRow was 1 and is 4"),
        ({"columns": ["sku", "ean", "stock", ""]}, "columns added: 'ean', one without a name"),
        ({"columns": ["sku"]}, "columns gone: 'stock'"),
        ({"columns": ["SKU", "Stock"]}, "the column 'sku', which is mapped, is called 'SKU'"),
        ({"columns": ["a", "stock"]}, "columns gone: 'sku'; columns added: 'a'"),
    ],
)
def test_a_change_is_named_from_what_to_what(change: dict[str, JsonValue], told: str) -> None:
    """One problem holds all of it."""
    drift = find_drift(CSV, {**CSV, **change}, ["sku"])
    assert drift is not None
    assert (drift.code, drift.message.partition(": ")[2]) == ("dialectChanged", told)


@pytest.mark.parametrize(
    "now",
    [
        {**CSV, "reasons": {"delimiter": "c"}, "warnings": []},
        {**CSV, "columns": ["stock", "sku"]},
        {**CSV, "columns": ["sku", "STOCK"]},
        {**CSV, "compression": "gzip"},
        {**CSV, "lineEnding": "lf"},
        {**CSV, "encoding": "utf-8", "assumed": ["encoding"]},
        {},
    ],
)
def test_reasons_order_case_and_assumptions_are_no_change(now: Mapping[str, JsonValue]) -> None:
    """Nor is what only one of the two says, and nothing is compared with nothing."""
    assert find_drift(CSV, now, ["sku"]) is None
    assert find_drift(now, CSV, ["sku"]) is None
    assert find_drift({}, now, ["sku"]) is None


def test_another_column_under_a_mapped_number_is_told() -> None:
    """The order of columns is nobody's business until one of them is mapped by its place."""
    drift = find_drift(CSV, {**CSV, "columns": ["stock", "sku"]}, ["2"])
    assert drift is not None
    assert drift.message.endswith("column 2, which is mapped, was 'stock' and is 'sku'")


def test_columns_gathered_from_records_are_not_compared() -> None:
    """A JSON document has a key that is optional today and not tomorrow."""
    assert find_drift(JSON, {**JSON, "columns": ["externalId"]}, ["externalId"]) is None
    drift = find_drift(JSON, {**JSON, "layout": "document"}, [])
    assert drift is not None
    assert drift.message.endswith("layout was 'lines' and is 'document'")


def test_another_format_is_told_by_what_both_have() -> None:
    """A supplier who goes from CSV to JSON is told once, with the encoding, and no columns are compared."""
    drift = find_drift(CSV, JSON, ["sku"])
    assert drift is not None
    assert drift.message.endswith("format was 'csv' and is 'json'; encoding was 'cp1252' and is 'utf-8'")


def test_long_lists_are_cut() -> None:
    """A document of two hundred new columns makes one short sentence."""
    drift = find_drift(CSV, {**CSV, "columns": ["sku", "stock", *(f"c{number}" for number in range(200))]}, [])
    assert drift is not None
    assert drift.message.endswith("'c9' and 190 more")
