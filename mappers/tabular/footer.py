"""Notes behind the last record: who wrote the file and when, what the prices mean, how many rows there were."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

_MARKED: Final = re.compile(r"(?:[*#(\[;]|--|//|==)")
_ENDS: Final = frozenset(("eof", "end", "ende", "fin", "fine", "koniec", "konec", "конец", "<eof>", "[eof]"))
_SHORT_WORDS: Final = 2
_FULL_WORDS: Final = 3
_MOST_NOTES: Final = 8
_ENOUGH_RECORDS: Final = 50
_TAGS: Final = re.compile(r"<[^<>]*>")
_FAILED: Final = re.compile(
    r"fatal error|\berror\s*[:#(\d]|internal server error|exception\b|traceback|stack trace|uncaught|\bORA-\d{5}"
    r"|\btime-?out\b|\btimed[ -]out\b|out of memory|memory (?:size|limit)|gone away|\baborted\b|deadlock"
    r"|connection (?:was )?(?:lost|reset|closed|aborted|refused)",
    re.IGNORECASE,
)


def without_columns(line: str) -> list[str]:
    """Return a line that does not fit its fixed columns as a row: one text where it is a sentence, else none."""
    text = line.strip()
    return [text] if "  " not in text and len(text.split()) >= _FULL_WORDS else []


def find_notes(rows: Sequence[Sequence[str]], width: int, is_no_item: Callable[[Sequence[str]], bool], *, whole: bool) -> frozenset[int]:
    """Return the indices of the rows at the end of a document that are notes; only rows without an item may stand between.

    A note is one text. In a row of fewer cells than the header it cannot be an item anyway, so two words or a mark are enough.
    In a full row it could be an item about which nothing is known: there it has to be a sentence, no record before it may be
    one text alone, and none may have as many words in that column. `whole` says that all records of the document are here;
    else there have to be enough of them to judge by.
    """
    notes: list[int] = []
    index = len(rows)
    while index and (is_no_item(rows[index - 1]) or _is_note(rows[index - 1], width)):
        index -= 1
        if _is_note(rows[index], width):
            notes.append(index)
    if not 0 < len(notes) <= min(_MOST_NOTES, index):
        # So many broken records would be: half a file in another dialect must not pass for a footer.
        return frozenset()
    known = whole or index >= _ENOUGH_RECORDS
    return frozenset(note for note in notes if len(rows[note]) < width or (known and _stands_out(rows[note], rows[:index])))


def tells_failure(note: str) -> bool:
    """Tell whether a note is the export's own complaint: what it wrote before that is not all of it."""
    return bool(_FAILED.search(_TAGS.sub("", note)))


def _stands_out(note: Sequence[str], records: Sequence[Sequence[str]]) -> bool:
    column = next(index for index, cell in enumerate(note) if cell.strip())
    return not any(_lone_text(row) is not None or len("".join(row[column : column + 1]).split()) >= _FULL_WORDS for row in records)


def _lone_text(row: Sequence[str]) -> str | None:
    filled = [cell for cell in row if cell.strip()]
    return filled[0].strip() if len(filled) == 1 else None


def _is_note(row: Sequence[str], width: int) -> bool:
    text = _lone_text(row)
    if text is None or width < 2 or "\n" in text or "\r" in text:
        return False
    words = len(text.split())
    if len(row) < width:
        return words >= _SHORT_WORDS or bool(_MARKED.match(text)) or text.casefold() in _ENDS
    return words >= _FULL_WORDS
