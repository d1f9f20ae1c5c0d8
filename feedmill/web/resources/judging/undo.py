"""What undoing a run would come to, for whoever may only look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from feedmill.web.endpoint import Call, Endpoint
from feedmill.web.run_rows import read_run

if TYPE_CHECKING:
    from feedmill.web.endpoint import Schema


async def _foresee(call: Call) -> web.Response:
    await read_run(call.service, call.id)
    return web.Response(text=await call.service.workers.call("foresee-undo", {"run": call.id}), content_type="application/json")


_OBJECT: Final[Schema] = {"type": "object"}
_COUNT: Final[Schema] = {"type": "integer"}
_FORESEEN: Final[Schema] = {
    "type": "object",
    "title": "ForeseenUndo",
    "description": "What an undo would do: items whose fields it sets back, that it brings back, that it deletes, that it leaves alone.",
    "properties": {
        "undoes": _COUNT,
        **dict.fromkeys(("updated", "created", "removed", "skipped"), _COUNT),
        "conflictCount": _COUNT,
        "conflicts": {"type": "array", "items": _OBJECT, "description": "The first 100: what was written since, and by whom."},
        "changes": {**_OBJECT, "description": "What would become of the items, as a diff has it."},
    },
}

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        *("GET", "/api/data-imports/{id}/undo.json", _foresee),
        summary="Show what undoing a complete run would come to; nothing is done.",
        tag="data-imports",
        scope="read",
        answer=_FORESEEN,
        statuses={
            409: "The run is not complete, is undone already, or what it did is not known any more.",
            503: "A worker ended meanwhile.",
        },
    ),
)
