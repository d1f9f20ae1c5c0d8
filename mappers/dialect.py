"""How a CSV document separates its fields: guessed from a sample by how evenly each candidate cuts it, with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from engine.settings.widths import write_spans
from mappers.charset import PINNED
from mappers.options import CsvOptions, normal
from mappers.reader import Grammar, Table, read_table
from mappers.tabular.aligned import find_columns, refuse_aligned, set_columns

if TYPE_CHECKING:
    from mappers.tabular.fixed import Fixed
    from mappers.tabular.pinned import Pinned

SINGLE: Final = (",", ";", "\t", "|", "~", "^")
MULTIPLE: Final = ("~|~", "\t|\t", "|~|", "||", ";;", "::", "~~", "^^", "|^|", "<|>")
_NO_LINE_END: Final = "the sample holds no line end"
SPACED: Final = (",", ";", "|")
_SEP: Final = re.compile(r'"?sep=([^"\r\n])"?[,;\t|]*(?=[\r\n])', re.IGNORECASE)
_PREAMBLE_ROWS: Final = 30
_SAMPLE_ROWS: Final = 1_000
_FIELD_QUOTES: Final = {
    quote: re.compile(f"(?:^|[,;\t|~^]){quote}(?:[^{quote}\r\n]|{quote}{quote})*+{quote}(?=[,;\t|~^\r\n]|$)", re.MULTILINE)
    for quote in "\"'"
}
_OPENED: Final = re.compile(r"(?:^|[,;\t|~^])'", re.MULTILINE)
_NUMBER: Final = re.compile(r"[-+]?[€$£]?\s?\d[\d.,'\s]*\s?(?:[€$£%]|[A-Z]{3})?")
_DATE: Final = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T].*)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """The grammar of a document, its sample read by it, and the reason of each guess; `quoting` is `all` or `minimal`."""

    grammar: Grammar
    line_ending: str
    table: Table
    reasons: dict[str, str]
    quoting: str = "minimal"
    warnings: tuple[str, ...] = ()

    @property
    def assumed(self) -> tuple[str, ...]:
        """Return what nothing in the sample spoke for."""
        return ("lineEnding",) if self.reasons["lineEnding"] == _NO_LINE_END else ()


def is_figure(cell: str) -> bool:
    """Tell whether a cell looks like a number, an amount or a date, which header names do not."""
    cell = cell.strip()
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def find_layout(text: str, options: CsvOptions, *, complete: bool, name: str) -> Layout:
    """Detect quote, delimiter and line ending of a sample; what the options set is taken as it is.

    `complete` is False when the sample may end inside a record, which is then left out. Raises `RefuseRun` for columns
    aligned by blanks whose borders are not certain.
    """
    if options.spans:
        fixed = set_columns(text, options.spans, complete=complete)
        return _fixed_layout(text, options, fixed, "set by the feed", complete=complete)
    if (told := _SEP.match(text)) is not None and options.delimiter is None:
        told_layout = find_layout(text, replace(options, delimiter=told[1]), complete=complete, name=name)
        reasons = {**told_layout.reasons, "delimiter": "the first line says so (sep=), which is no record"}
        return replace(told_layout, reasons=reasons)
    quote, quote_reason = _find_quote(text, options)
    line_ending, line_reason = _find_line_ending(text, quote, options.line_ending)
    base = Grammar("", quote, cr_ends=_cr_ends(options))
    if options.delimiter is not None:
        grammar = replace(base, delimiter=options.delimiter)
        table, reason = _sample_table(text, grammar, complete), "set by the feed"
    else:
        grammar, table, reason = _keep_pinned(text, base, options, complete) or _find_delimiter(text, base, options, complete)
        if not grammar.delimiter or (table.rows and len(table.rows[0]) == 1):
            if aligned := find_columns(text, options, complete=complete):
                return _fixed_layout(text, options, aligned.fixed, aligned.reason, complete=complete)
            refuse_aligned(text, name, options, least=2 if grammar.delimiter else 1, complete=complete)
    if _SEP.match(text):
        table = Table(table.rows[1:], table.lines[1:])
    reasons = {"delimiter": reason, "quote": quote_reason, "lineEnding": line_reason}
    return Layout(grammar, line_ending, table, reasons, _find_quoting(text, quote, table, options.pinned))


def _cr_ends(options: CsvOptions) -> bool:
    return options.line_ending not in ("lf", "crlf")


def _fixed_layout(text: str, options: CsvOptions, fixed: Fixed, reason: str, *, complete: bool) -> Layout:
    line_ending, line_reason = _find_line_ending(text, "", options.line_ending)
    grammar = Grammar("", "", _cr_ends(options), fixed)
    sample = _sample_table(text, grammar, complete)
    # A name may be longer than its column.
    table = Table([row[: len(fixed.spans)] for row in sample.rows], sample.lines)
    reasons = {"columnWidths": reason, "lineEnding": line_reason}
    guess = f"the columns were told apart by their blanks, at {write_spans(fixed.spans)}: set columnWidths to make sure"
    return Layout(grammar, line_ending, table, reasons, warnings=() if options.spans else (guess,))


def _keep_pinned(text: str, base: Grammar, options: CsvOptions, complete: bool) -> tuple[Grammar, Table, str] | None:
    """Return the delimiter of the document before where this one plainly has it too.

    That it is a good cut proves nothing alone, since a decimal comma cuts as evenly. But where it uncovers the same header,
    or where there was none and it makes as many fields, everything else would be a worse guess.
    """
    pinned = options.pinned
    if pinned is None or not pinned.columns or pinned.spans or pinned.delimiter == base.quote:
        return None
    grammar = replace(base, delimiter=pinned.delimiter)
    table = _sample_table(text, grammar, complete)
    if pinned.has_header:
        agrees = find_row(table, pinned) is not None
    else:
        width, share = modal_width(table.rows)
        agrees = width > 1 and width == len(pinned.columns) and share >= 0.8
    return (grammar, table, PINNED) if agrees else None


def find_row(table: Table, pinned: Pinned) -> int | None:
    """Return the index of the row that names the columns of the document before, no more and no less.

    None also where full rows come before it: they are no preamble, so it is one of them that only looks like a header.
    """
    wanted = [normal(name) for name in pinned.columns]
    if not wanted:
        return None
    for index, row in enumerate(table.rows[:_PREAMBLE_ROWS]):
        cells = row[: len(wanted)] if not any(map(str.strip, row[len(wanted) :])) else row
        if [normal(name) for name in unique_names(cells)] == wanted:
            return index
        if len(row) >= len(wanted) and sum(bool(cell.strip()) for cell in row) * 2 >= len(row):
            return None
    return None


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Trim header names; a name that stood before gets ` (2)`, ` (3)` and so on."""
    taken: set[str] = set()
    unique: list[str] = []
    for name in map(str.strip, names):
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{name} ({count})"
        taken.add(candidate)
        unique.append(candidate)
    return tuple(unique)


