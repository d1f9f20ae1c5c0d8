"""What a source is asked, as a person may see it: names in full, values only where they say which page it is. No I/O here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from connectors.web.request import addressed, secret_headers
from connectors.web.walking import PARAMETERS, Walk
from engine.source import MASK, Source

if TYPE_CHECKING:
    from engine.source import Paging

_COUNTED: Final = frozenset(
    {
        "page",
        "page[number]",
        "page[size]",
        "offset",
        "limit",
        "start",
        "skip",
        "size",
        "count",
        "per_page",
        "perpage",
        "pagesize",
        "page_size",
    }
)
"""Names under which a number is that of a page, of an item, or a size, in whatever address an API names."""

_LONGEST: Final = 60
_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """The first request for a source: its address and the headers of the feed's own, as they may be shown."""

    address: str
    headers: tuple[tuple[str, str], ...]


def first_request(source: Source) -> FirstRequest:
    """Return what an HTTP source is asked first. Raises `ConfigError` for what cannot be sent."""
    bare = addressed(source)
    headers = [(name, _show_header(name, value)) for name, value in secret_headers(bare)]
    if source.request.auth == "oauth2":
        headers.insert(0, ("Authorization", f"Bearer {MASK}"))
    paging = source.request.paging
    query = [(each.name, each.value.reveal()) for each in source.request.parameters if each.place == "query"]
    url = bare.url if paging is None else Walk(bare, paging, query).first().url
    return FirstRequest(show_address(replace(bare, url=url), [name for name, _ in query]), tuple(headers))


def show_address(source: Source, hidden: Collection[str] = ()) -> str:
    """Return the address of a source: of its query only the values that say which page is asked for, and never those of `hidden`."""
    parts = urlsplit(source.url)
    paged = _paging_names(source.request.paging) - set(hidden)
    pairs = [_show_pair(pair, paged, hidden) for pair in parts.query.split("&")] if parts.query else []
    # The path alone goes the way of every other name that is shown: half a password may stand in it.
    bare = replace(source, url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), username=None, password=None)
    return f"{bare.name}?{'&'.join(pairs)}" if pairs else bare.name


def _paging_names(paging: Paging | None) -> set[str]:
    if paging is None:
        return set()
    return {name for name in (paging.parameter or PARAMETERS[paging.style], paging.size_parameter) if name}


def _show_pair(pair: str, paged: Collection[str], hidden: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    plain = unquote_plus(name)
    counts = plain.lower() in _COUNTED and plain not in hidden and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    if equals and (plain in paged or counts):
        return f"{name}={value if len(value) <= _LONGEST else value[:_LONGEST] + '…'}"
    return f"{name}={MASK}" if equals else MASK


def _show_header(name: str, value: str) -> str:
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {MASK}" if name == "Authorization" and blank and scheme in ("Basic", "Bearer") else MASK
