"""How far a run has come that has not ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from feedmill.web.endpoint import Call, Endpoint, Schema, answer
from sinks.sqlite import clock
from sinks.sqlite.service.run_details.phases import Stand, Wait, read_stand

if TYPE_CHECKING:
    from aiohttp import web

_COUNT: Final[Schema] = {"type": ["integer", "null"], "minimum": 0}
_TIMES: Final[Schema] = {"type": "object", "additionalProperties": {"type": "number"}}
_WAIT: Final[Schema] = {
    "type": "object",
    "properties": {
        "cause": {"enum": ["turn", "worker", "batches", "retry"]},
        "ahead": {"type": "integer"},
        "until": {"type": ["string", "null"], "format": "date-time"},
    },
    "required": ["cause", "ahead", "until"],
    "additionalProperties": False,
}
_PROGRESS: Final[dict[str, Any]] = {
    "title": "RunProgress",
    "description": "How far a run has come. What is read is null until its worker has told it, and once it has ended.",
    "type": "object",
    "properties": {
        "run": {"type": "integer"},
        "status": {"type": "string"},
        "phase": {"enum": ["waiting", "reading", "applying", "held", "ended"]},
        "wait": {"anyOf": [_WAIT, {"type": "null"}]},
        **dict.fromkeys(("bytes", "totalBytes", "records"), _COUNT),
        "seconds": {"type": ["number", "null"]},
        "bottleneck": {"type": ["string", "null"]},
        "stages": {"type": "object", "additionalProperties": _TIMES},
        **dict.fromkeys(("done", "planned"), _COUNT),
    },
    "required": ["run", "status", "phase", "wait", "bytes", "totalBytes", "records", "seconds", "bottleneck", "stages", "done", "planned"],
    "additionalProperties": False,
}


async def _progress(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        stand = await read_stand(reader, call.id, now=clock.now())
    told = call.service.live.progress.get(call.id, {}) if stand.status == "started" else {}
    return answer({"run": call.id, **_shape_stand(stand), **_shape_told(told)})


def _shape_stand(stand: Stand) -> dict[str, object]:
    wait = None if stand.wait is None else _shape_wait(stand.wait)
    return {"status": stand.status, "phase": stand.phase, "wait": wait, "done": stand.done, "planned": stand.planned}


def _shape_wait(wait: Wait) -> dict[str, object]:
    return {"cause": wait.cause, "ahead": wait.ahead, "until": None if wait.until is None else clock.rfc3339(wait.until)}


def _shape_told(told: Mapping[str, Any]) -> dict[str, object]:
    stages = {name: {state: round(spent, 3) for state, spent in times.items()} for name, times in told.get("stages", {}).items()}
    return {
        "bytes": told.get("bytes"),
        "totalBytes": told.get("total_bytes"),
        "records": told.get("records"),
        "seconds": round(told["seconds"], 3) if told else None,
        "bottleneck": told.get("bottleneck"),
        "stages": stages,
    }


ENDPOINTS: Final = (
    Endpoint(
        *("GET", "/api/data-imports/{id}/progress.json", _progress),
        summary="Show how far a run has come, or what it waits for.",
        tag="data-imports",
        scope="read",
        answer=_PROGRESS,
    ),
)
