"""From the text of whole records to a batch: rows, and a flaw for each record that makes none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.batch import Batch, Flaw, clip
from mappers.checks import BROKEN, broken_reason
from mappers.structured.columns import VARIANTS, Columns, Entry, Misfit, expand
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.values import DEPTH_LIMIT, Json, UnreadableCell, is_too_deep, make_decoder

_ESCAPED: Final = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_VALUE_SHOWN: Final = 200


class Found(NamedTuple):
    """An element of the list: where it stands in a text, the number of its first record, and its records, one at least.

    A tuple, for one is made of every element, twice.
    """

    source: str
    start: int
    end: int
    line: int
    records: Sequence[Entry | Misfit]

    @property
    def text(self) -> str:
        """Return the element as the source wrote it."""
        return self.source[self.start : self.end]


def find_records(source: str, start: int, end: int, line: int, value: Json, *, nested: bool) -> Found:
    """Return what an element of the list stands for."""
    if is_too_deep(source, start, end):
        return Found(source, start, end, line, (Misfit(f"nested deeper than {DEPTH_LIMIT} levels"),))
    return Found(source, start, end, line, expand(value, nested=nested))


@dataclass(slots=True)
class _Parts:
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


class RecordReader:
    """Make rows of found elements. `numbered` says that each record has a line of its own, which is its number."""

    def __init__(self, columns: Columns, *, numbered: bool) -> None:
        self._columns = columns
        self._numbered = numbered

    def read(self, elements: Iterable[Found], text: str, *, encoding: str, valid: bool) -> Batch:
        """Read elements. `text` is what they were cut from; `valid` is False when bytes of it did not decode."""
        broken = encoding if not valid or "\0" in text or _ESCAPED.search(text) else None
        parts = _Parts()
        for found in elements:
            for index, record in enumerate(found.records):
                self._add(parts, record, found, index, broken)
        return Batch(self._columns.names, parts.rows, parts.lines, tuple(parts.flaws))

    def _add(self, parts: _Parts, record: Entry | Misfit, found: Found, index: int, broken: str | None) -> None:
        line = found.line + index if self._numbered else found.line
        if isinstance(record, Misfit):
            parts.flaws.append(Flaw(line, record.reason, excerpt_of(found, index), fate="skipped" if record.skipped else "rejected"))
            return
        try:
            row = self._columns.row(record)
        except UnreadableCell as fault:
            name = self._columns.names[fault.column]
            parts.flaws.append(Flaw(line, f"{name!r} {fault.reason}", excerpt_of(found, index), name))
            return
        if broken is not None and (flaw := self._broken(row, line, found, index, broken)):
            parts.flaws.append(flaw)
            return
        parts.rows.append(row)
        parts.lines.append(line)

    def _broken(self, row: Sequence[str], line: int, found: Found, index: int, encoding: str) -> Flaw | None:
        for name, cell in zip(self._columns.names, row, strict=True):
            if match := BROKEN.search(cell):
                return Flaw(line, broken_reason(match[0], encoding), excerpt_of(found, index), name, clip(cell, _VALUE_SHOWN))
        return None


def excerpt_of(found: Found, index: int) -> str:
    """Return the text of an element's record `index` as the source wrote it, clipped: a variant's own, else the element's."""
    if not any(isinstance(record, Entry) and record.product is not None for record in found.records):
        return clip(found.text)
    cursor = Cursor(found.text, make_decoder())
    try:
        for key in cursor.members():
            if key != VARIANTS:
                cursor.value()
                continue
            for number, start in enumerate(cursor.elements()):
                cursor.value()
                if number == index:
                    return clip(found.text[start : cursor.at])
    except BrokenJson:
        pass
    return clip(found.text)
