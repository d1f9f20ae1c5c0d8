"""`inventory-feed-variants`: the list of items, and one of them, which is written as a push writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from aiohttp import web

from engine.errors import FeedmillError, InvalidItem
from feedmill.service.push_group import Request
from feedmill.web.endpoint import Call, Endpoint
from feedmill.web.openapi.items import ITEM, pushed_item_schema
from feedmill.web.problems import Problem
from feedmill.web.queries import answer_page, parse_list
from feedmill.web.transport.preconditions import answer_state
from sinks.sqlite.service.resources.items import ITEMS, Address, find_address, read_item, select_items
from sinks.sqlite.single.group import Push
from sinks.sqlite.single.removal import Removal

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
        return answer_state(call, await read_item(reader, call.id))


async def _create(call: Call) -> web.Response:
    sent = read_object(call.sent)
    feed = sent.pop("inventoryFeedId", None)
    if isinstance(feed, bool) or not isinstance(feed, int) or not 0 < feed < 1 << 63:
        raise InvalidItem("the item cannot be stored:", {"inventoryFeedId": "is mandatory, and the id of a feed"})
    return await _ask(call, Push(feed, sent, item=0))


async def _change(call: Call) -> web.Response:
    sent = read_object(call.sent)
    address = await _find(call)
    if sent.setdefault("externalId", address.external_id) != address.external_id:
        raise InvalidItem("the item cannot be changed so:", {"externalId": "names the item, and stays as it is"})
    return await _ask(call, Push(address.feed, sent, _by_hand(call), item=call.id, unheld=_unheld(call)))


async def _delete(call: Call) -> web.Response:
    address = await _find(call)
    return await _ask(call, Removal(address.feed, address.external_id, call.id, unheld=_unheld(call)))


async def _find(call: Call) -> Address:
    async with call.service.store.reading() as reader:
        return await find_address(reader, call.id)


def _unheld(call: Call) -> Callable[[Mapping[str, object]], FeedmillError | None] | None:
    return None if call.condition is None else call.condition.refuse_item


def _by_hand(call: Call) -> str | None:
    """Return the name under which the change log keeps what somebody does on a page, None for what a program asks for."""
    return f"hand:{uuid4()}" if call.caller is not None and call.caller.token == 0 else None


async def _ask(call: Call, work: Push | Removal) -> web.Response:
    """Have an item written in its turn among the pushes. By then another may have its key: `work` names it by its id too."""
    reply = await call.service.pushing.ask(call.service, Request(work))
    call.service.bells.outbox.ring()
    headers = {OUTCOME: reply.outcome} if isinstance(work, Push) and reply.outcome is not None else None
    return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=headers)


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
    Endpoint("GET", f"{PATH}/{{id}}.json", _get, "Return an item.", TAG, "read", answer=ITEM, conditional=True),
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
        conditional=True,
    ),
    Endpoint(
        *("DELETE", f"{PATH}/{{id}}.json", _delete, "Delete an item.", TAG, "admin"),
        answer=ITEM,
        statuses={409: BUSY},
        conditional=True,
    ),
)
