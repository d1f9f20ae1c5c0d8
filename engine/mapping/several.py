"""What several values come to: those of one cell, as a path to several elements gives, and those of several columns.

A list takes them all and stock adds them up. A key or a price has to be one value, for choosing between two of them would be a
guess; of anything else the first that is not blank counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from engine.batch import SEVERAL
from engine.errors import RejectRecord
from engine.mapping.numbers import as_quantity, checked

if TYPE_CHECKING:
    from engine.batch import JsonValue, Value

Combine: TypeAlias = "Callable[[Sequence[Value]], Value]"

LISTS: Final = frozenset({"images", "tags", "options", "metaFields"})
"""Attributes that take every value."""


def read_several(read: Callable[[str], Value], combine: Combine) -> Callable[[str], Value]:
    """Return a reader of cells that may hold several values: each is read by itself, then they are combined.

    Blank ones among others say nothing; where all are blank the cell is.
    """

    def read_cell(cell: str) -> Value:
        if SEVERAL not in cell:
            return read(cell)
        texts = [text for text in cell.split(SEVERAL) if text.strip()]
        if len(texts) < 2:
            return read(texts[0] if texts else "")
        return combine([read(text) for text in texts])

    return read_cell


def combine_values(target: str, *, locations: str, names: Sequence[str], one: bool) -> Combine:
    """Return how the values of one cell become the value of an attribute; `one` is set where they must not differ.

    `names` are those of the column; the cure that a reject gives is made of the first.
    """
    first = names[0].replace("[*]", "[0]", 1) if "[*]" in names[0] else f"{names[0]}[1]"
    cure = f"choose one in the mapping, as with {first}"
    if target == "inventoryQuantity":
        return combine_stock(locations, cure)
    if target == "metaFields":
        return merge_fields
    if target in LISTS:
        return join_lists
    return only_one(cure) if one else first_known


def first_known(values: Sequence[Value]) -> Value:
    """Return the first value that is not blank."""
    return next((value for value in values if value is not None), None)


def only_one(cure: str) -> Combine:
    """Return a combination that rejects values which differ, with the cure; equal ones count as one."""

    def combine(values: Sequence[Value]) -> Value:
        found = first_known(values)
        if any(value is not None and value != found for value in values):
            raise RejectRecord(f"has several values that differ: {cure}")
        return found

    return combine


def combine_stock(locations: str, cure: str) -> Combine:
    """Return how the stock of several locations becomes one figure, by the row's `locations`."""
    ways: dict[str, Combine] = {"sum": add_up, "first": first_known, "single": only_one(cure)}
    return ways[locations]


def add_up(values: Sequence[Value]) -> Value:
    """Return the sum of the known quantities, None when none is known. Raises `RejectRecord` when it is too big.

    Fractions are added as decimals: 0.1 and 0.2 pieces are 0.3.
    """
    known = [value for value in values if isinstance(value, int | float)]
    if not known:
        return None
    total = sum(known)
    # Nearly all stock is whole, and decimals take ten times as long.
    return checked(total) if isinstance(total, int) else as_quantity(sum((Decimal(repr(value)) for value in known), Decimal(0)))


def take_off(combine: Combine, taken: Sequence[bool]) -> Combine:
    """Return a combination of columns of which some are taken off what the others come to, as goods that are reserved.

    Where nothing is known of the stock itself, what is taken off it says nothing.
    """

    def reckon(values: Sequence[Value]) -> Value:
        stock = combine([value for value, off in zip(values, taken, strict=True) if not off])
        less = add_up([value for value, off in zip(values, taken, strict=True) if off])
        if stock is None or less is None:
            return stock
        return as_quantity(Decimal(repr(stock)) - Decimal(repr(less)))

    return reckon


def join_keys(mark: str) -> Combine:
    """Return how the parts of a composite key are joined, so that different parts never make the same key.

    With an empty mark, which a person has to ask for, they may: style `1` size `23` and style `12` size `3`.
    """

    def join(parts: Sequence[Value]) -> Value:
        texts = [str(part or "") for part in parts]
        if not texts[0] and any(texts):
            raise RejectRecord("has a blank first part, which would make one key of different goods")
        if mark and any(mark in text for text in texts):
            cure = "set another seperator for its first column"
            raise RejectRecord(f"has a part that holds {mark!r}, which joins the parts of the key; {cure}")
        return mark.join(texts) if any(texts) else None

    return join


def join_lists(parts: Sequence[Value]) -> Value:
    """Return JSON texts of lists, or of objects, as one; None when all are blank."""
    texts = [part for part in parts if isinstance(part, str)]
    if not texts:
        return None
    inner = ",".join(text[1:-1] for text in texts if len(text) > 2)
    return f"{texts[0][0]}{inner}{texts[0][-1]}"


def merge_fields(parts: Sequence[Value]) -> Value:
    """Return objects of meta fields as one; a field that several of them have becomes a list of its values."""
    found: dict[str, list[JsonValue]] = {}
    for part in parts:
        if isinstance(part, str):
            for name, value in orjson.loads(part).items():
                found.setdefault(name, []).append(value)
    if not found:
        return None
    return orjson.dumps({name: values[0] if len(values) == 1 else values for name, values in found.items()}).decode()
