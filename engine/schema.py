"""The attributes of an inventory feed variant: names, kinds, defaults. The one list every room reads."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from engine.batch import JsonValue, Value

MONEY_DIGITS: Final = 6
MONEY_SCALE: Final = 10**MONEY_DIGITS
"""Money travels and is stored as an integer of millionths: exact, sortable, and never a binary float."""


class Kind(Enum):
    """How a value of an attribute is held in an `ItemBatch` and in a store."""

    TEXT = "text"
    """`str`; identifiers too: `00123` is never a number."""
    INTEGER = "integer"
    """`int` of at most 63 bits."""
    QUANTITY = "quantity"
    """`int` wherever it is whole; goods by the metre have a `float` of at most six decimals, the nearest to what was sent."""
    MONEY = "money"
    """`int`, millionths of the currency's unit, see `MONEY_SCALE`."""
    FLAG = "flag"
    """`int`, 0 or 1."""
    JSON = "json"
    """`str`, compact JSON text of a list or an object."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `name` is camelCase as the API shows it; `imported` says whether a feed may set it."""

    name: str
    kind: Kind
    default: JsonValue = None
    imported: bool = True

    @property
    def column(self) -> str:
        """Return the snake_case name under which a table keeps it."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.name)

    def to_json(self, value: Value) -> JsonValue | Decimal:
        """Return a held value as the API shows it: money as an exact `Decimal`, flags as booleans, JSON decoded.

        A value that is not stored (None) shows as the attribute's default.
        """
        if value is None:
            return list(self.default) if isinstance(self.default, list) else self.default
        if self.kind is Kind.MONEY:
            return money_to_decimal(int(value))
        if self.kind is Kind.FLAG:
            return bool(value)
        if self.kind is Kind.JSON:
            decoded: JsonValue = [] if value == "[]" else orjson.loads(str(value))
            return decoded
        return value


def money_to_decimal(scaled: int) -> Decimal:
    """Return millionths as a decimal without trailing zeros: 12500000 is `Decimal("12.5")`."""
    whole, rest = divmod(abs(scaled), MONEY_SCALE)
    digits = f"{whole}.{rest:0{MONEY_DIGITS}d}".rstrip("0").rstrip(".")
    return Decimal(f"-{digits}" if scaled < 0 else digits)


_TEXT, _INTEGER, _MONEY, _FLAG, _JSON = Kind.TEXT, Kind.INTEGER, Kind.MONEY, Kind.FLAG, Kind.JSON

ATTRIBUTES: Final = MappingProxyType(
    {
        attribute.name: attribute
        for attribute in (
            Attribute("externalId", _TEXT),
            Attribute("externalGroupId", _TEXT),
            Attribute("vendorSku", _TEXT),
            Attribute("originalSku", _TEXT),
            Attribute("barcode", _TEXT),
            Attribute("mpn", _TEXT),
            Attribute("name", _TEXT),
            Attribute("handle", _TEXT),
            Attribute("description", _TEXT),
            Attribute("productType", _TEXT),
            Attribute("vendorName", _TEXT),
            Attribute("images", _JSON, []),
            Attribute("options", _JSON, []),
            Attribute("tags", _JSON, []),
            Attribute("metaFields", _JSON),
            Attribute("inventoryQuantity", Kind.QUANTITY),
            Attribute("locations", _JSON),
            Attribute("retailPrice", _MONEY),
            Attribute("compareAtPrice", _MONEY),
            Attribute("costPrice", _MONEY),
            Attribute("grams", _INTEGER, 0),
            Attribute("taxable", _FLAG, True),
            Attribute("requiresShipping", _FLAG, True),
            Attribute("position", _INTEGER),
            Attribute("status", _TEXT, "pending", imported=False),
            Attribute("inventoryPolicy", _TEXT, "track"),
            Attribute("inventoryQuantityOverride", _TEXT, "none", imported=False),
            Attribute("manualInventoryQuantity", _INTEGER, imported=False),
            Attribute("allocationBufferOverride", _INTEGER, imported=False),
            Attribute("variantId", _INTEGER, imported=False),
            Attribute("messages", _JSON, imported=False),
        )
    }
)
"""Every stored attribute by its API name, in the order in which an item is shown."""

CHOICES: Final = MappingProxyType(
    {
        "status": ("pending", "connected", "error", "removed"),
        "inventoryPolicy": ("track", "ignore", "deny", "continue", "dropship"),
        "inventoryQuantityOverride": ("none", "manual", "maximum"),
    }
)
"""The values of the attributes that have only a few."""
