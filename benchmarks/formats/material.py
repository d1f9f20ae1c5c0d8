"""How a feed maps the catalogue where it comes as XML, as one JSON document or as JSON Lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.catalogue import MAPPING
from benchmarks.generator import Kind


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is measured: the settings of its feed and its mapping rows."""

    title: str
    settings: Mapping[str, object]
    fields: tuple[Mapping[str, object], ...]


def _fields(names: Mapping[str, str], **tags: object) -> tuple[Mapping[str, object], ...]:
    rows = ({"purpose": purpose, "name": names.get(column, column)} for purpose, column in MAPPING.items())
    return (*rows, {"purpose": "tags", **tags})


_JSON: Final = {"resourceType": "json", "mapping": "custom", "syncPricing": True}

FORMATS: Final[dict[Kind, Format]] = {
    "xml": Format(
        "XML",
        {"resourceType": "xml", "xmlMapping": "custom", "xmlPath": "/catalogue/items/item", "syncPricing": True},
        _fields({"sku": "@sku", "stock": "stock/quantity"}, name="tags/tag"),
    ),
    "json": Format("JSON", _JSON, _fields({}, name="tags")),
    "jsonl": Format("JSON Lines", _JSON, _fields({}, name="tags")),
}


def find_format(name: str) -> Format:
    """Return the format that a command line names."""
    return next(chosen for kind, chosen in FORMATS.items() if kind == name)
