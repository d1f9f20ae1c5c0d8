"""What a run tells of itself, sorted by what somebody can do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Weight = Literal["bad", "warn", "plain"]

_FAILED: Final = frozenset({"retry", "stalled", "refused", "failed", "poison", "abandoned"})
_NOTEWORTHY: Final = frozenset(
    {"held", "review", "missing", "column-missing", "dialectChanged", "daily-limit", "overtaken", "conflicts", "duplicate", "too-soon"}
)

_CAUSES: Final = (
    ("hostkey", r"host key"),
    ("certificate", r"certificate|\bTLS\b"),
    ("records", r"were rejected|no valid record"),
    ("page", r"HTML page|answered with an error|error object"),
    ("login", r"\b(?:401|403)\b|password|log ?in\b|logged in|credentials|not accepted for this user|token|permission"),
    ("address", r"\b(?:404|410)\b|does not exist|no file fits|does not resolve|no valid host|check URL|right URL"),
    ("columns", r"column|header"),
    ("broken", r"ended after|ended before|still being written|changed while|was closed before|damaged"),
    ("empty", r"is empty|no content"),
    ("silent", r"connections?\b|bytes a second|sent nothing|no answer|not done within|nothing moved"),
)
"""Words of messages by the cause that they speak of; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message of a run: its `code` is stable, `cause` is what the text speaks of where that is known, with the place it names."""

    code: str
    text: str
    weight: Weight
    cause: str | None
    record: int | None
    line: int | None
    column: str | None


def show_notes(messages: Iterable[Mapping[str, Any]], status: str) -> list[Note]:
    """Return what a run tells of itself, what failed first.

    Its samples of rejected records are left out, which are shown by reason, and what a page says on top: why it is held, what it undoes.
    """
    notes = [_note(each) for each in messages if not (_is_sample(each, status) or _is_on_top(each, status))]
    return sorted(notes, key=lambda note: ("bad", "warn", "plain").index(note.weight))


def find_cause(text: str) -> str | None:
    """Return what a message of a failed run speaks of, None where nobody knows."""
    return next((cause for cause, words in _CAUSES if re.search(words, text, re.IGNORECASE)), None)


def _note(message: Mapping[str, Any]) -> Note:
    code, text = str(message["code"]), str(message["message"])
    weight: Weight = "bad" if code in _FAILED else "warn" if code in _NOTEWORTHY else "plain"
    cause = find_cause(text) if weight == "bad" else None
    return Note(code, text, weight, cause, message.get("record"), message.get("line"), message.get("column"))


def _is_sample(message: Mapping[str, Any], status: str) -> bool:
    # `rejected` is the fate of a record, and what somebody decided of a held run, which is cancelled then and names no record.
    return message["code"] in ("rejected", "skipped") and (message.get("record") is not None or status != "cancelled")


def _is_on_top(message: Mapping[str, Any], status: str) -> bool:
    return message["code"] == "undo" or (status == "held" and message["code"] in ("held", "review"))
