"""Quirks 13 and 14: stock and prices as suppliers write them: what they mean, and what is left alone because nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from engine.contracts import FieldRuleSpec
from engine.hooks import hookimpl
from engine.run import Counts
from plugins.manager import load_registry
from sinks.sqlite.queries import open_queries
from tests.integration.quirk_feeds import Items, Kept, Quirk, check, check_complete, check_refused, each, sync

STOCK: Final = {"sku": "sku", "inventoryQuantity": "stock"}
PRICED: Final = {**STOCK, "retailPrice": "price"}
NO_NUMBER: Final = "inventoryQuantity is not a number; map such texts with a lookup, or set parseNumber"
NO_AMOUNT: Final = "retailPrice is not an amount"
COMMA: Final = {"decimalNotation": "comma"}


def _feed(*cells: str, column: str = "stock") -> bytes:
    """Return a feed of the items k1, k2, ... with one cell each, on line 2, 3, ..."""
    other = "stock;" if column != "stock" else ""
    rows = [f"k{number};{'5;' if other else ''}{cell}" for number, cell in enumerate(cells, 1)]
    return "\n".join([f"sku;{other}{column}", *rows, ""]).encode()


def _bad(number: int, cell: str, reason: str, column: str = "stock") -> Kept:
    return Kept(number, number + 1, reason, f"k{number};{'5;' if column != 'stock' else ''}{cell}", column, cell)


def _kept_row(record: int, raw: str, value: str) -> Kept:
    return Kept(record, record + 1, NO_NUMBER, raw, "stock", value)


def _words(**rules: object) -> list[Mapping[str, object]]:
    return [{"purpose": "sku", "name": "sku"}, {"purpose": "inventoryQuantity", "name": "stock", **rules}]


def _places(*columns: str, **rules: object) -> list[Mapping[str, object]]:
    return [{"purpose": "sku", "name": "sku"}, *({"purpose": "inventoryQuantity", "name": column, **rules} for column in columns)]


def _sold(quantity: float, available: int) -> Mapping[str, float]:
    return {"inventoryQuantity": quantity, "availableQuantity": available}


@each(
    Quirk(
        "q13-words",
        "In stock, Low, Y, N and available are no figures, and keep what was known",
        _feed("In stock", "Low", "Y", "N", "available", "<5", "12 pcs", "6"),
        {**{f"k{number}": 3 for number in range(1, 8)}, "k8": 6},
        tuple(_bad(n, cell, NO_NUMBER) for n, cell in enumerate(("In stock", "Low", "Y", "N", "available", "<5", "12 pcs"), 1)),
        before=_feed(*"33333333"),
        counts=Counts(updated=1),
        fields=STOCK,
    ),
    Quirk(
        "q13-words-looked-up",
        "a lookup says what a word is worth, in any case, and leaves figures alone",
        _feed("In stock", "IN STOCK", ">100", "low", "sold", "7", "Soon"),
        {"k1": 5, "k2": 5, "k3": 250, "k4": 1, "k5": 0, "k6": 7},
        (_bad(7, "Soon", NO_NUMBER),),
        fields=_words(lookup={"in stock": 5, ">100": 250, "Low": 1, "Sold": 0}),
    ),
    Quirk(
        "q13-yes-and-no",
        "a column of yes and no is worth the quantity the feed sets, or nothing; blank is neither",
        _feed("Y", "N", "available", "In stock", "out of stock", "", "Low", "3", "0"),
        {"k1": 7, "k2": 0, "k3": 7, "k4": 7, "k5": 0, "k6": None, "k8": 7, "k9": 0},
        (_bad(7, "Low", "inventoryQuantity is neither yes nor no"),),
        fields=_words(inventoryQuantityBoolean=True, inventoryQuantityDefault=7),
    ),
    Quirk(
        "q13-yes-and-no-by-purpose",
        "without a set quantity yes is one piece",
        _feed("Y", "N", "maybe"),
        {"k1": 1, "k2": 0},
        (_bad(3, "maybe", "inventoryQuantity is neither yes nor no"),),
        fields={"sku": "sku", "inventoryQuantityBoolean": "stock"},
    ),
    Quirk("q13-over-100", "more than 100 are surely 100", _feed(">100", "> 100", ">=20"), {"k1": 100, "k2": 100, "k3": 20}, fields=STOCK),
    Quirk("q13-100-plus", "100 and more are surely 100", _feed("100+", "100 +"), {"k1": 100, "k2": 100}, fields=STOCK),
    Quirk(
        "q13-range",
        "of a range its begin is sure; what ends below its begin is a date",
        _feed("10-50", "10 - 50", "10\u201350", "50-10", "2026-03-01"),
        {"k1": 10, "k2": 10, "k3": 10},
        (_bad(4, "50-10", "is no range of quantities: it ends below its begin"), _bad(5, "2026-03-01", NO_NUMBER)),
        fields=STOCK,
    ),
    Quirk(
        "q13-endless",
        "-1 and 9999 are figures like others; nothing below zero is for sale",
        _feed("-1", "9999"),
        {"k1": _sold(-1, 0), "k2": _sold(9999, 9999)},
        fields=STOCK,
    ),
    Quirk(
        "q13-endless-looked-up",
        "what stands for endless can be said",
        _feed("-1", "9999", "9998"),
        {"k1": 1000, "k2": 1000, "k3": 9998},
        fields=_words(lookup={"-1": 1000, "9999": 1000}),
    ),
    Quirk(
        "q13-supplier's-cap",
        "a figure that is a cap is what is surely there",
        _feed("1500", "1501"),
        {"k1": 1500, "k2": 1501},
        fields=STOCK,
    ),
    Quirk(
        "q13-our-cap",
        "cap, buffer and minimum bound what is for sale, not what is stored",
        _feed("1500", "103", "5", "12"),
        {"k1": _sold(1500, 100), "k2": _sold(103, 100), "k3": _sold(5, 0), "k4": _sold(12, 10)},
        fields=STOCK,
        settings={"maximumInventoryQuantity": 100, "allocationBuffer": 2, "minimumInventoryQuantity": 4},
    ),
    Quirk(
        "q13-fractions",
        "39,5 metres are 39.5, and 39 pieces for sale, in either notation",
        _feed("39,5", "0,5", "8,00", "-0,5"),
        {"k1": _sold(39.5, 39), "k2": _sold(0.5, 0), "k3": _sold(8, 8), "k4": _sold(-0.5, 0)},
        fields=STOCK,
    ),
    Quirk(
        "q13-fractions-comma",
        "the same where the feed says comma",
        _feed("39,5", "1.500", "8,00", "1,500"),
        {"k1": _sold(39.5, 39), "k2": 1500, "k3": 8},
        (_bad(4, "1,500", "could be 1.500 or 1,500 with thousands; set decimalNotation=decimal"),),
        fields=STOCK,
        settings=COMMA,
    ),
    Quirk(
        "q13-thousands",
        "a figure of two readings that differ by a thousand is left alone",
        _feed("1,500", "1 500", "1.500", "1500.0"),
        {"k1": 1500, "k2": 1500, "k3": 3, "k4": 1500},
        (_bad(3, "1.500", "could be 1.500 or 1.500 with thousands; set decimalNotation=comma"),),
        before=_feed("1500", "1500", "3", "1500"),
        counts=Counts(unchanged=3),
        fields=STOCK,
    ),
    Quirk(
        "q13-negative",
        "stays negative, and none is for sale",
        _feed("-3", "\u22124"),
        {"k1": _sold(-3, 0), "k2": _sold(-4, 0)},
        fields=STOCK,
    ),
    Quirk(
        "q13-blank",
        "blank is not zero: it leaves the stock that is known",
        _feed("", "  ", "0", "4"),
        {"k1": 3, "k2": 3, "k3": 0, "k4": 4},
        before=_feed(*"3333"),
        counts=Counts(updated=2, unchanged=2),
        fields=STOCK,
    ),
    Quirk("q13-blank-at-first", "a stock never told is not known", _feed("", "0"), {"k1": None, "k2": 0}, fields=STOCK),
    Quirk(
        "q13-blank-clears",
        "where the feed says so, blank means not known any more",
        _feed("", "0"),
        {"k1": {"inventoryQuantity": None, "availableQuantity": None}, "k2": 0},
        before=_feed("3", "3"),
        counts=Counts(updated=2),
        fields=_words(blank="clear"),
    ),
    Quirk(
        "q13-figure-inside-text",
        "the first figure of a text, where the feed asks for it; an upper bound and a double reading are none",
        _feed("12 pcs", "ca. 5", "<5", "none", "1.500 pcs"),
        {"k1": 12, "k2": 5},
        (_bad(3, "<5", "holds an upper bound only"), _bad(4, "none", "holds no number"), _bad(5, "1.500 pcs", "set decimalNotation=comma")),
        fields=_words(parseNumber=True),
    ),
)
async def test_stock_is_what_is_surely_there(quirk: Quirk, tmp_path: Path) -> None:
    """A figure is read for what it promises at least; what is none is rejected with its cure and keeps the stored stock."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q13-warehouses-as-columns",
        "several columns are one stock; one that cannot be read rejects the record and is named",
        b"sku;north;south;west\na;1;2;3\nb;1;;few\nc;;;\nd;0;;\ne;1,5;2,25;-4\n",
        {"a": 6, "c": None, "d": 0, "e": _sold(-0.25, 0)},
        (Kept(2, 3, NO_NUMBER, "b;1;;few", "west", "few"),),
        fields=_places("north", "south", "west"),
    ),
    Quirk(
        "q13-first-warehouse",
        "where only the first is wanted, the first that says something counts",
        b"sku;north;south\na;1;2\nb;;2\nc;;\n",
        {"a": 1, "b": 2, "c": None},
        fields=_places("north", "south", locations="first"),
    ),
    Quirk(
        "q13-warehouses-as-rows",
        "keyed by the SKU alone the last warehouse wins, and the run says so",
        b"sku;place;stock\na;north;1\na;south;2\nb;north;3\n",
        {"a": 2, "b": 3},
        fields=STOCK,
        duplicate=1,
        noted=("duplicate",),
    ),
    Quirk(
        "q13-warehouses-as-rows-added-up",
        "where the feed says so, a record is a warehouse: stock is added up over the run, all else is the last record's",
        b"sku;place;stock\na;north;1\nb;north;3\na;south;2\nc;north;\nc;south;\nd;north;1,5\nd;south;0,25\n",
        {"a": 3, "b": 3, "c": None, "d": _sold(1.75, 1)},
        fields=STOCK,
        settings={"duplicateKeys": "sum"},
        duplicate=3,
        noted=("duplicate",),
    ),
    Quirk(
        "q13-warehouses-as-rows-added-up-again",
        "the same sums are no change, another part of one is",
        b"sku;place;stock\na;north;1\nb;north;3\nb;south;4\na;south;3\n",
        {"a": 4, "b": 7},
        fields=STOCK,
        settings={"duplicateKeys": "sum"},
        before=b"sku;place;stock\na;north;1\na;south;2\nb;south;4\nb;north;3\n",
        counts=Counts(updated=1, unchanged=1, duplicate=2),
        noted=("duplicate",),
    ),
    Quirk(
        "q13-warehouses-as-rows-one-unreadable",
        "the sum of the others is not the stock: what was known stays, and another item is none the worse",
        b"sku;place;stock\na;north;1\nb;north;2\na;south;few\nc;north;x\n",
        {"a": 5, "b": 2},
        (_kept_row(3, "a;south;few", "few"), _kept_row(4, "c;north;x", "x")),
        fields=STOCK,
        settings={"duplicateKeys": "sum"},
        before=b"sku;place;stock\na;north;5\n",
        counts=Counts(created=1, unchanged=1),
    ),
    Quirk(
        "q13-reserved",
        "what is reserved is taken off; blank takes off nothing, and alone says nothing",
        b"sku;stock;reserved\na;10;3\nb;2;5\nc;4;\nd;;3\ne;1,5;0,25\nf;4;some\n",
        {"a": _sold(7, 7), "b": _sold(-3, 0), "c": _sold(4, 4), "d": None, "e": _sold(1.25, 1)},
        (Kept(6, 7, NO_NUMBER, "f;4;some", "reserved", "some"),),
        fields=[*_words(), {"purpose": "inventoryQuantity", "name": "reserved", "quantityOperator": "subtract"}],
    ),
    Quirk(
        "q13-warehouses-as-rows-of-their-own",
        "with the place in the key every place is an item; the same place twice counts once",
        b"sku;place;stock\na;north;1\na;south;2\nb;north;3\na;south;4\n",
        {"a|north": 1, "a|south": 4, "b|north": 3},
        fields=[{"purpose": "externalId", "name": "sku"}, {"purpose": "externalId", "name": "place"}, *_words()],
        duplicate=1,
        noted=("duplicate",),
    ),
    Quirk(
        "q13-two-columns-of-one-place",
        "two columns of one name are told apart by their numbers",
        b"sku;north;north\na;1;2\n",
        {"a": 3},
        fields=_places("2", "3"),
    ),
)
async def test_several_places_are_one_stock(quirk: Quirk, tmp_path: Path) -> None:
    """Places are added as decimals, each counts once, and an item is never given a part of its stock without a word."""
    await check(quirk, tmp_path)


