"""The mapping rows that come with JSON: the names of the default document, which are those of the items it fills."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.batch import JsonValue
from engine.contracts import PresetField


def _field(purpose: str, name: str | None = None, **row: JsonValue) -> PresetField:
    # One name each: a second one would have to be chosen from, in every document anew.
    return PresetField(purpose, (name or purpose,), MappingProxyType(row))


_INVENTORY: Final = (_field("externalId"), _field("sku", "vendorSku"), _field("barcode"), _field("inventoryQuantity"))
_INVENTORY_PRICING: Final = (*_INVENTORY, _field("retailPrice"), _field("compareAtPrice"), _field("costPrice"))
_PUBLISHING: Final = (
    *_INVENTORY_PRICING,
    _field("externalGroupId"),
    _field("handle"),
    _field("name"),
    _field("description"),
    _field("productType"),
    _field("vendorName"),
    _field("mpn"),
    _field("tags", seperator=","),
    _field("images"),
    _field("options"),
    _field("metaFields"),
    _field("grams"),
    _field("requiresShipping"),
)

PRESETS: Final[Mapping[str, tuple[PresetField, ...]]] = MappingProxyType(
    {"inventory": _INVENTORY, "inventory_pricing": _INVENTORY_PRICING, "publishing": _PUBLISHING}
)
"""By the value of the feed's attribute `mapping`."""

INHERITED: Final = frozenset({"externalGroupId", "name", "handle", "description", "vendorName", "productType", "tags", "images"})
"""What a variant takes from its product where it says nothing itself. Never a key, a price or a stock: those of a product are
of another thing, a sum or a first, and each variant would be given the whole."""