def modal_width(rows: Iterable[Sequence[str]]) -> tuple[int, float]:
    """Return the most common number of fields (the larger of two as common) and the share of rows that have it."""
    widths = Counter(map(len, rows))
    if not widths:
        return 0, 0.0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return width, count / widths.total()


def names_matched(row: Sequence[str], names: Iterable[frozenset[str]]) -> int:
    """Count the mapped fields one of whose names stands in a row."""
    cells = {normal(cell) for cell in row}
    return sum(not aliases.isdisjoint(cells) for aliases in names)


def _find_quote(text: str, options: CsvOptions) -> tuple[str, str]:
    if options.quote is not None:
        return options.quote, "set by the feed"
    double, single = (len(_FIELD_QUOTES[quote].findall(text)) for quote in "\"'")
    if single > 1 and not double and single * 2 >= text.count("\n"):
        return "'", f"{single} fields are enclosed in it, none in double quotes"
    if options.pinned is not None and options.pinned.quote == "'" and not double and len(_OPENED.findall(text)) == single:
        # Few fields or none need a quote today. One that opens and never closes is an apostrophe.
        return "'", PINNED
    return '"', f"{double} fields are enclosed in it" if double else "the usual one; no field is enclosed in quotes"


def _find_quoting(text: str, quote: str, table: Table, pinned: Pinned | None) -> str:
    """Tell whether every field is quoted; in between, what it was before stays."""
    filled = sum(bool(cell) for row in table.rows for cell in row)
    share = len(_FIELD_QUOTES[quote].findall(text)) / filled if filled and quote in _FIELD_QUOTES else 0.0
    if pinned is not None and pinned.quoting in ("all", "minimal") and 0.6 <= share < 0.9:
        return pinned.quoting
    return "all" if share >= 0.8 else "minimal"


