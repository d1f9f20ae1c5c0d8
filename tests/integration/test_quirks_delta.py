"""Quirk 16: full and delta, what is not in a feed, and what a feed says is gone, in every format."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from engine.batch import JsonValue
from engine.run import Counts
from tests.integration.quirk_feeds import Kept, Quirk, check, check_refused, each, sync_bytes

FULL_CSV = b"sku;stock;name\na;1;A\nb;2;B\nc;3;C\n"
FULL_XML = b"<shop><item id='a'><qty>1</qty></item><item id='b'><qty>2</qty></item><item id='c'><qty>3</qty></item></shop>"
FULL_JSON = b'[{"id": "a", "qty": 1}, {"id": "b", "qty": 2}, {"id": "c", "qty": 3}]'

DELTA = {"feedKind": "delta"}
XML = {"xmlMapping": "custom", "xmlPath": "/shop/item"}

GONE_CSV = [
    {"purpose": "sku", "name": "sku"},
    {"purpose": "removed", "name": "action"},
    {"purpose": "inventoryQuantity", "name": "stock"},
]
GONE_XML = [
    {"purpose": "externalId", "name": "@id"},
    {"purpose": "sku", "name": "code"},
    {"purpose": "removed", "name": "@mode"},
    {"purpose": "inventoryQuantity", "name": "qty"},
]
GONE_JSON = [
    {"purpose": "externalId", "name": "id"},
    {"purpose": "removed", "name": "gone"},
    {"purpose": "inventoryQuantity", "name": "qty"},
]


def stock(quantity: int, status: str) -> dict[str, JsonValue | Decimal]:
    """Return what must hold of an item."""
    return {"inventoryQuantity": quantity, "status": status}


@each(
    Quirk(
        "q16-delta-csv",
        "a delta against the morning's full changes what it names, and leaves the rest as it was",
        b"sku;stock;name\nb;7;B\n",
        {"a": 1, "b": 7, "c": 3},
        before=FULL_CSV,
        counts=Counts(updated=1),
        settings=DELTA,
    ),
    Quirk(
        "q16-delta-then-new",
        "a delta may bring new items",
        b"sku;stock;name\nd;4;D\n",
        {"a": 1, "b": 2, "c": 3, "d": 4},
        before=FULL_CSV,
        counts=Counts(created=1),
        settings=DELTA,
    ),
    Quirk(
        "q16-delta-json",
        "in JSON too",
        b'[{"id": "c", "qty": 0}]',
        {"a": 1, "b": 2, "c": 0},
        before=FULL_JSON,
        counts=Counts(updated=1),
        fields={"externalId": "id", "inventoryQuantity": "qty"},
        settings=DELTA,
        file="stock.json",
    ),
    Quirk(
        "q16-missing",
        "what a full feed does not name any more is out of stock",
        b"sku;stock;name\nb;7;B\n",
        {"a": stock(0, "removed"), "b": stock(7, "pending"), "c": stock(0, "removed")},
        before=FULL_CSV,
        counts=Counts(updated=1, removed=2),
        noted=("missing",),
    ),
    Quirk(
        "q16-missing-removed",
        "or is not there any more",
        b"sku;stock;name\nb;7;B\n",
        {"b": 7},
        before=FULL_CSV,
        counts=Counts(updated=1, removed=2),
        settings={"missingPolicy": "remove"},
        noted=("missing",),
    ),
    Quirk(
        "q16-missing-kept",
        "or is left as it was",
        b"sku;stock;name\nb;7;B\n",
        {"a": 1, "b": 7, "c": 3},
        before=FULL_CSV,
        counts=Counts(updated=1),
        settings={"fetchCleanup": "disabled"},
        noted=("missing",),
    ),
    Quirk(
        "q16-missing-grace",
        "or is left alone for a while",
        b"sku;stock;name\nb;7;B\n",
        {"a": 1, "b": 7, "c": 3},
        before=FULL_CSV,
        counts=Counts(updated=1),
        settings={"missingGraceRuns": 1},
        noted=("missing",),
    ),
    Quirk(
        "q16-rejected-is-not-missing",
        "an item whose record cannot be read is in the feed all the same, and keeps what is stored",
        b"sku;stock;name\na;many;A\nb;7;B\n",
        {"a": stock(1, "pending"), "b": stock(7, "pending"), "c": stock(0, "removed")},
        kept=(Kept(1, 2, "not a number", "a;many;A", "stock", "many"),),
        before=FULL_CSV,
        counts=Counts(updated=1, removed=1),
        noted=("missing",),
    ),
    Quirk(
        "q16-tombstone-csv",
        "a column that says `delete` takes the item out of stock, whatever stands in the other columns, also figures that are none",
        b"sku;action;stock\na;delete;5\nb;update;6\nc;DELETE;n/a\n",
        {"a": stock(0, "removed"), "b": stock(6, "pending"), "c": stock(0, "removed")},
        before=b"sku;action;stock\na;update;1\nb;update;2\nc;;3\n",
        counts=Counts(updated=3, removed=2),
        fields=GONE_CSV,
        settings=DELTA,
    ),
    Quirk(
        "q16-tombstone-xml",
        'an attribute mode="delete" does too, in a record that has nothing but its key',
        b"<shop><item id='a' mode='delete'/><item id='b'><code>b</code><qty>6</qty></item></shop>",
        {"a": stock(0, "removed"), "b": stock(6, "pending"), "c": stock(3, "pending")},
        before=FULL_XML.replace(b"<qty>", b"<code>x</code><qty>"),
        counts=Counts(updated=2, removed=1),
        fields=GONE_XML,
        settings={**XML, **DELTA},
        file="stock.xml",
    ),
    Quirk(
        "q16-tombstone-left-out",
        "records that a predicate leaves out are not there",
        b"<shop><item id='a' mode='delete'><qty>9</qty></item><item id='b'><qty>6</qty></item></shop>",
        {"a": 0, "b": 6, "c": 0},
        before=FULL_XML,
        counts=Counts(updated=1, removed=2),
        fields={"externalId": "@id", "inventoryQuantity": "qty"},
        settings={"xmlMapping": "custom", "xmlPath": "/shop/item[not(@mode='delete')]"},
        file="stock.xml",
        noted=("missing",),
    ),
    Quirk(
        "q16-tombstone-json",
        "a flag beside the stock says so in JSON; with missingPolicy=remove the item goes",
        b'[{"id": "a", "gone": true, "qty": 5}, {"id": "b", "gone": false, "qty": 6}, {"id": "c", "qty": 7}]',
        {"b": 6, "c": 7},
        before=FULL_JSON.replace(b'"qty"', b'"gone": false, "qty"'),
        counts=Counts(updated=3, removed=1),
        fields=GONE_JSON,
        settings={**DELTA, "missingPolicy": "remove"},
        file="stock.json",
    ),
)
async def test_what_is_gone_is_what_the_supplier_says_is_gone(quirk: Quirk, tmp_path: Path) -> None:
    """Absence means what the settings of the feed say it means; a tombstone says it itself."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q16-words-of-stock",
        "whether there is stock says nothing of whether the item is gone",
        b"sku;action;stock\na;out of stock;5\nb;available;6\n",
        refused=("no valid record", "does not say whether the item is gone"),
        fields=GONE_CSV,
        before=b"sku;action;stock\na;update;1\n",
    ),
    Quirk(
        "q16-column-gone",
        "without its column nobody knows what is gone",
        b"sku;stock\na;5\nb;6\n",
        refused=("'action', mapped to removed, is not in the source",),
        fields=GONE_CSV,
        before=b"sku;action;stock\na;update;1\n",
    ),
)
async def test_what_may_be_gone_is_not_guessed(quirk: Quirk, tmp_path: Path) -> None:
    """A column that does not say whether items are gone refuses the run, as does one that is not there."""
    await check_refused(quirk, tmp_path)


