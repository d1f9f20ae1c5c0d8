"""What format a document is taken for, and where its records are found."""

from __future__ import annotations

import json

import pytest

from engine.contracts import DocumentFacts
from engine.errors import RefuseRun
from mappers.guessing.documents import guess_document
from mappers.guessing.guess import Guess

CSV = b"Artikelnr;Bestand;Preis\r\n" + b"".join(b"%05d;%d;%d,50\r\n" % (n, n % 7, n) for n in range(1, 60))
ITEMS = [{"sku": f"A{n}", "stock": {"qty": n % 7}, "price": f"{n}.50"} for n in range(1, 60)]


def look(data: bytes, name: str = "feed", **attributes: str) -> Guess:
    """Guess a whole document."""
    return guess_document(data, DocumentFacts(name), attributes, complete=True)


def settings(guess: Guess) -> dict[str, object]:
    """Return the attributes that are sure."""
    return {setting.attribute: setting.value for setting in guess.settings if setting.sure}


def fields(guess: Guess) -> dict[str, str]:
    """Return the mapping rows that are sure, purposes to names."""
    return {str(guess.row["purpose"]): str(guess.row["name"]) for guess in guess.fields if guess.sure}


def xml(records: str, root: str = "items") -> bytes:
    """Return records inside a root element."""
    return f'<?xml version="1.0"?>\n<{root}>\n{records}\n</{root.partition(" ")[0]}>\n'.encode()


def test_csv_keeps_the_dialect_open_and_sets_the_notation() -> None:
    """What the mapper detects anew every time is offered only; the notation of decimals is set by the values."""
    found = look(CSV, "stock.csv")
    assert settings(found) == {"resourceType": "ftpCsv", "mapping": "custom", "decimalNotation": "comma"}
    assert {setting.attribute: setting.value for setting in found.settings if not setting.sure}["delimiter"] == ";"
    assert fields(found) == {"sku": "Artikelnr", "inventoryQuantity": "Bestand", "retailPrice": "Preis"}
    assert found.records == 59


def test_csv_without_a_header_is_mapped_by_number_and_only_what_is_sure() -> None:
    """Without names only barcodes can be told; the rest is offered by the numbers of the columns."""
    body = b"".join(b"%05d;%d;%d.50\n" % (n, n % 7, n) for n in range(1, 60))
    found = look(body)
    assert settings(found)["csvHasHeader"] is False
    assert fields(found) == {}
    assert {str(guess.row["name"]) for guess in found.fields} <= {"1", "2", "3"}


def test_headers_that_stand_twice_are_named_by_number() -> None:
    """A name that means two columns cannot be mapped by it."""
    body = b"SKU;Stock;Name;Name\n" + b"".join(b"A%d;%d;x%d;y\n" % (n, n % 7, n) for n in range(30))
    assert fields(look(body)) == {"sku": "SKU", "inventoryQuantity": "Stock", "name": "3"}


def test_an_encoding_that_had_to_be_guessed_is_set() -> None:
    """Keys beyond ASCII depend on it, so the next document must not be guessed otherwise."""
    body = ("Artikelnr;Bestand\n" + "".join(f"Größe-{n};{n % 7}\n" for n in range(30))).encode("cp1252")
    assert settings(look(body))["encoding"] == "cp1252"


def test_a_csv_by_name_that_is_xml_is_said_so() -> None:
    """The content decides, and the name that says otherwise is mentioned."""
    body = xml("".join(f"<item><sku>A{n}</sku><qty>{n % 7}</qty></item>" for n in range(30)))
    found = look(body, "stock.csv")
    assert settings(found)["resourceType"] == "xml"
    assert found.notes[0] == "the name ends in .csv, but the content is XML"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!DOCTYPE html><html><title>Login</title></html>", "HTML page"),
        (b"<html><head><title>Login</title></head></html>", "HTML page"),
        (b"", "empty"),
        (b"PK\x03\x04rest", "zip"),
        (b'{"error": "quota exceeded"}', "quota exceeded"),
        (b'{"products": []}', "list"),
        (b"[]", "list"),
        (b'[{"sku": "a",}]', "line 1, column"),
        (b'[{"sku": "a"}', "line 1, column"),
        (b"<items><item>", "line 1, column"),
        (b"<items/>", "no element that could be a record"),
        (b"<SHOP><!-- none --></SHOP>", "looks like heureka"),
        (b"sku;qty\n", "no record"),
    ],
)
def test_what_is_no_feed_is_refused(body: bytes, said: str) -> None:
    """A page, an archive, an error, a broken or an empty document: there is nothing to guess by, and it is said why."""
    with pytest.raises(RefuseRun, match=said):
        look(body)