async def test_only_what_is_in_stock_becomes_an_item(tmp_path: Path) -> None:
    """What is new and out of stock is skipped and said so; what is known falls to zero all the same."""
    path = anyio.Path(tmp_path / "stock.csv")
    settings = {"restrictInventoryImport": True, "inventoryRestrictionLevel": 1}
    await path.write_bytes(b"sku;stock\na;5\n")
    await sync(str(path), tmp_path / "shop.db", fields=STOCK, settings=settings)
    body = b"sku;stock\na;0\nb;0\nc;1\nd;2\ne;\nd;3\n"
    for counts, end in ((Counts(created=1, updated=1, duplicate=1), b""), (Counts(unchanged=2, duplicate=1), b"\n")):
        await path.write_bytes(body + end)
        outcome = await sync(str(path), tmp_path / "shop.db", fields=STOCK, settings=settings)
        assert (outcome.record.counts, outcome.record.skipped) == (counts, 3)
        assert "3 new items" in next(problem.message for problem in outcome.record.problems if problem.code == "restricted")
        async with open_queries(f"sqlite:///{tmp_path}/shop.db") as queries:
            kept = [(reject.record, reject.value, reject.fate) async for reject in queries.rejects(outcome.record.run or 0)]
        assert kept == [(2, "b", "skipped"), (3, "c", "skipped"), (5, "e", "skipped")]
        assert {item["externalId"]: item["inventoryQuantity"] for item in outcome.items} == {"a": 0, "d": 3}


