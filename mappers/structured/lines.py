"""JSON Lines: one value a line, cut at line ends as the bytes come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from engine.batch import RawRecords, Records
from engine.errors import RefuseRun
from mappers.structured.bodies import Body, Sizes
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.line_splitter import LineSplitter
from mappers.structured.reading import Reading, read_values
from mappers.structured.records import Found, Misfit, Nesting, find_records
from mappers.structured.settings import JsonOptions
from mappers.structured.stream import JsonStream
from mappers.structured.values import Json, make_decoder
from mappers.tabular.records import RecordCutter
from mappers.tabular.screened import ENDING, NOTHING_KNOWN

if TYPE_CHECKING:
    from engine.contracts import Prover, Screen, Walked

_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67]")
"""A name may be written so that its letters are not there to be found."""
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
        LineReader(make_decoder(), Nesting()).value(line.decode("utf-8", "replace"))
    except BrokenJson:
        return False
    return True


class LineReader:
    """Read lines as elements of the list."""

    def __init__(self, decoder: json.JSONDecoder, nesting: Nesting) -> None:
        self._decoder = decoder
        self._nesting = nesting

    def read(self, text: str, line: int) -> Found:
        """Read a line; what is no JSON becomes a record that is no item."""
        try:
            value = self.value(text)
        except BrokenJson as fault:
            return Found(text, 0, len(text), line, (Misfit(broken_line(fault)),))
        return find_records(text, 0, len(text), line, value, self._nesting)

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


class LinesBody(Body):
    """JSON Lines, read as they come; `line` is the line."""

    layout = "lines"
    numbered = False

    def __init__(self, stream: JsonStream, options: JsonOptions, name: str, sizes: Sizes) -> None:
        super().__init__(stream, options, name, sizes)
        if options.way:
            raise RefuseRun(f"{name} is JSON Lines, in which jsonRoot={options.root} leads nowhere: unset it; nothing was applied")
        self._splitter = LineSplitter(name=name, offset=stream.offset, piece_bytes=sizes.piece, line_bytes=sizes.line)
        self._lines = LineReader(self._decoder, options.nesting)
        self._cutter = RecordCutter(b"", b"")

    def screen(self, screen: Screen) -> None:
        def search(buffer: bytearray, start: int, end: int, prover: Prover) -> Walked:
            asks = screen.knows and self.columns.settled and not self._unsettles(buffer, start, end)
            return screen.walk(buffer, start, end, ENDING, self._describe_reading(), prover) if asks else NOTHING_KNOWN

        self._splitter.search(search, self._sizes.held_back)

    def _unsettles(self, buffer: bytearray, start: int, end: int) -> bool:
        """Tell whether the encoding may be chosen by these bytes: then by the same ones as without a screen, all of them."""
        return self._stream.charset.assumed and not buffer[start:end].isascii()

    def split(self, raw: RawRecords) -> Records | None:
        """Return the lines of a piece; None where one is blank, or may have variants, or where a name may yet come to be known."""
        data, ways = raw.data, self._options.nesting.ways
        if not self.columns.settled or (ways and (ways[0][0].encode() in data or _ESCAPED_LETTER.search(data))):
            return None
        parts = self._cutter.cut(data)
        if parts is None or not all(map(bytes.strip, parts.records)):
            return None
        return Records(data, parts.records, None, self._describe_reading(), ENDING)

    def _describe_reading(self) -> bytes:
        return repr((self._stream.charset.encoding, self.columns.reading)).encode("utf-8", "backslashreplace")

    def feed(self, data: bytes) -> Iterator[RawRecords]:
        for piece in self._splitter.feed(data):
            self._stream.settle(piece.data)
            yield piece

    def finish(self) -> Iterator[RawRecords]:
        pieces, torn = self._splitter.finish()
        for piece in pieces:
            self._stream.settle(piece.data)
            if torn and piece.final:
                self._refuse_torn(piece)
            yield piece

    @property
    def root(self) -> str:
        return "each line"

    @property
    def buffered_bytes(self) -> int:
        return self._splitter.buffered_bytes

    def _reading(self, raw: RawRecords) -> Reading:
        reading = super()._reading(raw)
        self._learn(reading)
        return reading

    def _read_quickly(self, raw: RawRecords) -> Reading | None:
        data = self._stream.as_utf8(raw.data)
        if data is None:
            return None
        lines, numbers = _filled_lines(data, raw.line)
        values = self._quick.lines(lines)
        return read_values(data, values, numbers, self._options.nesting, numbered=False) if values else None

    def _refuse_torn(self, piece: RawRecords) -> None:
        text, _ = self._stream.charset.decode(piece.data)
        last = text[text.rfind("\n") + 1 :]
        try:
            self._lines.value(last.strip(" \t\r") or "null")
        except BrokenJson as fault:
            line = piece.line + piece.data.count(b"\n")
            raise RefuseRun(
                f"{self._name} ends inside line {line} ({broken_line(fault)}): it is cut short; fetch it again, or ask the supplier "
                f"whether the export ran through; nothing was applied"
            ) from None

    def _elements(self, text: str, line: int) -> Iterator[Found]:
        for number, record in enumerate(text.split("\n"), line):
            if stripped := record.strip(" \t\r"):
                yield self._lines.read(stripped, number)


def _filled_lines(data: bytes, first: int) -> tuple[list[bytes], Sequence[int]]:
    """Return the lines that are not blank, and their numbers."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if min(map(len, lines), default=0) >= _SHORTEST:
        return lines, range(first, first + len(lines))
    filled = [(line, number) for number, line in enumerate(lines, first) if line.strip(b" \t\r")]
    return [line for line, _ in filled], [number for _, number in filled]


_SHORTEST: Final = 2
"""An object has no fewer characters; where a line has, some may be blank."""