async def test_a_tombstone_is_lifted_by_a_later_record(tmp_path: Path) -> None:
    """An item that is back is in stock again, under its id."""
    quirk = Quirk("q16-back", "", b"", fields=GONE_CSV, settings=DELTA)
    before = await sync_bytes(quirk, b"sku;action;stock\na;update;1\n", tmp_path)
    gone = await sync_bytes(quirk, b"sku;action;stock\na;delete;\n", tmp_path)
    after = await sync_bytes(quirk, b"sku;action;stock\na;update;1\n", tmp_path)
    shown = [[(item["id"], item["inventoryQuantity"], item["status"]) for item in each.items] for each in (before, gone, after)]
    assert shown == [[(1, 1, "pending")], [(1, 0, "removed")], [(1, 1, "pending")]]


async def test_what_is_gone_and_was_never_there_is_skipped(tmp_path: Path) -> None:
    """A tombstone of an item that nobody knows makes none, in a first run and in a later one."""
    quirk = Quirk("q16-unknown", "", b"", fields=GONE_CSV, settings=DELTA)
    body = b"sku;action;stock\na;delete;5\nb;update;6\n"
    for counts in (Counts(created=1), Counts(unchanged=1)):
        outcome = await sync_bytes(quirk, body, tmp_path)
        assert (outcome.record.counts, outcome.record.skipped) == (counts, 1)
        assert [(item["externalId"], item["inventoryQuantity"]) for item in outcome.items] == [("b", 6)]
        body = body.replace(b"5", b"4")
