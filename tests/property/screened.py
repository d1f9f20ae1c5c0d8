"""Formats for tests of the screen: documents of few rows, and mappers that cut them into pieces of some dozens of bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.contracts import DocumentFacts, Mapper, MapperSettings
from mappers.csv import CsvMapper

if TYPE_CHECKING:
    from tests.property.test_screen_law import Row

COLUMNS: Final = ("sku", "qty", "price", "name")


@dataclass(frozen=True)
class Format:
    """How rows are written, and the settings and names under which they are read back."""

    settings: Mapping[str, object]
    write: Callable[[Sequence[Row], bool], bytes]
    name: Callable[[str], str] = str


def _csv(rows: Sequence[Row], other: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(["more"] if other else [])])
    writer.writerows([row.sku, row.qty, row.price, row.name, *(["x"] if other else [])] for row in rows)
    return text.getvalue().encode()


FORMATS: Final = {"csv": Format({"delimiter": "comma"}, _csv)}


def small_mapper(kind: str, settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    """Make a mapper whose sample, pieces and tail are small."""
    return CsvMapper(settings, facts, sample_bytes=120, piece_bytes=200, held_back=60)
