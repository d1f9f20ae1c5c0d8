"""CRUD of `variants`. A change of one connects the items of all feeds anew, soon after the answer."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.queries import answer_list
from feedmill.web.resources.catalogue.models import Variant, VariantChange
from sinks.sqlite import clock
from sinks.sqlite.catalogue.listing import VARIANTS, read_row
from sinks.sqlite.catalogue.single import create_variant, delete_variant, find_variant, update_variant
from sinks.sqlite.fence import Origin, Writer

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service

TAG: Final = "variants"
_ALL: Final = "/api/variants.json"
_ONE: Final = "/api/variants/{id}.json"


@asynccontextmanager
async def changing_catalogue(service: Service) -> AsyncIterator[tuple[Writer, int]]:
    """Open a transaction on the catalogue, and have all items looked at after it; yield its writer and its moment."""
    now = clock.now()
    async with service.store.changing(Origin(now, call=f"catalogue:{secrets.token_hex(8)}")) as writer:
        yield writer, now
    service.bells.catalogue.ring()


async def _list(call: Call) -> web.Response:
    return await answer_list(call)


async def _get(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        return answer(await read_row(reader, VARIANTS, call.id, "variant"))


async def _create(call: Call) -> web.Response:
    sent = call.body(VariantChange)
    async with changing_catalogue(call.service) as (writer, now):
        number = await create_variant(writer, sent.cells(), now)
        made = await read_row(writer, VARIANTS, number, "variant")
    return answer(made)


async def _change(call: Call) -> web.Response:
    sent = call.body(VariantChange)
    async with changing_catalogue(call.service) as (writer, now):
        await update_variant(writer, await find_variant(writer, call.id), sent.cells(), now)
        changed = await read_row(writer, VARIANTS, call.id, "variant")
    return answer(changed)


async def _delete(call: Call) -> web.Response:
    async with changing_catalogue(call.service) as (writer, now):
        deleted = await read_row(writer, VARIANTS, call.id, "variant")
        await delete_variant(writer, call.id, now)
    call.service.bells.outbox.ring()
    return answer(deleted)


_TAKEN: Final = {409: "another variant has the same SKU, or barcode, and options"}
ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", _ALL, _list, "List variants.", TAG, "read", answer=Variant, many=True, lists=VARIANTS),
    Endpoint("POST", _ALL, _create, "Create a variant.", TAG, "admin", body=VariantChange, answer=Variant, statuses=_TAKEN),
    Endpoint("GET", _ONE, _get, "Return a variant.", TAG, "read", answer=Variant),
    Endpoint("PUT", _ONE, _change, "Change a variant: what is sent.", TAG, "admin", body=VariantChange, answer=Variant, statuses=_TAKEN),
    Endpoint("DELETE", _ONE, _delete, "Delete a variant; its items are not connected any more.", TAG, "admin", answer=Variant),
)
