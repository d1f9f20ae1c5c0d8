"""JSON Lines: one value a line, cut at line ends as the bytes come."""

from __future__ import annotations

import json
import re
from typing import Final

from engine.batch import RawRecords
from engine.errors import RefuseRun
from mappers.structured.columns import Misfit
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.records import Found, find_records
from mappers.structured.values import Json, make_decoder

LINE_BYTES: Final = 8 * 1024 * 1024
"""The longest line that is read: a product with some ten thousand variants."""

_FILLED: Final = re.compile(rb"[^ \t\r\n]")


def is_lines(buffer: bytes | bytearray, *, complete: bool) -> bool | None:
    """Tell whether a document is JSON Lines: its first line is a whole object and another one follows. None: not to be told yet."""
    first = _FILLED.search(buffer)
    if first is None or first[0] != b"{":
        return None if first is None and not complete else False
    end = buffer.find(b"\n", first.start())
    following = _FILLED.search(buffer, end) if end >= 0 else None
    if following is None:
        return False if complete else None
    # Looked at only now: the first line of most documents is all of it.
    return following[0] == b"{" and _is_whole(bytes(buffer[first.start() : end]))


def _is_whole(line: bytes) -> bool:
    try:
        LineReader(make_decoder(), nested=False).value(line.decode("utf-8", "replace"))
    except BrokenJson:
        return False
    return True


class LineReader:
    """Read lines as elements of the list."""

    def __init__(self, decoder: json.JSONDecoder, *, nested: bool) -> None:
        self._decoder = decoder
        self._nested = nested

    def read(self, text: str, line: int) -> Found:
        """Read a line; what is no JSON becomes a record that is no item."""
        try:
            value = self.value(text)
        except BrokenJson as fault:
            return Found(text, 0, len(text), line, (Misfit(broken_line(fault)),))
        return find_records(text, 0, len(text), line, value, nested=self._nested)

    def value(self, text: str) -> Json:
        """Read the value of a line. Raises `BrokenJson`."""
        cursor = Cursor(text, self._decoder)
        cursor.peek()
        value = cursor.value()
        if cursor.peek():
            raise BrokenJson("something follows the value", cursor.at)
        return value


def broken_line(fault: BrokenJson) -> str:
    """Say what is wrong with a line."""
    return f"is no JSON: {fault} (character {fault.position + 1} of the line)"


class LineSplitter:
    """Cut bytes into pieces of whole lines.

    Where the cuts fall depends on the bytes alone, not on the chunks they came in. Raises `RefuseRun` for a line over `line_bytes`.
    """

    def __init__(self, *, name: str, offset: int, piece_bytes: int, line_bytes: int) -> None:
        self._name = name
        self._offset = offset
        self._line = 1
        self._piece_bytes = min(piece_bytes, line_bytes)
        self._line_bytes = line_bytes
        self._buffer = bytearray()

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for their line's end."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[RawRecords]:
        """Take the next bytes; return the pieces that are complete."""
        self._buffer += data
        pieces = []
        start = 0
        while len(self._buffer) - start >= self._piece_bytes:
            end = self._buffer.rfind(b"\n", start, start + self._piece_bytes)
            if end < 0:
                end = self._buffer.find(b"\n", start + self._piece_bytes)
                self._refuse_long((end if end >= 0 else len(self._buffer)) - start)
            if end < 0:
                break
            pieces.append(self._piece(start, end + 1))
            start = end + 1
        del self._buffer[:start]
        return pieces

    def finish(self) -> tuple[RawRecords, bool]:
        """Return the rest of the document as its final piece, and whether its last line has no line end."""
        piece = self._piece(0, len(self._buffer), final=True)
        return piece, bool(piece.data) and not piece.data.endswith(b"\n")

    def _piece(self, start: int, end: int, *, final: bool = False) -> RawRecords:
        piece = RawRecords(bytes(self._buffer[start:end]), self._offset, self._line, final)
        self._offset += len(piece.data)
        self._line += piece.data.count(b"\n")
        return piece

    def _refuse_long(self, length: int) -> None:
        if length > self._line_bytes:
            raise RefuseRun(
                f"{self._name}, line {self._line}: the line does not end within {self._line_bytes:,} bytes; this is not the expected JSON "
                f"Lines: check the source; nothing was applied"
            )
