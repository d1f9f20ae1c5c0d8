"""What an answer says of itself: that it failed, and why, or that another page follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from engine.batch import clip
from mappers.structured.values import Number

if TYPE_CHECKING:
    from mappers.structured.values import Json

_FAULTS: Final = ("error", "errors", "fault", "exception")
_VERDICTS: Final = ("success", "ok")
_STATES: Final = ("status", "state", "result")
_FAILED: Final = frozenset({"error", "fail", "failed", "failure", "unauthorized", "forbidden", "denied"})
_HARMLESS: Final = frozenset({"", "0", "no", "none", "null", "false", "ok", "success", "no error", "no errors"})
_MESSAGES: Final = ("message", "error_description", "error_message", "detail", "error", "errors", "fault", "exception", "title", "reason")
_DEEPEST: Final = 4
_QUOTED: Final = 200

_NEXT: Final = frozenset(
    {
        *("next", "nextpage", "nextcursor", "nextpageurl", "nextlink", "nexturl", "nexttoken", "nextpagetoken"),
        *("@odata.nextlink", "hasmore", "hasnext", "hasnextpage"),
    }
)
_AROUND: Final = frozenset({"meta", "metadata", "pagination", "paging", "pageinfo", "page", "links", "_links"})


def find_complaint(members: Mapping[str, Json]) -> str | None:
    """Return what an object says went wrong, None when it says nothing of the kind."""
    folded = {key.strip().lower(): value for key, value in members.items()}
    if any(_is_fault(folded.get(name)) for name in _FAULTS) or any(folded.get(name) is False for name in _VERDICTS):
        return find_message(members) or "an error"
    states = [state for name in _STATES if isinstance(state := folded.get(name), str)]
    if any(state.strip().lower() in _FAILED for state in states):
        return find_message(members) or next(state for state in states if state.strip().lower() in _FAILED)
    return None


def find_message(members: Mapping[str, Json]) -> str | None:
    """Return the text in which an object explains itself, clipped; None when there is none."""
    found = _message(dict(members), 0)
    return clip(" ".join(found.split()), _QUOTED) if found else None


def _is_fault(value: Json) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _HARMLESS
    return bool(value)


def _message(value: Json, depth: int) -> str | None:
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        return None if isinstance(value, Number) else value.strip() or None
    if isinstance(value, list):
        return next((found for entry in value[:10] if (found := _message(entry, depth + 1))), None)
    if not isinstance(value, dict):
        return None
    folded = {key.strip().lower(): inner for key, inner in value.items()}
    return next((found for name in _MESSAGES if (found := _message(folded.get(name), depth + 1))), None)


def find_next(members: Mapping[str, Json]) -> str | None:
    """Return the dotted name under which an answer names a next page, or says that there is one; None when it does not.

    A feed that is not read in pages would take the first of them for the whole.
    """
    return next(_named(members, ""), None)


def _named(members: Mapping[str, Json], above: str) -> Iterator[str]:
    for key, value in members.items():
        plain = key.lower().replace("_", "").replace("-", "")
        if plain in _NEXT and value not in (None, "", False, "0", "false"):
            yield f"{above}{key}"
        elif not above and key.lower() in _AROUND and isinstance(value, dict):
            yield from _named(value, f"{key}.")
