"""Which columns are mapped, and, more important, which are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from engine.batch import SEVERAL
from mappers.guessing.columns import Choices, Column, choose

COUNT = 40
KEYS = [f"A-{number:03d}" for number in range(COUNT)]
STOCK = [str(number * 7 % 13) for number in range(COUNT)]
PACKS = [("6", "12", "24")[number % 3] for number in range(COUNT)]
PRICES = [f"{number}.95" for number in range(COUNT)]


def gtin(number: int) -> str:
    """Return a GTIN-13 with its check digit."""
    digits = f"40{number:010d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


GTINS = [gtin(number * 97) for number in range(COUNT)]


def chosen(columns: Mapping[str, Sequence[str]]) -> Choices:
    """Choose among columns by their headers."""
    return choose([Column(name, name, values) for name, values in columns.items()])


def mapped(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what is mapped for sure, purposes to columns."""
    return {str(guess.row["purpose"]): str(guess.row["name"]) for guess in chosen(columns).fields if guess.sure}


def offered(columns: Mapping[str, Sequence[str]], purpose: str) -> list[str]:
    """Return the columns that are offered to people for a purpose."""
    return [str(guess.row["name"]) for guess in chosen(columns).fields if not guess.sure and guess.row["purpose"] == purpose]


def test_a_plain_price_list_is_mapped_whole() -> None:
    """Names and values that agree are mapped, each with its reason."""
    columns = {"Artikelnr.": KEYS, "EAN": GTINS, "Bezeichnung": KEYS, "Lagerbestand": STOCK, "VK-Preis": PRICES, "EK": PRICES}
    assert mapped(columns) == {
        "sku": "Artikelnr.",
        "barcode": "EAN",
        "inventoryQuantity": "Lagerbestand",
        "retailPrice": "VK-Preis",
        "costPrice": "EK",
        "name": "Bezeichnung",
    }
    reasons = {str(guess.row["purpose"]): guess.reason for guess in chosen(columns).fields}
    assert reasons["inventoryQuantity"].startswith("'Lagerbestand' means stock in German; 40 of 40 values are figures")
    assert reasons["sku"] == "'Artikelnr.' means SKU in German and Dutch; 40 of 40 records have a value, all different"


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Mindestbestellmenge", PACKS),
        ("VPE", PACKS),
        ("Lieferzeit Tage", STOCK),
        ("Baujahr", [str(1990 + number) for number in range(COUNT)]),
        ("Menge", PACKS),
        ("Lager", [str(1 + number % 3) for number in range(COUNT)]),
        ("Quantity", ["1"] * COUNT),
        ("Stock", PRICES),
        ("Stock", GTINS),
        ("Stock", ["plenty"] * COUNT),
        ("Stock", [""] * COUNT),
        ("Available", STOCK),
        ("Figure", STOCK),
        ("Stock", [SEVERAL.join(("1", "2"))] * COUNT),
    ],
)
def test_no_stock_is_mapped_on_a_weak_guess(header: str, values: list[str]) -> None:
    """A least order, a pack, days, years, a warehouse's number, constants, prices, barcodes: none is taken for stock, and it is said."""
    columns = {"SKU": KEYS, header: values}
    assert not {"inventoryQuantity", "inventoryQuantityBoolean"} & set(mapped(columns))
    assert any(note.startswith("no stock") for note in chosen(columns).notes)


def test_several_stocks_are_left_to_people() -> None:
    """Two columns of stock may add up or not: both are offered, none is mapped."""
    columns = {"SKU": KEYS, "Bestand Nord": STOCK, "Bestand Süd": STOCK}
    assert "inventoryQuantity" not in mapped(columns)
    assert offered(columns, "inventoryQuantity") == ["Bestand Nord", "Bestand Süd"]


def test_a_plain_word_for_stock_wins_over_an_amount() -> None:
    """Beside a Lagerbestand, a Menge is what a pack holds."""
    assert mapped({"SKU": KEYS, "Menge": STOCK, "Lagerbestand": STOCK})["inventoryQuantity"] == "Lagerbestand"
    assert mapped({"SKU": KEYS, "Menge": STOCK})["inventoryQuantity"] == "Menge"


def test_returns_are_not_added_to_the_stock() -> None:
    """The stock of the complaints department is said not to be taken."""
    columns = {"Artikelnummer": KEYS, "Lagerbestand Lager [Nord]": STOCK, "Lagerbestand Lager [Reklamation]": STOCK}
    found = chosen(columns)
    assert mapped(columns)["inventoryQuantity"] == "Lagerbestand Lager [Nord]"
    (stock,) = (guess for guess in found.fields if guess.row["purpose"] == "inventoryQuantity")
    assert any("'reklamation' says what it is" in rival for rival in stock.rivals)


