"""What JSON may be and a body may not: too deep, ambiguous, or with texts that no store should hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

import orjson

from feedmill.web.problems import FieldFault, Problem

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Made once: `dict | list` in the loop would be made anew for every value.
_NESTED: Final = (dict, list)
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
    pairs = _count_pairs(sent, max_depth)
    # Without a colon in a text, which is common, the colons are as many as the attributes, and nothing more need be looked at.
    if raw.count(b":") != pairs and _STRING.sub(b"", raw).count(b":") != pairs:
        raise Problem(400, "malformed", f"an object of the body names {_twice(raw)!r:.80} twice; which one counts would be a guess")
    if _NUL in raw and (where := next(_nul_places(sent, ""), None)) is not None:
        faults = [FieldFault(where.lstrip("."), "holds a NUL character, which no text may")]
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults)
    return sent


def _count_pairs(value: object, max_depth: int) -> int:
    """Return how many attributes the objects of a value have. Raises `Problem` 400 as soon as it is nested deeper than `max_depth`."""
    if isinstance(value, dict):
        count, inner = len(value), [each for each in value.values() if isinstance(each, _NESTED)]
    elif isinstance(value, list):
        count, inner = 0, [each for each in value if isinstance(each, _NESTED)]
    else:
        return 0
    if not max_depth:
        raise Problem(400, "malformed", "the body is nested deeper than this server reads, see [server] max_json_depth")
    return count + sum([_count_pairs(each, max_depth - 1) for each in inner])


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
