"""The formats that are mapped without configuration: what each item comes to."""

from __future__ import annotations

import pytest

from engine.batch import SEVERAL, JsonValue
from mappers.markup.presets import XML_PRESETS
from tests.unit.xml_parts import read

GOOGLE_RSS = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
<title>Shop</title><link>https://shop.example</link>
<item>
  <g:id>A-1</g:id><title>Twin</title><g:title>Shirt</g:title><g:description>Soft &amp; warm</g:description>
  <g:image_link>https://shop.example/1.jpg</g:image_link>
  <g:additional_image_link>https://shop.example/2.jpg</g:additional_image_link>
  <g:additional_image_link>https://shop.example/3.jpg</g:additional_image_link>
  <g:availability>in stock</g:availability>
  <g:price>20.00 EUR</g:price><g:sale_price>15.00 EUR</g:sale_price>
  <g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>
  <g:gtin>4006381333931</g:gtin><g:brand>Acme</g:brand><g:item_group_id>G1</g:item_group_id><g:color>red</g:color>
</item>
<item>
  <g:id>A-2</g:id><title>Hat</title><g:quantity>7</g:quantity><g:availability>out of stock</g:availability>
  <g:shipping><g:price>4.90 EUR</g:price></g:shipping><g:price>9.00 EUR</g:price><g:sale_price/>
</item>
</channel></rss>"""

GOOGLE_ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:goo="http://base.google.com/ns/1.0">
<title>Shop</title>
<entry><goo:id>A-1</goo:id><id>urn:atom:1</id><title>Shirt</title><summary>Soft</summary><goo:availability>preorder</goo:availability>
<goo:price>20.00 EUR</goo:price></entry></feed>"""

HEUREKA = """<SHOP><SHOPITEM><ITEM_ID>H1</ITEM_ID><PRODUCTNAME>Pen</PRODUCTNAME><PRICE_VAT>160.0</PRICE_VAT><EAN>4006381333931</EAN>
<IMGURL>i1</IMGURL><IMGURL_ALTERNATIVE>i2</IMGURL_ALTERNATIVE><IMGURL_ALTERNATIVE>i3</IMGURL_ALTERNATIVE><ITEMGROUP_ID>G</ITEMGROUP_ID>
<PARAM><PARAM_NAME>Colour</PARAM_NAME><VAL>blue</VAL></PARAM><PARAM><PARAM_NAME>Size</PARAM_NAME><VAL>M</VAL></PARAM>
<DELIVERY_DATE>0</DELIVERY_DATE><DELIVERY><DELIVERY_PRICE>99</DELIVERY_PRICE></DELIVERY></SHOPITEM></SHOP>"""

CENEO = """<offers version="1"><group name="other"><o id="7" price="12.50" stock="3" avail="1"><name>Lamp</name><cat>Home</cat>
<imgs><main url="m.png"/><i url="a.png"/><i url="b.png"/></imgs>
<attrs><a name="Producent">Acme</a><a name="EAN">4006381333931</a></attrs></o></group></offers>"""

YML = """<!DOCTYPE yml_catalog SYSTEM "shops.dtd">
<yml_catalog date="2026-01-01"><shop><name>S</name><categories><category id="1">All</category></categories><offers>
<offer id="10" available="true" group_id="G"><price>86.00</price><oldprice>90</oldprice><picture>1</picture><picture>2</picture>
<name>Coat</name><vendor>Acme</vendor><vendorCode>V1</vendorCode><param name="Size">L</param></offer>
<offer id="11" available="true"><price>5</price><model>Cap</model><count>4</count></offer>
<offer id="12" available="false"><price>5</price><outlets><outlet instock="2"/><outlet instock="3"/></outlets></offer>
</offers></shop></yml_catalog>"""


def items(mapping: str, document: str, **attributes: JsonValue) -> list[dict[str, list[str]]]:
    """Return what a preset makes of each record: the filled cells by purpose, those of several rows of one purpose in turn."""
    rows = XML_PRESETS[mapping].rows
    found = read(document, *(row.names for row in rows), feed={"xmlMapping": mapping, **attributes})
    columns = [found.mapper.locate(row.names[0]) for row in rows]
    made: list[dict[str, list[str]]] = []
    for cells in found.rows:
        item: dict[str, list[str]] = {}
        for row, column in zip(rows, columns, strict=True):
            assert column is not None
            if cells[column]:
                item.setdefault(row.purpose, []).extend(cells[column].split(SEVERAL))
        made.append(item)
    return made


