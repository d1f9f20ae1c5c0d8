"""How a run stands to its feed: what the pages of decisions show, and by what they know that it has moved on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson
from aiohttp import web

from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.items.showing import labels as attribute_labels
from feedmill.dashboard.view import HEADERS

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

Row: TypeAlias = Mapping[str, Any]

_TOLD_OF_WHOLE: Final = ("inventoryQuantity", "retailPrice", "costPrice", "barcode")
"""What is told of an item that comes or goes as a whole."""

_LONGEST: Final = 160
"""Letters of a value that are shown."""

_UNDER_WAY: Final = ("pending", "started")


@dataclass(frozen=True, slots=True)
class Standing:
    """A run, its feed, and the feed's newest run, which is the run itself where none followed."""

    run: Row
    feed: Row
    newest: Row

    @property
    def mark(self) -> str:
        """Return what is another text once the run or its feed has moved on."""
        return f"{self.run['status']}-{self.newest['id']}-{self.newest['status']}"

    @property
    def other(self) -> Row | None:
        """Return another run of the feed that is under way: nothing can be decided until it has ended."""
        newest = self.newest
        return newest if newest["id"] != self.run["id"] and newest["status"] in _UNDER_WAY else None


async def read_standing(view: View, number: int) -> Standing:
    """Return how a run stands. Raises `NotFound` when there is none."""
    run = await view.get(f"/api/data-imports/{number}.json")
    feed = await view.get(feed_call(run["inventoryFeedId"]))
    last = {"where[inventoryFeedId]": feed["id"], "order[attribute]": "id", "order[descending]": True, "limit": 1}
    newest = (await view.list("/api/data-imports.json", last)).rows
    return Standing(run, feed, newest[0] if newest else run)


def nothing_new(view: View, standing: Standing) -> web.Response | None:
    """Return the answer for a page that shows already what is asked for, None for another one.

    What a run would do may take seconds to count, so a page that is told of other runs does not have it counted again.
    """
    return web.Response(status=204, headers=HEADERS) if view.query.get("seen") == standing.mark else None


def list_kinds(view: View, changes: Row, labels: Sequence[tuple[str, str]]) -> list[Row]:
    """Return the kinds of changes there are, with their labels, numbers and samples, whose values are numbers, texts or None."""
    counts, samples, known = changes["counts"], changes["samples"], attribute_labels(view)
    return [
        {"label": view.say(label), "number": counts[kind], "samples": [_shape(each, kind, known) for each in samples[kind]]}
        for kind, label in labels
        if counts[kind]
    ]


def _shape(change: Row, kind: str, known: Mapping[str, str]) -> Row:
    whole = kind in ("created", "deleted")
    fields = [each for each in change["fields"] if not whole or each["field"] in _TOLD_OF_WHOLE]
    told = [
        {
            "field": each["field"],
            "label": known.get(each["field"], each["field"]),
            "before": show_value(each["before"]),
            "after": show_value(each["after"]),
        }
        for each in fields
    ]
    # What is about to be created has no page yet.
    address = None if kind == "created" or change["id"] is None else f"/items/{change['id']}"
    return {"label": change["vendorSku"] or change["externalId"], "name": change["name"] or "", "address": address, "fields": told}


def show_value(value: object) -> object:
    """Return a value of an item as a number, a text of bounded length, or None."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
