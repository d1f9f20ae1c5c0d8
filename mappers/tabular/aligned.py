"""Text in columns aligned by blanks: where its columns are, if that is certain enough to read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.errors import RefuseRun
from engine.settings.widths import Span, write_spans
from mappers.options import CsvOptions, normal
from mappers.tabular.fixed import Fixed, gaps_between, is_trimmed

_SEARCHED_LINES: Final = 30
_SAMPLED_LINES: Final = 1_000
_RULER: Final = re.compile(r" *[-=]{2,}(?: +[-=]{2,})+ *")
_LEAST_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Aligned:
    """Columns that were found, and the reason."""

    fixed: Fixed
    reason: str


def set_columns(text: str, spans: tuple[Span, ...], *, complete: bool) -> Fixed:
    """Return the columns that a feed sets; how its lines end is seen from the text."""
    return Fixed(spans, (), is_trimmed([line for line in _lines(text, complete) if line.strip()][1:], spans))


def find_columns(text: str, options: CsvOptions, *, complete: bool) -> Aligned | None:
    """Find the columns of text that is aligned by blanks, None where they are not certain.

    They are where the source draws them (a line of dashes under the header), where those of the run before fit every line, and
    where every stretch between blanks that all lines share has a name, the mapped ones among them. Everything else might as
    well be words that happen to stand under each other.
    """
    lines = _lines(text, complete)
    for number, line in enumerate(lines[:_SEARCHED_LINES]):
        if _RULER.fullmatch(line):
            spans: tuple[Span, ...] = tuple((found.start(), found.end()) for found in re.finditer(r"[-=]+", line))
            return _fitting((*spans[:-1], (spans[-1][0], None)), _block(lines[number + 1 :]), "as the line of dashes draws them")
    start = _header_line(lines, options)
    if start is None:
        return None
    block = _block(lines[start:])
    pinned = options.pinned
    if pinned is not None and pinned.spans and _named(block[0], pinned.spans) == [normal(name) for name in pinned.columns]:
        kept = Fixed(pinned.spans, gaps_between(pinned.spans), is_trimmed(block[1:], pinned.spans))
        if all(map(kept.fits, block)):
            return Aligned(kept, "pinned to the feed (run before)")
    shared = _shared_columns(block)
    names = _named(block[0], shared)
    if len(block) < _LEAST_LINES or not all(names) or _matched(names, options) < _matched(_tokens(block[0]), options):
        return None
    if not _cut_as_words(block, shared) or not _are_filled(block[1:], shared):
        return None
    return _fitting(shared, block[1:], f"{len(block)} lines share the blanks between them, and each has a name")


def refuse_aligned(text: str, name: str, options: CsvOptions, *, least: int, complete: bool) -> None:
    """Raise `RefuseRun` for text that is plainly aligned by blanks, naming the columns that a person may set."""
    lines = _lines(text, complete)[:200]
    filled = [line for line in lines if line.strip()]
    if len(filled) < _LEAST_LINES or not any("  " in line.strip() for line in filled):
        return
    start = _header_line(lines, options)
    spans = _shared_columns(filled if start is None else _block(lines[start:]))
    if len(spans) > least:
        raise RefuseRun(
            f"{name} is text in fixed-width columns aligned by blanks ({len(spans)} columns found), which has no delimiter, and where they "
            f"begin is not certain: set columnWidths ({write_spans(spans)} would be what the first lines show), have the supplier send "
            "delimited text, or set delimiter if this is wrong; nothing was applied"
        )


def _lines(text: str, complete: bool) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # The last line of a cut sample may be half a line.
    return lines[:_SAMPLED_LINES] if complete or len(lines) > _SAMPLED_LINES else lines[:-1]


def _fitting(spans: tuple[Span, ...], lines: Sequence[str], reason: str) -> Aligned | None:
    filled = [line for line in lines if line.strip()]
    fixed = Fixed(spans, gaps_between(spans), is_trimmed(filled, spans))
    fit = sum(map(fixed.fits, filled))
    if len(spans) < 2 or not filled or fit * 10 < len(filled) * 9:
        return None
    return Aligned(fixed, f"{len(spans)} columns, {reason}")


def _cut_as_words(lines: Sequence[str], spans: Sequence[Span]) -> bool:
    """Tell whether columns keep words apart where every line has as many words as there are columns.

    Such text may be written with a single blank as its delimiter, and stand under each other by chance only.
    """
    words = [line.split() for line in lines]
    if any(len(line) != len(spans) for line in words):
        return True
    return all([line[begin:end].strip() for begin, end in spans] == cells for line, cells in zip(lines, words, strict=True))


def _are_filled(records: Sequence[str], spans: Sequence[Span]) -> bool:
    """Tell whether every column has text in half of the records."""
    return all(2 * sum(bool(line[begin:end].strip()) for line in records) >= len(records) for begin, end in spans)


def _header_line(lines: Sequence[str], options: CsvOptions) -> int | None:
    best, where = 0, None
    for number, line in enumerate(lines[:_SEARCHED_LINES]):
        matched = _matched(_tokens(line), options)
        if matched > best:
            best, where = matched, number
    # Of several mapped names one alone may be a word of a sentence.
    wanted = sum(map(bool, options.names))
    return where if best >= min(2, wanted) and wanted else None


def _block(lines: Sequence[str]) -> list[str]:
    """Return the lines up to the first blank one: what comes behind it is a note or another page."""
    for number, line in enumerate(lines):
        if not line.strip():
            return list(lines[:number])
    return list(lines)


def _tokens(line: str) -> list[str]:
    return [normal(token) for token in re.split(r" {2,}", line.strip())] + [normal(token) for token in line.split()]


def _matched(cells: Iterable[str], options: CsvOptions) -> int:
    found = set(cells)
    return sum(not names.isdisjoint(found) for names in options.names)


def _named(header: str, spans: Sequence[Span]) -> list[str]:
    return [normal(header[begin:end]) for begin, end in spans]


def _shared_columns(lines: Sequence[str]) -> tuple[Span, ...]:
    """Return the stretches of text between the blanks that all lines share; the last is open."""
    width = max(map(len, lines), default=0)
    taken = bytearray(width)
    for line in lines:
        for word in re.finditer(r"[^ ]+", line):
            taken[word.start() : word.end()] = b"x" * (word.end() - word.start())
    spans: list[Span] = [(found.start(), found.end()) for found in re.finditer(rb"x+", bytes(taken))]
    return (*spans[:-1], (spans[-1][0], None)) if spans else ()
