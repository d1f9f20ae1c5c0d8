"""`inventory-feed-variants`: the list of items, and one of them, which is written as a push writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from engine.errors import Conflict, InvalidItem
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.openapi.items import ITEM, pushed_item_schema
from feedmill.web.problems import Problem
from feedmill.web.queries import answer_page, parse_list
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.items import ITEMS, find_address, find_feed_name, has_item, read_item, select_items
from sinks.sqlite.single.calls import ItemCalls, Written, open_calls

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service

TAG: Final = "inventory-feed-variants"
PATH: Final = "/api/inventory-feed-variants"
OUTCOME: Final = "Feedmill-Outcome"
"""The header that says what became of a written item: created, updated, unchanged, stale."""

BUSY: Final = "the feed is loaded for the first time: nothing was written"
_CREATED: Final = pushed_item_schema(
    "NewInventoryFeedVariant",
    more={"inventoryFeedId": {"type": "integer", "minimum": 1}, "externalId": {"type": "string", "minLength": 1}},
    required=("inventoryFeedId", "externalId"),
)
_CHANGED: Final = pushed_item_schema(
    "InventoryFeedVariantChange", more={"externalId": {"type": "string", "description": "Only as it is: it names the item."}}
)


async def _list(call: Call) -> web.Response:
    query = parse_list(call.request.query.items())
    async with call.service.store.reading() as reader:
        page, items = await select_items(reader, query)
    return answer_page(call, query, page, items)


async def _get(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        return answer(await read_item(reader, call.id))


async def _create(call: Call) -> web.Response:
    sent = read_object(call.sent)
    feed = sent.pop("inventoryFeedId", None)
    if isinstance(feed, bool) or not isinstance(feed, int) or not 0 < feed < 1 << 63:
        raise InvalidItem("the item cannot be stored:", {"inventoryFeedId": "is mandatory, and the id of a feed"})
    async with _writing(call.service) as (reader, calls):
        name = await find_feed_name(reader, feed)
        # Within the lock of who writes: nothing of this service comes between.
        if await has_item(reader, feed, sent.get("externalId")):
            raise Conflict(f"feed {name!r} has an item {sent['externalId']!r}: change it with PUT")
        return _answer(call, await calls.push(name, sent))


async def _change(call: Call) -> web.Response:
    sent = read_object(call.sent)
    async with _writing(call.service) as (reader, calls):
        address = await find_address(reader, call.id)
        if sent.setdefault("externalId", address.external_id) != address.external_id:
            raise InvalidItem("the item cannot be changed so:", {"externalId": "names the item, and stays as it is"})
        return _answer(call, await calls.push(address.name, sent))


async def _delete(call: Call) -> web.Response:
    async with _writing(call.service) as (reader, calls):
        address = await find_address(reader, call.id)
        removed = await calls.remove(address.name, address.external_id)
    call.service.bells.outbox.ring()
    return answer(removed)


def _answer(call: Call, written: Written) -> web.Response:
    call.service.bells.outbox.ring()
    return answer(written.item, headers={OUTCOME: written.outcome})


@asynccontextmanager
async def _writing(service: Service) -> AsyncIterator[tuple[Writer, ItemCalls]]:
    """Lend who reads and who writes items; until it is given back nobody else of the service writes."""
    async with service.store.lending() as connection, open_calls(service.url) as calls:
        yield Writer(connection, None, service.store.database.name), calls


def read_object(sent: object) -> dict[str, object]:
    """Return a body that has to be an object. Raises `Problem` 422 for another one."""
    if not isinstance(sent, Mapping):
        raise Problem(422, "invalid", "the body is no object")
    return dict(sent)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", f"{PATH}.json", _list, "List items of all feeds.", TAG, "read", answer=ITEM, many=True, lists=ITEMS),
    Endpoint(
        "POST",
        f"{PATH}.json",
        _create,
        "Create an item of a feed, as a push does.",
        TAG,
        "admin",
        body=_CREATED,
        answer=ITEM,
        statuses={404: "there is no such feed", 409: f"the feed has such an item already, or {BUSY}", 429: "the daily limit is reached"},
    ),
    Endpoint("GET", f"{PATH}/{{id}}.json", _get, "Return an item.", TAG, "read", answer=ITEM),
    Endpoint(
        "PUT",
        f"{PATH}/{{id}}.json",
        _change,
        "Change an item: what is sent, as a push of it does.",
        TAG,
        "admin",
        body=_CHANGED,
        answer=ITEM,
        statuses={409: BUSY, 429: "the daily limit is reached"},
    ),
    Endpoint("DELETE", f"{PATH}/{{id}}.json", _delete, "Delete an item.", TAG, "admin", answer=ITEM, statuses={409: BUSY}),
)
