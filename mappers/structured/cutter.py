"""The elements of one JSON list, cut into pieces as its bytes come.

A cut is guessed and then proven: a piece that parses as a whole list of values began and ended between two of them. Where no guess
can be proven the elements are walked one by one, which also tells where the JSON breaks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from engine.errors import RefuseRun
from mappers.structured.cursor import ENDLESS, BrokenJson, Cursor, Place, refuse_broken
from mappers.structured.reading import QuickReader, uncollected

if TYPE_CHECKING:
    from engine.batch import KnownRecords, Records
    from mappers.structured.screen.listed import Cut, ListedElements
    from mappers.structured.stream import JsonStream
    from mappers.structured.values import Json

_BETWEEN: Final = re.compile(rb'\}[ \t\r\n]*,[ \t\r\n]*(?=\{[ \t\r\n]*"[^"\\]*"[ \t\r\n]*:)')
"""Two objects, by the first key of the second: no text holds that, for its quotes would be escaped."""
_BLANKS: Final = b" \t\r\n"
_HIGH: Final = bytes(range(0x80, 0x100))
_LOOK_BACK: Final = 64 * 1024
"""Bytes before the end of a window in which a cut is looked for at first."""


class Element(NamedTuple):
    """An element that was walked: where it stands in the text of its piece, and its value."""

    start: int
    end: int
    value: Json


class Piece(NamedTuple):
    """Whole elements with commas between them, and what was read of them while they were cut: quickly, or walked.

    Where a screen is asked they may be `known`, without data, or told apart into `records`.
    """

    data: bytes
    offset: int
    values: Sequence[Json] | None = None
    walked: list[Element] | None = None
    known: KnownRecords | None = None
    records: Records | None = None


class ListCutter:
    """Cut the elements of a list, from behind its opening bracket on. `offset` is that of the first byte held.

    Where the cuts fall depends on the bytes alone, not on the chunks they came in: a piece is as much as fits into a window of
    `piece_bytes`, which is doubled while no element ends in it. Raises `RefuseRun` for an element over `element_bytes`, and for
    what is no JSON, as soon as so much of the document is there.
    """

    def __init__(
        self,
        stream: JsonStream,
        quick: QuickReader,
        decoder: json.JSONDecoder,
        *,
        name: str,
        place: Place,
        offset: int,
        piece_bytes: int,
        element_bytes: int,
    ) -> None:
        self._stream = stream
        self._quick = quick
        self._decoder = decoder
        self._name = name
        self._place = place
        self.offset = offset
        self._element_bytes = max(element_bytes, piece_bytes)
        self._piece_bytes = self._window = piece_bytes
        self._buffer = bytearray()
        self._behind_comma = False
        self._listed: ListedElements | None = None
        self.ended = False

    def screen(self, listed: ListedElements) -> None:
        """Ask this one from now on, before a cut is guessed."""
        self._listed = listed

    @property
    def place(self) -> Place:
        """Return where what is held begins."""
        return self._place

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for their element's end."""
        return len(self._buffer)

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._buffer += data

    def rest(self) -> bytes:
        """Give up what stands behind the list."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def pieces(self, *, final: bool) -> Iterator[Piece]:
        """Yield the pieces that are complete; `final` says that the document ends with the bytes held."""
        while not self.ended and (final or len(self._buffer) >= self._window):
            whole = final and len(self._buffer) <= self._window
            if self._listed is not None and self._behind_comma and not whole:
                cuts, waits = self._listed.cut(self._buffer, self._piece_bytes, final=final)
                yield from self._pass(cuts)
                if waits:
                    return
                if cuts:
                    continue
            window = bytes(self._buffer[: self._window])
            with uncollected():
                piece = self._guess(window, whole=whole) or self._walk(window, whole=whole)
            if piece is None:
                self._window = min(2 * self._window, self._element_bytes)
                continue
            self._window = self._piece_bytes
            if piece.data:
                yield piece

    def _pass(self, cuts: Sequence[Cut]) -> Iterator[Piece]:
        """Move over what was cut."""
        start = 0
        for cut in cuts:
            data = b"" if cut.known is not None else bytes(self._buffer[: cut.end - start])
            yield self._leave(cut.following - start, Piece(data, self.offset, cut.values, None, cut.known, cut.records))
            start = cut.following

    def _leave(self, following: int, piece: Piece) -> Piece:
        self._place.move(self._stream.charset.decode(bytes(self._buffer[:following]))[0])
        del self._buffer[:following]
        self.offset += following
        return piece

    def _guess(self, window: bytes, *, whole: bool) -> Piece | None:
        """Cut where it is likely, if that is proven right."""
        start = len(window) - len(window.lstrip(_BLANKS))
        for end, following in [_likely_end(window)] if whole else _likely_cuts(window):
            data = window[start : max(start, end)]
            if values := self._quick.elements(self._stream.as_utf8(data)):
                return self._take(window, start, end, following, values=values, ended=whole)
        return None

    def _walk(self, window: bytes, *, whole: bool) -> Piece | None:
        """Walk over the elements; None when the window ends in the first of them."""
        if not whole:
            # A character that the window cuts in two is none of an encoding.
            window = window.rstrip(_HIGH)
        text, _ = self._stream.charset.decode(window)
        cursor = Cursor(text, self._decoder)
        elements: list[Element] = []
        following, ended = 0, False
        try:
            for walked in _elements(cursor, behind_comma=self._behind_comma):
                elements += walked.element
                following, ended = walked.following, walked.ended
        except BrokenJson as fault:
            if not elements:
                self._refuse(fault, text, whole=whole)
                return None
        if not elements and not ended:
            return None
        first, last = (elements[0].start, elements[-1].end) if elements else (following, following)
        start, end, behind = (len(self._stream.encode(text[:at])) for at in (first, last, following))
        moved = [Element(element.start - first, element.end - first, element.value) for element in elements]
        return self._take(window, start, end, behind, walked=moved, ended=ended)

    def _take(
        self,
        window: bytes,
        start: int,
        end: int,
        following: int,
        *,
        values: list[Json] | None = None,
        walked: list[Element] | None = None,
        ended: bool,
    ) -> Piece:
        self._behind_comma, self.ended = True, ended
        return self._leave(following, Piece(window[start:end], self.offset + start, values, walked))

    def _refuse(self, fault: BrokenJson, text: str, *, whole: bool) -> None:
        """Refuse the element at the window's begin, unless more of it may come."""
        if not whole and self._window < self._element_bytes:
            return
        torn = fault.position >= len(text) - _TORN or str(fault) == ENDLESS
        if whole or not torn:
            raise refuse_broken(fault, text, self._place, self._name) from None
        # Blanks before it were left to it or not, as the cut was made.
        begin = self._place.behind(text[: len(text) - len(text.lstrip(" \t\r\n"))])
        raise RefuseRun(
            f"{self._name}, line {begin.line + 1}, column {begin.column + 1}: the element that begins here does not end within "
            f"{self._element_bytes:,} bytes; check that jsonRoot leads to the list of items; nothing was applied"
        ) from None


