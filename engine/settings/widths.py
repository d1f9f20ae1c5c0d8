"""Columns of fixed width as a person writes them: their widths, `10,30,8`, or their positions, `1-10,11-40,41-`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

Span: TypeAlias = tuple[int, int | None]
"""A stretch of a line: where it begins, counted from 0, and where the next character would be; None is the line's end."""

_PART: Final = re.compile(r"(\d{1,7})(-)?(\d{1,7})?", re.ASCII)
_CURE: Final = "give widths in characters (10,30,8) or positions from 1 (1-10,11-40,41-), the last of which may be open"


def read_widths(value: object) -> object:
    """Return column widths as one text, from text or a list; nothing for an empty one. For a field of a model, so `ValueError`."""
    if isinstance(value, str):
        value = value.strip().removeprefix("[").removesuffix("]").split(",") if value.strip() not in ("", "null") else None
    if not isinstance(value, Sequence):
        return value
    text = ",".join(str(part).strip().strip("\"'").replace(" ", "") for part in value)
    if not text:
        return None
    column_spans(text)
    return text


def column_spans(text: str) -> tuple[Span, ...]:
    """Return where each column begins and ends. Raises `ValueError` with the part that cannot work and the cure."""
    parts = text.split(",")
    found = [_PART.fullmatch(part) for part in parts]
    for part, match in zip(parts, found, strict=True):
        if match is None or (match[3] and not match[2]):
            raise ValueError(f"{part!r} is neither a width nor positions: {_CURE}")
    matches = [match for match in found if match is not None]
    ranged = [match[2] is not None for match in matches]
    if any(ranged) and not all(ranged):
        raise ValueError(f"widths and positions are mixed: {_CURE}")
    return _from_positions(matches) if all(ranged) else _from_widths([int(match[1]) for match in matches])


def write_spans(spans: Sequence[Span]) -> str:
    """Return columns as positions from 1, which `column_spans` reads."""
    return ",".join(f"{begin + 1}-{'' if end is None else end}" for begin, end in spans)


def _from_widths(widths: list[int]) -> tuple[Span, ...]:
    if 0 in widths:
        raise ValueError(f"column {widths.index(0) + 1} has no width: {_CURE}")
    return tuple(pairwise(accumulate(widths, initial=0)))


def _from_positions(matches: list[re.Match[str]]) -> tuple[Span, ...]:
    spans: list[Span] = [(int(match[1]) - 1, int(match[3]) if match[3] else None) for match in matches]
    last = 0
    for match, (begin, end) in zip(matches, spans, strict=True):
        if begin < last or (end is not None and end <= begin):
            raise ValueError(f"{match[0]!r} begins at 0, ends before it begins, or runs into the column before it: {_CURE}")
        if end is None and match is not matches[-1]:
            raise ValueError(f"{match[0]!r} has no end but is not the last column: {_CURE}")
        last = end or 0
    return tuple(spans)
