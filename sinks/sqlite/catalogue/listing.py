"""The catalogue for readers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import orjson

from engine.batch import JsonValue
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Writer

_PAGE: Final = (
    "SELECT v.id, v.product_id, p.external_id, v.sku, v.barcode, v.name, v.options, v.created_at, v.updated_at"
    " FROM variants AS v LEFT JOIN products AS p ON p.id = v.product_id WHERE v.id > ? ORDER BY v.id LIMIT 500"
)


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
