"""CRUD of `products`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import InvalidItem
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.queries import answer_list
from feedmill.web.resources.catalogue.models import NewProduct, Product, ProductChange
from sinks.sqlite import clock
from sinks.sqlite.catalogue.listing import PRODUCTS, read_row
from sinks.sqlite.catalogue.single import create_product, delete_product, update_product

if TYPE_CHECKING:
    from aiohttp import web

_TAG: Final = "products"
_ALL: Final = "/api/products.json"
_ONE: Final = "/api/products/{id}.json"


async def _list(call: Call) -> web.Response:
    return await answer_list(call)


async def _get(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        return answer(await read_row(reader, PRODUCTS, call.id, "product"))


async def _create(call: Call) -> web.Response:
    sent = call.body(NewProduct)
    async with call.service.store.writing() as writer:
        number = await create_product(writer, sent.model_dump(), clock.now())
        made = await read_row(writer, PRODUCTS, number, "product")
    return answer(made)


async def _change(call: Call) -> web.Response:
    sent = call.body(ProductChange).model_dump(exclude_unset=True)
    if sent.get("name", "") is None:
        raise InvalidItem("the product cannot be changed so:", {"name": "is mandatory"})
    async with call.service.store.writing() as writer:
        await update_product(writer, call.id, sent, clock.now())
        changed = await read_row(writer, PRODUCTS, call.id, "product")
    return answer(changed)


async def _delete(call: Call) -> web.Response:
    async with call.service.store.writing() as writer:
        deleted = await read_row(writer, PRODUCTS, call.id, "product")
        await delete_product(writer, call.id)
    return answer(deleted)


_TAKEN: Final = {409: "another product has the externalId"}
ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", _ALL, _list, "List products.", _TAG, "read", answer=Product, many=True, lists=PRODUCTS),
    Endpoint("POST", _ALL, _create, "Create a product.", _TAG, "admin", body=NewProduct, answer=Product, statuses=_TAKEN),
    Endpoint("GET", _ONE, _get, "Return a product.", _TAG, "read", answer=Product),
    Endpoint("PUT", _ONE, _change, "Change a product: what is sent.", _TAG, "admin", body=ProductChange, answer=Product, statuses=_TAKEN),
    Endpoint(
        "DELETE",
        _ONE,
        _delete,
        "Delete a product that has no variants.",
        _TAG,
        "admin",
        answer=Product,
        statuses={409: "the product has variants"},
    ),
)
