"""What a document says of a page after it. A feed that is not read in pages would take the first one for the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mappers.structured.values import Json

_NEXT: Final = frozenset(
    {
        *("next", "nextpage", "nextcursor", "nextpageurl", "nextlink", "nexturl", "nexttoken", "nextpagetoken"),
        *("@odata.nextlink", "hasmore", "hasnext", "hasnextpage"),
    }
)
_AROUND: Final = frozenset({"meta", "metadata", "pagination", "paging", "pageinfo", "page", "links", "_links"})


def find_next(members: Mapping[str, Json]) -> str | None:
    """Return the dotted name under which an answer names a next page, or says that there is one; None when it does not."""
    return next(_named(members, ""), None)


def _named(members: Mapping[str, Json], above: str) -> Iterator[str]:
    for key, value in members.items():
        plain = key.lower().replace("_", "").replace("-", "")
        if plain in _NEXT and value not in (None, "", False, "0", "false"):
            yield f"{above}{key}"
        elif not above and key.lower() in _AROUND and isinstance(value, dict):
            yield from _named(value, f"{key}.")
