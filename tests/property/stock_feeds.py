"""What a feed of the stock machine may bring, and may be set to; and how its records are written down."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from tests.property.stock_model import Cells, Record

FIELDS: Final = (
    {"name": "sku", "purpose": "sku"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
    {"name": "sale", "purpose": "compareAtPrice", "blank": "clear"},
    {"name": "name", "purpose": "name", "blank": "clear"},
    {"name": "grams", "purpose": "grams"},
    {"name": "gone", "purpose": "removed"},
)
COLUMNS: Final = {"qty": "inventoryQuantity", "price": "retailPrice", "sale": "compareAtPrice", "name": "name", "grams": "grams"}
MONEY: Final = frozenset({"retailPrice", "compareAtPrice"})

KEYS: Final = st.sampled_from(["1", "01", "a", "A", "ä", "z z", "k7", "k8"])
QUANTITIES: Final = st.sampled_from([None, 0, 1, 2, 5, 40, -3])
PRICES: Final = st.sampled_from([None, 0, 1_000_000, 1_500_000, 9_000_000])
CELLS: Final = st.fixed_dictionaries(
    {
        "inventoryQuantity": QUANTITIES,
        "retailPrice": PRICES,
        "compareAtPrice": PRICES,
        "name": st.sampled_from([None, "x", "é"]),
        "grams": st.sampled_from([None, 0, 5, 7]),
    }
)


@st.composite
def _records(draw: st.DrawFn) -> Record:
    fate = draw(st.integers(0, 11))
    return Record(draw(KEYS), draw(CELLS), bad=fate == 0, gone=fate == 1)


RECORD: Final = _records()
RECORDS: Final = st.lists(RECORD, min_size=3, max_size=9)
PUSHED: Final = st.fixed_dictionaries(
    {},
    optional={
        "inventoryQuantity": st.sampled_from([None, 0, 1, 40]),
        "retailPrice": PRICES,
        "name": st.sampled_from([None, "x", "pushed"]),
        "grams": st.sampled_from([None, 0, 5]),
    },
)
NO_GUARD: Final = {"enabled": False, "minItems": 100, "maxRejectRatio": 1.0}
GUARD: Final = st.fixed_dictionaries(
    {
        "enabled": st.sampled_from([False, False, True]),
        "minItems": st.sampled_from([0, 3, 100]),
        "maxRejectRatio": st.sampled_from([1.0, 1.0, 0.3]),
        "maxMissingRatio": st.sampled_from([0.25, 0.5, 1.0]),
        "maxZeroFlipRatio": st.sampled_from([0.25, 1.0]),
        "maxStockDropRatio": st.sampled_from([0.5, 1.0]),
        "maxPriceFactor": st.sampled_from([3.0, 1.2]),
        "maxPriceMoveRatio": st.sampled_from([0.05, 1.0]),
        "maxZeroPriceRatio": st.sampled_from([0.05, 1.0]),
    }
)
_RARELY: Final = st.integers(0, 4).map(lambda number: number == 0)
SETTINGS: Final = st.fixed_dictionaries(
    {
        "duplicateKeys": st.sampled_from(["last", "last", "last", "first", "first", "sum", "sum", "error"]),
        "reviewChanges": st.sampled_from([False, False, True]),
        "restrictInventoryImport": _RARELY,
        "inventoryRestrictionLevel": st.sampled_from([0, 2]),
        "missingPolicy": st.sampled_from(["zero", "zero", "remove", "keep"]),
        "missingGraceRuns": st.sampled_from([0, 0, 1, 2]),
        "fetchCleanup": st.sampled_from(["enabled", "enabled", "enabled", "disabled"]),
        "feedKind": st.sampled_from(["full", "full", "full", "delta"]),
        "syncPricing": st.booleans(),
        "syncSalePrices": st.booleans(),
        "syncName": st.booleans(),
        "syncWeight": st.booleans(),
        "syncWeightZero": st.booleans(),
        "guard": GUARD,
    }
)


def usable(records: list[Record], settings: Cells) -> list[Record]:
    """Return the records as they are written: what the sum of a key is, one of whose records says that it is gone, nobody says."""
    return [replace(record, gone=False) for record in records] if settings["duplicateKeys"] == "sum" else records


def write_source(path: Path, records: list[Record]) -> str:
    """Write records as CSV, long ago: a file that was just written is read only once its time has settled."""
    lines = [",".join([record.key, *(_cell(record, name) for name in COLUMNS), "yes" * record.gone]) for record in records]
    path.write_text("\n".join([",".join(["sku", *COLUMNS, "gone"]), *lines, ""]))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return str(path)


def money(cell: int | None) -> str | None:
    """Return millionths as they are written."""
    return None if cell is None else f"{cell / 1_000_000:.2f}"


def _cell(record: Record, column: str) -> str:
    name = COLUMNS[column]
    value = record.cells[name]
    if record.bad and column == "qty":
        return "many"
    if value is None:
        return ""
    return str(money(value) if name in MONEY else value)