def test_yes_and_no_are_stock_only_where_there_are_no_figures() -> None:
    """Availability in words is mapped as such; a blank column of stock beside it is not."""
    said = [("yes", "no")[number % 2] for number in range(COUNT)]
    assert mapped({"SKU": KEYS, "Stock": [""] * COUNT, "In stock?": said})["inventoryQuantityBoolean"] == "In stock?"
    both = mapped({"SKU": KEYS, "Stock": STOCK, "In stock?": said})
    assert both["inventoryQuantity"] == "Stock"
    assert "inventoryQuantityBoolean" not in both


def test_stock_in_words_is_offered_with_what_reads_it() -> None:
    """`12 pcs` is offered with parseNumber, words with a lookup in which what says yes is one piece and the rest none."""
    in_words = chosen({"SKU": KEYS, "Stock": [f"{figure} pcs" for figure in STOCK]})
    assert in_words.fields[-1].row == {"name": "Stock", "purpose": "inventoryQuantity", "parseNumber": True}
    said = [("in stock", ">100", "low", "sold out")[number % 4] for number in range(COUNT)]
    words = chosen({"SKU": KEYS, "Stock": said})
    assert words.fields[-1].row["lookup"] == {"in stock": 1, "low": 0, "sold out": 0}
    assert not any(guess.sure for guess in (in_words.fields[-1], words.fields[-1]))


def test_one_sku_for_all_sizes_is_no_key() -> None:
    """Where an id tells the sizes apart it is the key; where nothing does, SKU and size together are offered."""
    shared = [f"S{number // 4}" for number in range(COUNT)]
    sizes = [("S", "M", "L", "XL")[number % 4] for number in range(COUNT)]
    with_id = mapped({"id": KEYS, "SKU": shared, "Stock": STOCK})
    assert (with_id["externalId"], with_id["sku"]) == ("id", "SKU")
    without = {"SKU": shared, "Size": sizes, "Stock": STOCK}
    assert not {"sku", "externalId"} & set(mapped(without))
    assert offered(without, "externalId") == ["SKU", "Size"]
    assert any(note.startswith("no key") for note in chosen(without).notes)


@pytest.mark.parametrize("values", [["same"] * COUNT, [*KEYS[:-1], KEYS[0]], [*KEYS[:20], *[""] * 20], ["1.23E+12", *KEYS[1:]]])
def test_no_key_that_is_not_unique_in_the_sample(values: list[str]) -> None:
    """One repeated, blank or destroyed value is enough to leave the key to people."""
    columns = {"SKU": values, "Stock": STOCK}
    assert not {"sku", "externalId"} & set(mapped(columns))
    assert any(note.startswith("no key") for note in chosen(columns).notes)


def test_a_barcode_is_the_key_where_there_is_no_other() -> None:
    """A list of barcodes and stock is keyed by the barcodes, if each is there and right."""
    assert mapped({"EAN": GTINS, "Bestand": STOCK}) == {"sku": "EAN", "barcode": "EAN", "inventoryQuantity": "Bestand"}
    assert "sku" not in mapped({"EAN": [*GTINS[:-2], "", "4006381333932"], "Bestand": STOCK})


def test_barcodes_are_known_by_their_digits_alone() -> None:
    """Right check digits in every value are no accident, whatever the column is called."""
    assert mapped({"SKU": KEYS, "Spalte 7": GTINS})["barcode"] == "Spalte 7"
    assert "barcode" not in mapped({"SKU": KEYS, "EAN": KEYS})


def test_a_weight_without_its_unit_is_not_mapped() -> None:
    """Grams taken for kilograms would be wrong by a thousand: the unit has to be said."""
    assert "weight" not in mapped({"SKU": KEYS, "Gewicht": PRICES})
    in_kilograms = chosen({"SKU": KEYS, "Weight (kg)": PRICES})
    assert (in_kilograms.fields[-1].row["purpose"], in_kilograms.weight_unit) == ("weight", "kg")


def test_equal_prices_are_left_to_people() -> None:
    """Which of two unit prices is meant cannot be guessed."""
    columns = {"SKU": KEYS, "UnitPrice1": PRICES, "UnitPrice2": PRICES}
    assert "retailPrice" not in mapped(columns)
    assert offered(columns, "retailPrice") == ["UnitPrice1", "UnitPrice2"]
