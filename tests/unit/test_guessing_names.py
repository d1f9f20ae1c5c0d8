"""What a column's name is taken to mean, and what it is never taken to mean."""

from __future__ import annotations

import pytest

from mappers.guessing.names import HINT, PART, WHOLE, bars_stock, is_warehouse, name_votes, tokens_of
from mappers.guessing.words import AMOUNTS, WORDS


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("VK-Preis", ("vk", "preis")),
        ("vkPreis", ("vk", "preis")),
        ("vk_preis", ("vk", "preis")),
        ("EAN13", ("ean", "13")),
        ("SKUCode", ("sku", "code")),
        ("Größe", ("grosse",)),
        ("Groesse", ("grosse",)),
        ("ilość", ("ilosc",)),
        ("Кол-во", ("кол", "во")),
        ("  ", ()),
    ],
)
def test_a_name_is_read_as_words(name: str, tokens: tuple[str, ...]) -> None:
    """However a source joins and writes its words, they are the same words."""
    assert tokens_of(name) == tokens


@pytest.mark.parametrize(
    ("name", "purpose", "strength"),
    [
        ("Artikelnr.", "sku", WHOLE),
        ("Artikelnummer", "sku", WHOLE),
        ("stock number", "sku", WHOLE),
        ("Référence", "sku", WHOLE),
        ("code", "sku", WHOLE),
        ("kod produktu", "sku", WHOLE),
        ("артикул", "sku", WHOLE),
        ("EAN13", "barcode", WHOLE),
        ("Штрих-код", "barcode", WHOLE),
        ("Bestand", "inventoryQuantity", WHOLE),
        ("Lagerbestand Lager [Nord]", "inventoryQuantity", PART),
        ("stock_qty", "inventoryQuantity", WHOLE),
        ("stockQty", "inventoryQuantity", WHOLE),
        ("szt", "inventoryQuantity", WHOLE),
        ("stan", "inventoryQuantity", WHOLE),
        ("Giacenza", "inventoryQuantity", WHOLE),
        ("Voorraad", "inventoryQuantity", WHOLE),
        ("Lagersaldo", "inventoryQuantity", WHOLE),
        ("Остаток", "inventoryQuantity", WHOLE),
        ("Кількість", "inventoryQuantity", WHOLE),
        ("In stock?", "inventoryQuantityBoolean", WHOLE),
        ("balance", "inventoryQuantity", HINT),
        ("VK-Preis", "retailPrice", WHOLE),
        ("price_eur", "retailPrice", PART),
        ("cena", "retailPrice", WHOLE),
        ("EK", "costPrice", WHOLE),
        ("Recommended Retail Price", "compareAtPrice", WHOLE),
        ("Hersteller-Artikelnummer", "mpn", WHOLE),
        ("Currency", "currency", WHOLE),
    ],
)
def test_names_in_many_languages_are_known(name: str, purpose: str, strength: int) -> None:
    """Headers of suppliers in a dozen languages, abbreviated and joined, mean what people mean by them."""
    assert name_votes(name)[purpose].strength >= min(strength, HINT if name == "code" else strength)


@pytest.mark.parametrize(
    "name",
    [
        "Mindestbestellmenge",
        "Min. order quantity",
        "MOQ",
        "Verpackungseinheit",
        "VPE",
        "pack qty",
        "Units per carton",
        "Low stock amount",
        "Stock value",
        "Stock price",
        "Variant Inventory Policy",
        "Variant Inventory Tracker",
        "Lieferzeit",
        "Stock date",
        "Lagerplatz",
        "Lagernummer",
        "reserved qty",
        "Incoming stock",
        "Lagerbestand Lager [Reklamation]",
        "Minimalna ilość",
        "Minimální množství",
        "Stock id",
        "next delivery qty",
        "reorder quantity",
        "Stock maxi",
        "Safety stock",
        "Sicherheitsbestand",
        "Stan maksymalny",
        "Target stock",
        "Макс. остаток",
    ],
)
def test_other_numbers_of_pieces_are_no_stock(name: str) -> None:
    """What a pack holds, the least order, what is reserved, damaged or on its way: none of it can be sold from stock."""
    votes = name_votes(name)
    assert "inventoryQuantity" not in votes
    assert "inventoryQuantityBoolean" not in votes


@pytest.mark.parametrize("name", ["basePrice", "DELIVERY_PRICE", "Grundpreis", "Shipping price", "Price valid from", "tax rate"])
def test_other_amounts_are_no_price(name: str) -> None:
    """What delivery costs, and what a kilogram does, is not what the item costs."""
    assert not {"retailPrice", "costPrice"} & set(name_votes(name))


def test_a_status_is_no_figure() -> None:
    """A status of the stock may say yes or no; its codes 0 to 3 are no pieces."""
    assert set(name_votes("stock status")) == {"inventoryQuantityBoolean"}
    assert set(name_votes("Lagerstatus")) == {"inventoryQuantityBoolean"}


def test_what_stands_around_a_name_counts() -> None:
    """A price inside shipping is no price of the item, a name inside a manufacturer is the brand, qty inside stock is stock."""
    assert "retailPrice" not in name_votes("price", "shipping")
    assert name_votes("name", "manufacturer")["vendorName"].strength == WHOLE
    assert name_votes("qty", "stock")["inventoryQuantity"].strength == WHOLE
    assert name_votes("qty", "WhseInfo")["inventoryQuantity"].strength == PART


def test_a_bar_is_told_by_its_word() -> None:
    """What keeps a column from being stock is named, so that people can disagree."""
    assert bars_stock("Low stock amount") == "low"
    assert bars_stock("Stock") is None
    assert is_warehouse("WhseInfo")
    assert not is_warehouse("variant")


def test_the_dictionary_says_each_thing_once() -> None:
    """No language lists a word twice for a purpose, no word is blank, and every ambiguous one is a word for stock."""
    for purpose, languages in WORDS.items():
        for language, words in languages.items():
            listed = [word.strip() for word in words.split(",")]
            assert all(listed), (purpose, language)
            assert len(set(listed)) == len(listed), (purpose, language, sorted(word for word in listed if listed.count(word) > 1))
    stock = {"".join(tokens_of(word)) for words in WORDS["inventoryQuantity"].values() for word in words.split(",")}
    assert {"".join(tokens_of(word)) for word in AMOUNTS.split(",")} <= stock
