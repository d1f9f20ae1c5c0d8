"""What was done to an item, newest first, deleted ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feedmill.changes import shape_entry
from feedmill.web.endpoint import Call, Endpoint, Parameter, answer
from feedmill.web.openapi.items import TIME
from feedmill.web.problems import Problem
from feedmill.web.queries import parse_list
from feedmill.web.resources.items.single import PATH, TAG
from sinks.sqlite.history.log import read_history_of
from sinks.sqlite.service.listing import MOST, USUAL, ListQuery

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
    pages = parse_list(call.request.query.items())
    if pages != ListQuery(limit=pages.limit, page=pages.page):
        raise Problem(422, "invalid", "a history is asked for by limit and from alone")
    async with call.service.store.reading() as reader:
        history = await read_history_of(reader, call.id)
    first = pages.page * pages.limit
    shown = list(map(shape_entry, history.entries[first : first + pages.limit]))
    headers = {"X-Total-Count": str(len(history.entries))}
    if first + pages.limit < len(history.entries):
        following = call.request.rel_url.update_query({"from": str(pages.page + 1)})
        headers["Link"] = f'<{following}>; rel="next"'
    return answer(shown, headers=headers)


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
