"""What happened to an item, in the words in which a run's changes are counted and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from engine.batch import JsonValue, Value
from engine.schema import Kind as Held
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


NAMING: Final = frozenset(("external_id", "vendor_sku", "name", "inventory_quantity", "status", "variant_id"))
"""Columns that have to be known of an item, whatever becomes of it."""

_NOTHING: Final[Row] = {}

Sides: TypeAlias = tuple[Row | None, Row | None]
"""An item before and after; None stands for no item."""

_PLAIN: Final = frozenset(name for name, each in SHOWN.items() if each.default is None and each.kind not in (Held.JSON, Held.FLAG))
"""Columns of which two stored values that differ are shown as two that differ."""


def differing_columns(before: Row | None, after: Row | None) -> list[str]:
    """Return the columns that readers see and that differ, in the order in which they are shown, but for the key."""
    old, new = before or _NOTHING, after or _NOTHING
    columns = new if after is not None else old
    found = [name for name in columns if old.get(name) != new.get(name) and name in SHOWN and name != "external_id"]
    return found if len(found) < 2 else shown(found)


def shows(column: str, before: Value, after: Value) -> bool:
    """Return whether a column that differs is shown as another value too."""
    return column in _PLAIN or SHOWN[column].to_json(before) != SHOWN[column].to_json(after)


def describe_change(before: Row | None, after: Row | None) -> ItemChange | None:
    """Return what it means that an item was this before and is that after; None stands for no item, and for no change that shows."""
    row = after or before or {}
    old, new = before or {}, after or {}
    differing = differing_columns(before, after)
    if before is not None and after is not None and not differing:
        return None
    fields = (FieldChange.of(name, old.get(name), new.get(name)) for name in differing)
    kind = kind_of(before, after)
    stock = stock_of(new if kind in ("created", "restored") else old)
    texts = (None if row["vendor_sku"] is None else str(row["vendor_sku"]), None if row["name"] is None else str(row["name"]))
    item = row["id"]
    told = tuple(each for each in fields if each.before != each.after)
    return ItemChange(item if isinstance(item, int) else None, str(row["external_id"]), *texts, kind, stock, told)


def kind_of(before: Row | None, after: Row | None) -> Kind:
    """Return of which kind a change is; None stands for no item."""
    if before is None:
        return "created"
    if after is None:
        return "deleted"
    was, is_ = before.get("status") == "removed", after.get("status") == "removed"
    if was != is_:
        return "removed" if is_ else "restored"
    return "zeroed" if stock_of(before) > 0 >= stock_of(after) else "updated"


def stock_of(row: Row) -> float:
    """Return the known stock of an item, 0 where none is known."""
    quantity = row.get("inventory_quantity")
    return quantity if isinstance(quantity, int | float) else 0
