"""The `Link` header (RFC 8288): its grammar, read strictly. No I/O here.

Strictly, because a header that cannot be read would look like one without a next page, and half a feed like a feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_TARGET: Final = re.compile(r"[\s,]*<([^<>]*)>\s*")
_PARAMETER: Final = re.compile(r"""\s*;\s*(?:([^\s;,="]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?)?\s*""", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a header: its target as written, its relation types in lower case, the anchor where one is named."""

    target: str
    relations: frozenset[str]
    anchor: str | None = None


def parse_links(values: Iterable[str]) -> tuple[Link, ...]:
    """Return every link of all `Link` headers of a response, in order. Raises `ValueError` where a header breaks the grammar."""
    return tuple(link for value in values for link in _parse(value))


def _parse(value: str) -> Iterator[Link]:
    place = 0
    while value[place:].strip(" \t,"):
        target = _TARGET.match(value, place)
        if target is None:
            raise ValueError("a link without its <address>")
        parameters, place = _parameters(value, target.end())
        if value[place : place + 1] not in ("", ","):
            raise ValueError("a link that does not end with a comma")
        # RFC 8288, section 3.3: of several rel parameters the first counts.
        yield Link(target[1].strip(), frozenset(parameters.get("rel", "").lower().split()), parameters.get("anchor"))


def _parameters(value: str, place: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while (match := _PARAMETER.match(value, place)) is not None:
        name, quoted, token = match.groups()
        if name is not None:
            found.setdefault(name.lower(), token or "" if quoted is None else _ESCAPED.sub(r"\1", quoted))
        place = match.end()
    return found, place
