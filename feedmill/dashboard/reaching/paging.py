"""How the pages of an API follow each other, as a form has it: texts by the names of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from feedmill.dashboard.forms import whole_number

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

PREFIX: Final = "pagination."
STYLES: Final = ("page", "offset", "cursor", "link")
NAMES: Final = (
    *("style", "parameter", "start", "sizeParameter", "size", "cursorPath", "itemsPath"),
    *("maxPages", "maxItems", "checkTotal"),
)
"""The attributes of `pagination`, all of which the form sets."""

OF_STYLE: Final[Mapping[str, tuple[str, ...]]] = {
    "page": ("parameter", "start", "sizeParameter", "size"),
    "offset": ("parameter", "start", "sizeParameter", "size"),
    "cursor": ("cursorPath", "parameter", "start", "sizeParameter", "size"),
    "link": ("sizeParameter", "size"),
}
"""The attributes that not every style has."""

_OF_EVERY: Final = ("itemsPath", "maxPages", "maxItems", "checkTotal")
_COUNTS: Final = frozenset(("start", "size", "maxPages", "maxItems"))


def read_paging(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form says of pages; what another style needs is kept in it, but counts for nothing."""
    return {name: form.get(f"{PREFIX}{name}", "").strip() for name in NAMES}


def paging_of(feed: Mapping[str, Any]) -> dict[str, str]:
    """Return what a feed says of pages, as the form has it."""
    known = feed["pagination"] or {}
    return {name: _as_text(known.get(name)) for name in NAMES}


def paging_setting(typed: Mapping[str, str]) -> dict[str, object] | None:
    """Return `pagination` as the API takes it, null for what goes by the default; None where the source is not paged."""
    style = typed["style"]
    if style not in OF_STYLE:
        return None
    names = (*OF_STYLE[style], *_OF_EVERY)
    return {**dict.fromkeys(NAMES), "style": style, **{name: _value(name, typed[name]) for name in names}}


def find_faults(view: View, typed: Mapping[str, str]) -> dict[str, str]:
    """Return what a style lacks, by field."""
    style = typed["style"]
    faults: dict[str, str] = {}
    if style == "cursor" and not typed["cursorPath"]:
        faults["cursorPath"] = view.say("say where a page names the next one, as meta.next")
    if style == "offset" and not typed["size"]:
        faults["size"] = view.say("say how many records a full page has")
    elif style in OF_STYLE and typed["sizeParameter"] and not typed["size"]:
        faults["size"] = view.say("say how many records are to be asked for")
    return {f"{PREFIX}{name}": message for name, message in faults.items()}


def _value(name: str, text: str) -> object:
    if name == "checkTotal":
        return text != "false"
    if name in _COUNTS and (number := whole_number(text)) is not None:
        return number
    # A number that is none the API judges, and says so beside its field.
    return text or None


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
