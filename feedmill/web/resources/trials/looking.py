"""A look at a source before a feed is made of it: what it probably is, and how its records come out under settings that are tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from aiohttp import web
from pydantic import Field, field_validator

from engine.settings.resource import Resource
from feedmill.web.endpoint import Endpoint
from feedmill.web.resources.runs import NO_SOURCE, PREVIEW, check_rows, require_source

if TYPE_CHECKING:
    from feedmill.web.endpoint import Call, Schema


class GuessWish(Resource):
    """What is known of a source, by the API's names: `resourceLocation` at least. `refetch` asks the supplier anew."""

    settings: dict[str, Any]
    refetch: bool = False

    @field_validator("settings")
    @classmethod
    def _check_rows(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return check_rows(settings)


class TrialWish(Resource):
    """How much of a source to show, and under which settings, by the API's names: none are stored of it."""

    settings: dict[str, Any]
    limit: Annotated[int, Field(ge=1, le=200)] = 20

    @field_validator("settings")
    @classmethod
    def _check_rows(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return check_rows(settings)


class RequestsWish(Resource):
    """Settings by the API's names, of which none are stored; with `fetch` the first two pages of a paged API are fetched."""

    settings: dict[str, Any] = Field(default_factory=dict)
    fetch: bool = False

    @field_validator("settings")
    @classmethod
    def _check_rows(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return check_rows(settings)


_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_SURE: Final[Schema] = {"type": "boolean", "description": "Whether it is to be taken unless somebody says otherwise."}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _array(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "array", "items": _object(properties)}


_COLUMN: Final[Mapping[str, Schema]] = {
    "name": _TEXT,
    "label": _TEXT,
    "examples": {"type": "array", "items": _TEXT},
    "filled": _COUNT,
    "different": _COUNT,
}
_GUESS: Final[Schema] = {
    **_object(
        {
            "name": {**_TEXT, "description": "A name for the feed, by that of the file."},
            "unpacked": {"type": ["string", "null"], "description": "How the document was packed."},
            "complete": {"type": "boolean", "description": "Whether the whole document was looked at, or its beginning."},
            "bytes": _COUNT,
            "what": _TEXT,
            "records": _COUNT,
            "settings": _array({"attribute": _TEXT, "value": {}, "reason": _TEXT, "sure": _SURE}),
            "fields": _array(
                {"row": {"type": "object"}, "reason": _TEXT, "sure": _SURE, "alsoLookedAt": {"type": "array", "items": _TEXT}}
            ),
            "notes": {"type": "array", "items": _TEXT},
            "columns": _array(_COLUMN),
            "recordPaths": _array({"path": _TEXT, "records": _COUNT}),
        }
    ),
    "title": "Guess",
}


_OR_NOTHING: Final[Schema] = {"type": ["string", "null"]}
_REQUESTS: Final[Schema] = {
    **_object(
        {
            "request": {
                **_object({"address": _TEXT, "headers": _array({"name": _TEXT, "value": _TEXT})}),
                "description": "The first request, secrets masked.",
            },
            "token": {
                "type": ["object", "null"],
                "description": "Where a token is had first.",
                "properties": {"address": _TEXT, "scope": _OR_NOTHING},
            },
            "pages": _array(
                {
                    "page": _COUNT,
                    "asked": _TEXT,
                    "records": _COUNT,
                    "total": {"type": ["integer", "null"], "description": "How many items the API announces in all."},
                    "place": {**_TEXT, "description": "Where the items stand in the page, empty at its top."},
                    "next": {**_OR_NOTHING, "description": "Where the next page is asked for, null after the last."},
                }
            ),
            "problem": {**_OR_NOTHING, "description": "Why there is no further page, null where nothing is wrong."},
        }
    ),
    "title": "Requests",
}


async def _guess(call: Call) -> web.Response:
    wish = call.body(GuessWish)
    arguments = {"settings": wish.settings, "refetch": wish.refetch}
    return _as_json(await call.service.workers.call("guess-settings", arguments))


async def _preview(call: Call) -> web.Response:
    wish = call.body(TrialWish)
    return _as_json(await call.service.workers.call("preview-settings", {"settings": wish.settings, "limit": wish.limit}))


async def _try_requests(call: Call) -> web.Response:
    wish = call.body(RequestsWish)
    return _as_json(await call.service.workers.call("try-requests", {"settings": wish.settings, "fetch": wish.fetch}))


async def _requests(call: Call) -> web.Response:
    wish = call.body(RequestsWish)
    async with call.service.store.reading() as reader:
        await require_source(reader, call.id)
    return _as_json(await call.service.workers.call("requests", {"feed": call.id, "settings": wish.settings, "fetch": wish.fetch}))


def _as_json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


_FAILED: Final[Mapping[int, str]] = {503: "The source, or a worker, failed in passing, or nothing came within 30 seconds."}

ENDPOINTS: Final = (
    Endpoint(
        *("POST", "/api/inventory-feeds/guess.json", _guess),
        summary="Look at a source and guess how it is read and what its columns are for; nothing is stored.",
        tag="inventory-feeds",
        scope="admin",
        body=GuessWish,
        answer=_GUESS,
        statuses=_FAILED,
        aliases=("/api/inventory-feed/guess.json",),
    ),
    Endpoint(
        *("POST", "/api/inventory-feeds/preview.json", _preview),
        summary="Show the first records of a source, raw beside mapped, under settings that are not stored.",
        tag="inventory-feeds",
        scope="admin",
        body=TrialWish,
        answer=PREVIEW,
        statuses=_FAILED,
        aliases=("/api/inventory-feed/preview.json",),
    ),
    Endpoint(
        *("POST", "/api/inventory-feeds/requests.json", _try_requests),
        summary="Show what a source would be asked first, and what its first pages hold, under settings that are not stored.",
        tag="inventory-feeds",
        scope="admin",
        body=RequestsWish,
        answer=_REQUESTS,
        statuses=_FAILED,
        aliases=("/api/inventory-feed/requests.json",),
    ),
    Endpoint(
        *("POST", "/api/inventory-feeds/{id}/requests.json", _requests),
        summary="Show what a feed's source is asked first, and what its first pages hold, with changes that are not stored.",
        tag="inventory-feeds",
        scope="admin",
        body=RequestsWish,
        answer=_REQUESTS,
        statuses={**NO_SOURCE, **_FAILED},
        aliases=("/api/inventory-feed/{id}/requests.json",),
    ),
)
