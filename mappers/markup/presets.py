"""The mapping rows that come with XML: the formats that price search engines and marketplaces made common.

A row's names are XPath relative to the record, the most telling first; of several that are there the first that is not blank
counts. No row takes a weight: these formats write it in units of their own, and a feed has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from engine.batch import JsonValue
from engine.contracts import PresetField


@dataclass(frozen=True, slots=True)
class XmlPreset:
    """A format: where its records stand, its rows, and the URIs of the prefixes in them."""

    path: str
    rows: tuple[PresetField, ...]
    namespaces: Mapping[str, str] = field(default_factory=dict)


def _field(purpose: str, *names: str, **row: JsonValue) -> PresetField:
    return PresetField(purpose, names, MappingProxyType(row))


def _google(purpose: str, *names: str, **row: JsonValue) -> PresetField:
    # Feeds write the elements of Google with its prefix, or in RSS and as tables turned into XML without.
    return _field(purpose, *(spelled for name in names for spelled in (f"g:{name}", name)), **row)


_GOOGLE_STOCK: Final[JsonValue] = {
    **dict.fromkeys(("in stock", "in_stock", "instock", "available", "limited availability"), "1"),
    **dict.fromkeys(("out of stock", "out_of_stock", "outofstock", "sold out", "discontinued"), "0"),
    # What is still to come is not there.
    **dict.fromkeys(("preorder", "pre-order", "pre_order", "backorder", "back order", "back_order", "available for order"), "0"),
}

GOOGLE: Final = XmlPreset(
    "/rss/channel/item | /feed/entry",
    (
        _google("externalId", "id"),
        _google("inventoryQuantity", "quantity", "sell_on_google_quantity", "inventory", "availability", lookup=_GOOGLE_STOCK),
        # A shop shows the price that is asked for and, crossed out, the one that was: equal where nothing is reduced, so that
        # the end of a sale is a value too, and not a blank that leaves the old one standing.
        _google("retailPrice", "sale_price", "price"),
        _google("compareAtPrice", "price"),
        _google("barcode", "gtin"),
        _google("mpn", "mpn"),
        _google("externalGroupId", "item_group_id"),
        _google("name", "title"),
        _field("description", "g:description", "description", "summary", "content"),
        _google("vendorName", "brand"),
        _google("productType", "product_type", "google_product_category"),
        _google("images", "image_link"),
        _google("images", "additional_image_link"),
        _google("option", "color", optionName="Color"),
        _google("option", "size", optionName="Size"),
        _google("option", "material", optionName="Material"),
        _google("option", "pattern", optionName="Pattern"),
        _google("metaFields", "condition", optionName="condition"),
        _google("metaFields", "shipping_weight", optionName="shippingWeight"),
    ),
    MappingProxyType({"g": "http://base.google.com/ns/1.0"}),
)

HEUREKA: Final = XmlPreset(
    # The second is Heureka's file of stock figures, which comes apart from the goods.
    "/SHOP/SHOPITEM | /item_list/item",
    (
        _field("externalId", "ITEM_ID", "@id"),
        _field("inventoryQuantity", "stock_quantity"),
        _field("retailPrice", "PRICE_VAT"),
        _field("barcode", "EAN"),
        _field("mpn", "PRODUCTNO"),
        _field("externalGroupId", "ITEMGROUP_ID"),
        _field("name", "PRODUCTNAME", "PRODUCT"),
        _field("description", "DESCRIPTION"),
        _field("vendorName", "MANUFACTURER"),
        _field("productType", "CATEGORYTEXT"),
        _field("images", "IMGURL"),
        _field("images", "IMGURL_ALTERNATIVE"),
        _field("options", "options(PARAM, PARAM_NAME, VAL)"),
        _field("metaFields", "DELIVERY_DATE", optionName="deliveryDate"),
    ),
)

CENEO: Final = XmlPreset(
    "/offers/o | /offers/group/o",
    (
        _field("externalId", "@id"),
        _field("inventoryQuantity", "@stock"),
        _field("retailPrice", "@price"),
        _field("barcode", "attrs/a[@name='EAN']"),
        _field("mpn", "attrs/a[@name='Kod_producenta']", "attrs/a[@name='Kod producenta']"),
        _field("name", "name"),
        _field("description", "desc"),
        _field("vendorName", "attrs/a[@name='Producent']"),
        _field("productType", "cat"),
        _field("images", "imgs/main/@url"),
        _field("images", "imgs/i/@url"),
        _field("metaFields", "@avail", optionName="avail"),
    ),
)

YML: Final = XmlPreset(
    "/yml_catalog/shop/offers/offer",
    (
        _field("externalId", "@id"),
        _field(
            "inventoryQuantity", "count", "stock_quantity", "quantity", "outlets/outlet/@instock", "@available",
            lookup={"true": "1", "false": "0"},
        ),
        _field("retailPrice", "price"),
        _field("compareAtPrice", "oldprice", "price"),
        _field("barcode", "barcode"),
        _field("mpn", "vendorCode"),
        _field("externalGroupId", "@group_id"),
        _field("name", "name", "model"),
        _field("description", "description"),
        _field("vendorName", "vendor"),
        _field("productType", "typePrefix"),
        _field("images", "picture"),
        _field("options", "options(param, @name, .)"),
        _field("metaFields", "categoryId", optionName="categoryId"),
    ),
)  # fmt: skip

XML_PRESETS: Final[Mapping[str, XmlPreset]] = MappingProxyType(
    {"google": GOOGLE, "heureka": HEUREKA, "zbozi": HEUREKA, "ceneo": CENEO, "yml": YML}
)
"""By the value of the feed's attribute `xmlMapping`."""

PRESETS: Final[Mapping[str, tuple[PresetField, ...]]] = MappingProxyType({name: preset.rows for name, preset in XML_PRESETS.items()})
