"""Items looked for: a page of those that answer a question."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from sinks.sqlite.service.browsing.places import Found, Mark, Stretch, gather
from sinks.sqlite.service.browsing.questions import Condition, Question, prefix_end
from sinks.sqlite.service.browsing.seeking import ByKey, ByNumber
from sinks.sqlite.service.browsing.sorting import OfSorted, Sorted
from sinks.sqlite.service.browsing.walking import Walk, items_of

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

SECONDS: Final = 0.05
"""How long a page looks for items that no index finds."""


@dataclass(frozen=True, slots=True)
class Browsed:
    """A page; where it was sorted, how many there are in all and when that was, in microseconds."""

    found: Found
    total: int | None = None
    sorted_at: int | None = None


def is_sorted(question: Question) -> bool:
    """Return whether all that answers a question has to be sorted first: neither an index nor the table has that order."""
    return question.indexed is None and question.order != "id"


async def browse(reader: Writer, question: Question, mark: Mark | None, *, limit: int, order: Sorted | None = None) -> Browsed:
    """Return a page of items; `order` is what `Orders` has of a question that `is_sorted`.

    Raises `InvalidItem` for a mark of another list.
    """
    found = await gather(reader, _stretches(question, order), mark, limit=limit, until=monotonic() + SECONDS)
    return Browsed(found) if order is None else Browsed(found, len(order.ids), order.at)


def _stretches(question: Question, order: Sorted | None) -> list[Stretch]:
    if order is not None:
        return [OfSorted(order)]
    index = question.indexed
    if index is not None and question.order == "externalId":
        return [ByKey(question.feed, question.descending)]
    if index is not None:
        return [ByNumber.of(question, index)]
    table, conditions = items_of(question.feed), question.conditions()
    if not question.text or len(conditions) > 1:
        return [Walk(table, conditions, question.descending)]
    # An index knows the keys that begin as somebody has typed; whoever looks for one sees it at once, and the walk leaves it out.
    rest = Condition("NOT (v.external_id >= ? AND v.external_id < ?)", (question.text, prefix_end(question.text)))
    return [ByKey(question.feed, descending=False, prefix=question.text), Walk(table, [rest, *conditions], question.descending)]
