"""What JSON may be and a body may not: too deep, ambiguous, or with texts that no store should hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

import orjson

from feedmill.web.problems import FieldFault, Problem

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NUL: Final = b"\\u0000"


def parse_json(raw: bytes, max_depth: int) -> object:
    """Return a body's JSON.

    Raises `Problem`: 400 for what is none, is nested deeper than `max_depth`, or names an attribute twice in one object, where one
    reader would take the first value and another the last; 422 for a text with NUL, naming where. Lone surrogates, NaN and numbers
    beyond a double are no JSON here.
    """
    try:
        sent: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", f"the body is no JSON: {error}") from None
    if raw.count(b"[") + raw.count(b"{") > max_depth and _is_deeper(raw, max_depth):
        raise Problem(400, "malformed", f"the body is nested deeper than the {max_depth} levels that this server reads")
    if b":" in raw and _STRING.sub(b"", raw).count(b":") != _count_pairs(sent):
        raise Problem(400, "malformed", f"an object of the body names {_twice(raw)!r:.80} twice; which one counts would be a guess")
    if _NUL in raw and (where := next(_nul_places(sent, ""), None)) is not None:
        faults = [FieldFault(where.lstrip("."), "holds a NUL character, which no text may")]
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults)
    return sent


def _is_deeper(raw: bytes, max_depth: int) -> bool:
    """Return whether brackets nest deeper: each round takes the innermost away, so that the work is bounded by the depth allowed."""
    brackets = _STRING.sub(b"", raw).translate(None, _ALL_BUT_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _count_pairs(value: object) -> int:
    """Return how many attributes the objects of a value have. What it recurses into is no deeper than a body may be."""
    if isinstance(value, dict):
        return len(value) + sum(_count_pairs(inner) for inner in value.values() if isinstance(inner, dict | list))
    if isinstance(value, list):
        return sum(_count_pairs(inner) for inner in value if isinstance(inner, dict | list))
    return 0


def _twice(raw: bytes) -> str:
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.append(name)
            seen.add(name)

    json.loads(raw, object_pairs_hook=look)
    return found[0] if found else "an attribute"


def _nul_places(value: object, path: str) -> Iterator[str]:
    if isinstance(value, str):
        if "\0" in value:
            yield path or "body"
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\0" in name:
                yield f"{path}.(a name)"
            yield from _nul_places(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nul_places(inner, f"{path}.{index}")
