"""What every table has to hold in the end: the mapped columns, how a cell becomes their value, and whether two tables are equal."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.request import urlopen

from xxhash import xxh3_128

from benchmarks.catalogue import MAPPING
from engine.schema import ATTRIBUTES
from examples.catalogue import COLUMNS

TABLE: Final = "items"
"""The table that a peer fills; that of Feedmill has a name of its own."""

_BLOCK_ROWS: Final = 10_000


def _millionths(column: str) -> str:
    return f"CAST(round({column} * 1000000) AS BIGINT)"


_CONVERTED: Final = {
    "retailPrice": _millionths("price"),
    "costPrice": _millionths("cost"),
    "inventoryQuantity": "CAST(stock AS INTEGER)",
    "grams": "CAST(grams AS INTEGER)",
    "tags": """'["' || replace(tags, ', ', '","') || '"]'""",
}
_SOURCES: Final = {"externalId": "sku", "vendorSku": "sku", **{name: f'"{column}"' for name, column in MAPPING.items() if name != "sku"}}

VALUES: Final = {ATTRIBUTES[name].column: source for name, source in {**_SOURCES, **_CONVERTED}.items()}
"""What each mapped column is made from, as SQL over the file's own columns."""

KEY: Final = "external_id"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How many rows a table holds, and a hash of all their mapped values in the order of their keys."""

    rows: int
    digest: str


def select_values(expressions: Iterable[str], table: str) -> str:
    """Return a query of all mapped values of a table in the order of their keys."""
    return f"SELECT {', '.join(expressions)} FROM {table} ORDER BY 1"


def read_fingerprint(store: Literal["sqlite", "duckdb"], database: Path, query: str) -> Fingerprint:
    """Read a table block by block, so that memory stays flat, and return its fingerprint."""
    if store == "sqlite":
        with closing(sqlite3.connect(database)) as connection:
            return _digest(connection.execute(query))
    import duckdb

    with duckdb.connect(str(database), read_only=True) as opened:
        return _digest(opened.execute(query))


def _digest(cursor: sqlite3.Cursor) -> Fingerprint:
    rows, hasher = 0, xxh3_128()
    while block := cursor.fetchmany(_BLOCK_ROWS):
        rows += len(block)
        hasher.update("".join(map(repr, block)).encode())
    return Fingerprint(rows, hasher.hexdigest())


def read_items(source: str) -> Iterator[dict[str, object]]:
    """Yield the converted values of each record of a path or an HTTP address, by column, as a short script would make them."""
    with urlopen(source) if "://" in source else Path(source).open("rb") as opened:
        lines = csv.reader(io.TextIOWrapper(opened, encoding="utf-8", newline=""))
        header = next(lines)
        if tuple(header) != COLUMNS:
            raise ValueError(f"{source} has the columns {header}")
        yield from map(_convert, lines)


def _convert(cells: Sequence[str]) -> dict[str, object]:
    sku, name, brand, category, ean, price, cost, stock, grams, tags, group = cells
    return {
        "external_id": sku,
        "vendor_sku": sku,
        "name": name,
        "vendor_name": brand,
        "product_type": category,
        "barcode": ean,
        "retail_price": round(float(price) * 1_000_000),
        "cost_price": round(float(cost) * 1_000_000),
        "inventory_quantity": int(stock),
        "grams": int(grams),
        "external_group_id": group,
        "tags": '["' + tags.replace(", ", '","') + '"]',
    }
