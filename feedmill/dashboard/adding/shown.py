"""The records of a preview as a table: an attribute of an item a column, what it was made of below it, and what is wrong beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from feedmill.dashboard.adding.words import attributes

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

_LONGEST: Final = 120
_ORDER: Final = ("externalId", "vendorSku", "barcode", "inventoryQuantity", "retailPrice", "costPrice", "compareAtPrice", "name")
_NUMBERS: Final = frozenset({"inventoryQuantity", "retailPrice", "costPrice", "compareAtPrice", "grams", "weight"})


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one attribute: its value, the raw texts it was made of, and what is wrong with it."""

    value: str
    raw: str
    problem: str


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """One record, by attribute; `raw` is all of it, for who wants to see it."""

    number: int
    line: int
    accepted: bool
    cells: tuple[Cell | None, ...]
    problems: tuple[str, ...]
    raw: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """`heads` are (attribute, label, whether it is a number) in the order of the cells; `problems` are those of the whole."""

    heads: tuple[tuple[str, str, bool], ...]
    records: tuple[ShownRecord, ...]
    problems: tuple[str, ...]
    accepted: int
    stocked: bool


def show_preview(view: View, preview: Mapping[str, Any]) -> ShownPreview:
    """Return a preview of the API as it is shown."""
    found = {str(field["attribute"]) for record in preview["records"] for field in record["fields"]}
    order = [name for name in _ORDER if name in found] + sorted(found.difference(_ORDER))
    labels = attributes(view)
    if all(_is_sku(record["item"]) for record in preview["records"]):
        order = [name for name in order if name != "externalId"]
    records = tuple(_record(record, order) for record in preview["records"])
    problems = tuple(str(each["message"]) for each in preview["problems"])
    heads = tuple((name, labels.get(name, name), name in _NUMBERS) for name in order)
    return ShownPreview(heads, records, problems, sum(record.accepted for record in records), "inventoryQuantity" in found)


def _is_sku(item: Mapping[str, Any] | None) -> bool:
    """Return whether the id of an item is its SKU, so that one of them says it all."""
    return item is None or item["externalId"] == item["vendorSku"]


def _record(record: Mapping[str, Any], order: Sequence[str]) -> ShownRecord:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for field in record["fields"]:
        by_name.setdefault(str(field["attribute"]), []).append(field)
    cells = tuple(_cell(by_name[name]) if name in by_name else None for name in order)
    told = {str(field["problem"]["message"]) for field in record["fields"] if "problem" in field}
    beside = tuple(str(each["message"]) for each in record["problems"] if str(each["message"]) not in told)
    raw = tuple((str(name), _short(str(value))) for name, value in record["raw"].items())
    return ShownRecord(int(record["record"]), int(record["line"]), record["item"] is not None, cells, (*sorted(told), *beside), raw)


def _cell(fields: Sequence[Mapping[str, Any]]) -> Cell:
    value = _text(fields[0]["value"])
    raws = [_text(field["raw"]) for field in fields if field["raw"] is not None]
    problem = next((str(field["problem"]["message"]) for field in fields if "problem" in field), "")
    raw = " + ".join(raws)
    return Cell(_short(value), _short(raw) if raw != value else "", problem)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(each)}" for name, each in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
