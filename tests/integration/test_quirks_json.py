"""Quirk 11, and what of 12 to 19 looks otherwise in JSON, each run through the whole of Feedmill into a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from engine.run import Counts
from tests.integration.quirk_feeds import Items, Kept, Quirk, check, check_refused, each

FIELDS: Final = {"externalId": "id", "inventoryQuantity": "stock", "name": "name"}
BEFORE: Final = b'[{"id": "old", "stock": 4, "name": "Anvil"}]'


def quirk(
    id_: str,
    fact: str,
    body: str,
    items: Items | None = None,
    *,
    fields: object = None,
    settings: Mapping[str, object] | None = None,
    **more: object,
) -> Quirk:
    """Return a quirk of JSON."""
    mapped = FIELDS if fields is None else fields
    return Quirk(id_, fact, body.encode(), items or {}, fields=mapped, settings=settings or {}, file="stock.json", **more)  # type: ignore[arg-type]


def rows(**names: str | Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return mapping rows by purpose: a path, or a whole row without its purpose."""
    return [{"purpose": purpose, **({"name": row} if isinstance(row, str) else row)} for purpose, row in names.items()]


SHIRT: Final = (
    '{"title": "Shirt", "vendor": "Ä", "skus": [{"code": "S", "free": [{"at": "A", "n": 3}, {"at": "B", "n": 4}]}, '
    '{"code": "M", "free": [{"at": "A", "n": 0}]}]}'
)