def test_json_is_found_under_any_root() -> None:
    """The longest list of objects is the list of items, wherever it stands; inner keys are ways with dots."""
    body = json.dumps({"took": 3, "data": {"the items": ITEMS}, "shops": [{"id": 1}]}).encode()
    found = look(body)
    assert settings(found)["jsonRoot"] == "data.the items"
    assert fields(found) == {"sku": "sku", "inventoryQuantity": "stock.qty", "retailPrice": "price"}
    assert "jsonRoot" not in settings(look(json.dumps({"products": ITEMS}).encode()))
    assert "jsonRoot" not in settings(look(json.dumps(ITEMS).encode()))


def test_json_lines_are_read_line_by_line() -> None:
    """An object a line needs no root."""
    found = look(b"\n".join(json.dumps(item).encode() for item in ITEMS))
    assert found.records == 59
    assert fields(found)["inventoryQuantity"] == "stock.qty"


def test_variants_are_the_items_and_a_products_id_is_no_key() -> None:
    """What a product says of itself tells no variant apart, even where each product has one."""
    products = [{"id": n, "title": f"T{n}", "variants": [{"sku": "same", "inventory_quantity": n % 7}]} for n in range(30)]
    found = look(json.dumps({"products": products}).encode())
    assert settings(found)["jsonStructure"] == "nested"
    assert not {"sku", "externalId"} & set(fields(found))
    assert fields(found)["name"] == "product.title"


def test_a_list_of_objects_in_an_item_is_pointed_out() -> None:
    """Stock by warehouse as a list of objects cannot be mapped by a column: people are told where it is."""
    items = [{"sku": f"A{n}", "stocks": [{"place": "x", "qty": n}]} for n in range(30)]
    found = look(json.dumps(items).encode())
    assert "inventoryQuantity" not in fields(found)
    assert any("'stocks' holds a list of objects" in note for note in found.notes)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_sample_that_breaks_off_is_read_as_far_as_it_goes(cut: int) -> None:
    """The first bytes of a big document end anywhere: the records before are enough."""
    as_json = json.dumps({"data": ITEMS}).encode()
    as_xml = xml("".join(f"<item><sku>A{n}</sku><qty>{n % 7}</qty></item>" for n in range(60)))
    for body, name in ((as_json, "stock.qty"), (as_xml, "qty")):
        found = guess_document(body[:-cut], DocumentFacts("feed"), {}, complete=False)
        assert fields(found)["inventoryQuantity"] == name
        assert found.records >= 50


@pytest.mark.parametrize(
    ("record", "path", "expected"),
    [
        ("<item><sku>A{n}</sku><stock><qty>{q}</qty></stock></item>", "/items/item", {"sku": "sku", "inventoryQuantity": "stock/qty"}),
        ('<item id="A{n}" stock="{q}"/>', "/items/item", {"externalId": "@id", "inventoryQuantity": "@stock"}),
        (
            '<item><kod>A{n}</kod><stan>{q}</stan><attrs><a name="Producent">ACME</a><a name="Kolor">x</a></attrs></item>',
            "/items/item",
            {"sku": "kod", "inventoryQuantity": "stan", "vendorName": "attrs/a[@name='Producent']", "option": "attrs/a[@name='Kolor']"},
        ),
        (
            "<product><name>P{n}</name><variants><variant><sku>A{n}-S</sku><qty>{q}</qty></variant>"
            "<variant><sku>A{n}-L</sku><qty>1</qty></variant></variants></product>",
            "/items/product/variants/variant",
            {"sku": "sku", "inventoryQuantity": "qty", "name": "../../name"},
        ),
        (
            "<item><sku>A{n}</sku><warehouse><code>N</code><qty>{q}</qty></warehouse><warehouse><code>S</code><qty>1</qty></warehouse></item>",
            "/items/item",
            {"sku": "sku", "inventoryQuantity": "warehouse/qty"},
        ),
        (
            "<item><sku>A{n}</sku><qty>{q}</qty><price>5.50</price><shipping><price>1.00</price></shipping></item>",
            "/items/item",
            {"sku": "sku", "inventoryQuantity": "qty", "retailPrice": "price"},
        ),
    ],
)
def test_xml_is_mapped_by_paths_from_its_record(record: str, path: str, expected: dict[str, str]) -> None:
    """Elements, attributes, named attributes, variants with their product's fields, warehouses, a price that is of shipping."""
    found = look(xml("".join(record.replace("{n}", str(n)).replace("{q}", str(n * 7 % 13)) for n in range(40))))
    assert settings(found)["xmlMapping"] == "custom"
    assert settings(found)["xmlPath"] == path
    assert fields(found) == expected