_TORN: Final = 12
"""An escape that the window cuts in two is complained of this far before its end."""


def _likely_end(window: bytes) -> tuple[int, int]:
    """Return where the elements end and where it goes on behind the bracket, in a window that the document ends in."""
    end = window.rfind(b"]")
    return end, end + 1


def _likely_cuts(window: bytes) -> Iterator[tuple[int, int]]:
    """Yield the likely cuts of a window in which the document does not end: by the last bytes of it, then by all."""
    for back in (_LOOK_BACK, len(window)):
        place = _likely_cut(window, back)
        if place is not None:
            yield place
        if len(window) <= _LOOK_BACK:
            return


def _likely_cut(window: bytes, back: int) -> tuple[int, int] | None:
    """Return where an element ends and the next one begins: of such places the last one that lies in the fewest brackets.

    Elements may hold lists of objects themselves, between which it looks the same. Brackets in texts may mislead the count, which
    the proof then shows.
    """
    before = start = max(0, len(window) - back)
    best: tuple[int, int] | None = None
    depth = fewest = 0
    for place in _BETWEEN.finditer(window, start):
        at = place.start() + 1
        depth += window.count(b"{", before, at) + window.count(b"[", before, at)
        depth -= window.count(b"}", before, at) + window.count(b"]", before, at)
        if best is None or depth <= fewest:
            best, fewest = (at, place.end()), depth
        before = at
    return best


class _Walked(NamedTuple):
    element: tuple[()] | tuple[Element]
    following: int
    ended: bool


def _elements(cursor: Cursor, *, behind_comma: bool) -> Iterator[_Walked]:
    """Yield each element, where it goes on behind its comma or the list's bracket, and whether the list ended there."""
    while True:
        if cursor.peek() == "]":
            if behind_comma:
                raise BrokenJson("a comma with nothing behind it before ']'", cursor.at)
            yield _Walked((), cursor.at + 1, ended=True)
            return
        start = cursor.at
        value = cursor.value()
        element = Element(start, cursor.at, value)
        mark = cursor.peek()
        if mark not in (",", "]"):
            raise BrokenJson("expecting ',' or ']'", cursor.at)
        cursor.at += 1
        yield _Walked((element,), cursor.at, ended=mark == "]")
        if mark == "]":
            return
        behind_comma = True
