"""Bytes of JSON Lines cut into pieces of whole lines."""

from __future__ import annotations

from collections.abc import Iterator

from engine.batch import RawRecords
from engine.contracts import Walked
from engine.errors import RefuseRun
from mappers.splitter import Search
from mappers.tabular.screened import NOTHING_KNOWN, make_passed


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
        self._search: Search | None = None
        self._held_back = 0

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for their line's end."""
        return len(self._buffer)

    def search(self, search: Search, held_back: int) -> None:
        """Have each window looked through for known records before it is cut, but for the document's last `held_back` bytes."""
        self._search, self._held_back = search, held_back

    def feed(self, data: bytes) -> Iterator[RawRecords]:
        """Take the next bytes; yield the pieces that are complete, of which all have to be taken."""
        self._buffer += data
        return self._pieces(self._held_back)

    def finish(self) -> tuple[list[RawRecords], bool]:
        """Return the rest of the document, its final piece last, and whether its last line has no line end."""
        pieces = list(self._pieces(0))
        piece = self._piece(0, len(self._buffer), final=True)
        return [*pieces, piece], bool(piece.data) and not piece.data.endswith(b"\n")

    def _pieces(self, held_back: int) -> Iterator[RawRecords]:
        start = 0
        while len(self._buffer) - start >= self._piece_bytes + held_back:
            window = start + self._piece_bytes
            walked = self._search(self._buffer, start, window, self) if self._search is not None and held_back else NOTHING_KNOWN
            reached = walked.reached if walked.stretches else start
            end = self._buffer.rfind(b"\n", reached, window) + 1 or reached
            if end == start:
                end = self._buffer.find(b"\n", window) + 1
                self._refuse_long((end - 1 if end else len(self._buffer)) - start)
                if not end:
                    break
            yield self._passed(walked, start, end) if walked.stretches else self._piece(start, end)
            start = end
        del self._buffer[:start]

    def _passed(self, walked: Walked, start: int, end: int) -> RawRecords:
        piece, lines = make_passed(self._buffer, walked, end, self._offset, self._line, self)
        self._offset += end - start
        self._line += lines
        return piece

    def count_lines(self, start: int, end: int) -> int:
        """Return how many lines a stretch of the buffer takes, see `engine.contracts.Prover`."""
        return self._buffer.count(b"\n", start, end)

    def last_end(self, start: int, end: int) -> int:
        """Return where the last line of a stretch of the buffer ends, see `engine.contracts.Prover`."""
        return self._buffer.rfind(b"\n", start, end) + 1 or start

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
