"""What happened to an item, in the words in which a run's changes are counted and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from engine.batch import JsonValue, Value
from sinks.sqlite.history.effects import SHOWN, shown

Shown: TypeAlias = "JsonValue | Decimal"
"""A value as the API shows it."""

Kind: TypeAlias = Literal["created", "updated", "zeroed", "removed", "restored", "deleted"]

KINDS: Final[tuple[Kind, ...]] = ("created", "updated", "zeroed", "removed", "restored", "deleted")
"""`zeroed` items had stock and have none after, `removed` ones were taken out of stock as gone, `restored` ones are back from that;
`updated` is every other change of a known item. An item is of one kind."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One attribute by its API name, with its values as the API shows them."""

    field: str
    before: Shown
    after: Shown

    @classmethod
    def of(cls, column: str, before: Value, after: Value) -> FieldChange:
        """Return the change of a column that readers see."""
        attribute = SHOWN[column]
        return cls(attribute.name, attribute.to_json(before), attribute.to_json(after))


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What a run did to an item, or would do. `item` is None of one that it would create.

    `stock` is the known stock that the item had, of a new item or one that is back the stock that it has.
    """

    item: int | None
    external_id: str
    vendor_sku: str | None
    name: str | None
    kind: Kind
    stock: float
    fields: tuple[FieldChange, ...]


Row: TypeAlias = Mapping[str, Value]
"""Columns of an item; `id`, `external_id`, `vendor_sku` and `name` are always among them."""


def describe_change(before: Row | None, after: Row | None) -> ItemChange | None:
    """Return what it means that an item was this before and is that after; None stands for no item, and for no change that shows."""
    row = after or before or {}
    old, new = before or {}, after or {}
    differing = [name for name in shown(row) if name != "external_id" and old.get(name) != new.get(name)]
    if before is not None and after is not None and not differing:
        return None
    fields = (FieldChange.of(name, old.get(name), new.get(name)) for name in differing)
    kind = _kind_of(before, after)
    stock = _stock(new if kind in ("created", "restored") else old)
    texts = (None if row["vendor_sku"] is None else str(row["vendor_sku"]), None if row["name"] is None else str(row["name"]))
    item = row["id"]
    told = tuple(each for each in fields if each.before != each.after)
    return ItemChange(item if isinstance(item, int) else None, str(row["external_id"]), *texts, kind, stock, told)


def _kind_of(before: Row | None, after: Row | None) -> Kind:
    if before is None:
        return "created"
    if after is None:
        return "deleted"
    was, is_ = before.get("status") == "removed", after.get("status") == "removed"
    if was != is_:
        return "removed" if is_ else "restored"
    return "zeroed" if _stock(before) > 0 >= _stock(after) else "updated"


def _stock(row: Row) -> float:
    quantity = row.get("inventory_quantity")
    return quantity if isinstance(quantity, int | float) else 0