class _Negate:
    """A plugin whose rule turns a figure round."""

    @hookimpl
    def feedmill_field_rules(self) -> Sequence[FieldRuleSpec]:
        return (FieldRuleSpec("negate", lambda text: f"-{text}"),)


async def test_what_is_reserved_can_be_subtracted_by_a_rule(tmp_path: Path) -> None:
    """A rule that turns a figure round makes a column of reservations one that is taken off the stock (q13-reserved)."""
    path = tmp_path / "stock.csv"
    await anyio.Path(path).write_bytes(b"sku;stock;reserved\na;10;3\nb;2;5\nc;4;\nd;4;some\n")
    registry = await anyio.to_thread.run_sync(lambda: load_registry(extra=(_Negate(),)))
    mapping = [*_words(), {"purpose": "inventoryQuantity", "name": "reserved", "rules": ["negate"]}]
    outcome = await sync(str(path), tmp_path / "shop.db", fields=mapping, registry=registry)
    items: Items = {"a": _sold(7, 7), "b": _sold(-3, 0), "c": _sold(4, 4)}
    check_complete(Quirk("", "", b"", items, (Kept(4, 5, NO_NUMBER, "d;4;some", "reserved", "some"),)), outcome, path.as_uri())


@each(
    Quirk(
        "q13-warehouse-gone",
        "what a missing place would have said cannot be known",
        b"sku;north\na;1\n",
        refused=("the column 'south', mapped to inventoryQuantity, is not in the source", "ask the supplier where it went"),
        fields=_places("north", "south"),
        before=b"sku;north;south\na;1;2\n",
    ),
    Quirk(
        "q13-warehouses-as-rows-of-no-key",
        "the stock of some item would lack a record that nobody can place",
        b"sku;place;stock\na;north;1\n;south;2\nb;north;2\n",
        refused=("1 of the rejected records have no readable key", "duplicateKeys=sum", "correct the source"),
        fields=STOCK,
        settings={"duplicateKeys": "sum"},
        before=b"sku;place;stock\na;north;5\n",
    ),
    Quirk(
        "q13-same-place-twice",
        "one column mapped twice would count double",
        b"sku;stock;south\na;1;2\n",
        refused=("the column 'STOCK' is mapped to inventoryQuantity twice and would count double", "remove one mapping row"),
        fields=_places("stock", "STOCK"),
        before=b"sku;stock;STOCK\na;1;2\n",
    ),
    Quirk(
        "q13-notation-contradicted",
        "8,00 can only be a decimal comma, so 1.234 may be a thousand times more",
        b"sku;stock;price\na;8,00;1.234\nb;3;2.00\n",
        refused=("'8,00' can only be meant as comma, so '1.234' may be wrong by a factor of a thousand", "set decimalNotation=comma"),
        fields=PRICED,
        before=b"sku;stock;price\na;1;1.00\nb;2;2.00\n",
    ),
    Quirk(
        "q14-notation-contradicted",
        "the same the other way round",
        _feed("89.0", "1.234", column="price"),
        refused=("'89.0' can only be meant as decimal, so '1.234'", "set decimalNotation=decimal"),
        fields=PRICED,
        settings=COMMA,
        before=_feed("1,00", column="price"),
    ),
    Quirk(
        "q14-several-currencies",
        "prices of two currencies under one heading",
        _feed("$126.71", "89.0 EUR", column="price"),
        refused=("the prices are in several currencies ('$126.71', '89.0 EUR')", "set currency to the one that is meant"),
        fields=PRICED,
        before=_feed("1.00", column="price"),
    ),
)
async def test_figures_that_contradict_each_other_change_nothing(quirk: Quirk, tmp_path: Path) -> None:
    """Where the feed itself shows that its figures would be misread, none of them is applied."""
    await check_refused(quirk, tmp_path)


