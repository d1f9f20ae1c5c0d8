"""What JSON may be and a body may not: too deep, ambiguous, or with texts that no store should hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

import orjson

from feedmill.web.problems import FieldFault, Problem

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUL: Final = b"\\u0000"
# Made once: `dict | list` in the loop would be made anew for every value.
_NESTED: Final = (dict, list)
_NESTED_TYPES: Final = frozenset(_NESTED)


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
    pairs = _count_pairs(sent, max_depth)
    # Without a colon in a text, which is common, the colons are as many as the attributes, and nothing more need be looked at.
    if raw.count(b":") != pairs and _STRING.sub(b"", raw).count(b":") != pairs:
        raise Problem(400, "malformed", f"an object of the body names {_twice(raw)!r:.80} twice; which one counts would be a guess")
    if _NUL in raw and (where := next(_nul_places(sent, ""), None)) is not None:
        faults = [FieldFault(where.lstrip("."), "holds a NUL character, which no text may")]
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults)
    return sent


def _count_pairs(sent: object, max_depth: int) -> int:
    """Return how many attributes the objects of a value have. Raises `Problem` 400 as soon as it is nested deeper than `max_depth`.

    Level by level: a call for each of half a million lists, which fit into a body, would hold everybody else up.
    """
    if max_depth > 0 and isinstance(sent, dict) and _NESTED_TYPES.isdisjoint(map(type, sent.values())):
        # A flat object, as an item that is pushed mostly is.
        return len(sent)
    count = 0
    level = [sent] if isinstance(sent, dict | list) else []
    for _ in range(max_depth):
        objects = [value for value in level if isinstance(value, dict)]
        count += sum(map(len, objects))
        held = (chain.from_iterable(map(dict.values, objects)), chain.from_iterable(value for value in level if isinstance(value, list)))
        level = [value for value in chain(*held) if isinstance(value, _NESTED)]
        if not level:
            return count
    if level:
        raise Problem(400, "malformed", "the body is nested deeper than this server reads, see [server] max_json_depth")
    return count


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
