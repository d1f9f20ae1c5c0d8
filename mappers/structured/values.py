"""JSON values as their source wrote them: numbers keep their digits, what JSON does not define stays visible."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final, TypeAlias, cast

import orjson

from engine.batch import SEVERAL

Json: TypeAlias = "str | int | Unusable | list[Json] | dict[str, Json] | None"
"""A parsed value. A number is a `Number`, which is a text, or where nothing is lost by it an integer; a float is none of them."""

DEPTH_LIMIT: Final = 200
"""How deep a record may be nested. No item needs ten levels; the parser underneath would stop at about a thousand."""

_THOUSANDS: Final = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")
_STRINGS: Final = re.compile(r'"(?:[^"\\]+|\\.)*"', re.DOTALL)


class Number(str):
    """The text of a number. A class of its own, so that inside a list or an object it is written without quotes again."""

    __slots__ = ()


class Unusable:
    """A value that no column may take: not a JSON number, or a key that stands twice. `shown` is its text for people."""

    __slots__ = ("reason", "shown")

    def __init__(self, reason: str, shown: str) -> None:
        self.reason = reason
        self.shown = shown


class Several(list["Json"]):
    """The values of a path that leads to more than one."""


class UnreadableCell(Exception):
    """A value that cannot become a cell, and the index of its column once that is known."""

    def __init__(self, reason: str, column: int = -1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column


def make_object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Make an object of its members. A key that stands twice with different values becomes `Unusable`: either may be meant."""
    made = dict(pairs)
    if len(made) != len(pairs):
        for key, times in Counter(key for key, _ in pairs).items():
            values = [value for other, value in pairs if other == key] if times > 1 else []
            if any(value != values[0] for value in values):
                made[key] = Unusable(
                    f"stands {times} times in one object, with different values: only the supplier knows which is meant", ""
                )
    return made


def _constant(text: str) -> Unusable:
    return Unusable(f"is {text}, which is no JSON number: have the supplier send null", text)


def unmistakable(text: str) -> Number:
    """Return the text of a fraction so that the rules for `decimalNotation=comma` cannot take its point for a thousands mark."""
    # 1.234 and 1.2340 are one number, of which only the second has a single reading.
    return Number(text + "0" if _THOUSANDS.fullmatch(text) else text)


def make_decoder(*, comma: bool = False) -> json.JSONDecoder:
    """Return a decoder that keeps the text of every number. Control characters inside texts are taken as they are."""
    return json.JSONDecoder(
        parse_float=unmistakable if comma else Number,
        parse_int=Number,
        parse_constant=_constant,
        object_pairs_hook=make_object,
        strict=False,
    )


def cell_of(value: Json) -> str:
    """Return a value as a cell: a text and a number as they are, null as blank, a list or an object as JSON text.

    `Several` become their texts with `engine.batch.SEVERAL` between them, those that say nothing left out. Raises
    `UnreadableCell` for what is `Unusable`, or holds it.
    """
    kind = type(value)
    if kind is list or kind is dict:
        return _write(cast("list[Json] | dict[str, Json]", value))
    if value is None:
        return ""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, Unusable):
        raise UnreadableCell(value.reason)
    return _join(value) if isinstance(value, Several) else str(value)


def _join(values: Several) -> str:
    texts = [text for text in map(cell_of, values) if text]
    if any(SEVERAL in text for text in texts):
        # It would pass for a boundary between two values.
        raise UnreadableCell("holds a NUL character, which no store takes: have the supplier remove it")
    return SEVERAL.join(texts)


def _write(value: list[Json] | dict[str, Json]) -> str:
    try:
        return orjson.dumps(value, default=_as_written, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except orjson.JSONEncodeError as fault:
        if fault.__cause__ is None and isinstance(spelled := _spell(value), dict | list) and spelled != value:
            return _write(spelled)
        cause = fault.__cause__
        raise UnreadableCell(f"holds a value that {cause}" if isinstance(cause, UnreadableCell) else f"cannot be kept: {fault}") from None


def _spell(value: Json) -> Json:
    """Return a value with every integer as its text, for the writer underneath takes none of more than 64 bits."""
    if isinstance(value, dict):
        return {key: _spell(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spell(inner) for inner in value]
    return Number(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(str(value))
    raise UnreadableCell(value.reason if isinstance(value, Unusable) else f"is a {type(value).__name__}")


def is_too_deep(text: str, start: int, end: int) -> bool:
    """Tell whether the record at this place of a text is nested deeper than `DEPTH_LIMIT`."""
    if text.count("{", start, end) + text.count("[", start, end) <= DEPTH_LIMIT:
        return False
    # Without strings only brackets matter; each round takes the innermost ones away.
    brackets = "".join(re.findall(r"[\[\]{}]+", _STRINGS.sub("", text[start:end])))
    for _ in range(DEPTH_LIMIT):
        brackets = _without_innermost(brackets)
        if not brackets:
            return False
    return True


def _without_innermost(brackets: str) -> str:
    return re.sub(r"(?:\[\]|\{\})+", "", brackets)


def describe(value: Json) -> str:
    """Name the kind of a value."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, int | Number | Unusable):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
