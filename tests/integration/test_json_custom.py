"""A shop's own JSON, mapped by paths, from the file to the store."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

import feedmill
from engine.batch import JsonValue
from engine.run import RunRecord, RunStatus

FIELDS: list[dict[str, JsonValue]] = [
    {"path": "id", "purpose": "externalId"},
    {"path": "sku", "purpose": "sku"},
    {"path": "inventory_quantity", "purpose": "inventoryQuantity"},
    {"path": "price", "purpose": "retailPrice"},
    {"object": "product", "path": "title", "purpose": "name"},
    {"object": "product", "path": "$.images[?@.position < 2].src", "purpose": "images"},
]


def _product(number: int) -> dict[str, object]:
    variants = [
        {"id": 10**30 + 10 * number + size, "title": "S", "sku": f"00{number}-{size}", "inventory_quantity": number, "price": "19.90"}
        for size in range(3)
    ]
    images = [{"src": f"https://cdn.example/{number}.png", "position": 1}, {"src": "x", "position": 2}]
    return {"id": number, "title": f"Lamp {number}", "variants": variants, "images": images, "vendor": "Acme"}


async def _sync(tmp_path: Path, text: str, **settings: object) -> RunRecord:
    source = anyio.Path(tmp_path / "products.json")
    await source.write_text(text, encoding="utf-8")
    return await feedmill.sync(str(source), to=str(tmp_path / "shop.db"), feed="shop", settings=settings)


@pytest.mark.parametrize("root", [None, "[*].variants[*]"])
async def test_a_shops_export_is_mapped_by_paths(tmp_path: Path, root: str | None) -> None:
    """Each variant is an item with its product's title; the mapping is stored, and the next run finds nothing changed."""
    products = [_product(number) for number in range(2_000)]
    first = await _sync(tmp_path, json.dumps(products), jsonFields=FIELDS, syncName=True, **({"jsonRoot": root} if root else {}))
    assert (first.status, first.read, first.counts.created) == (RunStatus.COMPLETE, 6_000, 6_000)
    again = await _sync(tmp_path, json.dumps([*products, {**_product(1), "title": "Rug"}]))
    assert (again.status, again.counts.updated, again.counts.duplicate) == (RunStatus.COMPLETE, 3, 3)


async def test_a_long_document_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    """Though most of its rows were staged before the end was seen."""
    text = json.dumps([_product(number) for number in range(2_000)])
    assert (await _sync(tmp_path, text, jsonFields=FIELDS)).status is RunStatus.COMPLETE
    torn = await _sync(tmp_path, text.replace('"inventory_quantity": 7,', '"inventory_quantity": 9,')[:-1])
    assert (torn.status, torn.counts.updated) == (RunStatus.ERROR, 0)
    assert "ends at line 1" in torn.problems[-1].message
    assert (await _sync(tmp_path, text)).counts.unchanged == 6_000


@pytest.mark.parametrize("count", [5, 20_000])
async def test_a_preset_without_stock_is_refused(tmp_path: Path, count: int) -> None:
    """And one with one identifier takes it as both, in a document of several pieces as in a small one."""
    items = [{"vendorSku": f"a{number}", "name": "a lamp of some length"} for number in range(count)]
    refused = await _sync(tmp_path, json.dumps(items))
    assert (refused.status, refused.counts.created) == (RunStatus.ERROR, 0)
    assert "no column of stock found" in refused.problems[-1].message
    read = await _sync(tmp_path, json.dumps([{**item, "inventoryQuantity": 1} for item in items]))
    assert (read.status, read.counts.created) == (RunStatus.COMPLETE, count)
