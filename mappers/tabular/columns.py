"""Text to columns: whole CSV records read as one, where that gives what reading them one by one does."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from mappers.reader import unused_characters

if TYPE_CHECKING:
    from mappers.reader import Grammar


def read_columns(text: str, grammar: Grammar, width: int) -> list[list[str]] | None:
    """Read records of `width` fields each, one to a line; return their cells by column, or None where they are not such.

    Every line end becomes a field that holds a mark which the text has not, and the whole is one record: this spares a list
    and a turn of the reader for every line. It reads the same if and only if every mark comes out as a field of its own
    behind `width` fields: a mark in a longer field was a line end in quotes, one elsewhere a line of another width.
    """
    if width < 2 or not grammar.delimiter or grammar.fixed is not None:
        # A blank line is no record, but in one column it would look like one.
        return None
    mark = next(unused_characters(text))
    joined = _join_lines(text, grammar, f"{grammar.delimiter}{mark}{grammar.delimiter}")
    fields = None if joined is None else _read_record(joined, grammar)
    if fields is None or (len(fields) + 1) % (width + 1):
        return None
    marks = fields[width :: width + 1]
    if marks.count(mark) != len(marks) or joined is None or joined.count(mark) != len(marks):
        return None
    return [fields[index :: width + 1] for index in range(width)]


def _join_lines(text: str, grammar: Grammar, end: str) -> str | None:
    """Return records as one line with `end` for each line end, None where a line end is left that is text."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            if not grammar.cr_ends:
                return None
            text = text.replace("\r", "\n")
    return text.removesuffix("\n").replace("\n", end)


def _read_record(line: str, grammar: Grammar) -> list[str] | None:
    if not grammar.quote or grammar.quote not in line:
        return line.split(grammar.delimiter)
    if len(grammar.delimiter) != 1:
        return None
    try:
        return next(csv.reader((line,), delimiter=grammar.delimiter, quotechar=grammar.quote))
    except csv.Error:
        # Quotes that go over many lines make one field of them, longer than any may be.
        return None
