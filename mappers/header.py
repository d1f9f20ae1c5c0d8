"""Which row names the columns, and where the records begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.errors import RefuseRun
from mappers.charset import PINNED
from mappers.dialect import find_row, is_figure, modal_width, names_in, names_matched, unique_names
from mappers.options import CsvOptions, normal
from mappers.reader import Table, find_record
from mappers.tabular.pinned import Pinned

SEARCHED_ROWS: Final = 30
_TELLING_NAMES: Final = 2
"""Texts above figures from which on a row is a header, though the source never had one before."""


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a document. `cells` is the header as written, None when there is none.

    `line` is the header's line (of the first record when there is no header); `records` is how many records of the sample
    come before the first data record, header included. `doubtful` says that nothing but its place makes the header one.
    """

    columns: tuple[str, ...]
    cells: tuple[str, ...] | None
    line: int
    records: int
    reason: str
    doubtful: bool = False


def find_header(table: Table, options: CsvOptions, *, name: str) -> Header:
    """Find the header among the first rows of a sample, or decide that there is none.

    Raises `RefuseRun` when `headerRow` names a line on which no record starts.
    """
    rows = table.rows
    width, _ = modal_width(rows)
    if options.header_row is not None:
        index = find_record(table, options.header_row)
        if index is None:
            raise RefuseRun(f"{name}: no record starts at line {options.header_row}, which headerRow names: set it to the header's line")
        return _header(table, index, width, "set by the feed")
    if options.has_header is False:
        return _headless(table, 0, width, "set by the feed: no header")
    best = names_in(table, options.names)
    pinned = options.pinned
    known = find_row(table, pinned) if pinned is not None and pinned.has_header else None
    if known is not None and names_matched(rows[known], options.names) == best:
        return _header(table, known, width, PINNED)
    if best:
        index = next(index for index, row in enumerate(rows) if names_matched(row, options.names) == best)
        return _header(table, index, width, f"holds the names of {best} of {len(options.names)} mapped fields")
    headless = pinned is not None and not pinned.has_header and len(pinned.columns) == width
    return _by_shape(table, width, must=options.has_header is True, headless=headless)


def _by_shape(table: Table, width: int, *, must: bool, headless: bool) -> Header:
    rows = table.rows
    usual = [index for index, row in enumerate(rows) if _is_usual(rows, row, width)]
    dense = [index for index in usual if _filled(rows[index]) * 2 >= len(rows[index])]
    first = (dense or usual or [0])[0]
    if not must and headless and _names_above_figures(rows[first], rows[first + 1 :])[0] < _TELLING_NAMES:
        # The first row of a source that never had a header is a record, also where one of its figures is a word today.
        return _headless(table, first, width, PINNED)
    if not must and _looks_like_data(rows[first], rows[first + 1 :]):
        return _headless(table, first, width, "no header: the first full row holds figures where the later rows do")
    named = next((index for index in dense if index < SEARCHED_ROWS and _looks_like_names(rows[index])), None)
    index, reason = (first, "the first full row") if named is None else (named, "the first full row of distinct names")
    doubtful = not must and _names_above_figures(rows[index], rows[index + 1 :])[0] == 0
    return replace(_header(table, index, width, reason), doubtful=doubtful)


def _is_usual(rows: Sequence[Sequence[str]], row: Sequence[str], width: int) -> bool:
    # Some exporters end every row but the header with a delimiter.
    return len(row) == width or (len(row) == width - 1 and all(not other[-1] for other in rows if len(other) == width))


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _looks_like_names(row: Sequence[str]) -> bool:
    cells = [normal(cell) for cell in row if cell.strip()]
    return len(set(cells)) == len(cells) and not any(map(is_figure, cells))


def _looks_like_data(row: Sequence[str], later: Sequence[Sequence[str]]) -> bool:
    if not any(len(other) >= len(row) for other in later):
        return any(map(is_figure, row))
    names, figures = _names_above_figures(row, later)
    return figures > 0 and names == 0


