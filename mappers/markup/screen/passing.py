"""Pieces of the stretches that were found at the beginning of a buffer, each with its place in the document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import ApartRecords, RawRecords, Records
from mappers.markup.piece import Piece, pack
from mappers.markup.prolog import count_characters

if TYPE_CHECKING:
    from engine.batch import KnownRecords
    from mappers.markup.screen.readings import Readings
    from mappers.passing.stretches import Stretches

_LINE_END: Final = ord("\n")


@dataclass(frozen=True, slots=True)
class Here:
    """Where a cutter stands: what is opened again before what comes next, what is closed behind it, and the name of the last record."""

    context: bytes
    closing: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of a document with its line and column, both from 1."""

    offset: int
    line: int
    column: int


class Passing:
    """Find stretches at the beginning of a buffer, where a record has just ended: whole elements, whatever is in them.

    Behind the same start tags they leave the same elements open. Of those that are told apart but not known a parser takes the records
    that are not known.
    """

    def __init__(self, stretches: Stretches, readings: Readings) -> None:
        self._stretches = stretches
        self._readings = readings

    @property
    def unknown(self) -> int:
        """Return how far to go before asking again."""
        return self._stretches.unknown

    def find(self, buffer: bytearray, here: Here) -> tuple[list[tuple[KnownRecords | Records, int]], bool]:
        """Return what is found, stretch by stretch with the end of each, and whether to wait for more bytes."""
        ending = b"</%b>" % here.name

        def take_apart(block: bytes) -> Records | None:
            records = self._readings.split(Piece(here.context, block, here.closing, 1), block=True)
            # Records of another name have another reading, under which nobody has cut.
            return records if records is not None and records.ending == ending else None

        return self._stretches.find(buffer, 0, ending, self._readings.of(here.context, here.name), take_apart)


def make_piece(stretch: KnownRecords | Records, here: Here, place: Place) -> RawRecords:
    """Make a piece of a stretch that begins at a place."""
    if isinstance(stretch, Records):
        return ApartRecords(pack(here.context, stretch.body, here.closing, place.column), place.offset, place.line, records=stretch)
    return RawRecords(b"", place.offset, place.line, known=stretch)


def follow_places(buffer: bytearray, ends: Sequence[int], begin: Place) -> Iterator[Place]:
    """Yield the place where the buffer begins, then each of some ends. No line of what lies between ends with CR alone."""
    # Here: whoever found a stretch has it already, and it counts lines in a fifth of the time that bytes take for it.
    import numpy as np

    found = np.flatnonzero(np.frombuffer(buffer, np.uint8, ends[-1]) == _LINE_END)
    before: list[int] = np.searchsorted(found, ends).tolist()
    yield begin
    start, column = 0, begin.column
    for end, lines in zip(ends, before, strict=True):
        last = int(found[lines - 1]) + 1 if lines else 0
        if last > start:
            start, column = last, 1
        column += count_characters(bytes(buffer[start:end]))
        yield Place(begin.offset + end, begin.line + lines, column)
        start = end
