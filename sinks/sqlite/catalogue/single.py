"""One product or variant of the catalogue, written by a call. Every function runs inside the caller's transaction.

A variant is kept by the same keys as a load keeps it, and every change of one raises the version of the catalogue, so that the
items of all feeds are looked at again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from engine.errors import Conflict, InvalidItem, NotFound
from sinks.sqlite.catalogue.load import VariantKeys, delete_variants, raise_version
from sinks.sqlite.fence import Writer

Outcome: TypeAlias = Literal["created", "updated", "unchanged"]
Cells: TypeAlias = "Mapping[str, str | int | None]"

_OWN: Final = ("product_id", "sku", "barcode", "name", "options")
_KEYS: Final = ("identity", "option_key", "sku_key", "gtin")


@dataclass(frozen=True, slots=True)
class StoredVariant:
    """A variant as it is stored, by the names of its columns."""

    number: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one of many variants; `problem` says why nothing did, and then there is no `number`."""

    number: int | None
    outcome: Outcome | Literal["error"]
    problem: str | None = None


async def create_variant(writer: Writer, cells: Cells, now: int) -> int:
    """Create a variant and return its id; `cells` are `_OWN` columns by name, SKU and barcode trimmed, options as JSON text.

    Raises `InvalidItem` when it has neither SKU nor barcode or no such product, `Conflict` when the catalogue has it already.
    """
    whole = _whole(cells)
    keys = await _checked(writer, whole, None)
    columns = {**whole, **_columns(keys), "created_at": now, "updated_at": now}
    marks = ", ".join("?" * len(columns))
    made = await writer.query(f"INSERT INTO main.variants ({', '.join(columns)}) VALUES ({marks}) RETURNING id", *columns.values())
    await writer.execute(raise_version())
    return int(str(made[0][0]))


async def update_variant(writer: Writer, stored: StoredVariant, cells: Cells, now: int) -> Outcome:
    """Change columns of a variant, and tell whether that changed anything. Raises as `create_variant` does."""
    if all(stored.cells[name] == value for name, value in cells.items()):
        return "unchanged"
    whole = {**stored.cells, **cells}
    columns = {**whole, **_columns(await _checked(writer, whole, stored.number)), "updated_at": now}
    sets = ", ".join(f"{name} = ?" for name in columns)
    await writer.execute(f"UPDATE main.variants SET {sets} WHERE id = ?", *columns.values(), stored.number)
    await writer.execute(raise_version())
    return "updated"


async def upsert_variants(writer: Writer, rows: Sequence[Cells], now: int) -> list[Upserted]:
    """Create variants, or change those that a load of the same rows would know them for, and tell what became of each row.

    A row that cannot be stored keeps back no other one.
    """
    identities = Counter(_keys_of(whole).identity for whole in map(_whole, rows) if _is_named(whole))
    return [await _upsert(writer, cells, now, identities) for cells in rows]


async def _upsert(writer: Writer, cells: Cells, now: int, identities: Mapping[str, int]) -> Upserted:
    try:
        stored = await _known(writer, _checked_keys(_whole(cells)), identities)
        if stored is None:
            return Upserted(await create_variant(writer, cells, now), "created")
        return Upserted(stored.number, await update_variant(writer, stored, cells, now))
    except (Conflict, InvalidItem) as error:
        # Both are raised before anything of the row is written.
        return Upserted(None, "error", str(error))


async def delete_variant(writer: Writer, number: int, now: int) -> None:
    """Delete a variant; what was connected to it is not any more. Raises `NotFound` when there is none."""
    await find_variant(writer, number)
    for statement in delete_variants("FROM main.variants WHERE id = ?", now):
        await writer.execute(statement, number)
    await writer.execute(raise_version())


async def find_variant(writer: Writer, number: int) -> StoredVariant:
    """Return a variant by its id. Raises `NotFound` when there is none."""
    stored = await _select(writer, "id = ?", number)
    if len(stored) != 1:
        raise NotFound(f"there is no variant {number}")
    return stored[0]


async def create_product(writer: Writer, cells: Cells, now: int) -> int:
    """Create a product and return its id. Raises `Conflict` when another one has its `external_id`."""
    await _check_external_id(writer, cells, 0)
    columns = {**cells, "created_at": now, "updated_at": now}
    marks = ", ".join("?" * len(columns))
    made = await writer.query(f"INSERT INTO main.products ({', '.join(columns)}) VALUES ({marks}) RETURNING id", *columns.values())
    return int(str(made[0][0]))


