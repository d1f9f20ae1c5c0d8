"""When a template is learned, used, widened and given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mappers.markup.shape import Irregular, Shape, learn
from mappers.markup.template import Target, Template, is_plain, make_template

if TYPE_CHECKING:
    from lxml import etree

_SAMPLE: Final = 200
_WIDENINGS: Final = 40
_CREDIT: Final = 3
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
        if names != self._names or self._shape is None:
            self._shape, self._names = Shape(records[0][1:].partition(">")[0].split()[0].rstrip("/")), names
        self._columns = list(columns)
        step = max(1, len(records) // _SAMPLE)
        try:
            for record in records[::step]:
                learn(self._shape, record)
        except Irregular:
            self._give_up()
            return
        self._compile()

    def _compile(self) -> None:
        self._template = None
        if self._shape is not None:
            self._template = make_template(self._shape, self._columns, self._tag_of)
        if self._template is None:
            self._give_up()

    def _give_up(self) -> None:
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

    def first_end(self, records: str) -> int | None:
        """Return where the first record ends; widens the template when it is of another shape."""
        while self._template is not None:
            end = self._template.first_end(records)
            if end is not None:
                return end
            if not self._widen(records, 0):
                break
        return None

    def fits(self, element: etree._Element) -> bool:
        """Tell whether names mean in this piece what they meant when the template was learned."""
        parent = element.getparent()
        return parent is not None and dict(parent.nsmap) == self._names

    def read(self, records: str, first: Sequence[str]) -> list[tuple[str, ...]] | None:
        """Return the rows of a stretch, None when some record is irregular. `first` is the first row as the parser read it."""
        while self._template is not None:
            rows, failed = self._template.read(records, first)
            if failed is None:
                if not rows or rows[0] != tuple(first):
                    self._credit = 0
                    self._give_up()
                    return None
                self.hit = True
                self._credit = _CREDIT
                return rows
            if not self._widen(records, failed):
                break
        return None

    @property
    def present(self) -> frozenset[int]:
        """Return the columns that some record had among those the template was learned from."""
        return self._template.present if self._template is not None else frozenset()

    def lines(self, records: str, line: int) -> list[int]:
        """Return the lines of the records that were just read."""
        return self._template.lines(records, line) if self._template is not None else []

    def _widen(self, records: str, start: int) -> bool:
        """Learn the record that did not fit; tell whether it is worth another try."""
        if self._template is None or self._shape is None or self._widenings <= 0:
            return False
        self._widenings -= 1
        end = records.find(self._template.ending, start)
        try:
            learn(self._shape, records[start : end + len(self._template.ending)])
        except Irregular:
            self._give_up()
            return False
        self._compile()
        return self._template is not None
