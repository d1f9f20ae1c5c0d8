"""A mapping tried on real records: what the API makes of it, seen from the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from engine.errors import FeedmillError
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import problem_of
from feedmill.dashboard.mapping.draft import Draft, for_api, without_blank
from feedmill.dashboard.mapping.presets import Offered, offered_rows
from feedmill.dashboard.mapping.seen import Pair, Seen, left_over, place_faults, see_row, see_rows
from feedmill.web.problems import FieldFault, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feedmill.dashboard.view import View

RECORDS: Final = 20
_MOST_LEFT: Final = 100


@dataclass(frozen=True, slots=True)
class Looked:
    """What a draft comes to. `problem` says why nothing could be seen; `faults` are those of rows, by place, `rest` the others."""

    records: Sequence[Mapping[str, Any]] = ()
    problems: Sequence[Mapping[str, Any]] = ()
    seen: Mapping[str, Seen] = field(default_factory=dict)
    offered: Sequence[tuple[Offered, Seen]] = ()
    left: Sequence[Mapping[str, Any]] = ()
    columns: Sequence[str] = ()
    problem: Problem | None = None
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rest: Sequence[FieldFault] = ()

    @property
    def attributes(self) -> list[str]:
        """Return the attributes of the items that came out, in the order in which they are met."""
        return list(dict.fromkeys(name for record in self.records for name in record["item"] or ()))


async def look_at(view: View, feed: Mapping[str, Any], draft: Draft) -> Looked:
    """Try a draft on the first records of its feed's source, which is fetched at most every two minutes."""
    tried, places = without_blank(for_api(draft))
    body = {"settings": tried.settings, "replace": True, "reuse": True}
    columns, problem = await _ask(view, feed, "columns", body)
    preview: Any = None
    # A source that cannot be reached is waited for once.
    if problem is None or problem.status == 422:
        preview, problem = await _ask(view, feed, "preview", {**body, "limit": RECORDS})
    columns = [{**column, "at": at} for at, column in enumerate(columns or ())]
    names = [str(column["name"]) for column in columns]
    records = [] if preview is None else preview["records"]
    offered = offered_rows(view.service.registry, feed["resourceType"], draft, names)
    faults, rest = place_faults(tried, problem)
    return Looked(
        records,
        [] if preview is None else preview["problems"],
        see_rows(draft, records),
        [(each, see_row(each.row, "fields", records)) for each in offered],
        left_over(draft, columns, [each.used for each in offered if each.used is not None])[:_MOST_LEFT],
        names,
        problem,
        {_moved(place, places): told for place, told in faults.items()},
        rest,
    )


def _moved(place: str, places: Mapping[str, Sequence[int]]) -> str:
    kind, _, at = place.partition(".")
    return f"{kind}.{places[kind][int(at)]}"


async def _ask(view: View, feed: Mapping[str, Any], what: str, body: Mapping[str, Any]) -> tuple[Any, Problem | None]:
    try:
        return await view.send("POST", feed_call(feed["id"], what), body), None
    except (Problem, FeedmillError) as error:
        return None, problem_of(error)


async def try_path(view: View, feed: Mapping[str, Any], path: str, reading: Mapping[str, Any]) -> tuple[list[Pair], Problem | None]:
    """Return what a path leads to in the first records of a feed's source, and why it leads nowhere."""
    alone = {"fields": [{"name": path, "purpose": "sku"}], "jsonFields": [], "mappings": [], "mapping": "custom", "jsonMapping": "default"}
    # What the feed asks of its items is asked of whole mappings, not of one path.
    lenient = {"requireBarcode": None, "externalIdStrategy": None, "excludeTags": None, "xmlMapping": "custom"}
    body = {"settings": {**reading, **alone, **lenient}, "replace": True, "reuse": True, "limit": RECORDS}
    preview, problem = await _ask(view, feed, "preview", body)
    if preview is None:
        return [], problem
    row = {"name": path, "purpose": "sku"}
    return [pair for record in preview["records"] for pair in see_row(row, "fields", [record]).pairs], None