def _find_line_ending(text: str, quote: str, option: str | None) -> tuple[str, str]:
    if option is not None:
        return option, "set by the feed"
    if quote:
        text = re.sub(f"{quote}[^{quote}]*{quote}", "", text)
    crlf = text.count("\r\n")
    counts = {"crlf": crlf, "lf": text.count("\n") - crlf, "cr": text.count("\r") - crlf}
    seen = {ending: count for ending, count in counts.items() if count}
    if not seen:
        return "lf", _NO_LINE_END
    return (next(iter(seen)) if len(seen) == 1 else "mixed"), ", ".join(f"{count} {ending}" for ending, count in seen.items())


def _sample_table(text: str, grammar: Grammar, complete: bool) -> Table:
    table = read_table(text, grammar)
    # The last record of a cut sample may be half a record.
    stop = min(len(table.rows) - (0 if complete else 1), _SAMPLE_ROWS)
    return Table(table.rows[:stop], table.lines[:stop])


def _find_delimiter(text: str, base: Grammar, options: CsvOptions, complete: bool) -> tuple[Grammar, Table, str]:
    names, known = options.names, options.pinned.names if options.pinned is not None else ()
    best = (base, _sample_table(text, base, complete), "no delimiter cuts the lines evenly: one column")
    # A cut that is even on fewer than half of the records is prose with commas in it, unless it uncovers mapped names. The
    # names that the document before had come second: the header of today may be one of more or fewer columns.
    best_score: tuple[float, ...] = (names_in(best[1], names), names_in(best[1], known), 1)
    for delimiter in _candidates(text):
        grammar = replace(base, delimiter=delimiter)
        table = _sample_table(text, grammar, complete)
        width, share = modal_width(table.rows)
        if width < 2:
            continue
        first = next(index for index, row in enumerate(table.rows) if len(row) == width)
        # Rough classes of evenness, so that a note in the last line does not outweigh ten columns. The earliest even row
        # decides before the width: a decimal comma is as even as a delimiter, but not in the header.
        evenness = (share >= 0.5) + (share >= 0.8), -min(first, _PREAMBLE_ROWS), width, share
        score = (names_in(table, names), names_in(table, known), *evenness)
        if score > best_score:
            matched = sum(len(row) == width for row in table.rows)
            best = (grammar, table, f"cuts {matched} of {len(table.rows)} sampled records into {width} fields")
            best_score = score
    return best


def names_in(table: Table, names: Sequence[frozenset[str]]) -> int:
    """Return how many mapped fields the best header among the first rows of a table has."""
    return max((names_matched(row, names) for row in table.rows[:_PREAMBLE_ROWS]), default=0)


def _candidates(text: str) -> list[str]:
    found: list[str] = []
    explained: set[str] = set()
    for candidate in MULTIPLE:
        count = text.count(candidate)
        parts = Counter(candidate)
        # `a||b` is also evenly cut by a single bar. Where (nearly) every bar stands in a double one, and so already in the
        # first line with a bar, the double one it is: blank columns (`A1;;5;;9.99`) make pairs too, but not in a header.
        pairs = all(count * times >= 0.9 * text.count(part) for part, times in parts.items())
        if count and pairs and not explained & set(parts) and _pairs_from_the_first(text, candidate, parts):
            found.append(candidate)
            explained |= set(parts)
    # A blank behind the delimiter would hide that quotes enclose what follows.
    spaced = [f"{mark} " for mark in SPACED if text.count(f'{mark} "') > 1 and mark not in explained]
    return found + spaced + [candidate for candidate in SINGLE if candidate in text and candidate not in explained]


def _pairs_from_the_first(text: str, candidate: str, parts: Counter[str]) -> bool:
    first = min(text.find(part) for part in parts)
    line = text[max(text.rfind("\n", 0, first), text.rfind("\r", 0, first)) + 1 :].replace("\r", "\n").partition("\n")[0]
    return all(line.count(candidate) * times == line.count(part) for part, times in parts.items())
