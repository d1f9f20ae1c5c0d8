"""A page of an answer that is too long to be counted: where it begins, where it ended, and how stretches of it follow each other."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import orjson

from engine.errors import InvalidItem

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

Place: TypeAlias = "tuple[int | str, ...]"
"""Where a row stands in its stretch, for whoever made it; pages begin behind one."""

_LONGEST: Final = 4_000


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page begins: behind a place of a stretch, or at its beginning where that is None; `backward` is towards the first page.

    `looked` counts the rows that earlier pages have looked at.
    """

    stretch: int
    place: Place | None
    backward: bool = False
    looked: int = 0

    def text(self) -> str:
        """Return it as an opaque text."""
        return base64.urlsafe_b64encode(orjson.dumps([self.stretch, self.place, self.backward, self.looked])).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Mark:
        """Return the mark that a text holds. Raises `InvalidItem` for any other text."""
        try:
            found = orjson.loads(base64.urlsafe_b64decode(text[:_LONGEST] + "=" * (-len(text) % 4)))
            stretch, place, backward, looked = found
        except (ValueError, TypeError, binascii.Error):
            raise InvalidItem("the list cannot be queried so:", _FAULT) from None
        plain = place is None or (isinstance(place, list) and all(isinstance(each, str) or _counts(each) for each in place))
        if not (plain and _counts(stretch) and _counts(looked) and isinstance(backward, bool) and 0 <= stretch < 9):
            raise InvalidItem("the list cannot be queried so:", _FAULT)
        return cls(stretch, None if place is None else tuple(place), backward, looked)


def _counts(found: object) -> bool:
    """Return whether it is a number that the database takes, and takes still when a step of a walk is added."""
    return isinstance(found, int) and abs(found) < 1 << 62


_FAULT: Final = {"cursor": "is none that this list has given"}


def misplaced() -> InvalidItem:
    """Return the error of a mark that is of another list."""
    return InvalidItem("the list cannot be queried so:", _FAULT)


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows of a stretch, as (place, id) in the direction that was asked for. `end` is where the look ended before the stretch did."""

    rows: Sequence[tuple[Place, int]]
    looked: int = 0
    end: Place | None = None


class Stretch(Protocol):
    """A part of an answer that has an order of its own."""

    async def take(self, reader: Writer, place: Place | None, *, backward: bool, limit: int, until: float) -> Taken:
        """Return at most `limit` rows behind a place, from the beginning (backward: from the end) where it is None.

        `until` is a moment of the monotonic clock; what is not found by then is left to another page.
        """
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A page: ids in their order, the marks of its neighbours, how many rows were looked at so far, None where an index knew.

    `cut` says that time was up before the page was full or the answer at its end.
    """

    ids: Sequence[int]
    following: Mark | None
    before: Mark | None
    looked: int | None
    cut: bool


async def gather(reader: Writer, stretches: Sequence[Stretch], mark: Mark | None, *, limit: int, until: float) -> Found:
    """Return a page of stretches that follow each other. Raises `InvalidItem` for a mark of another list."""
    at = mark or Mark(0, None)
    if at.stretch >= len(stretches):
        raise misplaced()
    number, place, looked = at.stretch, at.place, 0
    rows: list[tuple[int, Place, int]] = []
    ended: tuple[int, Place] | None = None
    while 0 <= number < len(stretches) and len(rows) <= limit:
        taken = await stretches[number].take(reader, place, backward=at.backward, limit=limit + 1 - len(rows), until=until)
        rows += [(number, where, row) for where, row in taken.rows]
        looked += taken.looked
        if taken.end is not None and len(rows) <= limit:
            ended = (number, taken.end)
            break
        number, place = number + (-1 if at.backward else 1), None
    shown, so_far = rows[:limit], at.looked + looked
    if len(rows) > limit:
        ended = shown[-1][:2]
    ahead = None if ended is None else Mark(*ended, at.backward, so_far)
    behind = Mark(*shown[0][:2], not at.backward, 0) if mark is not None and shown else None
    ids = [row for *_, row in (reversed(shown) if at.backward else shown)]
    following, before = (behind, ahead) if at.backward else (ahead, behind)
    return Found(ids, following, before, so_far if looked or at.looked else None, ended is not None and len(rows) <= limit)
