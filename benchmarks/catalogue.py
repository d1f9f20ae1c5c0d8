"""The file that everything here reads: the examples' catalogue at any size, written to disk as it is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchmarks.generator import Kind

MAPPING: Final = {
    "sku": "sku",
    "name": "name",
    "vendorName": "brand",
    "productType": "category",
    "barcode": "ean",
    "retailPrice": "price",
    "costPrice": "cost",
    "inventoryQuantity": "stock",
    "grams": "grams",
    "externalGroupId": "group",
}
FIELDS: Final = [
    *({"purpose": purpose, "name": column} for purpose, column in MAPPING.items()),
    {"purpose": "tags", "name": "tags", "seperator": ","},
]
"""All eleven columns, mapped by hand so that no preset can change what is measured."""

SETTINGS: Final = {"mapping": "custom", "syncPricing": True}
FEED: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A catalogue on disk: `rows` records without the header, `size` in bytes."""

    path: Path
    rows: int
    size: int

    @property
    def name(self) -> str:
        """Return the name under which the server hands it out."""
        return self.path.name


def write_catalogue(directory: Path, rows: int, *, version: int = 0, kind: Kind = "csv") -> CatalogueFile:
    """Write a catalogue of `rows` items; version 1 differs from version 0 in 1 % of them. Memory stays flat."""
    from benchmarks.generator import Material

    path = directory / f"catalogue-{rows}-v{version}.{kind}"
    with path.open("wb") as file:
        file.writelines(Material(kind, rows).blocks(version))
    return CatalogueFile(path, rows, path.stat().st_size)