def _prices(*amounts: str | None) -> Items:
    return {f"k{number}": {"retailPrice": None if amount is None else Decimal(amount)} for number, amount in enumerate(amounts, 1)}


def _priced(name: str, fact: str, cells: Sequence[str], amounts: Sequence[str | None], **settings: str) -> Quirk:
    return Quirk(name, fact, _feed(*cells, column="price"), _prices(*amounts), fields=PRICED, settings=settings)


@each(
    _priced("q14-1.234,56", "one reading only, whatever the notation", ["1.234,56"], ["1234.56"]),
    _priced("q14-1.234,56-comma", "points group, the comma divides", ["1.234,56", "1.234", "5"], ["1234.56", "1234", "5"], **COMMA),
    _priced("q14-1,234.56", "commas group, the point divides", ["1,234.56", "1,234,567.89", "1,234"], ["1234.56", "1234567.89", "1234"]),
    _priced("q14-nbsp", "blanks of any kind group", ["1\u00a0234,50", "1\u202f234,50", "1 234,50"], ["1234.5"] * 3, **COMMA),
    _priced("q14-nbsp-decimal", "one reading only", ["1\u00a0234,50", "1\u00a0234\u00a0567,5"], ["1234.5", "1234567.5"]),
    _priced("q14-apostrophe", "apostrophes group", ["1'234.50", "1\u2019234.50"], ["1234.5", "1234.5"]),
    _priced("q14-usd-behind", "a currency may follow", ["12.00 USD", "12.00USD", "7"], ["12", "12", "7"]),
    _priced("q14-dollar-before", "a sign may stand before", ["$126.71", "US$ 5.00"], ["126.71", "5"]),
    _priced("q14-eur", "a point is a decimal mark also before EUR", ["89.0 EUR", "1.234,56 €"], ["89", "1234.56"], **COMMA, currency="EUR"),
    _priced("q14-zero", "0.00 is a price of zero, blank is none", ["0.00", "0", ""], ["0", "0", None]),
    _priced("q14-fractions-of-a-cent", "six decimals are kept exactly", ["0.123456", "12.345"], ["0.123456", "12.345"]),
    Quirk(
        "q14-zero-and-blank-later",
        "0.00 overwrites, blank leaves the stored price",
        _feed("0.00", "", column="price"),
        _prices("0", "4"),
        before=_feed("3.00", "4.00", column="price"),
        counts=Counts(updated=1, unchanged=1),
        fields=PRICED,
        settings={"syncPricing": True},
    ),
    Quirk(
        "q14-net-and-gross",
        "each column goes where it is mapped",
        b"sku;stock;net;gross\na;5;10.00;11.90\n",
        {"a": {"costPrice": 10, "retailPrice": Decimal("11.9")}},
        fields={**STOCK, "costPrice": "net", "retailPrice": "gross"},
    ),
    Quirk(
        "q14-gross-from-net",
        "the tax is multiplied exactly; where it is blank there is no price, least of all zero",
        b"sku;stock;net;vat\na;5;10.00;1.19\nb;5;0.33;\nc;5;;1.19\nd;5;1.00;full\n",
        {"a": {"retailPrice": Decimal("11.9")}, "c": {"inventoryQuantity": 5, "retailPrice": None}},
        (
            Kept(2, 3, "retailPrice cannot be reckoned with 'vat' = '': is blank", "b;5;0.33;", "net", "0.33"),
            Kept(4, 5, "retailPrice cannot be reckoned with 'vat' = 'full': is not an amount", "d;5;1.00;full", "net", "1.00"),
        ),
        fields=[*_words(), {"purpose": "retailPrice", "name": "net", "priceOperator": "multiply", "priceOperatorField": "vat"}],
    ),
    Quirk(
        "q14-tiers-as-columns",
        "one tier is mapped, headers that are numbers are names",
        b"sku;stock;1;10;100\na;5;10.00;9.00;8\nb;5;7.00;;6\n",
        {"a": {"retailPrice": 10, "costPrice": 8}, "b": {"retailPrice": 7, "costPrice": 6}},
        fields={**STOCK, "retailPrice": "1", "costPrice": "100"},
    ),
    Quirk(
        "q14-no-amounts",
        "tiers in one cell, words, percents, exponents and negative prices are no amounts, and keep the stored price",
        _feed("10:9.50|100:8.00", "9.50/8.00", "on request", "12%", "1.23E+3", "-1.00", "12.00 pcs", "8.00", column="price"),
        _prices(*["3"] * 7, "8"),
        (
            _bad(1, "10:9.50|100:8.00", NO_AMOUNT, "price"),
            _bad(2, "9.50/8.00", NO_AMOUNT, "price"),
            _bad(3, "on request", NO_AMOUNT, "price"),
            _bad(4, "12%", NO_AMOUNT, "price"),
            _bad(5, "1.23E+3", NO_AMOUNT, "price"),
            _bad(6, "-1.00", "retailPrice is a negative price", "price"),
            _bad(7, "12.00 pcs", NO_AMOUNT, "price"),
        ),
        before=_feed(*["3.00"] * 8, column="price"),
        counts=Counts(updated=1),
        fields=PRICED,
        settings={"syncPricing": True},
    ),
    Quirk(
        "q14-currency-of-the-feed",
        "a price in another currency than the feed's is no price of the feed",
        _feed("$126.71", "89.0 EUR", "7", column="price"),
        {"k2": {"retailPrice": 89}, "k3": {"retailPrice": 7}},
        (_bad(1, "$126.71", "retailPrice is in $ where the feed's currency is EUR", "price"),),
        fields=PRICED,
        settings={"currency": "EUR"},
    ),
)
async def test_a_price_is_the_amount_that_is_written(quirk: Quirk, tmp_path: Path) -> None:
    """Whatever groups, divides and surrounds it, an amount is exact; what is none rejects its record, and zero is zero."""
    await check(quirk, tmp_path)
