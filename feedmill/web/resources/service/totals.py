"""How much there is in all: feeds, items, stock; ours, for who looks at the service as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from engine.settings.resource import Resource
from feedmill.web.endpoint import Call, Endpoint, answer
from sinks.sqlite.service.resources.totals import read_totals

if TYPE_CHECKING:
    from aiohttp import web

Count = Annotated[int, Field(ge=0)]


class Totals(Resource):
    """How much there is: of many items the figures are some seconds old."""

    feeds: Count
    items: Count = Field(description="Items of all feeds.")
    connected: Count = Field(description="Items that are connected to a variant.")
    in_stock: Count = Field(description="Items with stock, as they were sent.")
    stock: float = Field(description="The stock of all items, as it was sent; no item counts below zero.")


async def _get(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        totals = await read_totals(reader, call.service.store.totals)
    return answer(
        {
            "feeds": totals.feeds,
            "items": totals.items,
            "connected": totals.connected,
            "inStock": totals.in_stock,
            "stock": totals.stock,
        }
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/api/totals.json", _get, "Return how much there is in all.", "totals", "read", answer=Totals),
)
