"""`/api/inventory-feeds.json` and what stands below it of the feed itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from engine.feed import Feed
from feedmill.service.definition.reading import adopt_feeds, read_states
from feedmill.service.definition.showing import show_feed
from feedmill.service.feeds import change_feed, create_feed, delete_feed, rotate_hash
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.problems import FieldFault, Outdated, Problem
from feedmill.web.queries import answer_list
from feedmill.web.schemas import ID, TIME, body, properties_of, shown
from feedmill.web.transport.preconditions import answer_state
from sinks.sqlite.service.resources.feed_lists import FEEDS
from sinks.sqlite.service.resources.feeds import FeedRow, read_feed

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.web.endpoint import Schema
    from sinks.sqlite.fence import Writer

_SETTABLE: Final = properties_of(Feed)
_GIVEN: Final = ("name", "resourceType", "dropshipProviderId")
_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_HEALTH: Final[Mapping[str, Schema]] = {
    "id": ID,
    "hash": _TEXT,
    **dict.fromkeys(("fetched", "skipped", "connected", "failures"), _COUNT),
    "importSeconds": {"type": "number", "minimum": 0},
    **dict.fromkeys(("fetchProblem", "validationMessage", "pauseReason"), _TEXT),
    "isValid": {"type": "boolean"},
    **dict.fromkeys(("lastFetchedAt", "nextFetchAt", "pausedAt", "createdAt", "updatedAt"), TIME),
}
_IDS: Final = {**_SETTABLE, "dropshipProviderId": ID}
_NEW: Final = body(_IDS, _GIVEN, given=_GIVEN)
_CHANGED: Final = body({**_IDS, **{name: {**schema, "readOnly": True} for name, schema in _HEALTH.items()}}, given=_GIVEN)
_FEED: Final = shown({**_SETTABLE, **_HEALTH}, whole=True)
_LISTED: Final = shown({**_SETTABLE, **_HEALTH}, whole=False)


def sent_object(call: Call) -> Mapping[str, object]:
    """Return the body of a call that has to be an object. Raises `Problem` 422."""
    if not isinstance(call.sent, dict):
        raise Problem(422, "invalid", "the body is no JSON object", faults=[FieldFault("", "is no JSON object")])
    return cast("dict[str, object]", call.sent)


def reveals(call: Call) -> bool:
    """Return whether the caller may see the secret of a feed's inbound API."""
    return call.caller is not None and "admin" in call.caller.scopes


async def _list(call: Call) -> web.StreamResponse:
    await adopt_feeds(call.service)

    async def shape(reader: Writer, rows: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
        states = await read_states(call.service, reader, [FeedRow.of(tuple(row.values())) for row in rows])
        return [show_feed(state, health, reveal=reveals(call)) for state, health in states]

    return await answer_list(call, shape_page=shape)


async def _show(call: Call, number: int) -> dict[str, object]:
    await adopt_feeds(call.service)
    async with call.service.store.reading() as reader:
        ((state, health),) = await read_states(call.service, reader, [await read_feed(reader, number)])
    return show_feed(state, health, reveal=reveals(call))


async def _get(call: Call) -> web.StreamResponse:
    return answer_state(call, await _show(call, call.id))


async def _create(call: Call) -> web.StreamResponse:
    return answer(await _show(call, await create_feed(call.service, sent_object(call), call.author)))


async def _change(call: Call) -> web.StreamResponse:
    def unheld(shown: Mapping[str, object]) -> Outdated | None:
        what = f"inventory feed {call.id} ({str(shown['name'])[:80]!r})"
        return None if call.condition is None else call.condition.refuse(shown, what)

    await change_feed(call.service, call.id, sent_object(call), call.author, unheld=unheld)
    return answer(await _show(call, call.id))


async def _delete(call: Call) -> web.StreamResponse:
    shown_last = await _show(call, call.id)
    await delete_feed(call.service, call.id)
    return answer(shown_last)


async def _rotate(call: Call) -> web.StreamResponse:
    await rotate_hash(call.service, call.id)
    return answer(await _show(call, call.id))


_TAKEN: Final = {409: "The name is taken by another feed."}
_ONE: Final = "/api/inventory-feeds/{id}.json"
_ONE_ALIAS: Final = ("/api/inventory-feed/{id}.json",)
_ALL: Final = "/api/inventory-feeds.json"
_ALL_ALIAS: Final = ("/api/inventory-feed.json",)
_TAG: Final = "inventory-feeds"

ENDPOINTS: Final = (
    Endpoint("GET", _ALL, _list, "List inventory feeds", _TAG, "read", answer=_LISTED, lists=FEEDS, many=True, aliases=_ALL_ALIAS),
    Endpoint("POST", _ALL, _create, "Create an inventory feed", _TAG, "admin", _NEW, _FEED, statuses=_TAKEN, aliases=_ALL_ALIAS),
    Endpoint("GET", _ONE, _get, "Show an inventory feed", _TAG, "read", answer=_FEED, aliases=_ONE_ALIAS, conditional=True),
    Endpoint(
        *("PUT", _ONE, _change, "Change an inventory feed", _TAG, "admin", _CHANGED, _FEED),
        statuses=_TAKEN,
        aliases=_ONE_ALIAS,
        conditional=True,
    ),
    Endpoint(
        *("DELETE", _ONE, _delete, "Remove an inventory feed with its items, runs and history", _TAG, "admin"),
        answer=_FEED,
        statuses={409: "A run of the feed is under way."},
        aliases=_ONE_ALIAS,
    ),
    Endpoint(
        *("POST", "/api/inventory-feeds/{id}/rotate-hash.json", _rotate, "Replace the secret of the inbound API", _TAG, "admin"),
        answer=_FEED,
        aliases=("/api/inventory-feed/{id}/rotate-hash.json",),
    ),
)
