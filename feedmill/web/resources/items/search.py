"""Items looked for, page by page in either direction, however many there are: never counted, never skipped over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from engine.schema import CHOICES
from feedmill.web.endpoint import LARGEST, Call, Endpoint, Parameter, answer
from feedmill.web.openapi.items import ITEM, TIME
from feedmill.web.resources.items.asked import Asked
from feedmill.web.resources.items.single import PATH, TAG
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.service.browsing.items import browse, is_sorted
from sinks.sqlite.service.browsing.places import Mark
from sinks.sqlite.service.browsing.questions import LONGEST_TEXT, ORDERS, Order, Question
from sinks.sqlite.service.resources.items import read_items

if TYPE_CHECKING:
    from aiohttp import web

    from sinks.sqlite.service.browsing.sorting import Sorted

MOST: Final = 200
USUAL: Final = 50
FEW: Final = 50_000
"""So many items are sorted while the caller waits, whether he wants to or not: it takes some hundredths of a second."""

_FLAG: Final = {"type": "boolean"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_PAGE: Final[dict[str, Any]] = {
    "title": "ItemsFound",
    "description": (
        "A page of items. `next` and `previous` are the cursors of the pages beside it, null where there is none. `cut` says that time"
        " was up before the page was full: `next` looks further, and `looked` items were looked at until then. `total` and `sortedAt`"
        " are known of what was sorted. `ready` is false where that would have had to be waited for."
    ),
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": ITEM},
        "next": _TEXT_OR_NULL,
        "previous": _TEXT_OR_NULL,
        "looked": {"type": ["integer", "null"]},
        "cut": _FLAG,
        "total": {"type": ["integer", "null"]},
        "sortedAt": {"anyOf": [TIME, {"type": "null"}]},
        "ready": _FLAG,
    },
    "required": ["items", "next", "previous", "looked", "cut", "total", "sortedAt", "ready"],
    "additionalProperties": False,
}
_QUERY: Final = (
    Parameter("q", f"How a key, SKU, barcode or MPN begins, or words of a name; at most {LONGEST_TEXT} characters.", {"type": "string"}),
    Parameter("inventoryFeedId", "Items of this feed only.", {"type": "integer", "minimum": 1}),
    Parameter("status", "Items of this status only.", {"enum": list(CHOICES["status"])}),
    Parameter("connected", "Whether they have a variant.", _FLAG),
    Parameter("order[attribute]", "The attribute to order by.", {"enum": list(ORDERS), "default": "id"}),
    Parameter("order[descending]", "Whether the largest comes first.", {"type": "boolean", "default": False}),
    Parameter("limit", "Items of a page.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
    Parameter("cursor", "Where the page begins, as `next` and `previous` of another one say.", {"type": "string"}),
    Parameter("wait", "Whether to wait until a million items are sorted, which takes seconds.", {"type": "boolean", "default": True}),
)


async def _search(call: Call) -> web.Response:
    asked = Asked(call.request.query, _QUERY)
    question, limit, waits = _question(asked), asked.number("limit", USUAL, MOST), asked.flag("wait", default=True)
    cursor = asked.text("cursor")
    asked.refuse("the items cannot be looked for so")
    mark = Mark.read(cursor) if cursor else None
    order: Sorted | None = None
    if is_sorted(question) and (order := await _sorted(call, question, mark, waits=bool(waits))) is None:
        return answer(
            {"items": [], "next": None, "previous": None, "looked": None, "cut": False, "total": None, "sortedAt": None, "ready": False}
        )
    async with call.service.store.reading() as reader:
        page = await browse(reader, question, mark, limit=limit or USUAL, order=order)
        items = await read_items(reader, page.found.ids)
    found = page.found
    beside = {"next": found.following and found.following.text(), "previous": found.before and found.before.text()}
    known = {"looked": found.looked, "cut": found.cut, "total": page.total, "sortedAt": rfc3339(page.sorted_at), "ready": True}
    return answer({"items": items, **beside, **known})


async def _sorted(call: Call, question: Question, mark: Mark | None, *, waits: bool) -> Sorted | None:
    """Return the order of a question; None where it would have to be waited for and the caller does not."""
    store, number = call.service.store, mark.place[0] if mark is not None and mark.place else None
    known = store.orders.find(question, number if isinstance(number, int) else None)
    if known is not None:
        return known
    if not waits:
        async with store.reading() as reader:
            if await reader.number("SELECT coalesce(max(id), 0) FROM main.inventory_feed_variants") > FEW:
                return None
    # Whoever waits for another's sorting holds no connection meanwhile: there are few.
    async with store.orders.sorting:
        known = store.orders.find(question)
        if known is not None:
            return known
        async with store.reading() as reader:
            return await store.orders.sort(reader, question)


def _question(asked: Asked) -> Question:
    text = (asked.text("q") or "").strip()
    if len(text) > LONGEST_TEXT:
        asked.fault("q", f"is longer than {LONGEST_TEXT} characters")
    order = cast("Order", asked.choice("order[attribute]", ORDERS) or "id")
    descending, connected = asked.flag("order[descending]", default=False), asked.flag("connected", default=None)
    status, feed = asked.choice("status", CHOICES["status"]), asked.number("inventoryFeedId", None, LARGEST)
    return Question(text, feed, status, connected, order, bool(descending))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "GET",
        f"{PATH}/search.json",
        _search,
        "Look for items of all feeds, page by page in either direction (ours).",
        TAG,
        "read",
        answer=_PAGE,
        query=_QUERY,
    ),
)