@pytest.mark.parametrize(("skus", "key"), [("A{n}-S A{n}-L", "sku"), ("S L", None)])
def test_a_product_s_id_is_no_key_of_its_variants(skus: str, key: str | None) -> None:
    """Variants with a key and a stock of their own are the items; where their keys are no keys the product's is none either."""
    variants = "".join(f"<variant><sku>{sku}</sku><qty>{{q}}</qty></variant>" for sku in skus.split())
    record = f"<product><id>{{n}}</id><title>t</title><variants>{variants}</variants></product>"
    found = look(xml("".join(record.replace("{n}", str(n)).replace("{q}", str(n % 7)) for n in range(40)), root="list"))
    assert settings(found)["xmlPath"] == "/list/product/variants/variant"
    assert (fields(found).get("sku"), fields(found).get("externalId")) == (key, None)
    assert fields(found)["inventoryQuantity"] == "qty"


def test_a_single_variant_s_product_id_is_no_key() -> None:
    """Where each product but one has one variant, its id would be unique but for that one; still it is never asked."""
    one = "<product><pid>{n}</pid><variants><variant><sku>same</sku><qty>{q}</qty></variant></variants></product>"
    two = "<product><pid>x</pid><variants><variant><sku>a</sku><qty>0</qty></variant><variant><qty>0</qty></variant></variants></product>"
    found = look(xml("".join(one.replace("{n}", str(n)).replace("{q}", str(n % 7)) for n in range(40)) + two, root="list"))
    assert not [
        guess for guess in found.fields if guess.row["purpose"] in ("sku", "externalId") and str(guess.row["name"]).startswith("..")
    ]


def test_prefixes_are_written_as_the_document_has_them() -> None:
    """A default namespace asks for no ceremony, a prefix is part of the name."""
    record = "<item><p:sku>A{n}</p:sku><qty>{q}</qty></item>"
    body = "".join(record.replace("{n}", str(n)).replace("{q}", str(n % 7)) for n in range(40))
    found = look(xml(body, root='items xmlns="urn:a" xmlns:p="urn:p"'))
    assert (settings(found)["xmlPath"], fields(found)) == ("/items/item", {"sku": "p:sku", "inventoryQuantity": "qty"})


@pytest.mark.parametrize(
    ("body", "preset"),
    [
        (
            '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>'
            "<item><g:id>1</g:id><g:price>2.00 EUR</g:price></item><item><g:id>2</g:id><g:price>3.00 EUR</g:price></item></channel></rss>",
            "google",
        ),
        ("<SHOP><SHOPITEM><ITEM_ID>1</ITEM_ID><PRICE_VAT>2</PRICE_VAT></SHOPITEM></SHOP>", "heureka"),
        (
            '<SHOP xmlns="http://www.zbozi.cz/ns/offer/1.0"><SHOPITEM><ITEM_ID>1</ITEM_ID><PRICE_VAT>2</PRICE_VAT></SHOPITEM></SHOP>',
            "zbozi",
        ),
        ('<offers><o id="1" price="2" stock="3"><name>x</name></o></offers>', "ceneo"),
        (
            '<!DOCTYPE yml_catalog SYSTEM "shops.dtd"><yml_catalog><shop><categories><category id="1">a</category></categories>'
            '<offers><offer id="1"><price>2</price><name>x</name></offer></offers></shop></yml_catalog>',
            "yml",
        ),
    ],
)
def test_known_formats_are_recognised(body: str, preset: str) -> None:
    """Root, namespace and names tell the format, whose preset needs no mapping rows."""
    found = look(body.encode())
    assert settings(found)["xmlMapping"] == preset
    assert found.fields == ()


def test_entities_are_not_resolved() -> None:
    """Neither an external entity nor a bomb is expanded by looking."""
    bomb = (
        '<!DOCTYPE items [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY x SYSTEM "file:///etc/passwd">]><items>'
    )
    body = bomb + "".join(f"<item><sku>A{n}</sku><qty>{n % 7}</qty><name>&b;&x;</name></item>" for n in range(30)) + "</items>"
    found = look(body.encode())
    assert fields(found) == {"sku": "sku", "inventoryQuantity": "qty"}


def test_a_shopify_export_is_recognised() -> None:
    """Its preset groups rows by handle; variants without a SKU need skuExempt."""
    head = b"Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n"
    found = look(head + b"".join(b"p%d,T,Size,S,,%d,9.99\n" % (n, n) for n in range(9)))
    assert settings(found)["mapping"] == "shopify"
    assert settings(found)["skuExempt"] is True


def test_the_currency_is_named_by_marks_headers_or_a_column() -> None:
    """Marks in the prices come first, then the header, then a column that says one currency throughout."""
    rows = range(30)
    by_mark = b"SKU;Price\n" + b"".join(b"A%d;%d.50 EUR\n" % (n, n) for n in rows)
    by_header = b"SKU;price_czk\n" + b"".join(b"A%d;%d.50\n" % (n, n) for n in rows)
    by_column = b"SKU;Price;Currency\n" + b"".join(b"A%d;%d.50;PLN\n" % (n, n) for n in rows)
    assert [settings(look(body)).get("currency") for body in (by_mark, by_header, by_column)] == ["EUR", "CZK", "PLN"]
