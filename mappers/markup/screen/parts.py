"""A stretch of records taken apart by its bytes: right wherever a parser takes the whole stretch, and refused where that would not do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise, repeat
from typing import Final

_BLANKS: Final = b" \t\r\n"
_FIRST: Final = re.compile(rb"[ \t\r\n]*<([^\s/>\"'<=!?&]+)(?=[ \t\r\n/>])")
_HIDING: Final = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parts:
    """Records of one name that tile a stretch, each with the blanks before it; `lines[i]` lines lie before the start tag of record i."""

    name: bytes
    parts: Sequence[bytes]
    lines: Sequence[int]


def take_apart(body: bytes) -> Parts | None:
    """Return the records of a stretch, None where it holds anything else, or where bytes alone do not tell.

    Wherever no tag is hidden and the stretch is well-formed, every `<` begins a tag. If then each part begins with the start tag of the
    name, holds no other one and ends with its first end tag, that end tag ends the element that the start tag began, so each part
    is one element, and nothing but blanks lies between them. That the stretch is well-formed is for the parser to say.
    """
    first = _FIRST.match(body)
    if first is None or (b"\r" in body and body.count(b"\r") != body.count(b"\r\n")):
        # A lone CR ends a line too, and lines are counted by their LF from here on.
        return None
    name = first[1]
    ending = b"</%b>" % name
    if not body.endswith(ending):
        return None
    tags = _show_tags(body)
    if tags is None:
        return None
    # What is hidden ends otherwise, so the end tag that ends the stretch is one.
    parts = _cut(body, tags, ending)
    gaps = _gaps(parts if tags is body else _tile(tags, parts), tags, name, first.start(1) - 1)
    return None if gaps is None else Parts(name, parts, _lines(body, parts, gaps))


def _show_tags(body: bytes) -> bytes | None:
    """Return the stretch with all that could hide a tag painted over, None where something hides and does not end."""
    # A single byte is looked for ten times as fast as two.
    if (b"!" not in body or b"<!" not in body) and (b"?" not in body or b"<?" not in body):
        return body
    tags = _HIDING.sub(lambda hidden: b"-" * len(hidden[0]), body)
    return None if b"<!" in tags or b"<?" in tags else tags


def _cut(body: bytes, tags: bytes, ending: bytes) -> list[bytes]:
    pieces = tags.split(ending)[:-1]
    if tags is body:
        return [piece + ending for piece in pieces]
    ends = accumulate((len(piece) + len(ending) for piece in pieces), initial=0)
    return [body[start:end] for start, end in pairwise(ends)]


def _tile(tags: bytes, parts: Sequence[bytes]) -> list[bytes]:
    return [tags[start:end] for start, end in pairwise(accumulate(map(len, parts), initial=0))]


def _gaps(parts: Sequence[bytes], tags: bytes, name: bytes, lead: int) -> list[int] | None:
    """Return how many lines the blanks before each record take, None where a part is not one record of the name."""
    opening = b"<" + name
    before = tags[:lead].count(b"\n")
    gap = b"" if len(parts) == 1 else parts[1][: len(parts[1]) - len(parts[1].lstrip(_BLANKS))]
    if tags.count(opening) == len(parts) and all(map(bytes.startswith, parts[1:], repeat(gap + opening))):
        # Nothing else begins as the name does, so all of them are records, with the same blanks between.
        return [before, *[gap.count(b"\n")] * (len(parts) - 1)]
    start, leading = _patterns(name)
    if len(start.findall(tags)) != len(parts):
        return None
    found = [match.end() for match in map(leading.match, parts) if match is not None]
    if len(found) != len(parts):
        return None
    return [part.count(b"\n", 0, end) for part, end in zip(parts, found, strict=True)]


def _lines(body: bytes, parts: Sequence[bytes], gaps: Sequence[int]) -> list[int]:
    if b"\n" not in body:
        return [0] * len(parts)
    before = accumulate(map(bytes.count, parts, repeat(b"\n")), initial=0)
    return [lines + gap for lines, gap in zip(before, gaps, strict=False)]


@lru_cache(maxsize=64)
def _patterns(name: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    start = rb"<" + re.escape(name) + rb"(?=[ \t\r\n/>])"
    return re.compile(start), re.compile(rb"[ \t\r\n]*(?=" + start + rb")")
