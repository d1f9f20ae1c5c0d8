"""Quirk 17: what differs in a source from day to day and is no change of any item."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from engine.run import Counts
from feedmill.library import Fields
from tests.integration.quirk_feeds import Items, Quirk, check, each, sync

FIELDS: Fields = (
    {"purpose": "sku", "name": "sku"},
    {"purpose": "inventoryQuantity", "name": "stock"},
    {"purpose": "images", "name": "image", "normalizeImageUrl": True, "seperator": ","},
)
BEFORE = b"row;built;sku;stock;image\n1;2026-11-01;a;5;https://i.example/a.jpg?v=1\n2;2026-11-01;b;0;//i.example/b.jpg\n"
ITEMS: Items = {
    "a": {"inventoryQuantity": 5, "images": ["https://i.example/a.jpg"]},
    "b": {"inventoryQuantity": 0, "images": ["https://i.example/b.jpg"]},
}


def _noise(name: str, fact: str, body: bytes) -> Quirk:
    return Quirk(name, fact, body, ITEMS, before=BEFORE, counts=Counts(unchanged=2), fields=FIELDS)


@each(
    _noise(
        "q17-build-date",
        "a column that nothing maps",
        b"row;built;sku;stock;image\n1;2026-11-02;a;5;https://i.example/a.jpg?v=1\n2;2026-11-02;b;0;//i.example/b.jpg\n",
    ),
    _noise(
        "q17-row-number",
        "the number of the row, counted anew",
        b"row;built;sku;stock;image\n71;2026-11-01;a;5;https://i.example/a.jpg?v=1\n72;2026-11-01;b;0;//i.example/b.jpg\n",
    ),
    _noise(
        "q17-image-queries",
        "query strings by which an image host breaks caches",
        b"row;built;sku;stock;image\n1;2026-11-01;a;5;https://i.example/a.jpg?v=2&t=9\n2;2026-11-01;b;0;https://i.example/b.jpg?v=7\n",
    ),
    _noise(
        "q17-order-of-rows",
        "the same rows in another order",
        b"row;built;sku;stock;image\n2;2026-11-01;b;0;//i.example/b.jpg\n1;2026-11-01;a;5;https://i.example/a.jpg?v=1\n",
    ),
    _noise(
        "q17-order-of-columns",
        "the same columns in another order",
        b"image;stock;built;sku;row\nhttps://i.example/a.jpg?v=1;5;2026-11-01;a;1\n//i.example/b.jpg;0;2026-11-01;b;2\n",
    ),
)
async def test_noise_is_no_change(quirk: Quirk, tmp_path: Path) -> None:
    """Every item is unchanged and none is written."""
    await check(quirk, tmp_path)


ONE = b'{"externalId": "a", "vendorSku": "a", "inventoryQuantity": 5}'
TWO = b'{"externalId": "b", "vendorSku": "b", "inventoryQuantity": 0}'
ANOTHER_ONE = b'{"inventoryQuantity": 5, "vendorSku": "a", "built": 2, "externalId": "a"}'
ANOTHER_TWO = b'{"vendorSku": "b", "externalId": "b", "inventoryQuantity": 0}'


@pytest.mark.parametrize(
    "body", [b"[" + ANOTHER_TWO + b"," + ANOTHER_ONE + b"]", b'{"built": 2, "products": [' + ANOTHER_ONE + b"," + TWO + b"]}"]
)
async def test_the_order_of_attributes_is_no_change(body: bytes, tmp_path: Path) -> None:
    """The members of a JSON object have no order (q17-order-of-attributes)."""
    path = anyio.Path(tmp_path / "stock.json")
    first = (
        b'[{"externalId": "a", "vendorSku": "a", "inventoryQuantity": 5}, {"externalId": "b", "vendorSku": "b", "inventoryQuantity": 0}]'
    )
    await path.write_bytes(first)
    settings = {"resourceType": "json"}
    await sync(str(path), tmp_path / "shop.db", fields={}, settings=settings)
    await path.write_bytes(body)
    outcome = await sync(str(path), tmp_path / "shop.db", fields={}, settings=settings)
    assert outcome.record.counts == Counts(unchanged=2), outcome.record.problems
