"""What the example suppliers sell, and how the same stock looks as CSV, as XML and as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from examples.catalogue import Catalogue

Row = dict[str, str]


@dataclass(slots=True)
class Stock:
    """The stock of one supplier. `sell` changes it: one item in five has another quantity or price than before."""

    prefix: str
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(items=500, change_every=5))
    version: int = 0

    def sell(self) -> None:
        """Go on to the next version."""
        self.version += 1

    @property
    def rows(self) -> list[Row]:
        """Return the items as they are now."""
        rows: list[Row] = list(csv.DictReader(self.catalogue.lines(self.version)))
        return [{**row, "sku": f"{self.prefix}{row['sku'].removeprefix('KW')}"} for row in rows]


def as_csv(rows: Sequence[Row]) -> bytes:
    """Return a price list with semicolons, as many suppliers export it."""
    lines = ["sku;name;ean;price;stock", *(f'{row["sku"]};"{row["name"]}";{row["ean"]};{row["price"]};{row["stock"]}' for row in rows)]
    return "\n".join([*(line.replace('1/4""', "1/4in") for line in lines), ""]).encode()


def as_xml(rows: Sequence[Row]) -> bytes:
    """Return a feed as Google Merchant Center takes it."""
    items = "".join(
        f"<item><g:id>{escape(row['sku'])}</g:id><g:title>{escape(row['name'])}</g:title><g:gtin>{row['ean']}</g:gtin>"
        f"<g:price>{row['price']} EUR</g:price><g:quantity>{row['stock']}</g:quantity></item>"
        for row in rows
    )
    space = quoteattr("http://base.google.com/ns/1.0")
    return f'<?xml version="1.0"?><rss version="2.0" xmlns:g={space}><channel><title>stock</title>{items}</channel></rss>'.encode()


def as_json_page(rows: Sequence[Row], page: int, size: int) -> bytes:
    """Return one page, counted from 1, of a REST API that has its own names for things."""
    chosen = rows[(page - 1) * size : page * size]
    listed = [{"article": row["sku"], "label": row["name"], "qty": int(row["stock"]), "gross": row["price"]} for row in chosen]
    return json.dumps({"total": len(rows), "articles": listed}).encode()
