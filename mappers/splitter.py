"""Bytes to whole records: where a CSV stream may be cut. Looks at quotes, delimiters and line ends, never into a field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from engine.batch import RawRecords
from engine.contracts import Prover, Walked
from engine.errors import RefuseRun
from mappers.reader import RECORD_BYTES
from mappers.tabular.screened import NOTHING_KNOWN, make_passed

PIECE_BYTES: Final = 768 * 1024
"""Bytes that are looked at to cut a piece. Each piece becomes one batch and one transaction: every hand-over between the
mapper's thread and the database's waits for the interpreter lock, so few big ones are a fifth faster than many small ones."""

Search: TypeAlias = Callable[[bytearray, int, int, Prover], Walked]
"""Tell a stretch's records that are known from those that are not."""

_TOKENS: Final = 1_000
# A bound on what one regex match may repeat: the engine keeps some 100 bytes for every repetition.

_TRIES: Final = 3
# A line end inside a quoted field costs another look from the start; after a few, the end is gone through field by field.

_TAIL_BYTES: Final = 32 * 1024


class Splitter:
    """Cut a stream of bytes into pieces that end where a record ends.

    Exact, not by counting quotes: a quote opens a field only at the field's start, and is text anywhere else. Where the cuts
    fall depends on the bytes alone, not on the chunks they came in. When a window holds no record end it is doubled and read
    again from its start, so a record of n bytes costs 2n however small the chunks. Raises `RefuseRun` for a record longer than
    `record_bytes` and for a quote that the document never closes; at most that many bytes and one chunk are held.
    """

    def __init__(
        self,
        delimiter: bytes,
        quote: bytes,
        *,
        cr_ends: bool = True,
        name: str = "the document",
        offset: int = 0,
        line: int = 1,
        piece_bytes: int = PIECE_BYTES,
        record_bytes: int = RECORD_BYTES,
    ) -> None:
        self._delimiter = delimiter
        self._quote = quote
        self._cr_ends = cr_ends
        self._name = name
        self._offset = offset
        self._line = line
        self._piece_bytes = min(piece_bytes, record_bytes)
        self._record_bytes = record_bytes
        self._window = self._piece_bytes
        self._search: Search | None = None
        self._held_back = 0
        self._buffer = bytearray()
        self._starters = frozenset(b"\r\n" if cr_ends else b"\n") | (frozenset(delimiter) if len(delimiter) == 1 else frozenset())
        self._next_field = delimiter + quote
        q, d = re.escape(quote or b"\0"), re.escape(delimiter)
        # Inside a quoted field: text, then again and again a doubled quote, or the hop over a delimiter into the next quoted
        # field. There is nothing after the repetition, so it never gives back what it took.
        hop = b"|" + d + q if delimiter else b""
        within = b"[^" + q + b"]*(?:" + q + b"(?:" + q + hop + b")[^" + q + b"]*){0,%d}" % _TOKENS
        self._inside = re.compile(within)
        self._outside = _compile_outside(q, self._starters) if len(delimiter) < 2 and quote else None

    def search(self, search: Search, held_back: int) -> None:
        """Have each window looked through for known records before it is scanned, but for the document's last `held_back` bytes.

        The pieces of a window, known and scanned, together are the one that would be cut without; so the final one is the same.
        """
        self._search, self._held_back = search, held_back

    def feed(self, data: bytes) -> list[RawRecords]:
        """Take the next bytes; return the pieces that are complete."""
        return list(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[RawRecords]:
        """Take the next bytes; yield the pieces that are complete, of which all have to be taken. A search sees what they did."""
        self._buffer += data
        return self._pieces(self._held_back)

    def finish(self) -> list[RawRecords]:
        """Return the rest of the document, its final piece last, which is empty when nothing is left."""
        pieces = list(self._pieces(0))
        opened = self._opened(0, len(self._buffer))
        if opened >= 0:
            raise self._never_closed(0, opened, "by the end of the document")
        return [*pieces, self._piece(0, len(self._buffer), final=True)]

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for their record's end."""
        return len(self._buffer)

    def _pieces(self, held_back: int) -> Iterator[RawRecords]:
        start = 0
        while len(self._buffer) - start >= self._window + held_back:
            end = self._settled_end(start + self._window)
            walked = self._search(self._buffer, start, end, self) if self._search is not None and held_back else NOTHING_KNOWN
            cut, opened = self._scan(walked.reached if walked.stretches else start, end)
            if walked.stretches:
                yield self._passed(walked, start, cut)
            elif cut > start:
                yield self._piece(start, cut)
            if cut > start:
                start, self._window = cut, self._piece_bytes
            elif self._window < self._record_bytes:
                self._window = min(self._window * 2, self._record_bytes)
            else:
                raise self._too_long(start, opened)
        del self._buffer[:start]

    def _piece(self, start: int, cut: int, *, final: bool = False) -> RawRecords:
        with memoryview(self._buffer) as view:
            data = view[start:cut].tobytes()
        piece = RawRecords(data, self._offset, self._line, final)
        self._offset += len(data)
        self._line += self._count_lines(data)
        return piece

    def _passed(self, walked: Walked, start: int, cut: int) -> RawRecords:
        piece, lines = make_passed(self._buffer, walked, cut, self._offset, self._line, self)
        self._offset += cut - start
        self._line += lines
        return piece

    def count_lines(self, start: int, end: int) -> int:
        """Return how many lines a stretch of the buffer takes, see `engine.contracts.Prover`."""
        buffer = self._buffer
        lines = buffer.count(b"\n", start, end)
        if self._cr_ends and buffer.find(b"\r", start, end) >= 0:
            lines += buffer.count(b"\r", start, end) - buffer.count(b"\r\n", start, end)
        return lines

    def last_end(self, start: int, end: int) -> int:
        """Return where the last record of a stretch of the buffer ends, see `engine.contracts.Prover`."""
        # A search asks where a line ends, which mostly is the end of a record.
        if self._outside is not None and self._buffer[end - 1] == 0x0A and self._stop(self._outside, start, end) == end:
            return end
        return self._scan(start, end)[0]

    def _count_lines(self, data: bytes) -> int:
        lines = data.count(b"\n")
        if self._cr_ends and b"\r" in data:
            lines += data.count(b"\r") - data.count(b"\r\n")
        return lines

    def _settled_end(self, end: int) -> int:
        # A CR at the very end may be half of a CRLF; only the next byte tells.
        return end - 1 if self._cr_ends and self._buffer[end - 1] == 0x0D else end

    def _scan(self, start: int, end: int) -> tuple[int, int]:
        """Return where the last record ends (`start` for nowhere) and where an unclosed quote was opened (-1 for none)."""
        if not self._quote or self._buffer.find(self._quote, start, end) < 0:
            return self._last_end([(start, end)], start), -1
        if self._outside is None:
            return self._scan_slowly(start, end)
        last = end
        for _ in range(_TRIES):
            last = self._last_end([(start, last)], start)
            if last == start:
                return start, self._opened(start, end)
            known = self._stop(self._outside, start, last)
            if known == last:
                return last, -1
            # The last line end stands in the quoted field that is opened there.
            last = known
        near = self._stop(self._outside, start, self._last_end([(start, max(start, last - _TAIL_BYTES))], start))
        cut, opened = self._scan_slowly(near, end)
        return (cut, opened) if cut > near else self._scan_slowly(start, end)

    def _opened(self, start: int, end: int) -> int:
        """Return where the quote was opened that is not closed before `end`, -1 when there is none."""
        if not self._quote or self._outside is None:
            return self._scan_slowly(start, end)[1] if self._quote else -1
        stop = self._stop(self._outside, start, end)
        return stop if stop < end else -1

    def _stop(self, outside: re.Pattern[bytes], start: int, end: int) -> int:
        """Return how far a stretch that begins with a record can be read without being left in a quoted field."""
        match = outside.match(self._buffer, start, end)
        return match.end() if match else start

    def _scan_slowly(self, start: int, end: int) -> tuple[int, int]:
        find, quote, buffer = self._buffer.find, self._quote, self._buffer
        unquoted = []
        since = position = start
        while (at := find(quote, position, end)) >= 0:
            if at != start and buffer[at - 1] not in self._starters and not self._follows_delimiter(position, at):
                position = at + 1
                continue
            unquoted.append((since, at))
            closed = self._close(at + 1, end)
            if closed < 0:
                return self._last_end(reversed(unquoted), start), at
            since = position = closed
        unquoted.append((since, end))
        return self._last_end(reversed(unquoted), start), -1

    def _follows_delimiter(self, position: int, at: int) -> bool:
        """Tell whether a delimiter of several characters ends at `at`.

        Delimiters are taken from the left: in `a|||"b` the second field is `|"b`, so the last two bars are none. A quote
        or a line end breaks every run, hence it is enough to look back to the last quote.
        """
        if len(self._delimiter) < 2 or not self._buffer.endswith(self._delimiter, position, at):
            return False
        line = max(self._buffer.rfind(b"\n", position, at), self._buffer.rfind(b"\r", position, at)) + 1
        return not self._buffer[max(line, position) : at].split(self._delimiter)[-1]

    def _close(self, position: int, end: int) -> int:
        """Return the position after the quote that closes the field, -1 when it stays open."""
        while True:
            match = self._inside.match(self._buffer, position, end)
            position = match.end() if match else position
            if position >= end:
                return -1
            after = position + 1
            if not self._buffer.startswith((self._quote, self._next_field), after, end):
                return after

    def _last_end(self, unquoted: Iterable[tuple[int, int]], start: int) -> int:
        """Return the position after the last line end in these stretches, which come last first."""
        rfind = self._buffer.rfind
        for low, high in unquoted:
            last = rfind(b"\n", low, high)
            if self._cr_ends:
                last = max(last, rfind(b"\r", low, high))
            if last >= 0:
                return last + 1
        return start

    def _too_long(self, start: int, opened: int) -> RefuseRun:
        limit = f"within {self._record_bytes:,} bytes"
        if opened >= 0:
            return self._never_closed(start, opened, limit)
        return RefuseRun(
            f"{self._name}, line {self._line}: the record does not end {limit}; this is not the expected CSV, or its lines end "
            f"otherwise: check the source and the setting lineEnding"
        )

    def _never_closed(self, start: int, opened: int, limit: str) -> RefuseRun:
        line = self._line + self._count_lines(bytes(self._buffer[start:opened]))
        quote = self._quote.decode("ascii")
        return RefuseRun(
            f"{self._name}, line {line}: the quote {quote} opened there is not closed {limit}, so the records behind it cannot be "
            f"told apart; have the supplier double or close it, or set quote to none if the feed does not quote its fields"
        )


def _compile_outside(quote: bytes, starters: frozenset[int]) -> re.Pattern[bytes]:
    """Compile what takes text and whole quoted fields, and stops at the quote of a field that does not close.

    A quote behind anything but a delimiter or a line end is text. All repetitions are possessive: one match takes a whole
    window and keeps nothing of the way there, neither time nor memory.
    """
    other = b"[^" + b"".join(re.escape(bytes([byte])) for byte in sorted(starters)) + b"]"
    text = b"[^" + quote + b"]*+"
    field = b"(?<!" + other + b")" + quote + text + b"(?:" + quote + quote + text + b")*+" + quote
    stray = b"(?<=" + other + b")" + quote
    return re.compile(text + b"(?:(?:" + field + b"|" + stray + b")" + text + b")*+")
