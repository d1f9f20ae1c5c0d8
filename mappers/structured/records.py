"""The records that the elements of a list stand for: themselves, or each of their variants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from engine.batch import clip
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.fields.paths import Path, dig
from mappers.structured.values import DEPTH_LIMIT, Json, Unusable, describe, is_too_deep, make_decoder

VARIANTS: Final = "variants"


@dataclass(frozen=True, slots=True)
class Nesting:
    """Where the records stand within an element: `ways` lead from list to list, none when it is one itself.

    `optional`: an element without the list is a record itself.
    """

    ways: tuple[Path, ...] = ()
    optional: bool = False


class Entry(NamedTuple):
    """A record: an item's own object, and the product that it is a variant of."""

    own: dict[str, Json]
    product: dict[str, Json] | None = None


class Misfit(NamedTuple):
    """A record that is no item; `skipped` when it does not claim to be one."""

    reason: str
    skipped: bool = False


class Found(NamedTuple):
    """An element of the list: where it stands in a text, the line of its first record, and its records, one at least."""

    source: str
    start: int
    end: int
    line: int
    records: Sequence[Entry | Misfit]

    @property
    def text(self) -> str:
        """Return the element as the source wrote it."""
        return self.source[self.start : self.end]


class Spread(NamedTuple):
    """The records of many elements: parallel lists of their own objects, their products, and the elements they are of.

    `owners` is None when each element is a record itself.
    """

    own: Sequence[dict[str, Json]]
    products: Sequence[dict[str, Json] | None]
    owners: Sequence[int] | None


def find_records(source: str, start: int, end: int, line: int, value: Json, nesting: Nesting) -> Found:
    """Return what an element of the list stands for."""
    if is_too_deep(source, start, end):
        return Found(source, start, end, line, (Misfit(f"nested deeper than {DEPTH_LIMIT} levels"),))
    return Found(source, start, end, line, expand(value, nesting))


def expand(value: Json, nesting: Nesting) -> Sequence[Entry | Misfit]:
    """Return the records that an element stands for, what is none of them as `Misfit`."""
    if not isinstance(value, dict):
        return (Misfit(f"{describe(value)} stands where an object should"),)
    level: list[Entry | Misfit] = [Entry(value)]
    for way in nesting.ways:
        level = [inner for record in level for inner in (_open(record, way, nesting) if isinstance(record, Entry) else (record,))]
    return level


def _open(record: Entry, way: Path, nesting: Nesting) -> Sequence[Entry | Misfit]:
    inner, name = dig(record.own, way), ".".join(way)
    if inner is None and nesting.optional:
        return (record,)
    if inner is None or inner == []:
        return (Misfit(f"a product without {name}", skipped=True),)
    if not isinstance(inner, list):
        return (Misfit(f"{name} {inner.reason}" if isinstance(inner, Unusable) else f"{name} is {describe(inner)}, not a list"),)
    return [Entry(own, record.own) if isinstance(own, dict) else Misfit(f"{describe(own)} stands where a variant should") for own in inner]


def spread(values: Sequence[Json], nesting: Nesting) -> Spread | None:
    """Return the records of elements in which nothing is amiss; None when one of them, or of its variants, is none."""
    if set(map(type, values)) != {dict}:
        return None
    own: list[Json] = list(values)
    products: list[dict[str, Json] | None] = [None] * len(own)
    owners: list[int] | None = None
    for way in nesting.ways:
        if nesting.optional and way[0] not in set().union(*cast("list[dict[str, Json]]", own)):
            continue
        opened = _open_all(own, owners or range(len(own)), way, nesting)
        if opened is None:
            return None
        own, products, owners = opened
    return Spread(cast("list[dict[str, Json]]", own), products, owners)


def _open_all(
    records: Sequence[Json], owners: Sequence[int], way: Path, nesting: Nesting
) -> tuple[list[Json], list[dict[str, Json] | None], list[int]] | None:
    own: list[Json] = []
    products: list[dict[str, Json] | None] = []
    above: list[int] = []
    for record, owner in zip(records, owners, strict=True):
        inner = dig(record, way)
        if inner is None and nesting.optional:
            own.append(record)
            products.append(None)
            above.append(owner)
        elif isinstance(inner, list) and inner and isinstance(record, dict):
            own += inner
            products += [record] * len(inner)
            above += [owner] * len(inner)
        else:
            return None
    return (own, products, above) if set(map(type, own)) == {dict} else None


def excerpt_of(found: Found, index: int, nesting: Nesting) -> str:
    """Return the text of an element's record `index` as the source wrote it, clipped: a variant's own, else the element's."""
    if any(isinstance(record, Entry) and record.product is not None for record in found.records):
        cursor = Cursor(found.text, make_decoder())
        try:
            for number, (start, end) in enumerate(_variants(cursor, nesting.ways)):
                if number == index:
                    return clip(found.text[start:end])
        except BrokenJson:
            # A list that stands twice, or none where one should: then the element tells more.
            pass
    return clip(found.text)


def _variants(cursor: Cursor, ways: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Walk over the innermost records of the element that begins here."""
    if not ways:
        cursor.peek()
        start = cursor.at
        cursor.value()
        yield start, cursor.at
        return
    (key, *rest), *below = ways
    for member in cursor.members():
        if member != key:
            cursor.value()
        elif rest:
            yield from _variants(cursor, [tuple(rest), *below])
        else:
            for _ in cursor.elements():
                yield from _variants(cursor, below)
