"""A piece of delimited text to its records, one by one and still as bytes: what lies in quotes is no end of a record."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_LINE_ENDS: Final = (b"\n", b"\r\n")
_BIG: Final = 16 * 1024
"""Bytes from which on it pays to look at all quotes of a piece at once."""


class Parts(NamedTuple):
    """Records with their line ends. `lines[i]` is how many lines lie before record i, None where every record is one line."""

    records: Sequence[bytes]
    lines: Sequence[int] | None


class RecordCutter:
    """Cut pieces that begin and end where a record does. `delimiter` and `quote` are bytes, empty where there are none."""

    def __init__(self, delimiter: bytes, quote: bytes) -> None:
        self._delimiter = delimiter
        self._quote = quote
        q = re.escape(quote or b"\0")
        starters = b"[\\n" + (re.escape(delimiter) if len(delimiter) == 1 else b"") + b"]"
        # The quote comes first, for a search for one literal byte runs at memory speed.
        self._simple = re.compile(b"%b(?<=%b%b)[^%b\\n]*(?:%b%b[^%b\\n]*)*%b(?!%b)" % (q, starters, q, q, q, q, q, q, q))

    def cut(self, data: bytes) -> Parts | None:
        """Return the records of a piece; None where a line is blank, a CR stands alone, or a quote stays open."""
        if b"\r" in data and _BARE_CR.search(data):
            return None
        lines = data.splitlines(keepends=True)
        doubtful = self._doubtful(data, lines) if self._quote and self._quote in data else ()
        parts = Parts(lines, None) if not len(doubtful) else self._merge(data, lines, doubtful)
        if parts is None or any(end in parts.records for end in _LINE_ENDS):
            return None
        return parts

    def _doubtful(self, data: bytes, lines: Sequence[bytes]) -> Sequence[int]:
        """Return the lines that are not surely whole records where a record begins with them."""
        quote = self._quote
        if len(self._delimiter) > 1:
            return [index for index, line in enumerate(lines) if quote in line]
        if len(data) >= _BIG:
            from mappers.tabular.quotes import doubtful_lines

            return doubtful_lines(data, lines, self._delimiter, quote)
        if not self._is_doubtful(data):
            return ()
        return [index for index, line in enumerate(lines) if quote in line and self._is_doubtful(line)]

    def _is_doubtful(self, data: bytes) -> bool:
        """Tell whether a quote of it neither opens a field, nor closes one in its line, nor is doubled inside one."""
        fields, quotes = self._simple.findall(b"\n" + data), data.count(self._quote)
        # Without a doubled quote, which is rare, each field has two.
        return 2 * len(fields) != quotes and b"".join(fields).count(self._quote) != quotes

    def _merge(self, data: bytes, lines: Sequence[bytes], doubtful: Sequence[int]) -> Parts | None:
        starts = [0, *accumulate(map(len, lines))]
        records: list[bytes] = []
        numbers: list[int] = []
        at = 0
        for index in doubtful:
            if index < at:
                # It lies inside a record that began before it.
                continue
            end = bisect_left(starts, self._end(data, starts[index]))
            if end == index + 1:
                continue
            if end >= len(starts):
                return None
            records += lines[at:index]
            records.append(data[starts[index] : starts[end]])
            numbers += range(at, index + 1)
            at = end
        if not numbers:
            return Parts(lines, None)
        return Parts([*records, *lines[at:]], [*numbers, *range(at, len(lines))])

    def _end(self, data: bytes, start: int) -> int:
        """Return where the record that begins at `start` ends, beyond the data where a quote stays open."""
        quote, field, at = self._quote, start, start
        end = data.find(b"\n", at) + 1 or len(data)
        while (found := data.find(quote, at, end)) >= 0:
            # Delimiters are taken from the left, so of several characters only the whole stretch tells.
            before = data[field:found]
            rest = before.split(self._delimiter)[-1] if self._delimiter else before
            field, at = found - len(rest), found + 1
            if rest:
                continue
            closed = self._close(data, at)
            if closed < 0:
                return len(data) + 1
            field = at = closed
            if closed > end:
                end = data.find(b"\n", at) + 1 or len(data)
        return end

    def _close(self, data: bytes, at: int) -> int:
        quote = self._quote
        while (found := data.find(quote, at)) >= 0:
            if not data.startswith(quote, found + 1):
                return found + 1
            at = found + 2
        return -1
