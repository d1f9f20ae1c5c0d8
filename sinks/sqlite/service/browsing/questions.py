"""What somebody looks for among the items, and how it is said in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Order: TypeAlias = Literal["id", "externalId", "vendorSku", "name", "inventoryQuantity", "retailPrice", "updatedAt"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)

LONGEST_TEXT: Final = 200
"""Characters that are looked for; SQLite refuses patterns of many thousands."""

_WORDS: Final = 6
_KEYS: Final = ("v.external_id", "v.vendor_sku", "v.original_sku", "v.barcode", "v.mpn")

COLUMNS: Final[dict[Order, str]] = {
    "id": "v.id",
    "externalId": "v.external_id",
    "vendorSku": "v.vendor_sku COLLATE NOCASE",
    "name": "v.name COLLATE NOCASE",
    "inventoryQuantity": "v.inventory_quantity",
    "retailPrice": "v.retail_price",
    "updatedAt": "v.updated_at",
}
"""The orders as SQL."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on an item `v` with its parameters."""

    sql: str
    parameters: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: a text in keys and names, a feed, a status, whether it has a variant; and in which order."""

    text: str = ""
    feed: int | None = None
    status: str | None = None
    connected: bool | None = None
    order: Order = "id"
    descending: bool = False

    @property
    def indexed(self) -> str | None:
        """Return the index by which the items come in their order and none but them, None where there is no such one."""
        if self.text or self.order not in ("id", "externalId"):
            return None
        if self.order == "externalId":
            return "sqlite_autoindex_inventory_feed_variants_1" if self.status is None and self.connected is None else None
        if self.status is None and self.connected is None:
            return "ix_inventory_feed_variants_feed"
        if self.status in ("connected", "removed") and self.connected is None:
            return f"ix_inventory_feed_variants_{self.status}"
        return None

    def conditions(self) -> list[Condition]:
        """Return what an item has to fulfil, but for its feed."""
        found: list[Condition] = []
        if self.status is not None:
            found.append(Condition("v.status = ?", (self.status,)))
        if self.connected is not None:
            found.append(Condition(f"v.variant_id IS {'NOT ' if self.connected else ''}NULL"))
        if self.text:
            found.append(contains(self.text, _KEYS, "v.name"))
        return found


def contains(text: str, keys: tuple[str, ...], name: str) -> Condition:
    """Return the condition that a key begins with a text, or that a name has every word of it, letters of either case."""
    head, words = f"{_plain(text)}%", [f"%{_plain(word)}%" for word in text.split()[:_WORDS]]
    by_key = " OR ".join(f"{key} LIKE ? ESCAPE '\\'" for key in keys)
    by_name = " AND ".join([f"{name} LIKE ? ESCAPE '\\'"] * len(words)) or "0"
    return Condition(f"({by_key} OR ({by_name}))", (*[head] * len(keys), *words))


def prefix_end(text: str) -> str:
    """Return the least text behind all that begin with one, as the database sorts them."""
    # The last character of Unicode: no text of a supplier holds it, as it is none.
    return f"{text}\U0010ffff"


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
