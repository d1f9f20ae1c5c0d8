"""Connecting items to variants by hand, and the audit of what was connected."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from engine.settings.resource import Resource
from feedmill.web.endpoint import LARGEST, Call, Endpoint, answer
from feedmill.web.openapi.items import ITEM, TIME
from feedmill.web.queries import answer_list
from feedmill.web.resources.items.single import PATH, TAG
from sinks.sqlite import clock
from sinks.sqlite.catalogue.listing import CONNECTIONS, read_row
from sinks.sqlite.catalogue.manual import Handled, connect_by_id, disconnect_by_id
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.service.resources.items import read_item

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service

AUDIT: Final = "inventory-feed-variant-connections"
Id = Annotated[int, Field(ge=1, le=LARGEST)]
_CONNECTION: Final[dict[str, Any]] = {
    "title": "Connection",
    "description": "An item was connected to a variant, or taken off it.",
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "inventoryFeedVariantId": {"type": "integer"},
        "variantId": {"type": "integer"},
        "action": {"enum": ["connected", "disconnected"]},
        "scope": {"enum": ["automated", "manual"]},
        "dataImportId": {"type": ["integer", "null"]},
        "createdAt": TIME,
        "updatedAt": TIME,
    },
    "required": ["id", "inventoryFeedVariantId", "variantId", "action", "scope", "dataImportId", "createdAt", "updatedAt"],
    "additionalProperties": False,
}


class VariantChoice(Resource):
    """The variant to connect to, by its id or by its SKU."""

    variant_id: Id | None = None
    sku: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.variant_id is None) == (self.sku is None):
            raise ValueError("name the variant by variantId or by sku")
        return self


async def change_connection(
    service: Service, kind: Literal["connect", "disconnect"], work: Callable[[Writer, int], Awaitable[Handled]]
) -> Handled:
    """Connect or disconnect in one transaction, which the change log keeps under a call of its own."""
    now = clock.now()
    async with service.store.changing(Origin(now, call=f"{kind}:{secrets.token_hex(8)}")) as writer:
        handled = await work(writer, now)
    service.bells.outbox.ring()
    return handled


async def _connect(call: Call) -> web.Response:
    chosen = call.body(VariantChoice)

    async def work(writer: Writer, now: int) -> Handled:
        await _hold(call, writer)
        return await connect_by_id(writer, call.id, now=now, sku=chosen.sku, variant=chosen.variant_id)

    return await _answer(call, await change_connection(call.service, "connect", work))


async def _disconnect(call: Call) -> web.Response:
    async def work(writer: Writer, now: int) -> Handled:
        await _hold(call, writer)
        return await disconnect_by_id(writer, call.id, now=now)

    return await _answer(call, await change_connection(call.service, "disconnect", work))


async def _hold(call: Call, writer: Writer) -> None:
    """Raise where the item is not as the call says that it has to be, inside the transaction that would change it."""
    if call.condition is not None and (error := call.condition.refuse_item(await read_item(writer, call.id))) is not None:
        raise error


async def _answer(call: Call, handled: Handled) -> web.Response:
    async with call.service.store.reading() as reader:
        return answer(await read_item(reader, handled.item))


async def _list(call: Call) -> web.Response:
    return await answer_list(call)


async def _get(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        return answer(await read_row(reader, CONNECTIONS, call.id, "inventory feed variant connection"))


_STATES: Final = {409: "the item is removed, or another one has the variant by hand"}
ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "PUT",
        f"{PATH}/{{id}}/connect.json",
        _connect,
        "Connect an item to a variant by hand; no run changes that.",
        TAG,
        "admin",
        body=VariantChoice,
        answer=ITEM,
        statuses=_STATES,
        conditional=True,
    ),
    Endpoint(
        "PUT",
        f"{PATH}/{{id}}/disconnect.json",
        _disconnect,
        "Take an item off its variant by hand, and leave it off.",
        TAG,
        "admin",
        answer=ITEM,
        conditional=True,
    ),
    Endpoint(
        "GET", f"/api/{AUDIT}.json", _list, "List what was connected.", AUDIT, "read", answer=_CONNECTION, many=True, lists=CONNECTIONS
    ),
    Endpoint("GET", f"/api/{AUDIT}/{{id}}.json", _get, "Return one entry of the audit.", AUDIT, "read", answer=_CONNECTION),
)