def test_google_rss_is_mapped_without_configuration() -> None:
    """The price is the item's and not its shipping's, a sale price comes first, and a figure of stock before its words."""
    first, second = items("google", GOOGLE_RSS)
    assert first == {
        "externalId": ["A-1"],
        "inventoryQuantity": ["in stock"],
        "retailPrice": ["15.00 EUR"],
        "compareAtPrice": ["20.00 EUR"],
        "barcode": ["4006381333931"],
        "externalGroupId": ["G1"],
        "name": ["Shirt"],
        "description": ["Soft & warm"],
        "vendorName": ["Acme"],
        "images": ["https://shop.example/1.jpg", "https://shop.example/2.jpg", "https://shop.example/3.jpg"],
        "option": ["red"],
    }
    assert second == {
        "externalId": ["A-2"], "inventoryQuantity": ["7"], "retailPrice": ["9.00 EUR"], "compareAtPrice": ["9.00 EUR"], "name": ["Hat"],
    }  # fmt: skip


def test_google_atom_is_mapped_whatever_its_prefix() -> None:
    """The namespace counts, not its prefix; Atom's own elements fill what Google's leave open, but never the key."""
    assert items("google", GOOGLE_ATOM) == [
        {
            "externalId": ["A-1"], "inventoryQuantity": ["preorder"], "retailPrice": ["20.00 EUR"], "compareAtPrice": ["20.00 EUR"],
            "name": ["Shirt"], "description": ["Soft"],
        }
    ]  # fmt: skip


@pytest.mark.parametrize("declared", ["", ' xmlns="http://www.zbozi.cz/ns/offer/1.0"'])
@pytest.mark.parametrize("mapping", ["heureka", "zbozi"])
def test_heureka_and_zbozi_have_no_stock(mapping: str, declared: str) -> None:
    """A delivery date is no quantity, and the price of a delivery no price; parameters become options."""
    assert items(mapping, HEUREKA.replace("<SHOP>", f"<SHOP{declared}>")) == [
        {
            "externalId": ["H1"], "retailPrice": ["160.0"], "barcode": ["4006381333931"], "externalGroupId": ["G"], "name": ["Pen"],
            "images": ["i1", "i2", "i3"], "metaFields": ["0"],
            "options": ['[{"name": "Colour", "value": "blue", "position": 1}, {"name": "Size", "value": "M", "position": 2}]'],
        }
    ]  # fmt: skip


def test_heurekas_file_of_stock_is_read_by_the_same_preset() -> None:
    """The figures of stock come apart from the goods, by the same keys."""
    stock = (("H1", 5), ("H2", 0))
    document = "".join(f"<item id='{key}'><stock_quantity>{left}</stock_quantity></item>" for key, left in stock)
    document = f"<item_list>{document}</item_list>"
    assert items("heureka", document) == [
        {"externalId": ["H1"], "inventoryQuantity": ["5"]},
        {"externalId": ["H2"], "inventoryQuantity": ["0"]},
    ]


def test_ceneo_has_everything_in_attributes() -> None:
    """Key, price and stock are attributes, also where offers stand in groups; the rest are elements and named attributes."""
    assert items("ceneo", CENEO) == [
        {
            "externalId": ["7"], "inventoryQuantity": ["3"], "retailPrice": ["12.50"], "barcode": ["4006381333931"], "name": ["Lamp"],
            "vendorName": ["Acme"], "productType": ["Home"], "images": ["m.png", "a.png", "b.png"], "metaFields": ["1"],
        }
    ]  # fmt: skip


def test_yml_takes_a_count_before_what_is_only_available() -> None:
    """Stock is a count, else the sum of the outlets, else yes or no; without an old price nothing is reduced."""
    coat, cap, third = items("yml", YML)
    assert coat == {
        "externalId": ["10"], "inventoryQuantity": ["true"], "retailPrice": ["86.00"], "compareAtPrice": ["90"], "mpn": ["V1"],
        "externalGroupId": ["G"], "name": ["Coat"], "vendorName": ["Acme"], "images": ["1", "2"],
        "options": ['[{"name": "Size", "value": "L", "position": 1}]'],
    }  # fmt: skip
    assert (cap["inventoryQuantity"], cap["name"], cap["compareAtPrice"]) == (["4"], ["Cap"], ["5"])
    assert third["inventoryQuantity"] == ["2", "3"]


def test_every_word_for_availability_has_one_meaning() -> None:
    """What is to come or to be ordered is not there; only what is in stock is."""
    row = next(row for row in XML_PRESETS["google"].rows if row.purpose == "inventoryQuantity")
    lookup = row.row["lookup"]
    assert isinstance(lookup, dict)
    assert {word for word, stock in lookup.items() if stock == "1"} == {
        "in stock",
        "in_stock",
        "instock",
        "available",
        "limited availability",
    }
    assert {"preorder", "backorder", "out of stock", "out_of_stock"} <= {word for word, stock in lookup.items() if stock == "0"}


def test_a_preset_reads_at_a_path_of_its_own_when_told() -> None:
    """The rows of a preset serve a document that has its records elsewhere."""
    document = '<x xmlns:g="http://base.google.com/ns/1.0"><p><g:id>1</g:id></p></x>'
    assert items("google", document) == []
    assert items("google", document, xmlPath="/x/p") == [{"externalId": ["1"]}]