async def update_product(writer: Writer, number: int, cells: Cells, now: int) -> None:
    """Change columns of a product. Raises `NotFound` when there is none, `Conflict` as `create_product` does."""
    await _require_product(writer, number)
    await _check_external_id(writer, cells, number)
    differs = " OR ".join(f"{name} IS NOT ?" for name in cells)
    if cells:
        sets = ", ".join(f"{name} = ?" for name in (*cells, "updated_at"))
        statement = f"UPDATE main.products SET {sets} WHERE id = ? AND ({differs})"
        await writer.execute(statement, *cells.values(), now, number, *cells.values())


async def delete_product(writer: Writer, number: int) -> None:
    """Delete a product. Raises `NotFound` when there is none, `Conflict` when it has variants."""
    await _require_product(writer, number)
    count = await writer.number("SELECT count(*) FROM main.variants WHERE product_id = ?", number)
    if count:
        raise Conflict(f"product {number} has {count} variants: delete them first, or give them another product")
    await writer.execute("DELETE FROM main.products WHERE id = ?", number)


async def _known(writer: Writer, keys: VariantKeys, identities: Mapping[str, int]) -> StoredVariant | None:
    """Return the variant of these keys; where row and variant are the only ones of their identity, its options may be others."""
    of_identity = await _select(writer, "identity = ? ORDER BY id", keys.identity)
    same = [each for each in of_identity if _keys_of(each.cells).option_key == keys.option_key]
    if same:
        return same[0]
    return of_identity[0] if len(of_identity) == 1 and identities[keys.identity] == 1 else None


async def _select(writer: Writer, where: str, value: str | int) -> list[StoredVariant]:
    rows = await writer.query(f"SELECT id, {', '.join(_OWN)} FROM main.variants WHERE {where}", value)
    return [StoredVariant(int(str(number)), dict(zip(_OWN, map(_cell, rest), strict=True))) for number, *rest in rows]


def _cell(value: object) -> str | int | None:
    return value if isinstance(value, int | str) else None


async def _checked(writer: Writer, cells: Cells, number: int | None) -> VariantKeys:
    keys = _checked_keys(cells)
    product = cells["product_id"]
    if product is not None and not await writer.query("SELECT 1 FROM main.products WHERE id = ?", product):
        raise InvalidItem("the variant cannot be stored:", {"productId": f"is {product}, and there is no such product"})
    taken = "SELECT id FROM main.variants WHERE identity = ? AND option_key = ? AND id IS NOT ?"
    if rows := await writer.query(taken, keys.identity, keys.option_key, number):
        raise Conflict(
            f"variant {rows[0][0]} has the same {keys.identity.partition(':')[0]} and options: change that one, or delete it first"
        )
    return keys


def _whole(cells: Cells) -> Cells:
    return {**dict.fromkeys(_OWN), "options": "[]", **cells}


def _is_named(cells: Cells) -> bool:
    return cells["sku"] is not None or cells["barcode"] is not None


def _checked_keys(cells: Cells) -> VariantKeys:
    if not _is_named(cells):
        raise InvalidItem("the variant cannot be stored:", {"sku": "is mandatory where there is no barcode"})
    return _keys_of(cells)


def _keys_of(cells: Cells) -> VariantKeys:
    sku, barcode = (None if cells[name] is None else str(cells[name]) for name in ("sku", "barcode"))
    return VariantKeys.of(sku, barcode, str(cells["options"]))


def _columns(keys: VariantKeys) -> dict[str, str | None]:
    return {name: getattr(keys, name) for name in _KEYS}


async def _require_product(writer: Writer, number: int) -> None:
    if not await writer.query("SELECT 1 FROM main.products WHERE id = ?", number):
        raise NotFound(f"there is no product {number}")


async def _check_external_id(writer: Writer, cells: Cells, number: int) -> None:
    external = cells.get("external_id")
    taken = "SELECT id FROM main.products WHERE external_id = ? AND id <> ?"
    if external is not None and (rows := await writer.query(taken, external, number)):
        raise Conflict(f"product {rows[0][0]} has the externalId {external!r}")
