"""Bytes of JSON Lines cut into pieces of whole lines."""

from __future__ import annotations

from engine.batch import RawRecords
from engine.errors import RefuseRun


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
