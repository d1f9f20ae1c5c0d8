"""JSONPath (RFC 9535) over records whose numbers are texts: they are compared as numbers and given back as written."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import re2  # type: ignore[import-untyped]
from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.function_extensions import ExpressionType, FilterFunction

from mappers.structured.fields.paths import BadPath
from mappers.structured.values import DEPTH_LIMIT, Number, UnreadableCell, Unusable

if TYPE_CHECKING:
    from mappers.structured.values import Json

_INTEGER_DIGITS: Final = 4_000
"""Beyond it the interpreter refuses to read an integer from its digits."""


class _Expression(FilterFunction):
    """`match` and `search` in time linear in the text, which is the supplier's: a pattern that backtracks would hold up the run."""

    @property
    def arg_types(self) -> list[ExpressionType]:
        return [ExpressionType.VALUE, ExpressionType.VALUE]

    @property
    def return_type(self) -> ExpressionType:
        return ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        compiled = _compile(pattern)
        return compiled is not None and bool(compiled.fullmatch(value) if self._whole else compiled.search(value))


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        # RFC 9535, 2.4.6: what is no expression matches nothing.
        return None


class _Environment(JSONPathEnvironment):
    max_recursion_depth = 2 * DEPTH_LIMIT

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Expression(whole=True)
        self.function_extensions["search"] = _Expression(whole=False)


class Query:
    """A compiled JSONPath. Raises `BadPath` when made of a text that is none."""

    def __init__(self, text: str) -> None:
        try:
            self._path = _Environment(strict=True).compile(text)
        except JSONPathError as fault:
            raise BadPath(f"is no JSONPath (RFC 9535): {fault.message}{_place(fault, text)}") from None
        # Only a filter looks at values; without one the record need not be copied.
        self._compares = "?" in text

    def find(self, record: dict[str, Json]) -> list[Json]:
        """Return the values it leads to. Raises `UnreadableCell` where the record is nested too deep for it."""
        try:
            if not self._compares:
                return [cast("Json", match.obj) for match in self._path.finditer(cast("dict[str, Any]", record))]
            return [_at(record, match.parts) for match in self._path.finditer(cast("dict[str, Any]", _plain(record)))]
        except (JSONPathError, RecursionError) as fault:
            raise UnreadableCell(f"cannot be found by its JSONPath: {fault}") from None


def _plain(value: Json) -> object:
    if isinstance(value, Number):
        return _as_number(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, Unusable) else value


def _as_number(text: Number) -> int | float:
    read: Callable[[str], int | float] = float if any(mark in text for mark in ".eE") or len(text) > _INTEGER_DIGITS else int
    return read(text)


def _at(record: Json, parts: tuple[int | str, ...]) -> Json:
    value: Any = record
    for part in parts:
        value = value[part]
    return cast("Json", value)


def _place(fault: JSONPathError, text: str) -> str:
    """Return where a fault stands, counted from 1; the end of the text has no place of its own in the library."""
    if fault.token is None:
        return ""
    at = fault.token.index
    return f" (character {(at if at >= 0 else len(text)) + 1})"
