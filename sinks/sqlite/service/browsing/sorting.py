"""A stretch that no index orders: all its items sorted once, and their ids kept for a while."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Final

import anyio
import orjson
from anyio import to_thread

from sinks.sqlite import clock
from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.service.browsing.places import Place, Taken, misplaced
from sinks.sqlite.service.browsing.questions import COLUMNS

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.service.browsing.questions import Question

FRESH_SECONDS: Final = 60.0
"""How long whoever begins to look is shown the order that somebody else has asked for: sorting a million takes seconds."""

_MOST: Final = 4_000_000
"""Ids that are kept in all, of eight bytes each."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The ids of the items that answer a question, as they were at a moment, in microseconds; `number` tells it from all others."""

    number: int
    at: int
    made: float
    ids: Sequence[int]


@dataclass(slots=True)
class Orders:
    """What was sorted. Held by the store, used on the event loop; `sorting` is held by whoever sorts, so that it is one at a time."""

    sorting: anyio.Lock = field(default_factory=anyio.Lock)
    _kept: OrderedDict[Question, Sorted] = field(default_factory=OrderedDict)
    _numbers: count[int] = field(default_factory=lambda: count(clock.now()))

    def find(self, question: Question, number: int | None = None) -> Sorted | None:
        """Return what answers a question: the one with a number however old it is, without a number one that is fresh."""
        found = self._kept.get(question)
        if found is None or (number != found.number and monotonic() - found.made > FRESH_SECONDS):
            return None
        self._kept.move_to_end(question)
        return found

    async def sort(self, reader: Writer, question: Question) -> Sorted:
        """Read, sort and keep what answers a question, inside the caller's transaction."""
        ids = await _read(reader, question)
        made = Sorted(next(self._numbers), clock.now(), monotonic(), ids)
        self._kept[question] = made
        self._kept.move_to_end(question)
        while len(self._kept) > 1 and sum(len(each.ids) for each in self._kept.values()) > _MOST:
            self._kept.popitem(last=False)
        return made


async def _read(reader: Writer, question: Question) -> Sequence[int]:
    conditions = question.conditions()
    where = [f"{'' if question.feed is not None else '+'}v.inventory_feed_id IN ({_FEEDS})", *(each.sql for each in conditions)]
    parameters = [value for each in conditions for value in each.parameters]
    way, column = " DESC" if question.descending else "", COLUMNS[question.order]
    # One text, for the driver would hold the interpreter lock for a million rows; what is not known comes last either way.
    rows = await reader.query(
        f"SELECT json_group_array(id) FROM (SELECT v.id FROM {VARIANTS} AS v WHERE {' AND '.join(where)}"
        f" ORDER BY {column} IS NULL, {column}{way}, v.id{way})",
        question.feed, question.feed, *parameters,
    )  # fmt: skip
    text = str(rows[0][0])
    return await to_thread.run_sync(lambda: array("q", orjson.loads(text)))


_FEEDS: Final = "SELECT id FROM main.inventory_feeds WHERE loading_run_id IS NULL AND (? IS NULL OR id = ?)"


@dataclass(frozen=True, slots=True)
class OfSorted:
    """Items in the order in which they were sorted. A place is the number of that order, the position in it and the id there."""

    order: Sorted

    async def take(self, reader: Writer, place: Place | None, *, backward: bool, limit: int, until: float) -> Taken:
        """Return the next items; of those that were deleted since only the ids are there."""
        ids, at = self.order.ids, self._position(place)
        if backward:
            end = len(ids) if at is None else at
            span = range(end - 1, max(end - limit, 0) - 1, -1)
        else:
            begin = 0 if at is None else at + 1
            span = range(begin, min(begin + limit, len(ids)))
        return Taken([((self.order.number, position, ids[position]), ids[position]) for position in span])

    def _position(self, place: Place | None) -> int | None:
        if place is None:
            return None
        if len(place) != 3 or not isinstance(place[0], int) or not isinstance(place[1], int) or not isinstance(place[2], int):
            raise misplaced()
        number, position, item = place
        ids = self.order.ids
        if number != self.order.number and item in ids:
            # Sorted anew since: the page goes on where its last item is now.
            return ids.index(int(item))
        return min(max(int(position), -1), len(ids))