def _names_above_figures(row: Sequence[str], later: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Count the cells of a row that are texts, and those that are figures, where the later rows have figures."""
    later = [other for other in later if len(other) >= len(row)][:200]
    figures = names = 0
    for column, cell in enumerate(row):
        below = [other[column] for other in later if other[column].strip()]
        if below and sum(map(is_figure, below)) * 10 >= 8 * len(below):
            figures += is_figure(cell)
            names += bool(cell.strip()) and not is_figure(cell)
    return names, figures


def _header(table: Table, index: int, width: int, reason: str) -> Header:
    cells = list(table.rows[index])
    while len(cells) > width > 0 and not cells[-1].strip():
        # The header alone ends with a delimiter.
        cells.pop()
    if index:
        reason += f"; {index} rows before it are a preamble"
    return Header(unique_names(cells), tuple(cells), table.lines[index], index + 1, reason)


def _headless(table: Table, index: int, width: int, reason: str) -> Header:
    if index:
        reason += f"; {index} rows before it are a preamble"
    return Header(tuple(str(number) for number in range(1, width + 1)), None, table.lines[index], index, reason)


def locate_column(columns: Sequence[str], name: str) -> int | None:
    """Return the index of the column a mapping row names: exactly, else whatever its case, else counted from 1."""
    wanted = name.strip()
    if wanted in columns:
        return columns.index(wanted)
    folded = normal(wanted)
    for index, column in enumerate(columns):
        if normal(column) == folded:
            return index
    if wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted) <= len(columns):
        return int(wanted) - 1
    return None


def refuse_ambiguous(cells: Sequence[str], name: str, document: str) -> None:
    """Raise `RefuseRun` when a mapping row may mean several columns: the wrong one would be somebody else's stock.

    Case is told apart only where two headers differ by nothing else (API, section 4).
    """
    wanted = name.strip()
    trimmed = [cell.strip() for cell in cells]
    exact = [number for number, cell in enumerate(trimmed, 1) if cell == wanted]
    meant = exact or [number for number, cell in enumerate(trimmed, 1) if normal(cell) == normal(wanted)]
    if len(meant) > 1:
        raise RefuseRun(
            f"{document}: {len(meant)} columns are called {wanted!r} (columns {', '.join(map(str, meant))}): "
            "map the one that is meant by its number, or by its exact header where the headers differ in case; nothing was applied"
        )


_ANYWAY = "or run with --refetch, which reads the source as if for the first time"


def refuse_moved(columns: Sequence[str], name: str, pinned: Pinned, document: str) -> None:
    """Raise `RefuseRun` when a column that is mapped by its number is another one than in the last complete run.

    A new column in the middle would make stock of a price, and nothing in the figures would show it. A header that was only
    renamed where it stands is no such case.
    """
    number = name.strip()
    if not (number.isascii() and number.isdecimal()) or normal(number) in map(normal, columns):
        return
    before, now = (_without_trailing([*map(normal, names)]) for names in (pinned.columns, columns))
    index = int(number) - 1
    if not 0 <= index < len(before) or before[index : index + 1] == now[index : index + 1]:
        return
    renamed = before[index] not in now and index < len(now) and now[index] not in before
    if len(before) != len(now) or (pinned.has_header and not renamed):
        is_ = repr(now[index]) if index < len(now) else "not there"
        raise RefuseRun(
            f"{document}: column {number} of {len(before)} was {before[index]!r} in the last complete run and is {is_} of {len(now)} now, "
            f"so what is mapped to the number would be something else: map the column by its name, {_ANYWAY}; nothing was applied"
        )


def refuse_other_width(table: Table, header: Header, options: CsvOptions, *, name: str) -> None:
    """Raise `RefuseRun` when records without a header have more or fewer fields than there were columns in the last complete run.

    Columns are then known by their numbers alone, and where the new one is nobody can tell. Fields that are blank in every
    record are trailing delimiters.
    """
    pinned = options.pinned
    if pinned is None or not pinned.columns or header.cells is not None or options.delimiter not in (None, pinned.delimiter):
        return
    before, now = len(pinned.columns), len(header.columns)
    if now > before and not any(any(map(str.strip, row[before:])) for row in table.rows):
        return
    if now != before:
        raise RefuseRun(
            f"{name}: its records have {now} fields and no header, where those of the last complete run had {before}, so the numbers that "
            f"are mapped may stand for other columns: check the mapping rows, {_ANYWAY}; nothing was applied"
        )


def _without_trailing(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names.pop()
    return names
