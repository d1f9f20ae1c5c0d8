"""`alerts`: what needs a person, and how far one has been told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.errors import NotFound
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.queries import answer_list
from sinks.sqlite.service.alerts import KINDS, LISTED
from sinks.sqlite.service.listing import ListQuery, Scope, select_page

if TYPE_CHECKING:
    from aiohttp import web

_TIME: Final = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}

ALERT: Final[dict[str, Any]] = {
    "title": "Alert",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer"},
        "key": {"type": "string", "description": "Which problem it is, such as feed:7:failing: of one problem at most one alert is open."},
        "kind": {"type": "string", "enum": list(KINDS)},
        "inventoryFeedId": {"type": ["integer", "null"]},
        "dataImportId": {"type": ["integer", "null"], "description": "The run that raised it first."},
        "message": {"type": "string", "description": "What it is, and what to do."},
        "count": {"type": "integer", "description": "How often it was raised."},
        "attempts": {"type": "integer", "description": "How often telling it failed."},
        "error": {"type": ["string", "null"], "description": "Why telling it failed last."},
        "sentAt": {**_TIME_OR_NULL, "description": "When it had been told by every way there is for it; null where there is none."},
        "resolvedAt": {**_TIME_OR_NULL, "description": "When the problem was gone."},
        "createdAt": _TIME,
        "updatedAt": _TIME,
    },
}


async def _list(call: Call) -> web.StreamResponse:
    return await answer_list(call)


async def _get(call: Call) -> web.StreamResponse:
    async with call.service.store.reading() as reader:
        page = await select_page(reader, LISTED, ListQuery(limit=1), Scope("id = ?", (call.id,)))
    if not page.rows:
        raise NotFound(f"there is no alert {call.id}")
    return answer(page.rows[0])


ENDPOINTS: Final = (
    Endpoint("GET", "/api/alerts.json", _list, "List alerts", "alerts", "read", answer=ALERT, lists=LISTED, many=True),
    Endpoint("GET", "/api/alerts/{id}.json", _get, "Get one alert", "alerts", "read", answer=ALERT),
)
