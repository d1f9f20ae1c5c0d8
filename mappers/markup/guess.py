"""Where the records of an unknown document stand, told from its beginning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?P<end>/?)(?P<name>[^\s/>\"'<=!?&]+)(?P<rest>(?:[^<>\"']++|\"[^<\"]*+\"|'[^<']*+')*+)>",
    re.DOTALL,
)
_DEPTH: Final = 12


@dataclass(slots=True)
class _Place:
    path: tuple[str, ...]
    repeated: bool = False
    children: bool = False
    attributes: bool = False


@dataclass(slots=True)
class _Open:
    name: str
    counts: dict[str, int] = field(default_factory=dict)


def guess_record_path(sample: bytes, encoding: str = "utf-8") -> str | None:
    """Return the path of the first element that repeats in its parent and has children, the nearest to the root.

    Where none has children, of the first that has attributes. None when nothing of the kind repeats in the sample, which
    begins at the root's start tag.
    """
    places: dict[tuple[str, ...], _Place] = {}
    stack: list[_Open] = []
    for match in _TOKEN.finditer(sample):
        if match["name"] is None:
            continue
        name = match["name"].decode(encoding, "replace")
        if match["end"]:
            while stack and stack.pop().name != name:
                pass
            continue
        path = (*(each.name for each in stack), name)
        if len(path) <= _DEPTH:
            _note(places, path, stack, attributes=b"=" in match["rest"])
        if not match["rest"].endswith(b"/"):
            stack.append(_Open(name))
    found = [place for place in places.values() if place.repeated]
    for fit in ([place for place in found if place.children], [place for place in found if place.attributes]):
        if fit:
            return "/" + "/".join(min(fit, key=lambda place: len(place.path)).path)
    return None


def _note(places: dict[tuple[str, ...], _Place], path: tuple[str, ...], stack: list[_Open], *, attributes: bool) -> None:
    place = places.setdefault(path, _Place(path))
    place.attributes = place.attributes or attributes
    if stack:
        counts = stack[-1].counts
        counts[path[-1]] = counts.get(path[-1], 0) + 1
        place.repeated = place.repeated or counts[path[-1]] > 1
        if path[:-1] in places:
            places[path[:-1]].children = True
