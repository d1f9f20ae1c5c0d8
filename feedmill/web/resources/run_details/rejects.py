"""What a run left out: its rejected and skipped records a page at a time, and their reasons by how often they occur."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from feedmill.web.endpoint import Call, Endpoint, Schema, answer
from feedmill.web.queries import answer_list
from feedmill.web.run_rows import read_run
from sinks.sqlite.service.listing import Scope
from sinks.sqlite.service.run_details.rejects import LEFT_OUT, read_reasons

if TYPE_CHECKING:
    from aiohttp import web

_TEXT: Final[Schema] = {"type": "string"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_NUMBER: Final[Schema] = {"type": "integer"}
_FATE: Final[Schema] = {"enum": ["rejected", "skipped"]}
_RECORD: Final[dict[str, Any]] = {
    "title": "LeftOutRecord",
    "description": "A record that a run rejected or skipped. `raw` is its text as the source has it, cut where it is long.",
    "type": "object",
    "properties": {
        "id": _NUMBER,
        "fate": _FATE,
        "document": _TEXT,
        "record": _NUMBER,
        "line": _NUMBER,
        "column": _MAYBE_TEXT,
        "value": _MAYBE_TEXT,
        "reason": _TEXT,
        "raw": _TEXT,
    },
    "additionalProperties": False,
}
_REASON: Final[dict[str, Any]] = {
    "title": "LeftOutReason",
    "description": (
        "Why records were left out, the most frequent first. Reasons that differ by what they quote count as one, with … in its place;"
        " where[reason][$like] takes `like`. `first` is the id of the first such record."
    ),
    "type": "object",
    "properties": {"fate": _FATE, "column": _MAYBE_TEXT, "reason": _TEXT, "like": _TEXT, "count": _NUMBER, "first": _NUMBER},
    "required": ["fate", "column", "reason", "like", "count", "first"],
    "additionalProperties": False,
}


async def _list_records(call: Call) -> web.Response:
    await read_run(call.service, call.id)
    return await answer_list(call, Scope("k.run_id = ?", (call.id,)))


async def _list_reasons(call: Call) -> web.Response:
    await read_run(call.service, call.id)
    async with call.service.store.reading() as reader:
        return answer(list(map(asdict, await read_reasons(reader, call.id))))


ENDPOINTS: Final = (
    Endpoint(
        *("GET", "/api/data-imports/{id}/rejects.json", _list_records),
        summary="List the records that a run rejected or skipped, with place and reason.",
        tag="data-imports",
        scope="read",
        answer=_RECORD,
        lists=LEFT_OUT,
        many=True,
    ),
    Endpoint(
        *("GET", "/api/data-imports/{id}/reject-reasons.json", _list_reasons),
        summary="Count why a run rejected or skipped records.",
        tag="data-imports",
        scope="read",
        answer=_REASON,
        many=True,
    ),
)
