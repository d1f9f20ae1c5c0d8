"""Attributes as a call sends them: what is held of them, and what is wrong with them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.mapping.attributes import EDITABLE, read_attributes
from engine.schema import ATTRIBUTES, CHOICES
from sinks.sqlite.single.checks import PUSHABLE


@pytest.mark.parametrize(
    ("name", "sent", "held"),
    [
        ("externalId", " 00123\u00a0", "00123"),
        ("barcode", "   ", None),
        ("name", '  Bolt, 1/4" ', 'Bolt, 1/4"'),
        ("name", None, None),
        ("retailPrice", 12.5, 12_500_000),
        ("retailPrice", "12.50", 12_500_000),
        ("retailPrice", Decimal("0.1"), 100_000),
        ("retailPrice", 0.1, 100_000),
        ("retailPrice", "0.0000005", 0),
        ("retailPrice", 19, 19_000_000),
        ("inventoryQuantity", -3, -3),
        ("inventoryQuantity", 39.5, 39.5),
        ("inventoryQuantity", 12.0, 12),
        ("inventoryQuantity", "7", 7),
        ("grams", None, 0),
        ("taxable", False, 0),
        ("taxable", None, 1),
        ("tags", ["a", "b"], '["a","b"]'),
        ("images", None, "[]"),
        ("options", [{"name": "Size", "value": "M", "position": 1}], '[{"name":"Size","value":"M","position":1}]'),
        ("metaFields", {"wash": "\\u0000"}, '{"wash":"\\\\u0000"}'),
        ("inventoryPolicy", "deny", "deny"),
        ("inventoryPolicy", None, "track"),
    ],
)
def test_a_value_is_held_exactly(name: str, sent: object, held: object) -> None:
    """Identifiers are trimmed text, money is millionths, null is the default."""
    faults: dict[str, str] = {}
    values = read_attributes({name: sent}, PUSHABLE, faults)
    assert (values, faults) == ({name: held}, {})
    assert type(values[name]) is type(held)


@pytest.mark.parametrize(
    ("name", "sent", "fault"),
    [
        ("externalId", 123, "is no text"),
        ("externalId", "1.23E+12", "scientific notation"),
        ("externalId", "a\nb", "line end"),
        ("name", "a\0b", "NUL"),
        ("name", "\ud800", "surrogate"),
        ("retailPrice", True, "neither a number"),
        ("retailPrice", "12,50", "neither a number"),
        ("retailPrice", "1e5", "neither a number"),
        ("retailPrice", "١٢", "neither a number"),
        ("retailPrice", float("nan"), "neither a number"),
        ("retailPrice", float("inf"), "neither a number"),
        ("retailPrice", -1, "negative price"),
        ("retailPrice", 10**13, "too big"),
        ("retailPrice", 10**400, "too big"),
        ("inventoryQuantity", "many", "no number"),
        ("inventoryQuantity", 1e300, "too big"),
        ("grams", 1.5, "no whole number"),
        ("grams", -1, "negative"),
        ("grams", 1 << 63, "too big"),
        ("taxable", 1, "neither true nor false"),
        ("tags", "a,b", "no list of texts"),
        ("tags", ["a", 1], "no list of texts"),
        ("tags", ["a\0"], "NUL"),
        ("options", [{"name": "Size"}], "no list of objects"),
        ("options", [{"name": "Size", "value": 1}], "no text"),
        ("metaFields", ["a"], "no object"),
        ("metaFields", {"a": {"b": "\0"}}, "NUL"),
        ("metaFields", {"a": object()}, "cannot be written"),
        ("locations", "here", "neither a list nor an object"),
        ("inventoryPolicy", "sell", "none of track, ignore, deny, continue, dropship"),
        ("allocationBufferOverride", -1, "negative"),
        ("colour", "red", "no attribute"),
        ("variantId", 1, "not set in this way"),
    ],
)
def test_what_cannot_be_stored_is_named(name: str, sent: object, fault: str) -> None:
    """Nothing is guessed: what is of another make has a fault, under its own name, and no value."""
    faults: dict[str, str] = {}
    assert read_attributes({name: sent, "mpn": "M"}, PUSHABLE, faults) == {"mpn": "M"}
    assert list(faults) == [name]
    assert fault in faults[name]


def test_what_a_call_may_say_are_attributes() -> None:
    """Nothing may be set that is no attribute; the key and the status never by hand, the connection by neither way."""
    assert set(PUSHABLE) < set(ATTRIBUTES)
    assert set(PUSHABLE) - set(EDITABLE) == {"externalId", "status"}
    assert set(ATTRIBUTES) - set(PUSHABLE) == {"variantId", "messages"}
    assert all(ATTRIBUTES[name].default in choices for name, choices in CHOICES.items())
