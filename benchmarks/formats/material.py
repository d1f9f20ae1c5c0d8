"""The catalogue of the CSV benchmarks as XML and as one JSON document, and how a feed maps each."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import orjson

from benchmarks.catalogue import MAPPING
from examples.catalogue import COLUMNS, Catalogue

_BLOCK_ITEMS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is measured: the settings of its feed, its mapping rows, and the name of its file."""

    title: str
    file: str
    settings: Mapping[str, object]
    fields: tuple[Mapping[str, object], ...]

    def write(self, directory: Path, rows: int, *, version: int = 0) -> Path:
        """Write a catalogue of `rows` items, and return the file's path; version 1 differs in 1 % of them. Memory stays flat."""
        path = directory / f"{rows}-v{version}-{self.file}"
        blocks = _xml(rows, version) if self.file.endswith("xml") else _json(rows, version)
        with path.open("wb") as file:
            file.writelines(blocks)
        return path


def _fields(names: Mapping[str, str], **tags: object) -> tuple[Mapping[str, object], ...]:
    rows = ({"purpose": purpose, "name": names.get(column, column)} for purpose, column in MAPPING.items())
    return (*rows, {"purpose": "tags", **tags})


FORMATS: Final = {
    "xml": Format(
        "XML",
        "catalogue.xml",
        {"resourceType": "xml", "xmlMapping": "custom", "xmlPath": "/catalogue/items/item"},
        _fields({"sku": "@sku", "stock": "stock/quantity"}, name="tags/tag"),
    ),
    "json": Format("JSON", "catalogue.json", {"resourceType": "json", "mapping": "custom"}, _fields({}, name="tags")),
}


def _items(rows: int, version: int) -> Iterator[list[dict[str, str]]]:
    lines = csv.reader(Catalogue(rows).lines(version))
    next(lines)
    records: Iterable[dict[str, str]] = (dict(zip(COLUMNS, line, strict=True)) for line in lines)
    records = iter(records)
    while block := list(islice(records, _BLOCK_ITEMS)):
        yield block


def _xml(rows: int, version: int) -> Iterator[bytes]:
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<catalogue currency="EUR">\n<items>\n'
    for block in _items(rows, version):
        yield "".join(map(_element, block)).encode()
    yield b"</items>\n</catalogue>\n"


def _element(item: dict[str, str]) -> str:
    inner = [f"<{name}>{escape(text)}</{name}>" for name, text in item.items() if name not in ("sku", "stock", "tags")]
    tags = "".join(f"<tag>{escape(tag.strip())}</tag>" for tag in item["tags"].split(","))
    stock = f"<stock><quantity>{item['stock']}</quantity></stock>"
    return f'<item sku="{item["sku"]}">{"".join(inner)}{stock}<tags>{tags}</tags></item>\n'


def _json(rows: int, version: int) -> Iterator[bytes]:
    yield b'{"currency": "EUR", "products": [\n'
    for number, block in enumerate(_items(rows, version)):
        yield b",\n" * bool(number) + b",\n".join(map(_object, block))
    yield b"\n]}\n"


def _object(item: dict[str, str]) -> bytes:
    made: dict[str, object] = {**item, "currency": "EUR", "tags": [tag.strip() for tag in item["tags"].split(",")]}
    made |= {name: int(item[name]) for name in ("stock", "grams")} | {name: float(item[name]) for name in ("price", "cost")}
    return orjson.dumps(made)
