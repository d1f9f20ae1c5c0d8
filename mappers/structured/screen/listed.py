"""A list of JSON beside what a screen knows of it: known blocks are passed over, and the elements of the others are told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from engine.batch import Records

if TYPE_CHECKING:
    from engine.batch import KnownRecords
    from mappers.passing.stretches import Stretches
    from mappers.structured.reading import QuickReader
    from mappers.structured.screen.layout import Layout
    from mappers.structured.stream import JsonStream
    from mappers.structured.values import Json

_PATIENCE: Final = 8
"""Stretches in a row whose elements could not be told apart, behind which nobody tries any more: each was read in vain."""


class Cut(NamedTuple):
    """A stretch of a list: where its last element ends in the buffer and the next one begins, and what is known or was read of it."""

    end: int
    following: int
    known: KnownRecords | None = None
    records: Records | None = None
    values: Sequence[Json] = ()


class ListedElements:
    """Cut the elements of a list whose columns are settled, as far as they are laid out alike.

    What it cuts was read, and is whole values. Anything else it leaves to the cutter: also what is no JSON, which is refused there.
    `reading` says what the bytes of an element mean.
    """

    def __init__(
        self, layout: Layout, stretches: Stretches | None, quick: QuickReader, stream: JsonStream, reading: Callable[[], bytes]
    ) -> None:
        self._layout = layout
        self._stretches = stretches
        self._quick = quick
        self._stream = stream
        self._reading = reading
        self._failed = 0
        self._told = b""

    def cut(self, buffer: bytearray, limit: int, *, final: bool) -> tuple[list[Cut], bool]:
        """Return what was cut from the beginning of a buffer, at most `limit` bytes of it unknown, and whether to wait for more bytes."""
        head = self._layout.head
        if self._failed >= _PATIENCE or not buffer.startswith(head):
            return [], False
        start = len(head)
        cuts: list[Cut] = []
        # What is cut here is read under what was learned before it: elements of the same keys teach nothing more.
        self._told = self._reading()
        if self._stretches is not None and not final:
            cuts, waits = self._find(self._stretches, buffer)
            if waits:
                return cuts, True
            start = cuts[-1].following + len(head) if cuts else start
            limit = min(limit, self._stretches.unknown)
        if (last := self._cut_unknown(buffer, start, start + limit)) is not None:
            cuts.append(last)
        return cuts, False

    def _find(self, stretches: Stretches, buffer: bytearray) -> tuple[list[Cut], bool]:
        values: list[Sequence[Json]] = []

        def take_apart(block: bytes) -> Records | None:
            found = self._tell_apart(block, block=True)
            if found is not None:
                values.append(found[1])
            return found[0] if found is not None else None

        found, waits = stretches.find(buffer, len(self._layout.head), self._layout.ending, self._told, take_apart)
        read = iter(values)
        return [
            self._at(end, records=stretch, values=next(read)) if isinstance(stretch, Records) else self._at(end, known=stretch)
            for stretch, end in found
        ], waits

    def _cut_unknown(self, buffer: bytearray, start: int, limit: int) -> Cut | None:
        ending = self._layout.ending
        at = buffer.rfind(ending, start, limit)
        found = self._tell_apart(bytes(buffer[start : at + len(ending)])) if at >= 0 else None
        return self._at(at + len(ending), records=found[0], values=found[1]) if found is not None else None

    def _tell_apart(self, inside: bytes, *, block: bool = False) -> tuple[Records, Sequence[Json]] | None:
        told = self._layout.tell_apart(inside, self._quick, self._stream)
        if told is None:
            self._failed += 1
            return None
        self._failed = 0
        return Records(inside, told.parts, None, self._told, self._layout.ending, block), told.values

    def _at(self, end: int, *, known: KnownRecords | None = None, records: Records | None = None, values: Sequence[Json] = ()) -> Cut:
        following = end - len(self._layout.head)
        return Cut(following - len(self._layout.gap), following, known, records, values)
