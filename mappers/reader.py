"""Text to rows: whole CSV records in, cells and line numbers out. No detection, no judgement of what a row means."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mappers.tabular.fixed import Fixed

if TYPE_CHECKING:
    import _csv

RECORD_BYTES: Final = 1024 * 1024
"""The longest record that is read. A longer one is a quote that was never closed, or no CSV at all."""

# The csv module's own limit (128 KiB a field) is global to the process and would fail below ours with an error of no use to
# an operator. It is only ever raised: another library may have raised it further.
csv.field_size_limit(max(csv.field_size_limit(), RECORD_BYTES))

_BARE_CR: Final = re.compile(r"\r(?!\n)")
_STAND_INS: Final = "\x1f\x1e\x1d\x1c\x02\x03\x04\x05\x06\x07\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"


@dataclass(frozen=True, slots=True)
class Grammar:
    """How records and fields are told apart.

    `delimiter` is one or more characters, empty for a document of one column; `quote` is one character, empty when nothing
    is quoted. Lines end at LF and CRLF, and at a bare CR where `cr_ends` says so; else a bare CR is text. Where `fixed` says
    where the columns are there is neither delimiter nor quote.
    """

    delimiter: str
    quote: str = '"'
    cr_ends: bool = True
    fixed: Fixed | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Records as read, of any width: `rows[i]` began at line `lines[i]`. Blank lines are no records."""

    rows: list[list[str]]
    lines: Sequence[int]


def read_table(text: str, grammar: Grammar, line: int = 1) -> Table:
    """Read whole records; the first one starts at line `line`. Text without a quote takes a path of plain splits."""
    if grammar.quote and grammar.quote in text:
        return _read_quoted(text, grammar, line)
    return _read_plain(text, grammar, line)


def _read_plain(text: str, grammar: Grammar, line: int) -> Table:
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if grammar.cr_ends:
            text = text.replace("\r", "\n")
    records = text.split("\n")
    if not records[-1]:
        records.pop()
    lines: Sequence[int] = range(line, line + len(records))
    if "" in records:
        lines = [number for number, record in zip(lines, records, strict=True) if record]
        records = [record for record in records if record]
    if grammar.fixed is not None:
        return Table(list(map(grammar.fixed.cut, records)), lines)
    delimiter = grammar.delimiter
    return Table([record.split(delimiter) for record in records] if delimiter else [[record] for record in records], lines)


def _read_quoted(text: str, grammar: Grammar, line: int) -> Table:
    text, delimiter, restore = _stand_in(text, grammar)
    reader = _reader(text, delimiter, grammar.quote)
    rows = list(reader)
    lines = range(line, line + len(rows)) if reader.line_num == len(rows) else _starts(rows, line)
    table = _drop_blank(rows, lines)
    return Table([_restored(row, restore) for row in table.rows], table.lines) if restore else table


def is_well_quoted(text: str, grammar: Grammar) -> bool:
    """Tell whether every quote that opens a field of these records also ends one, as RFC 4180 has it."""
    text, delimiter, _ = _stand_in(text, grammar)
    try:
        list(_reader(text, delimiter, grammar.quote, strict=True))
    except csv.Error:
        return False
    return True


def _stand_in(text: str, grammar: Grammar) -> tuple[str, str, dict[str, str]]:
    """Put single unused characters where the csv module cannot read the real text; return what stands for what."""
    free = unused_characters(text)
    restore: dict[str, str] = {}
    delimiter = grammar.delimiter
    if len(delimiter) != 1:
        # The csv module knows delimiters of one character only.
        restore[next(free)] = delimiter
        (stand_in,) = restore
        text, delimiter = text.replace(delimiter, stand_in) if delimiter else text, stand_in
    if not grammar.cr_ends and "\r" in text:
        stand_in = next(free)
        text, restore[stand_in] = _BARE_CR.sub(stand_in, text), "\r"
    return text, delimiter, restore


def _reader(text: str, delimiter: str, quote: str, *, strict: bool = False) -> _csv.Reader:
    # Not str.splitlines: it also cuts at U+2028, U+0085, form feeds, all of which stand in product texts.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=strict)


def _starts(rows: list[list[str]], line: int) -> list[int]:
    # Between two records stands exactly one line end, so a record's extra lines are the line ends inside its cells. Asking
    # the reader for its line number after every row would cost every document what only this one needs.
    lines = []
    for row in rows:
        lines.append(line)
        line += 1
        # The blank keeps a CR at the end of one cell and an LF at the begin of the next from being one.
        line += count_lines(" ".join(row))
    return lines


def count_lines(text: str) -> int:
    """Count line ends, a CRLF being one."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _drop_blank(rows: list[list[str]], lines: Sequence[int]) -> Table:
    if all(rows):
        return Table(rows, lines)
    return Table([row for row in rows if row], [number for number, row in zip(lines, rows, strict=True) if row])


def unused_characters(text: str) -> Iterator[str]:
    """Yield characters that do not occur in a text, control characters first."""
    yield from (character for character in _STAND_INS if character not in text)
    yield from (chr(code) for code in range(0xF0000, 0x110000) if chr(code) not in text)


def _restored(row: list[str], restore: dict[str, str]) -> list[str]:
    for stand_in, original in restore.items():
        row = [cell.replace(stand_in, original) if stand_in in cell else cell for cell in row]
    return row


class Sources:
    """The records of a table as their source wrote them; `text` and `line` are what the table was read from."""

    def __init__(self, text: str, grammar: Grammar, table: Table, line: int) -> None:
        self._lines = io.StringIO(text, newline="" if grammar.cr_ends else "\n").readlines()
        self.table = table
        self._line = line

    def record(self, index: int) -> str:
        """Return the text of record `index` without its line end."""
        starts = self.table.lines
        stop = starts[index + 1] - self._line if index + 1 < len(starts) else len(self._lines)
        return "".join(self._lines[starts[index] - self._line : stop]).rstrip("\r\n")


def find_record(table: Table, line: int) -> int | None:
    """Return the index of the record that began at `line`, None when none did."""
    index = bisect_left(table.lines, line)
    return index if index < len(table.lines) and table.lines[index] == line else None
