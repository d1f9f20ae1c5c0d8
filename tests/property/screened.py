"""Formats for tests of the screen: documents of few rows, and mappers that cut them into pieces of some dozens of bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from engine.contracts import DocumentFacts, Mapper, MapperSettings
from mappers.csv import CsvMapper
from mappers.json import JsonMapper
from mappers.markup.cutter import CutterSizes
from mappers.structured.bodies import Sizes
from mappers.xpath import XmlMapper

if TYPE_CHECKING:
    from tests.property.test_screen_law import Row

COLUMNS: Final = ("sku", "qty", "price", "name")


@dataclass(frozen=True)
class Format:
    """How rows are written, and the settings under which they are read back, by a mapper of small pieces.

    `other` rows are written in another way that means the same.
    """

    write: Callable[[Sequence[Row], bool], bytes]
    make: Callable[[MapperSettings, DocumentFacts], Mapper]
    settings: Mapping[str, object] = field(default_factory=dict)


def _csv(rows: Sequence[Row], other: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(["more"] if other else [])])
    writer.writerows([row.sku, row.qty, row.price, row.name, *(["x"] if other else [])] for row in rows)
    return text.getvalue().encode()


def _make_csv(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    return CsvMapper(settings, facts, sample_bytes=120, piece_bytes=200, held_back=60)


def _xml(rows: Sequence[Row], other: bool) -> bytes:
    def text(name: str) -> str:
        return f"<![CDATA[{name.replace(']]>', ']]]]><![CDATA[>')}]]>" if other else escape(name)

    items = [
        f"<item><sku>{row.sku}</sku><qty>{escape(row.qty)}</qty><price>{row.price}</price><name>{text(row.name)}</name></item>"
        for row in rows
    ]
    return f"<shop>{chr(10).join(items)}</shop>".encode()


def _make_xml(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    return XmlMapper(settings, facts, sample_bytes=200, sizes=CutterSizes(piece=300, tail=120))


def _json(rows: Sequence[Row], other: bool) -> bytes:
    items: list[dict[str, object]] = [
        {**dict(zip(COLUMNS, (row.sku, row.qty, row.price, row.name), strict=True)), **({"at": {"sku": row.sku}} if other else {})}
        for row in rows
    ]
    return json.dumps({"items": items, "of": len(items)}, ensure_ascii=other, separators=(",", ":")).encode()


def _make_json(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    return JsonMapper(settings, facts, sizes=Sizes(sample=120, piece=300, page=4_000, held_back=120))


FORMATS: Final = {
    "csv": Format(_csv, _make_csv, {"delimiter": "comma"}),
    "json": Format(_json, _make_json, {"resourceType": "json", "jsonMapping": "custom", "jsonRoot": "items"}),
    "xml": Format(_xml, _make_xml, {"resourceType": "xml", "xmlMapping": "custom", "xmlPath": "/shop/item"}),
}
