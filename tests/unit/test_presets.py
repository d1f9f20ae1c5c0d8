"""The presets: known purposes, unambiguous names, and the headers suppliers really send."""

from __future__ import annotations

import pytest

from engine.contracts import DocumentFacts, MapperSettings
from mappers.csv import CsvMapper
from mappers.tabular.presets import PRESETS

PURPOSES = {
    "barcode", "compareAtPrice", "costPrice", "description", "externalGroupId", "externalId", "grams", "handle", "images",
    "inventoryQuantity", "inventoryQuantityBoolean", "metaFields", "name", "option", "options", "productType", "requiresShipping",
    "retailPrice", "sku", "tags", "vendorName", "weight", "mpn",
}  # fmt: skip


def mapped(header: str, preset: str) -> dict[str, str]:
    """Return the header that each purpose of a preset takes, the first name that is there."""
    mapper = CsvMapper(MapperSettings(tuple(field.names for field in PRESETS[preset])), DocumentFacts("t.csv"))
    mapper.feed(f"{header}\n{','.join('x' for _ in header.split(','))}\n".encode())
    mapper.finish()
    found = {}
    for field in PRESETS[preset]:
        at = next((index for name in field.names if (index := mapper.locate(name)) is not None), None)
        if at is not None:
            found[field.purpose] = mapper.columns[at]
    return found


@pytest.mark.parametrize("preset", PRESETS)
def test_purposes_are_those_of_the_api(preset: str) -> None:
    """Every field has a known purpose and at least one name."""
    assert {field.purpose for field in PRESETS[preset]} <= PURPOSES
    assert all(field.names for field in PRESETS[preset])


@pytest.mark.parametrize("preset", ["inventory", "inventory_pricing", "publishing"])
def test_no_header_has_two_meanings(preset: str) -> None:
    """Only the key shares its names, with the SKU: a feed without an id of its own is keyed by SKU."""
    names = [name for field in PRESETS[preset] if field.purpose != "externalId" for name in field.names]
    assert len(names) == len(set(names))
    assert not {"sale price", "available", "rrp", "product id", "availability"} & set(names)


@pytest.mark.parametrize("header", ["sku,qty", "Vendor SKU,Stock Qty", "SKU,Quantity", "item_sku,on_hand", "VendorSku,InventoryQuantity"])
def test_a_plain_stock_list_needs_no_mapping(header: str) -> None:
    """The SKU is the key where there is no other."""
    sku, quantity = header.split(",")
    assert mapped(header, "inventory") == {"externalId": sku, "sku": sku, "inventoryQuantity": quantity}


def test_an_external_id_comes_before_the_sku() -> None:
    """And a bare `id` after it, since it may stand for a product with all its sizes."""
    assert mapped("sku,External ID,qty", "inventory")["externalId"] == "External ID"
    assert mapped("id,sku,qty", "inventory")["externalId"] == "sku"


def test_prices_are_told_apart() -> None:
    """`price` is the retail price, a sale price is none of them."""
    found = mapped("sku,qty,Price,Compare At Price,Cost per item,Sale price", "inventory_pricing")
    assert {purpose: column for purpose, column in found.items() if "Price" in purpose} == {
        "retailPrice": "Price", "compareAtPrice": "Compare At Price", "costPrice": "Cost per item",
    }  # fmt: skip
    assert "retailPrice" not in mapped("sku,qty,Price", "inventory")


def test_rows_carry_how_to_read_their_field() -> None:
    """Lists name their separator, options their name."""
    rows = {(field.purpose, field.names[0]): dict(field.row) for field in PRESETS["publishing"] if field.row}
    assert rows[("tags", "tags")] == {"seperator": ","}
    assert rows[("option", "size")] == {"optionName": "Size"}
    assert {field.purpose: dict(field.row) for field in PRESETS["shopify"]}["images"] == {"seperator": "\n"}
