"""What the source of a feed has to be mapped: its columns, or its paths, with some values of each and what it may be for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feedmill.web.endpoint import Call, Endpoint
from feedmill.web.resources.runs import NO_SOURCE, PreviewWish, as_json, require_source

if TYPE_CHECKING:
    from aiohttp import web

_COLUMN: Final[dict[str, Any]] = {
    "title": "SourceColumn",
    "description": "A column or a path as a mapping row names it. `row` is the mapping row that is offered for it, null where none is.",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "values": {"type": "array", "items": {"type": "string"}, "description": "The first few different ones."},
        "row": {"type": ["object", "null"]},
        "reason": {"type": "string"},
    },
    "required": ["name", "values", "row", "reason"],
    "additionalProperties": False,
}


async def _columns(call: Call) -> web.Response:
    wish = call.body(PreviewWish)
    async with call.service.store.reading() as reader:
        await require_source(reader, call.id, chosen=wish.settings.get("resourceType"))
    arguments = {"settings": wish.settings, "replace": wish.replace, "reuse": wish.reuse}
    return as_json(await call.service.workers.call("columns", {"feed": call.id, **arguments}))


ENDPOINTS: Final = (
    Endpoint(
        *("POST", "/api/inventory-feeds/{id}/columns.json", _columns),
        summary="List the columns of a feed's source, each with what it may be for.",
        tag="inventory-feeds",
        scope="admin",
        body=PreviewWish,
        optional=True,
        answer=_COLUMN,
        many=True,
        statuses=NO_SOURCE,
        aliases=("/api/inventory-feed/{id}/columns.json",),
    ),
)
