"""Paths inside a record: keys with dots, steps in brackets, and JSONPath for what they cannot say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from engine.batch import SEVERAL
from mappers.structured.values import Several, Unusable

if TYPE_CHECKING:
    from mappers.structured.values import Json

Path: TypeAlias = tuple[str, ...]
"""Keys, each inside the value of the one before."""

PRODUCT: Final = "product."
"""Stands before a path that begins at the product of a variant, not at the variant."""

Step: TypeAlias = "str | int | None"
"""A key, the place of an entry in a list (negative from its end), or None for every entry."""

_STEP: Final = re.compile(r"""\[\s*(?:(?P<place>-?\d+)|(?P<all>\*)|"(?P<double>[^"]*)"|'(?P<single>[^']*)')\s*\]""")
_QUOTED: Final = re.compile(r"""(?:"([^"]*)"|'([^']*)')(?=$|[.\[])""")
_NAME: Final = re.compile(r"[^.\[\]]+")
_BEGUN: Final = re.compile(r"""\[\s*["'*]""")


class BadPath(Exception):
    """A path that cannot be read; the text says why."""


class Locator(Protocol):
    """A compiled path."""

    def find(self, record: dict[str, Json]) -> list[Json]:
        """Return the values it leads to, in the order of the source; none where the record has nothing there."""
        ...


def is_plain(name: str) -> bool:
    """Tell whether a name is one that documents are searched for, key by key, and no path with steps in brackets or quotes."""
    text = name.strip().removeprefix(PRODUCT)
    return not (text.startswith(("$", "[", '"', "'")) or _STEP.search(text) or _BEGUN.search(text))


def behind_product(name: str) -> str | None:
    """Return what of a path begins at the product, None where it does not; `product['a key']` does too."""
    if name.startswith(PRODUCT):
        return name.removeprefix(PRODUCT)
    begins = f"{PRODUCT[:-1]}["
    return name[len(begins) - 1 :] if name.startswith(begins) else None


def compile_path(text: str) -> Locator:
    """Compile a path that is not plain. Raises `BadPath`.

    `stock[0].qty` is the first entry's, `stock[*].qty` every entry's; `['fast price'].x` and `"a.b".c` are keys as written. What
    begins with `$` is JSONPath (RFC 9535).
    """
    text = text.strip()
    if text.startswith("$"):
        from mappers.structured.fields.queries import Query

        return Query(text)
    return Steps(read_steps(text))


def read_steps(text: str) -> tuple[Step, ...]:
    """Read a path of keys and steps in brackets. Raises `BadPath`."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        step, at = _read_step(text, at, first=not steps)
        steps.append(step)
    if not steps:
        raise BadPath("is empty")
    return tuple(steps)


def _read_step(text: str, at: int, *, first: bool) -> tuple[Step, int]:
    if match := _STEP.match(text, at):
        if match["all"]:
            return None, match.end()
        return (int(match["place"]) if match["place"] else match["double"] or match["single"] or ""), match.end()
    start = at
    if not first:
        if text[at] != ".":
            raise BadPath(f"cannot be read from {text[at : at + 20]!r} on: join keys with dots, and give a place as [0], [*] or ['a key']")
        start = at + 1
    if match := _QUOTED.match(text, start) or _NAME.match(text, start):
        return next((group for group in match.groups() if group is not None), match[0]).strip(), match.end()
    raise BadPath(f"has no key at character {start + 1}: give a key, [0], [*] or ['a key']")


class Steps:
    """A path of keys and places, walked directly."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    def find(self, record: dict[str, Json]) -> list[Json]:
        found: list[Json] = [record]
        for step in self._steps:
            if isinstance(step, str):
                found = [value[step] if isinstance(value, dict) else value for value in found if _has(value, step)]
            elif step is None:
                found = [entry for value in found for entry in (value if isinstance(value, list) else [value] if _bad(value) else ())]
            else:
                found = [value[step] if isinstance(value, list) else value for value in found if _reaches(value, step)]
            if not found:
                break
        return found


def _bad(value: Json) -> bool:
    # What cannot be looked into is kept: it rejects its record.
    return isinstance(value, Unusable)


def _has(value: Json, key: str) -> bool:
    return key in value if isinstance(value, dict) else _bad(value)


def _reaches(value: Json, place: int) -> bool:
    return -len(value) <= place < len(value) if isinstance(value, list) else _bad(value)


def one_value(found: list[Json]) -> Json:
    """Return what a path found as the value of a cell. A lone text that holds `SEVERAL` stays a list, whose writing refuses it."""
    if len(found) == 1 and not (isinstance(found[0], str) and SEVERAL in found[0]):
        return found[0]
    return Several(found) if found else None


def dig(record: Json, path: Path) -> Json:
    """Return the value at the end of some keys, None where a record has nothing there."""
    value = record
    for key in path:
        if isinstance(value, Unusable):
            return value
        value = value.get(key) if isinstance(value, dict) else None
    return value
