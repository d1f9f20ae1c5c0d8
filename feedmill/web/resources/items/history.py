"""What was done to an item, newest first, deleted ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feedmill.changes import shape_entry
from feedmill.web.endpoint import Call, Endpoint, Parameter
from feedmill.web.openapi.items import TIME
from feedmill.web.queries import answer_history, parse_history
from feedmill.web.resources.items.single import PATH, TAG
from sinks.sqlite.history.log import read_history_of
from sinks.sqlite.service.listing import MOST, USUAL

if TYPE_CHECKING:
    from aiohttp import web

_FIELD: Final = {
    "type": "object",
    "properties": {"field": {"type": "string"}, "before": {}, "after": {}},
    "required": ["field", "before", "after"],
    "additionalProperties": False,
}
_ENTRY: Final[dict[str, Any]] = {
    "title": "HistoryEntry",
    "description": "What one run or call did to an item; `known` is false of a creation whose values are not known any more.",
    "type": "object",
    "properties": {
        "at": TIME,
        "run": {"type": ["integer", "null"]},
        "call": {"type": ["string", "null"]},
        "action": {"enum": ["created", "updated", "deleted"]},
        "known": {"type": "boolean"},
        "fields": {"type": "array", "items": _FIELD},
    },
    "required": ["at", "run", "call", "action", "known", "fields"],
    "additionalProperties": False,
}
_PAGES: Final = (
    Parameter("limit", "Entries of a page.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
    Parameter("from", "The page, counted from 0.", {"type": "integer", "minimum": 0, "default": 0}),
)


async def _history(call: Call) -> web.Response:
    asked = parse_history(call)
    async with call.service.store.reading() as reader:
        history = await read_history_of(reader, call.id)
    return answer_history(call, asked, history.entries, shape_entry)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "GET",
        f"{PATH}/{{id}}/history.json",
        _history,
        "Return what was done to an item, newest first.",
        TAG,
        "read",
        answer=_ENTRY,
        many=True,
        query=_PAGES,
    ),
)
