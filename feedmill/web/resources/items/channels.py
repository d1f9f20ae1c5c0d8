"""The calls of sales channels: a channel acknowledges items, which connects them by hand, or disconnects them.

The channel's id is a label: a catalogue is one for all channels.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from engine.errors import ConfigError
from engine.settings.resource import Resource
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.resources.items.connecting import Id, change_connection
from feedmill.web.rows import rows_schema, validate_rows
from sinks.sqlite.catalogue.manual import Handled, connect_by_id, disconnect_by_id

if TYPE_CHECKING:
    from aiohttp import web

    from sinks.sqlite.fence import Writer

MOST: Final = 50
TAG: Final = "channels"
_PATH: Final = "/api/channels/{channel}"
_Act: TypeAlias = "Callable[[Call, ChannelItem], Awaitable[Handled]]"


class ChannelItem(Resource):
    """An item, by `id` or `inventoryFeedVariantId`, and the variant it is to have, where it is another one than it has."""

    id: Id | None = None
    inventory_feed_variant_id: Id | None = None
    variant_id: Id | None = None
    sku: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        if (self.id is None) == (self.inventory_feed_variant_id is None):
            raise ValueError("name the item by id or by inventoryFeedVariantId")
        if self.variant_id is not None and self.sku is not None:
            raise ValueError("name the variant by variantId or by sku")
        return self

    @property
    def item(self) -> int:
        """Return the id of the item."""
        return self.id or self.inventory_feed_variant_id or 0


class ChannelOutcome(Resource):
    """What became of an item; `problem` says why nothing did."""

    inventory_feed_variant_id: int
    outcome: Literal["connected", "disconnected", "error"]
    variant_id: int | None
    problem: str | None


async def _connect(call: Call, sent: ChannelItem) -> Handled:
    async def work(writer: Writer, now: int) -> Handled:
        return await connect_by_id(writer, sent.item, now=now, sku=sent.sku, variant=sent.variant_id)

    return await change_connection(call.service, "connect", work)


async def _disconnect(call: Call, sent: ChannelItem) -> Handled:
    async def work(writer: Writer, now: int) -> Handled:
        return await disconnect_by_id(writer, sent.item, now=now)

    return await change_connection(call.service, "disconnect", work)


def _one(act: _Act) -> Callable[[Call], Awaitable[web.StreamResponse]]:
    async def handle(call: Call) -> web.StreamResponse:
        return answer(_shape(await act(call, call.body(ChannelItem))))

    return handle


def _several(act: _Act) -> Callable[[Call], Awaitable[web.StreamResponse]]:
    async def handle(call: Call) -> web.StreamResponse:
        return answer([await _try(act, call, sent) for sent in validate_rows(ChannelItem, call.sent, MOST)])

    return handle


async def _try(act: _Act, call: Call, sent: ChannelItem) -> dict[str, object]:
    """Do it in a transaction of its own: one item that cannot be connected keeps back no other."""
    try:
        return _shape(await act(call, sent))
    except ConfigError as error:
        return {"inventoryFeedVariantId": sent.item, "outcome": "error", "variantId": None, "problem": str(error)}


def _shape(handled: Handled) -> dict[str, object]:
    return {"inventoryFeedVariantId": handled.item, "outcome": handled.action, "variantId": handled.variant, "problem": None}


def _pair(verb: str, act: _Act, summary: str, statuses: dict[int, str]) -> tuple[Endpoint, Endpoint]:
    named: dict[str, Any] = {"tag": TAG, "scope": "admin", "answer": ChannelOutcome}
    return (
        Endpoint(
            "PUT",
            f"{_PATH}/{verb}-inventory-feed-variants.json",
            _one(act),
            f"{summary} an item.",
            body=ChannelItem,
            statuses={404: "there is no such item", **statuses},
            **named,
        ),
        Endpoint(
            "PUT",
            f"{_PATH}/{verb}-inventory-feed-variants-batches.json",
            _several(act),
            f"{summary} up to {MOST} items; each is answered for.",
            body=rows_schema(ChannelItem, MOST),
            many=True,
            **named,
        ),
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *_pair("acknowledge", _connect, "Connect by hand", {409: "the item is removed, or another one has the variant by hand"}),
    *_pair("disconnect", _disconnect, "Disconnect by hand", {}),
)
