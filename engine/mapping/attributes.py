"""Attributes of one item as a call sends them, under their API names, to values as they are held. Strict: nothing is guessed.

A feed's cells are text of unknown make and are read with care; a call is written by a program, which can be told what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Final

import orjson

from engine.batch import Value
from engine.errors import RejectRecord
from engine.mapping.convert import read_key, trim_text
from engine.mapping.lists import dump_json
from engine.mapping.numbers import as_quantity, checked, scale_money
from engine.schema import ATTRIBUTES, CHOICES, Attribute, Kind

OVERRIDES: Final = ("inventoryQuantityOverride", "manualInventoryQuantity", "allocationBufferOverride")
"""What a merchant says of an item against its supplier; no feed ever sets it."""

EDITABLE: Final = (*(each.name for each in ATTRIBUTES.values() if each.imported and each.name != "externalId"), *OVERRIDES)
"""What a call may say of an item that is there."""

_IDENTIFIERS: Final = frozenset(("externalId", "externalGroupId", "vendorSku", "originalSku", "barcode", "mpn"))
_NOT_NEGATIVE: Final = frozenset(("grams", "manualInventoryQuantity", "allocationBufferOverride"))
_ESCAPED_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_NUMERIC: Final = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?", re.ASCII)


def default_value(attribute: Attribute) -> Value:
    """Return an attribute's default as it is held, None where it has none."""
    default = attribute.default
    if default is None or isinstance(default, str):
        return default
    return int(default) if isinstance(default, bool | int) else dump_json(default)


def read_attributes(sent: Mapping[str, object], allowed: Collection[str], faults: dict[str, str]) -> dict[str, Value]:
    """Return the values that are sent, None as the attribute's default; what cannot be stored is added to `faults`, by attribute."""
    values: dict[str, Value] = {}
    for name, value in sent.items():
        attribute = ATTRIBUTES.get(name)
        if attribute is None or name not in allowed:
            faults[name] = "is no attribute of an item" if attribute is None else "is not set in this way"
            continue
        try:
            read = None if value is None else _READER_OF[name](attribute, value)
        except RejectRecord as fault:
            faults[name] = str(fault)
            continue
        values[name] = default_value(attribute) if read is None else read
    return values


def _text(attribute: Attribute, value: object) -> Value:
    if not isinstance(value, str):
        raise RejectRecord("is no text")
    _refuse_unwritable(value)
    if attribute.name in _IDENTIFIERS:
        return read_key(value)
    text = trim_text(value) or None
    choices = CHOICES.get(attribute.name)
    if text is not None and choices is not None and text not in choices:
        raise RejectRecord(f"is none of {', '.join(choices)}")
    return text


def _refuse_unwritable(text: str) -> None:
    if "\0" in text:
        raise RejectRecord("holds NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RejectRecord("holds half of a character (a lone surrogate)") from None


def _integer(attribute: Attribute, value: object) -> Value:
    if not isinstance(value, int) or isinstance(value, bool):
        raise RejectRecord("is no whole number")
    if value < 0 and attribute.name in _NOT_NEGATIVE:
        raise RejectRecord("is negative")
    return checked(value)


def _quantity(_: Attribute, value: object) -> Value:
    if type(value) is int:
        return checked(value)
    return as_quantity(_decimal(value, "is no number"))


def _money(_: Attribute, value: object) -> Value:
    return scale_money(_decimal(value, "is neither a number nor a text that is one"))


def _decimal(value: object, fault: str) -> Decimal:
    """Return a number exactly: of a float its shortest text, which is what was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise RejectRecord(fault)
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise RejectRecord("is too big a number")
    if isinstance(value, str) and _NUMERIC.fullmatch(value) is None:
        raise RejectRecord(fault)
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise RejectRecord(fault)
    if abs(number) >= 1 << 63:
        raise RejectRecord("is too big a number")
    return number


def _flag(_: Attribute, value: object) -> Value:
    if not isinstance(value, bool):
        raise RejectRecord("is neither true nor false")
    return int(value)


def _json(attribute: Attribute, value: object) -> Value:
    if attribute.name in ("images", "tags"):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise RejectRecord("is no list of texts")
    elif attribute.name == "options":
        _check_options(value)
    elif attribute.name == "metaFields":
        if not isinstance(value, dict):
            raise RejectRecord("is no object")
    elif not isinstance(value, list | dict):
        raise RejectRecord("is neither a list nor an object")
    try:
        text = orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise RejectRecord(f"cannot be written as JSON ({error})") from None
    if _ESCAPED_NUL.search(text):
        raise RejectRecord("holds NUL")
    return text


def _check_options(value: object) -> None:
    known = {"name", "value", "position"}
    if not isinstance(value, list) or not all(isinstance(each, dict) and {"name", "value"} <= each.keys() <= known for each in value):
        raise RejectRecord("is no list of objects with name, value and position")
    for each in value:
        position = each.get("position", 1)
        if not isinstance(each["name"], str) or not isinstance(each["value"], str) or not isinstance(position, int):
            raise RejectRecord("has an option whose name or value is no text, or whose position is no whole number")


_READERS: Final[Mapping[Kind, Callable[[Attribute, object], Value]]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.QUANTITY: _quantity,
    Kind.MONEY: _money,
    Kind.FLAG: _flag,
    Kind.JSON: _json,
}
_READER_OF: Final = {name: _READERS[attribute.kind] for name, attribute in ATTRIBUTES.items()}
"""By name, because to hash a kind costs more than most readers do."""