@each(
    quirk(
        "q11-top-level-array",
        "a list is a feed",
        '[{"id": "1", "stock": 3, "name": "Bolt"}]',
        {"1": {"inventoryQuantity": 3, "name": "Bolt"}},
    ),
    quirk(
        "q11-under-a-path", "the list may stand deeper", '{"a": {"b": [{"id": "1", "stock": 3}]}}', {"1": 3}, settings={"jsonRoot": "a.b"}
    ),
    quirk(
        "q11-keys-with-blanks",
        "keys may hold blanks, on the way to the list and inside a record",
        '{"fast price and stock": [{"item no": "1", "on stock": {"now or never": "5"}}]}',
        {"1": 5},
        fields={"externalId": "item no", "inventoryQuantity": "on stock.now or never"},
        settings={"jsonRoot": "fast price and stock"},
    ),
    quirk("q11-lines", "JSON Lines, one of them blank", '{"id": "1", "stock": 3}\n\n{"id": "2", "stock": 4}\n', {"1": 3, "2": 4}),
    quirk("q11-numbers-as-strings", "a number may be a text", '[{"id": "1", "stock": "12"}]', {"1": 12}),
    quirk(
        "q11-prices-as-floats",
        "a price is what the digits say, never a float",
        '[{"id": "1", "stock": 1, "price": 0.1}, {"id": "2", "stock": 1, "price": 1234567.89}, {"id": "3", "stock": 1, "price": 19.90}]',
        {"1": {"retailPrice": Decimal("0.1")}, "2": {"retailPrice": Decimal("1234567.89")}, "3": {"retailPrice": Decimal("19.9")}},
        fields={**FIELDS, "retailPrice": "price"},
    ),
    quirk(
        "q11-skus-as-big-integers",
        "an identifier that is a number keeps every digit",
        '[{"id": 12345678901234567890123, "stock": 1}, {"id": 9007199254740993, "stock": 2}, {"id": 1.10, "stock": 3}]',
        {"12345678901234567890123": 1, "9007199254740993": 2, "1.10": 3},
    ),
    quirk(
        "q11-nan",
        "NaN where stock should be rejects that record, and no other",
        '[{"id": "1", "stock": NaN}, {"id": "2", "stock": 4}]',
        {"2": 4},
        kept=(Kept(1, 1, "NaN", '{"id": "1", "stock": NaN}', "stock"),),
    ),
    quirk(
        "q12-scientific-notation",
        "a key in scientific notation is no key",
        '[{"id": 1.23E+12, "stock": 1}, {"id": "007", "stock": 2}]',
        {"007": 2},
        kept=(Kept(1, 1, "scientific notation", '{"id": 1.23E+12, "stock": 1}', "id", "1.23E+12"),),
    ),
    quirk(
        "q13-warehouses-as-a-list",
        "the stock of all warehouses is added up",
        f"[{SHIRT}]",
        {
            "S": {"inventoryQuantity": 7, "name": "Shirt", "vendorName": "Ä"},
            "M": {"inventoryQuantity": 0, "name": "Shirt", "vendorName": "Ä"},
        },
        fields=(),
        settings={
            "jsonMapping": "custom",
            "jsonRoot": "[*].skus[*]",
            "jsonFields": [
                {"purpose": "externalId", "path": "code"},
                {"purpose": "inventoryQuantity", "path": "free[*].n"},
                {"purpose": "name", "path": "title", "object": "product"},
                {"purpose": "vendorName", "path": "vendor", "object": "product"},
            ],
        },
    ),
    quirk(
        "q13-one-warehouse-by-filter",
        "a filter chooses the warehouse that delivers",
        '[{"id": "S", "free": [{"at": "A", "n": 3}, {"at": "B", "n": 4}]}]',
        {"S": 4},
        fields={"externalId": "id", "inventoryQuantity": "$.free[?@.at=='B'].n"},
    ),
    quirk(
        "q13-blank-null-and-zero",
        "null and no key are unknown, zero is zero",
        '[{"id": "1", "stock": null}, {"id": "2"}, {"id": "3", "stock": 0}]',
        {"1": 6, "2": 6, "3": 0},
        before=b'[{"id": "1", "stock": 6}, {"id": "2", "stock": 6}, {"id": "3", "stock": 6}]',
        counts=Counts(updated=1, unchanged=2),
    ),
    quirk(
        "q15-product-behind-its-variants",
        "a variant has its product's name, also where that follows",
        '{"products": [{"variants": [{"externalId": "S", "inventoryQuantity": 1}], "name": "Shirt"}]}',
        {"S": {"inventoryQuantity": 1, "name": "Shirt"}},
        fields=(),
        settings={"mapping": "publishing"},
    ),
    quirk(
        "q17-noise",
        "another order of keys and of records is no change",
        '{"built": 2, "products": [{"stock": 2, "id": "2"}, {"stock": 1.0, "id": "1"}]}',
        {"1": 1, "2": 2},
        before=b'{"products": [{"id": "1", "stock": 1}, {"id": "2", "stock": 2}], "built": 1}',
        counts=Counts(unchanged=2),
    ),
    quirk(
        "q19-words-that-are-values",
        "NA, null as a text, 0 and false are values",
        '[{"id": "NA", "stock": 1, "name": "null"}, {"id": 0, "stock": 2, "name": false}]',
        {"NA": {"inventoryQuantity": 1, "name": "null"}, "0": {"inventoryQuantity": 2, "name": "false"}},
    ),
    quirk(
        "q11-a-key-that-comes-late",
        "a key that only a late record has is read where it is",
        "\n".join([*(f'{{"id": "k{number}", "stock": 1}}' for number in range(300)), '{"id": "last", "stock": 2, "name": "Bolt"}']),
        {**{f"k{number}": 1 for number in range(300)}, "last": {"inventoryQuantity": 2, "name": "Bolt"}},
    ),
)
async def test_json_is_read_as_it_is_meant(quirk: Quirk, tmp_path: Path) -> None:
    """Whatever JSON suppliers send comes out as the items that they mean."""
    await check(quirk, tmp_path)


@each(
    quirk(
        "q11-trailing-comma",
        "a comma too many is refused with its place",
        '[\n  {"id": "old", "stock": 9},\n  {"id": "2", "stock": 1},\n]',
        refused=("line 4, column 1", "comma"),
    ),
    quirk(
        "q11-cut-short",
        "a list that breaks off is refused",
        '[{"id": "old", "stock": 9}, {"id": "2", "sto',
        refused=("cut short", "nothing was applied"),
    ),
    quirk(
        "q4-error-object",
        "an object that says it failed is no feed",
        '{"error": {"message": "token expired"}}',
        refused=("token expired", "credentials"),
    ),
    quirk("q18-valid-and-empty", "an empty list zeroes nothing", '{"products": []}', refused=("no valid record",)),
    quirk(
        "q16-stock-gone",
        "stock that no record has any more is not unknown",
        '[{"id": "old", "qty": 9}]',
        refused=("'stock'", "inventoryQuantity"),
    ),
)
async def test_what_is_no_feed_changes_nothing(quirk: Quirk, tmp_path: Path) -> None:
    """JSON that cannot be trusted is refused with the reason, and the last good state stays."""
    await check_refused(replace(quirk, before=BEFORE), tmp_path)
