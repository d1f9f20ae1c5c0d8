"""A stretch that an index answers: of each feed the next few, and of those the first, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.service.browsing.places import Place, Taken, misplaced
from sinks.sqlite.service.browsing.questions import Condition, prefix_end

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.service.browsing.questions import Question

# A first load fills an empty feed, and hides it until it is complete. Whoever asked the table in the order of its ids would walk over a
# million hidden rows; whoever asks feed by feed never meets them.
_OF_FEEDS: Final = (
    "SELECT {value} FROM main.inventory_feeds AS f CROSS JOIN json_each((SELECT json_group_array({row}) FROM"
    f" (SELECT v.id, v.external_id FROM {VARIANTS} AS v INDEXED BY {{index}} WHERE v.inventory_feed_id = f.id{{narrowed}}"
    " ORDER BY {order} LIMIT ?))) AS j WHERE f.loading_run_id IS NULL{feed} ORDER BY {by} LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class ByNumber:
    """Items in the order of their ids, through an index that begins with the feed; `narrowed` is what makes a partial one fit."""

    index: str
    feed: int | None
    descending: bool
    narrowed: str = ""

    @classmethod
    def of(cls, question: Question, index: str) -> ByNumber:
        """Return the stretch of a question that this index answers."""
        narrowed = "" if question.status is None else f" AND v.status = '{_literal(question.status)}'"
        return cls(index, question.feed, question.descending, narrowed)

    async def take(self, reader: Writer, place: Place | None, *, backward: bool, limit: int, until: float) -> Taken:
        """Return the next items."""
        down = self.descending is not backward
        behind = Condition("")
        if place is not None:
            if len(place) != 1 or not isinstance(place[0], int):
                raise misplaced()
            behind = Condition(f" AND v.id {'<' if down else '>'} ?", (place[0],))
        way = " DESC" if down else ""
        sql = _OF_FEEDS.format(
            value="j.value", row="id", index=self.index, narrowed=self.narrowed + behind.sql, order=f"v.id{way}", feed=_only(self.feed),
            by=f"1{way}",
        )  # fmt: skip
        rows: list[tuple[Any, ...]] = await reader.query(sql, *behind.parameters, limit, *_given(self.feed), limit)
        return Taken([((number,), number) for (number,) in rows])


@dataclass(frozen=True, slots=True)
class ByKey:
    """Items in the order of their external ids, those that begin with a text alone where one is given."""

    feed: int | None
    descending: bool
    prefix: str = ""

    async def take(self, reader: Writer, place: Place | None, *, backward: bool, limit: int, until: float) -> Taken:
        """Return the next items."""
        down = self.descending is not backward
        narrowed, parameters = "", list[str | int]()
        if self.prefix:
            narrowed, parameters = " AND v.external_id >= ? AND v.external_id < ?", [self.prefix, prefix_end(self.prefix)]
        if place is not None:
            if len(place) != 2 or not isinstance(place[0], str) or not isinstance(place[1], int):
                raise misplaced()
            than = "<" if down else ">"
            narrowed += f" AND v.external_id {than}= ? AND (v.external_id {than} ? OR v.id {than} ?)"
            parameters += [place[0], place[0], place[1]]
        way = " DESC" if down else ""
        sql = _OF_FEEDS.format(
            value="j.value ->> 0, j.value ->> 1", row="json_array(external_id, id)", index="sqlite_autoindex_inventory_feed_variants_1",
            narrowed=narrowed, order=f"v.external_id{way}, v.id{way}", feed=_only(self.feed), by=f"1{way}, 2{way}",
        )  # fmt: skip
        rows: list[tuple[Any, ...]] = await reader.query(sql, *parameters, limit, *_given(self.feed), limit)
        return Taken([((key, number), number) for key, number in rows])


def _only(feed: int | None) -> str:
    return "" if feed is None else " AND f.id = ?"


def _given(feed: int | None) -> tuple[int, ...]:
    return () if feed is None else (feed,)


def _literal(status: str) -> str:
    # A partial index fits a literal only. Which ones there are `Question.indexed` says.
    if status not in ("connected", "removed"):
        raise ValueError(status)
    return status
