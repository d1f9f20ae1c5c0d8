"""What differs between two mappings of a feed, row by row: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from engine.feed import Feed
from sinks.sqlite.history.mappings import ATTRIBUTES, ROWS

Row: TypeAlias = Mapping[str, Any]

_DEFAULTS: Final = {field.alias or name: field.default for name, field in Feed.model_fields.items()}
DEFAULTS: Final[Mapping[str, Any]] = {name: _DEFAULTS[name] for name in ATTRIBUTES if _DEFAULTS[name] is not None}
"""What attributes of a mapping are that are not kept with it."""

_NAMES: Final = ("name", "path", "field")
_PURPOSES: Final = ("purpose", "matchType")


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute or row before and after, None where there was or is none.

    `kind` is the attribute, or the one that the row is of; with `moved` the same rows stand in another order, listed in both.
    """

    kind: str
    before: object
    after: object
    moved: bool = False


def find_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return what became of one mapping in another; nothing where both are the same."""
    old, new = ({**DEFAULTS, **mapping} for mapping in (before, after))
    found = [Difference(name, old.get(name), new.get(name)) for name in ATTRIBUTES if old.get(name) != new.get(name)]
    for kind in ROWS:
        found += _differ(kind, before.get(kind) or [], after.get(kind) or [])
    return found


def _differ(kind: str, before: Sequence[Row], after: Sequence[Row]) -> Iterator[Difference]:
    pairs = _pair(before, after)
    yield from (Difference(kind, before[old], after[new]) for new, old in sorted(pairs.items()) if before[old] != after[new])
    yield from (Difference(kind, row, None) for at, row in enumerate(before) if at not in pairs.values())
    yield from (Difference(kind, None, row) for at, row in enumerate(after) if at not in pairs)
    order = [pairs[new] for new in sorted(pairs)]
    if order != sorted(order):
        yield Difference(kind, [before[at] for at in sorted(order)], [before[at] for at in order], moved=True)


def _pair(before: Sequence[Row], after: Sequence[Row]) -> dict[int, int]:
    """Return which row of before each row of after is: the same one, else one of its name and purpose, of its purpose, of its name."""
    pairs: dict[int, int] = {}
    for alike in (_same, _same_both, _same_purpose, _same_name):
        taken = set(pairs.values())
        for new, row in enumerate(after):
            if new not in pairs:
                # The one at its own place first: rows that are equal have not changed places.
                places = sorted((at for at in range(len(before)) if at not in taken), key=lambda at: at != new)
                old = next((at for at in places if alike(before[at], row)), None)
                if old is not None:
                    pairs[new] = old
                    taken.add(old)
    return pairs


def _same(one: Row, other: Row) -> bool:
    return one == other


def _same_both(one: Row, other: Row) -> bool:
    return _same_purpose(one, other) and _same_name(one, other)


def _same_purpose(one: Row, other: Row) -> bool:
    return _of(one, _PURPOSES) == _of(other, _PURPOSES)


def _same_name(one: Row, other: Row) -> bool:
    return _of(one, _NAMES) == _of(other, _NAMES)


def _of(row: Row, names: Sequence[str]) -> object:
    return next((row[name] for name in names if name in row), None)
