"""The mapping rows that come with CSV: purposes, and the headers under which suppliers send them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.batch import JsonValue
from engine.contracts import PresetField


def _field(purpose: str, *names: str, **row: JsonValue) -> PresetField:
    # Exports of databases write `vendor_sku` or `vendorsku` for what people write `vendor sku`.
    spellings = (name.replace(" ", joint) for name in names for joint in (" ", "", "_", "-"))
    return PresetField(purpose, tuple(dict.fromkeys(spellings)), MappingProxyType(row))


_SKU_NAMES: Final = ("sku", "vendor sku", "supplier sku", "variant sku", "item sku", "product sku", "sku code", "stock keeping unit")

# An explicit external id, else the SKU: it is the one key that suppliers keep. Product ids are no candidates (one may stand
# for all sizes), and a bare `id` comes last for the same reason.
_EXTERNAL_ID: Final = _field("externalId", "external id", "external variant id", "variant id", *_SKU_NAMES, "id")
_SKU: Final = _field("sku", *_SKU_NAMES)
_BARCODE: Final = _field(
    "barcode", "barcode", "variant barcode", "bar code", "ean", "ean13", "ean 13", "ean code", "gtin", "gtin13", "upc", "upc code"
)
_QUANTITY: Final = _field(
    "inventoryQuantity",
    "inventory quantity", "variant inventory qty", "inventory qty", "inventory", "quantity", "qty", "stock quantity", "stock qty",
    "stock level", "stock on hand", "stock", "qty on hand", "quantity on hand", "on hand", "available quantity", "available qty",
    "available stock", "quantity available", "qty available", "in stock quantity",
)  # fmt: skip
_RETAIL: Final = _field("retailPrice", "retail price", "price", "variant price", "selling price", "unit price", "regular price")
_COMPARE_AT: Final = _field("compareAtPrice", "compare at price", "variant compare at price", "compare price")
_COST: Final = _field("costPrice", "cost price", "cost", "unit cost", "cost per item", "wholesale price", "purchase price", "dealer price")

_INVENTORY: Final = (_EXTERNAL_ID, _SKU, _BARCODE, _QUANTITY)
_INVENTORY_PRICING: Final = (*_INVENTORY, _RETAIL, _COMPARE_AT, _COST)
_PUBLISHING: Final = (
    *_INVENTORY_PRICING,
    _field("externalGroupId", "external group id", "item group id", "group id", "parent sku", "parent id", "style number", "style code"),
    _field("handle", "handle", "url handle", "url key", "slug"),
    _field("name", "name", "product name", "item name", "title", "product title"),
    _field("description", "description", "product description", "long description", "body (html)", "body html", "body"),
    _field("productType", "product type", "type", "category", "product category"),
    _field("vendorName", "vendor name", "vendor", "brand", "brand name", "manufacturer"),
    _field("mpn", "mpn", "manufacturer part number", "part number"),
    _field("tags", "tags", "keywords", seperator=","),
    _field("images", "images", "image urls", "image url", "image links", "image link", "image src", "image", "pictures", seperator=","),
    _field("option", "color", "colour", optionName="Color"),
    _field("option", "size", optionName="Size"),
    _field("option", "material", optionName="Material"),
    _field("grams", "grams", "weight grams", "weight (g)", "variant grams"),
    _field("weight", "weight", "item weight", "product weight"),
    _field("requiresShipping", "requires shipping", "variant requires shipping"),
)


def _shopify(purpose: str, name: str, **row: JsonValue) -> PresetField:
    return PresetField(purpose, (name,), MappingProxyType(row))


_SHOPIFY: Final = (
    _shopify("externalId", "Variant ID"),
    _shopify("externalGroupId", "Handle"),
    _shopify("handle", "Handle"),
    _shopify("sku", "Variant SKU"),
    _shopify("name", "Title"),
    _shopify("description", "Body (HTML)"),
    _shopify("vendorName", "Vendor"),
    _shopify("productType", "Type"),
    _shopify("tags", "Tags", seperator=","),
    _shopify("images", "Image Src", seperator="\n"),
    _shopify("options", "Options"),
    _shopify("grams", "Variant Grams"),
    _shopify("inventoryQuantity", "Variant Inventory Qty"),
    _shopify("retailPrice", "Variant Price"),
    _shopify("compareAtPrice", "Variant Compare At Price"),
    _shopify("costPrice", "Cost per item"),
    _shopify("barcode", "Variant Barcode"),
    _shopify("requiresShipping", "Variant Requires Shipping"),
)

PRESETS: Final[Mapping[str, tuple[PresetField, ...]]] = MappingProxyType(
    {"inventory": _INVENTORY, "inventory_pricing": _INVENTORY_PRICING, "publishing": _PUBLISHING, "shopify": _SHOPIFY}
)
"""By the value of the feed's attribute `mapping`. The first name that the document has is the one that counts."""
