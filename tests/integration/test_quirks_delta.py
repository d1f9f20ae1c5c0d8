"""Quirk 16: what is not in a feed, and what a feed says is gone, in every format."""

from __future__ import annotations

from pathlib import Path

from engine.run import Counts
from tests.integration.quirk_feeds import Quirk, check, each

FULL_CSV = b"sku;stock;name\na;1;A\nb;2;B\nc;3;C\n"
FULL_XML = b"<shop><item id='a'><qty>1</qty></item><item id='b'><qty>2</qty></item><item id='c'><qty>3</qty></item></shop>"
FULL_JSON = b'[{"id": "a", "qty": 1}, {"id": "b", "qty": 2}, {"id": "c", "qty": 3}]'

_GONE = {"delete": 0, "update": ""}


@each(
    Quirk(
        "q16-delta-csv",
        "a delta against the morning's full changes what it names, and leaves the rest as it was",
        b"sku;stock;name\nb;7;B\n",
        {"a": 1, "b": 7, "c": 3},
        before=FULL_CSV,
        counts=Counts(updated=1),
        noted=("missing",),
    ),
    Quirk(
        "q16-delta-then-new",
        "a delta may bring new items",
        b"sku;stock;name\nd;4;D\n",
        {"a": 1, "b": 2, "c": 3, "d": 4},
        before=FULL_CSV,
        counts=Counts(created=1),
        noted=("missing",),
    ),
    Quirk(
        "q16-delta-json",
        "in JSON too",
        b'[{"id": "c", "qty": 0}]',
        {"a": 1, "b": 2, "c": 0},
        before=FULL_JSON,
        counts=Counts(updated=1),
        fields={"externalId": "id", "inventoryQuantity": "qty"},
        file="stock.json",
        noted=("missing",),
    ),
    Quirk(
        "q16-tombstone-csv",
        "a column that says `delete` means that none is left, whatever stands in the column of stock",
        b"sku;action;stock\na;delete;5\nb;update;6\nc;DELETE;\n",
        {"a": 0, "b": 6, "c": 0},
        before=b"sku;action;stock\na;update;1\nb;update;2\nc;update;3\n",
        counts=Counts(updated=3),
        fields=[
            {"purpose": "sku", "name": "sku"},
            {"purpose": "inventoryQuantity", "name": "action", "lookup": _GONE, "locations": "first"},
            {"purpose": "inventoryQuantity", "name": "stock", "locations": "first"},
        ],
    ),
    Quirk(
        "q16-tombstone-xml",
        'an attribute mode="delete" means that none is left, also where the element of stock is gone',
        b"<shop><item id='a' mode='delete'/><item id='b'><qty>6</qty></item></shop>",
        {"a": 0, "b": 6, "c": 3},
        before=FULL_XML,
        counts=Counts(updated=2),
        fields=[
            {"purpose": "externalId", "name": "@id"},
            {"purpose": "inventoryQuantity", "name": "@mode[.='delete'] | qty", "lookup": {"delete": 0}},
        ],
        settings={"xmlMapping": "custom", "xmlPath": "/shop/item"},
        file="stock.xml",
        noted=("missing",),
    ),
    Quirk(
        "q16-tombstone-left-out",
        "records that a predicate leaves out are not there",
        b"<shop><item id='a' mode='delete'><qty>9</qty></item><item id='b'><qty>6</qty></item></shop>",
        {"a": 1, "b": 6, "c": 3},
        before=FULL_XML,
        counts=Counts(updated=1),
        fields={"externalId": "@id", "inventoryQuantity": "qty"},
        settings={"xmlMapping": "custom", "xmlPath": "/shop/item[not(@mode='delete')]"},
        file="stock.xml",
        noted=("missing",),
    ),
    Quirk(
        "q16-tombstone-json",
        "a flag beside the stock says so in JSON",
        b'[{"id": "a", "gone": true, "qty": 5}, {"id": "b", "gone": false, "qty": 6}, {"id": "c", "qty": 7}]',
        {"a": 0, "b": 6, "c": 7},
        before=FULL_JSON.replace(b'"qty"', b'"gone": false, "qty"'),
        counts=Counts(updated=3),
        fields=[
            {"purpose": "externalId", "name": "id"},
            {"purpose": "inventoryQuantity", "name": "gone", "lookup": {"true": 0, "false": ""}, "locations": "first"},
            {"purpose": "inventoryQuantity", "name": "qty", "locations": "first"},
        ],
        file="stock.json",
    ),
)
async def test_what_is_gone_is_what_the_supplier_says_is_gone(quirk: Quirk, tmp_path: Path) -> None:
    """An absent item is left alone until somebody says what absence means; a tombstone is read as the mapping says."""
    await check(quirk, tmp_path)
