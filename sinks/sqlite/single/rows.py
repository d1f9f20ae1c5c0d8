"""One row of the items: found, compared, written. Every function runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from engine.batch import Value
from engine.quantity import GONE
from engine.schema import ATTRIBUTES
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.single.overtaking import NOTE_REMOVAL

_KEPT: Final = ("id", "missing_runs", "sequence", "occurred_at", "content_hash", "inventory_updated_at", "created_at", "updated_at")
STORED: Final = (*_KEPT, *(each.column for each in ATTRIBUTES.values()))
"""The columns of which `read_stored` makes an item."""

_COLUMN_OF: Final = {name: each.column for name, each in ATTRIBUTES.items()}
IMPORTED: Final = frozenset(each.name for each in ATTRIBUTES.values() if each.imported)


# A tuple, because one is made for every push, and a frozen dataclass takes three times as long to make.
class StoredItem(NamedTuple):
    """An item as it is stored: its values by API names, and what is no attribute."""

    number: int
    missing_runs: int
    sequence: int | None
    occurred_at: int | None
    digest: int | None
    inventory_updated_at: int | None
    created_at: int
    updated_at: int
    values: Mapping[str, Value]

    def differing(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return those of the values that are not stored already."""
        return {name: value for name, value in values.items() if self.values[name] != value}


async def find_item(writer: Writer, feed: int, key: str) -> StoredItem | None:
    """Return the item of a feed with this external id, None when there is none."""
    rows = await writer.query(f"SELECT {', '.join(STORED)} FROM {VARIANTS} WHERE inventory_feed_id = ? AND external_id = ?", feed, key)
    return read_stored(rows[0]) if rows else None


def read_stored(row: Sequence[Any]) -> StoredItem:
    """Return an item of its row, whose columns are `STORED`."""
    number, missing_runs, sequence, occurred_at, digest, inventory_updated_at, created_at, updated_at, *held = row
    values = dict(zip(ATTRIBUTES, held, strict=True))
    return StoredItem(number, missing_runs, sequence, occurred_at, digest, inventory_updated_at, created_at, updated_at, values)


def takes_out_of_stock(stored: StoredItem, changed: Mapping[str, Value]) -> bool:
    """Return whether a change takes an item out of stock; as `sinks.sqlite.single.plan` has it, no limit stops that."""
    before, after = stored.values["inventoryQuantity"], changed.get("inventoryQuantity")
    falls = isinstance(after, int | float) and after <= 0 and not (isinstance(before, int | float) and before <= 0)
    return changed.get("status") == GONE or ("status" not in changed and falls)


def changed_cells(changed: Mapping[str, Value], beside: Mapping[str, Value], *, now: int) -> dict[str, Value]:
    """Return what is to be written of an item, by columns: the attributes that changed, and what is `beside` them.

    The digest goes when an attribute that a feed brings has changed, or the item came or went: it stands for another row.
    """
    cells: dict[str, Value] = {**{_COLUMN_OF[name]: value for name, value in changed.items()}, **beside}
    if changed:
        cells["updated_at"] = now
    if "inventoryQuantity" in changed:
        cells["inventory_updated_at"] = now
    if "status" in changed or not IMPORTED.isdisjoint(changed):
        cells["content_hash"] = None
    return cells


async def write_item(writer: Writer, stored: StoredItem, changed: Mapping[str, Value], beside: Mapping[str, Value], *, now: int) -> None:
    """Write what changed of an item, see `changed_cells`."""
    cells = changed_cells(changed, beside, now=now)
    sets = ", ".join(f"{column} = ?" for column in cells)
    await writer.execute(f"UPDATE {VARIANTS} SET {sets} WHERE id = ?", *cells.values(), stored.number)


async def confirm_stock(writer: Writer, stored: StoredItem) -> None:
    """Log that a call said the stock that is stored, which no trigger sees: a run that was read before must not write over it."""
    kept = "external_id, content_hash, created_run_id, inventory_updated_at, created_at, updated_at"
    await writer.execute(
        f"INSERT INTO main.inventory_feed_variant_changes (inventory_feed_id, item_id, call, at, action, {kept})"
        f" SELECT inventory_feed_id, id, call, at, 'updated', {kept} FROM {VARIANTS} CROSS JOIN main.write_origin WHERE id = ?",
        stored.number,
    )
    await writer.execute(
        "INSERT INTO main.inventory_feed_variant_change_fields (change_id, field, before, after)"
        f" SELECT last_insert_rowid(), 'inventory_quantity', inventory_quantity, inventory_quantity FROM {VARIANTS} WHERE id = ?",
        stored.number,
    )


def new_cells(feed: int, values: Mapping[str, Value], beside: Mapping[str, Value], *, now: int) -> dict[str, Value]:
    """Return what is to be written of a new item, by columns. It belongs to no run."""
    return {
        "inventory_feed_id": feed,
        **dict.fromkeys(("inventory_updated_at", "created_at", "updated_at"), now),
        **{_COLUMN_OF[name]: value for name, value in values.items()},
        **beside,
    }


async def delete_item(writer: Writer, stored: StoredItem) -> None:
    """Delete an item; its history stays, and no batch that waits brings it back."""
    await writer.execute(NOTE_REMOVAL, stored.number)
    await writer.execute(f"DELETE FROM {VARIANTS} WHERE id = ?", stored.number)
