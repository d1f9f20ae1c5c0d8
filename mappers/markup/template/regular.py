"""When a template is learned, used, widened and given up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Final

from engine.batch import RowsByColumn
from mappers.markup.template.pattern import Target, Template, is_plain
from mappers.markup.template.shape import Irregular, Shape, learn

if TYPE_CHECKING:
    from lxml import etree

_SAMPLE: Final = 200
_WIDENINGS: Final = 40
_CREDIT: Final = 3
_ODD: Final = 30
"""Records of a stretch that are given to the parser one by one; where more are odd it takes the piece whole."""
_LONGEST: Final = 8 * 1024 * 1024
"""Bytes of a piece that a template reads: texts that the parser would refuse for their length do not fit."""
_CONTROLS: Final = bytes(byte for byte in range(32) if byte not in b"\t\n\r")


class Regular:
    """The template of a document's records, as far as they are regular."""

    def __init__(self) -> None:
        self.hit = False
        self._credit = _CREDIT
        self._widenings = _WIDENINGS
        self._shape: Shape | None = None
        self._columns: list[list[Target] | None] = []
        self._template: Template | None = None
        self._names: dict[str | None, str] = {}

    @property
    def ready(self) -> bool:
        """Tell whether there is a template to be tried."""
        return self._template is not None

    @property
    def wanted(self) -> bool:
        """Tell whether a parsed piece should be learned from."""
        return self._credit > 0 and self._widenings > 0

    def learn(self, records: Sequence[str], columns: Sequence[list[Target] | None], element: etree._Element) -> None:
        """Learn from the records of a piece that the parser took. `element` is one of them."""
        self._credit -= 1
        parent = element.getparent()
        names = dict(parent.nsmap) if parent is not None else {}
        name = _TAG_NAME.match(records[0])
        if self._shape is None or names != self._names or name is None or self._shape.name != name[1]:
            self._shape, self._names = Shape(name[1] if name else ""), names
        self._columns = list(columns)
        try:
            for record in records[:: max(1, len(records) // _SAMPLE)]:
                if _is_of_a_shape(record, self._shape.name):
                    learn(self._shape, record)
            self._template = Template(self._shape, self._columns, self._tag_of)
        except Irregular:
            # A shape that a record spoiled may hold what no record has.
            self._template = self._shape = None

    def _tag_of(self, written: str) -> str:
        prefix, _, local = written.rpartition(":")
        uri = self._names.get(prefix or None)
        return f"{{{uri}}}{local}" if uri else local

    def stretch(self, body: bytes, text: str) -> tuple[str, str, str] | None:
        """Return what stands before the records of a piece, the records, and what stands behind them; None to leave it alone."""
        template = self._template
        self.hit = False
        if template is None or len(body) > _LONGEST or len(body.translate(None, _CONTROLS)) != len(body):
            return None
        start, end = template.first_start(text), text.rfind(template.ending)
        if start < 0 or end < start:
            return None
        end += len(template.ending)
        records = text[start:end]
        return (text[:start], records, text[end:]) if is_plain(records) else None

    def first_end(self, records: str) -> int:
        """Return where the first record ends."""
        ending = self._template.ending if self._template is not None else ""
        return records.find(ending) + len(ending)

    def fits(self, element: etree._Element) -> bool:
        """Tell whether names mean in this piece what they meant when the template was learned."""
        parent = element.getparent()
        return parent is not None and dict(parent.nsmap) == self._names

    def read(self, records: str, first: Sequence[str], parse: Callable[[str], tuple[str, ...] | None]) -> RowsByColumn | None:
        """Return the rows of a stretch, None when it is better left to the parser.

        `first` is the first row as the parser read it; `parse` reads one record in its place, None when it is none or several.
        """
        columns: list[Sequence[str]] = []
        at, odd = 0, 0
        while self._template is not None and at < len(records):
            found, at = self._template.read(records, at, first)
            columns = _extend(columns, found)
            if at == len(records):
                break
            if not self._template.starts(records, at):
                # Something lies between the records: it may be the end of their parent, and the beginning of another.
                return None
            end = records.find(self._template.ending, at) + len(self._template.ending)
            row = parse(records[at:end]) if odd < _ODD else None
            if row is None:
                return None
            # Only by what the parser took: a shape does not know which names are none, and which prefixes are declared.
            odd += not self._widen(records[at:end])
            columns = _extend(columns, [(cell,) for cell in row])
            at = end
        if self._template is None or not columns or [column[0] for column in columns] != list(first):
            self._credit, self._template = 0, None
            return None
        self.hit = True
        self._credit = _CREDIT
        return RowsByColumn(columns)

    @property
    def present(self) -> frozenset[int]:
        """Return the columns that some record had among those the template was learned from."""
        return self._template.present if self._template is not None else frozenset()

    def lines(self, records: str, line: int, count: int) -> Sequence[int]:
        """Return the lines of the `count` records that were just read."""
        return self._template.lines(records, line, count) if self._template is not None else ()

    def _widen(self, record: str) -> bool:
        """Learn a record that did not fit, and that the parser took; tell whether it does now."""
        if self._shape is None or self._widenings <= 0:
            return False
        self._widenings -= 1
        shape = deepcopy(self._shape)
        try:
            learn(shape, record)
            template = Template(shape, self._columns, self._tag_of)
        except Irregular:
            return False
        self._shape, self._template = shape, template
        return template.fits(record, 0)


def _extend(columns: list[Sequence[str]], more: list[Sequence[str]]) -> list[Sequence[str]]:
    """Return columns with more cells behind those that they have. Most stretches are read in one go, and nothing is copied."""
    return [[*column, *cells] for column, cells in zip(columns, more, strict=True)] if columns and more else columns or more


_TAG_NAME: Final = re.compile(r"<([^\s/>]+)")


def _is_of_a_shape(record: str, name: str) -> bool:
    try:
        learn(Shape(name), record)
    except Irregular:
        return False
    return True
