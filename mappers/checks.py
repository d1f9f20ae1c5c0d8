"""What of a table is an item's record and what is not: blank and repeated rows, totals, ragged rows, broken bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Literal

from engine.batch import Batch, Flaw, RowsByColumn, clip
from engine.errors import RefuseRun
from mappers.options import normal
from mappers.reader import Grammar, Sources, Table, count_lines, is_well_quoted
from mappers.tabular.footer import find_notes, tells_failure, without_columns

_TOTAL_WORDS: Final = (
    "total", "totals", "grand total", "sum", "summe", "gesamt", "gesamtsumme", "insgesamt", "totale", "razem", "celkem",
    "итого", "всего", "suma",
)  # fmt: skip
TOTALS: Final = frozenset(word + mark for word in _TOTAL_WORDS for mark in ("", ":", " :"))
BROKEN: Final = re.compile("[\0\ud800-\udfff]")
"""What no text may hold: NUL, and the lone surrogates that stand for bytes that did not decode."""

_first_cell: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class _Fault:
    reason: str
    fate: Literal["rejected", "skipped"] = "rejected"
    column: str | None = None
    value: str | None = None


_NOTE: Final = _Fault("note at the end", "skipped")
_RULER: Final = _Fault("ruled line", "skipped")
_RULES: Final = frozenset("-=+|: ")
_END_OF_FILE: Final = "\x1a"
_RULED: Final = frozenset(mark * times for mark in "-=" for times in range(2, 121))


class Inspector:
    """Turn tables into batches of full-width rows and flaws.

    A good table costs two passes in C: one over the widths, one over the first cells, in which alone blank, repeated and
    totals rows can show. `header` is the header's cells, None when the document has none.
    """

    def __init__(self, columns: Sequence[str], header: Sequence[str] | None, grammar: Grammar, *, totals: bool = True) -> None:
        self._columns = tuple(columns)
        self._width = len(columns)
        self._grammar = grammar
        self._header = [normal(cell) for cell in header] if header is not None else None
        self._totals = TOTALS if totals else frozenset()
        first = {self._header[0], f"\ufeff{self._header[0]}"} if self._header else set[str]()
        self._suspects = self._totals | _RULED | first | {"", _END_OF_FILE}

    def inspect(self, table: Table, text: str, line: int, *, encoding: str, valid: bool, final: bool = False, whole: bool = False) -> Batch:
        """Sort out a table. `text` and `line` are what it was read from; `valid` is False when bytes of it did not decode.

        `final` says that nothing comes after it, so that notes at its end are known for what they are; `whole` that nothing came
        before either.
        """
        rows = table.rows
        notes = self._find_notes(rows, whole=whole) if final else frozenset[int]()
        broken = not valid or "\0" in text
        # Lines that are counted one by one mean that some record spans several. Where all text is well quoted, so is each of them:
        # one pass in C spares asking record by record.
        quoted = bool(self._grammar.quote) and not isinstance(table.lines, range)
        spanning = quoted and not is_well_quoted(text, self._grammar)
        if (
            not notes
            and not broken
            and not spanning
            and set(map(len, rows)) <= {self._width}
            and self._suspects.isdisjoint(self._folded(rows))
        ):
            return Batch(self._columns, rows, table.lines)
        sources: Sources | None = None
        good: list[list[str]] = []
        lines: list[int] = []
        flaws: list[Flaw] = []
        for index, row in enumerate(rows):
            fault = _NOTE if index in notes else self._fault(row, encoding if broken else None)
            if fault is None and spanning and any(map(count_lines, row)):
                sources = sources or Sources(text, self._grammar, table, line)
                fault = self._swallowing(row, sources.record(index))
            if fault is None:
                good.append(row if len(row) == self._width else row[: self._width])
                lines.append(table.lines[index])
                continue
            sources = sources or Sources(text, self._grammar, table, line)
            flaws.append(Flaw(table.lines[index], fault.reason, clip(sources.record(index)), fault.column, fault.value, fault.fate))
        return Batch(self._columns, good, lines, tuple(flaws))

    def pass_columns(self, cells: Sequence[Sequence[str]], line: int) -> Batch | None:
        """Return records of full width, one to a line, as a batch; None where one of them may be no item's record.

        For stretches that are not the last of a document, and of which every byte decoded.
        """
        if not self._suspects.isdisjoint(map(str.casefold, map(str.strip, cells[0]))):
            return None
        return Batch(self._columns, RowsByColumn(cells), range(line, line + len(cells[0])))

    def _find_notes(self, rows: list[list[str]], *, whole: bool) -> frozenset[int]:
        fixed = self._grammar.fixed
        if fixed is not None and rows and len(rows[-1]) > self._width:
            # Of a line that does not fit its columns only the whole means anything.
            rows = [without_columns(row[-1]) if len(row) > self._width else row for row in rows]
        return find_notes(rows, self._width, self._is_no_item, whole=whole)

    def _is_no_item(self, row: Sequence[str]) -> bool:
        return self._is_suspect(row) and self._no_item(row) is not None

    def _is_suspect(self, row: Sequence[str]) -> bool:
        return bool(row) and row[0].strip().casefold() in self._suspects

    @staticmethod
    def _folded(rows: list[list[str]]) -> map[str]:
        return map(str.casefold, map(str.strip, map(_first_cell, rows)))

    def _fault(self, row: list[str], encoding: str | None) -> _Fault | None:
        fault = self._no_item(row) if self._is_suspect(row) else None
        if fault is None and encoding is not None:
            fault = self._broken(row, encoding)
        if fault is None and len(row) != self._width:
            fault = self._ragged(row)
        return fault

    def _no_item(self, row: Sequence[str]) -> _Fault | None:
        filled = [cell for cell in map(normal, row) if cell]
        if not filled:
            return _Fault("blank record", "skipped")
        if filled == [_END_OF_FILE]:
            return _Fault("end-of-file mark", "skipped")
        if self._header is not None and list(map(normal, row[: len(self._header)])) == self._header:
            return _Fault("header repeated", "skipped")
        if all(map(_RULES.issuperset, filled)) and len(filled[0]) > 1:
            return _RULER
        blank = len(row) - len(filled)
        sparse = len(filled) <= 2 or blank * 2 >= len(row) - 1
        # In a table of two columns a total looks just like an item, and an item must not be lost.
        if filled[0] in self._totals and sparse and (blank or len(row) < self._width):
            return _Fault("totals row", "skipped")
        return None

    def _broken(self, row: list[str], encoding: str) -> _Fault | None:
        for index, cell in enumerate(row):
            if found := BROKEN.search(cell):
                column = self._columns[index] if index < self._width else None
                return _Fault(broken_reason(found[0], encoding), column=column, value=clip(cell))
        return None

    def _ragged(self, row: list[str]) -> _Fault | None:
        if len(row) > self._width and not any(map(str.strip, row[self._width :])):
            return None
        if _RULES.issuperset("".join(row)) and len(row[0]) > 1:
            return _RULER
        if self._grammar.fixed is not None:
            return _Fault(f"{self._grammar.fixed.explain(row[-1])}; check the setting columnWidths")
        spans = sum(map(count_lines, row)) + 1
        cure = "check the settings delimiter and quote, and that texts holding the delimiter are quoted"
        if spans > 1:
            cure = f"the record spans {spans} lines: check whether a quote was not closed"
        whose = "the header has" if self._header is not None else "most rows have"
        return _Fault(f"{len(row)} fields where {whose} {self._width}; {cure}")

    def _swallowing(self, row: list[str], source: str) -> _Fault | None:
        """Find a quote that opened a field by mistake and was closed by another one, records later.

        Such a row may well have the right width, with the first record's key and the last one's stock. The sign is a closing
        quote that does not end its field. Where by chance it does, the text is well-formed CSV and nothing can tell.
        """
        if is_well_quoted(source, self._grammar):
            return None
        return _Fault(
            f"the record spans {sum(map(count_lines, row)) + 1} lines, and a quote in it does not end its field: it may be several records "
            "run together by a quote that was not closed; have the supplier double or close it, or set quote to none"
        )


def broken_reason(character: str, encoding: str) -> str:
    """Say what a character that stands for unreadable bytes means, and the cure."""
    if character == "\0":
        return "the text holds a NUL character, which no store takes: have the supplier remove it"
    code = ord(character)
    what = f"byte 0x{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"half a surrogate pair (U+{code:04X})"
    return f"{what} does not decode as {encoding}: set encoding to the one the feed is written in"


def refuse_failed(batch: Batch, name: str) -> None:
    """Raise `RefuseRun` when the last piece of a document ends with the error that broke off its export.

    The records before it may all be good, but those behind it are missing, and would look sold out.
    """
    last = batch.lines[-1] if batch.lines else 0
    for flaw in batch.flaws:
        if flaw.line > last and tells_failure(flaw.raw):
            raise RefuseRun(
                f"{name}, line {flaw.line}: the document ends with an error of the export ({clip(flaw.raw, 200)!r}), so the records behind "
                "it are missing: ask the supplier, and fetch it again; nothing was applied"
            )
