"""What the mapping of a feed was, who changed it, and how: the newest version first."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from feedmill.service.definition.differences import find_differences
from feedmill.web.endpoint import Call, Endpoint, Parameter
from feedmill.web.queries import answer_history, parse_history
from feedmill.web.schemas import ID, TIME
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.history.mappings import MOST, read_versions
from sinks.sqlite.service.resources.feeds import read_feed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from sinks.sqlite.history.mappings import Version

_CHANGE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "An attribute or a row of `kind`, before and after; null where there is none. `moved` rows are all listed, in order.",
    "properties": {"kind": {"type": "string"}, "before": {}, "after": {}, "moved": {"type": "boolean"}},
    "required": ["kind", "before", "after", "moved"],
    "additionalProperties": False,
}
_VERSION: Final[dict[str, Any]] = {
    "title": "MappingVersion",
    "description": "What a feed's mapping was from `at` on, whose doing that was, and what differs from the version before.",
    "type": "object",
    "properties": {
        "id": ID,
        "at": TIME,
        "by": {"enum": ["person", "token", "declared", "command", "unknown"]},
        "name": {"type": ["string", "null"], "description": "Of the person or the token."},
        "mapping": {"type": "object", "description": "The attributes and rows that were not the default, as a PUT of the feed takes them."},
        "changes": {"type": "array", "items": _CHANGE},
    },
    "required": ["id", "at", "by", "name", "mapping", "changes"],
    "additionalProperties": False,
}
_PAGES: Final = (
    Parameter("limit", "Versions of a page.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": MOST}),
    Parameter("from", "The page, counted from 0.", {"type": "integer", "minimum": 0, "default": 0}),
)


async def _history(call: Call) -> web.Response:
    asked = parse_history(call)
    async with call.service.store.reading() as reader:
        await read_feed(reader, call.id)
        versions = await read_versions(reader, call.id)
    return answer_history(call, asked, shape_versions(versions), dict)


def shape_versions(versions: Sequence[Version]) -> list[dict[str, object]]:
    """Return versions, the newest first, each with what differs from the one before; of the oldest all is new, if it is the first."""
    before = [*(older.mapping for _, older in pairwise(versions)), {}]
    return [
        {
            "id": version.number,
            "at": rfc3339(version.at),
            "by": version.kind,
            "name": version.author,
            "mapping": version.mapping,
            "changes": [
                {"kind": each.kind, "before": each.before, "after": each.after, "moved": each.moved}
                for each in find_differences(last, version.mapping)
            ],
        }
        for version, last in zip(versions, before, strict=True)
    ]


ENDPOINTS: Final = (
    Endpoint(
        *("GET", "/api/inventory-feeds/{id}/mapping-history.json", _history),
        summary="List what the mapping of a feed was, who changed it and how, the newest first.",
        tag="inventory-feeds",
        scope="read",
        answer=_VERSION,
        many=True,
        query=_PAGES,
        aliases=("/api/inventory-feed/{id}/mapping-history.json",),
    ),
)
