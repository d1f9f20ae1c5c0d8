"""The catalogue for readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import orjson

from engine.batch import JsonValue
from engine.errors import NotFound
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.listing import Column, Condition, Listed, ListQuery, select_page

_PAGE: Final = (
    "SELECT v.id, v.product_id, p.external_id, v.sku, v.barcode, v.name, v.options, v.created_at, v.updated_at"
    " FROM variants AS v LEFT JOIN products AS p ON p.id = v.product_id WHERE v.id > ? ORDER BY v.id LIMIT 500"
)

PRODUCTS: Final = Listed(
    "main.products AS p",
    {
        "id": Column("p.id", "integer"),
        "name": Column("p.name"),
        "externalId": Column("p.external_id"),
        "createdAt": Column("p.created_at", "time"),
        "updatedAt": Column("p.updated_at", "time"),
    },
    "p.id",
)
VARIANTS: Final = Listed(
    "main.variants AS v LEFT JOIN main.products AS p ON p.id = v.product_id",
    {
        "id": Column("v.id", "integer"),
        "productId": Column("v.product_id", "integer"),
        "productExternalId": Column("p.external_id"),
        "sku": Column("v.sku"),
        "barcode": Column("v.barcode"),
        "name": Column("v.name"),
        "options": Column("v.options", "json"),
        "createdAt": Column("v.created_at", "time"),
        "updatedAt": Column("v.updated_at", "time"),
    },
    "v.id",
)
CONNECTIONS: Final = Listed(
    "main.inventory_feed_variant_connections AS c",
    {
        "id": Column("c.id", "integer"),
        "inventoryFeedVariantId": Column("c.inventory_feed_variant_id", "integer"),
        "variantId": Column("c.variant_id", "integer"),
        "action": Column("c.action"),
        "scope": Column("c.scope"),
        "dataImportId": Column("c.run_id", "integer"),
        "createdAt": Column("c.created_at", "time"),
        "updatedAt": Column("c.updated_at", "time"),
    },
    "c.id",
)


async def read_row(reader: Writer, listed: Listed, number: int, what: str) -> Mapping[str, object]:
    """Return a row of a list by its id, as the list shows it. Raises `NotFound` when there is none; `what` names it."""
    page = await select_page(reader, listed, ListQuery(where=(Condition("id", "eq", (str(number),)),)))
    if not page.rows:
        raise NotFound(f"there is no {what} {number}")
    return page.rows[0]


async def list_variants(database: Database) -> AsyncIterator[dict[str, JsonValue]]:
    """Yield variants in the order of their ids, by the API's attribute names."""
    async with database.connect() as connection:
        reader = Writer(connection, None, database.name)
        last = 0
        while rows := await reader.query(_PAGE, last):
            for number, product, handle, sku, barcode, name, options, created, updated in rows:
                yield {
                    "id": int(str(number)),
                    "productId": None if product is None else int(str(product)),
                    "productExternalId": _text(handle),
                    "sku": _text(sku),
                    "barcode": _text(barcode),
                    "name": _text(name),
                    "options": orjson.loads(str(options)),
                    "createdAt": rfc3339(int(str(created))),
                    "updatedAt": rfc3339(int(str(updated))),
                }
            last = int(str(rows[-1][0]))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
