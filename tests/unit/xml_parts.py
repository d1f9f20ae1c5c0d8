"""Reading a document with the XML mapper, in any chunks and by any of its ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.batch import JsonValue, RawRecords
from engine.contracts import DocumentFacts, MapperSettings
from mappers.markup.cutter import CutterSizes
from mappers.xpath import XmlMapper


@dataclass(frozen=True)
class Read:
    """What came of a document: its rows with their lines, the mapper, and the pieces."""

    rows: list[tuple[str, ...]]
    lines: list[int]
    mapper: XmlMapper
    pieces: list[RawRecords]


def make(
    fields: Iterable[str | tuple[str, ...]],
    *,
    way: str = "template",
    sizes: CutterSizes | None = None,
    feed: Mapping[str, JsonValue] | None = None,
    **attributes: JsonValue,
) -> XmlMapper:
    """Return a mapper of these fields, `custom` unless a preset is named."""
    names = tuple((name,) if isinstance(name, str) else name for name in fields)
    settings = MapperSettings(names, {"xmlMapping": "custom", **(feed or {}), **attributes})
    return XmlMapper(settings, DocumentFacts("feed.xml"), way=way, sizes=sizes)


def drain(mapper: XmlMapper, document: bytes | str, *, size: int = 1 << 30) -> Read:
    """Read a whole document in chunks of `size`."""
    data = document.encode() if isinstance(document, str) else document
    read = Read([], [], mapper, [])

    def take(pieces: Iterable[RawRecords]) -> None:
        for piece in pieces:
            batch = mapper.parse(piece)
            assert not batch.flaws
            read.pieces.append(piece)
            read.rows.extend(tuple(row) for row in batch.rows)
            read.lines.extend(batch.lines)

    for start in range(0, len(data), size):
        take(mapper.feed(data[start : start + size]))
    take(mapper.finish())
    return read


def read(
    document: bytes | str,
    *fields: str | tuple[str, ...],
    size: int = 1 << 30,
    way: str = "template",
    sizes: CutterSizes | None = None,
    feed: Mapping[str, JsonValue] | None = None,
    **attributes: JsonValue,
) -> Read:
    """Make a mapper of a feed's attributes, given as a mapping or one by one, and read a document with it."""
    return drain(make(fields, way=way, sizes=sizes, feed=feed, **attributes), document, size=size)
