"""How a CSV document separates its fields: guessed from a sample by how evenly each candidate cuts it, with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.errors import RefuseRun
from mappers.options import CsvOptions, normal
from mappers.reader import Grammar, Table, read_table

SINGLE: Final = (",", ";", "\t", "|", "~", "^")
MULTIPLE: Final = ("~|~", "\t|\t", "|~|", "||", ";;", "::", "~~", "^^", "|^|", "<|>")
_PREAMBLE_ROWS: Final = 30
_SAMPLE_ROWS: Final = 1_000
_FIELD_QUOTES: Final = {
    quote: re.compile(f"(?:^|[,;\t|~^]){quote}[^{quote}\r\n]*{quote}(?=[,;\t|~^\r\n]|$)", re.MULTILINE) for quote in "\"'"
}
_NUMBER: Final = re.compile(r"[-+]?[€$£]?\s?\d[\d.,'\s]*\s?(?:[€$£%]|[A-Z]{3})?")
_DATE: Final = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T].*)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """The grammar of a document, its sample read by it, and the reason of each guess."""

    grammar: Grammar
    line_ending: str
    table: Table
    reasons: dict[str, str]


def is_figure(cell: str) -> bool:
    """Tell whether a cell looks like a number, an amount or a date, which header names do not."""
    cell = cell.strip()
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def find_layout(text: str, options: CsvOptions, *, complete: bool, name: str) -> Layout:
    """Detect quote, delimiter and line ending of a sample; what the options set is taken as it is.

    `complete` is False when the sample may end inside a record, which is then left out. Raises `RefuseRun` for columns
    aligned by blanks.
    """
    quote, quote_reason = _find_quote(text, options.quote)
    line_ending, line_reason = _find_line_ending(text, quote, options.line_ending)
    base = Grammar("", quote, cr_ends=options.line_ending not in ("lf", "crlf"))
    if options.delimiter is not None:
        grammar = Grammar(options.delimiter, quote, base.cr_ends)
        table, reason = _sample_table(text, grammar, complete), "set by the feed"
    else:
        grammar, table, reason = _find_delimiter(text, base, options.names, complete)
        if not grammar.delimiter or (table.rows and len(table.rows[0]) == 1):
            _refuse_fixed_width(text, name, least=2 if grammar.delimiter else 1)
    return Layout(grammar, line_ending, table, {"delimiter": reason, "quote": quote_reason, "lineEnding": line_reason})


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


def _find_quote(text: str, option: str | None) -> tuple[str, str]:
    if option is not None:
        return option, "set by the feed"
    double, single = (len(_FIELD_QUOTES[quote].findall(text)) for quote in "\"'")
    if single > 1 and not double and single * 2 >= text.count("\n"):
        return "'", f"{single} fields are enclosed in it, none in double quotes"
    return '"', f"{double} fields are enclosed in it" if double else "the usual one; no field is enclosed in quotes"


def _find_line_ending(text: str, quote: str, option: str | None) -> tuple[str, str]:
    if option is not None:
        return option, "set by the feed"
    if quote:
        text = re.sub(f"{quote}[^{quote}]*{quote}", "", text)
    crlf = text.count("\r\n")
    counts = {"crlf": crlf, "lf": text.count("\n") - crlf, "cr": text.count("\r") - crlf}
    seen = {ending: count for ending, count in counts.items() if count}
    if not seen:
        return "lf", "the sample holds no line end"
    return (next(iter(seen)) if len(seen) == 1 else "mixed"), ", ".join(f"{count} {ending}" for ending, count in seen.items())


def _sample_table(text: str, grammar: Grammar, complete: bool) -> Table:
    table = read_table(text, grammar)
    # The last record of a cut sample may be half a record.
    stop = min(len(table.rows) - (0 if complete else 1), _SAMPLE_ROWS)
    return Table(table.rows[:stop], table.lines[:stop])


def _find_delimiter(text: str, base: Grammar, names: tuple[frozenset[str], ...], complete: bool) -> tuple[Grammar, Table, str]:
    single = Grammar("", base.quote, base.cr_ends)
    best = (single, _sample_table(text, single, complete), "no delimiter cuts the lines evenly: one column")
    # A cut that is even on fewer than half of the records is prose with commas in it, unless it uncovers mapped names.
    best_score: tuple[float, ...] = (names_in(best[1], names), 1)
    for delimiter in _candidates(text):
        grammar = Grammar(delimiter, base.quote, base.cr_ends)
        table = _sample_table(text, grammar, complete)
        width, share = modal_width(table.rows)
        if width < 2:
            continue
        first = next(index for index, row in enumerate(table.rows) if len(row) == width)
        # Rough classes of evenness, so that a note in the last line does not outweigh ten columns. The earliest even row
        # decides before the width: a decimal comma is as even as a delimiter, but not in the header.
        score = (names_in(table, names), (share >= 0.5) + (share >= 0.8), -min(first, _PREAMBLE_ROWS), width, share)
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
    return found + [candidate for candidate in SINGLE if candidate in text and candidate not in explained]


def _pairs_from_the_first(text: str, candidate: str, parts: Counter[str]) -> bool:
    first = min(text.find(part) for part in parts)
    line = text[max(text.rfind("\n", 0, first), text.rfind("\r", 0, first)) + 1 :].replace("\r", "\n").partition("\n")[0]
    return all(line.count(candidate) * times == line.count(part) for part, times in parts.items())


def _refuse_fixed_width(text: str, name: str, least: int) -> None:
    lines = [line for line in text.replace("\r", "\n").split("\n")[:200] if line.strip()][:100]
    if len(lines) < 3:
        return
    if len(text) > sum(map(len, lines)) + 200:
        lines.pop()
    shared = range(min(len(line.rstrip()) for line in lines))
    blank = "".join(" " if all(line[column] == " " for line in lines) else "x" for column in shared)
    double_gap = any("  " in line.strip() for line in lines)
    gaps = re.findall(r"(?<=x) +(?=x)", blank)
    if len(gaps) >= least and double_gap:
        raise RefuseRun(
            f"{name} is text in fixed-width columns aligned by blanks ({len(gaps) + 1} columns found), which has no delimiter: "
            f"have the supplier send delimited text, or set delimiter if this is wrong; nothing was applied"
        )
