"""Quirks 10 and 15, and what of 12 to 19 looks otherwise in XML, each run through the whole of Feedmill into a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

from engine.run import Counts
from tests.integration.quirk_feeds import Items, Kept, Quirk, check, check_refused, each

ITEM: Final = {"xmlMapping": "custom", "xmlPath": "/shop/item"}
FIELDS: Final = {"externalId": "@id", "inventoryQuantity": "stock", "name": "name"}
BEFORE: Final = b'<shop><item id="old"><stock>4</stock><name>Anvil</name></item></shop>'


def quirk(
    id_: str,
    fact: str,
    body: bytes | str,
    items: Items | None = None,
    *,
    fields: object = None,
    settings: Mapping[str, object] = ITEM,
    **more: object,
) -> Quirk:
    """Return a quirk of XML."""
    data = body.encode() if isinstance(body, str) else body
    return Quirk(id_, fact, data, items or {}, fields=FIELDS if fields is None else fields, settings=settings, file="stock.xml", **more)  # type: ignore[arg-type]


def rows(**names: str | Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return mapping rows by purpose: a path, or a whole row without its purpose."""
    return [{"purpose": purpose, **({"name": row} if isinstance(row, str) else row)} for purpose, row in names.items()]


_LAUGHS: Final = "".join(f'<!ENTITY {name} "{f"&{inner};" * 10}">' for inner, name in pairwise("abcdefg"))
BOMB: Final = f'<!DOCTYPE shop [<!ENTITY a "ha">{_LAUGHS}]><shop><item id="old"><stock>9</stock><name>&g;</name></item></shop>'
GOOGLE: Final = 'xmlns:g="http://base.google.com/ns/1.0"'


@each(
    quirk(
        "q10-default-namespace",
        "a default namespace needs no ceremony",
        '<shop xmlns="urn:a"><item id="1"><stock>3</stock><name>Bolt</name></item></shop>',
        {"1": {"inventoryQuantity": 3, "name": "Bolt"}},
    ),
    quirk(
        "q10-prefixes",
        "the document's own prefixes are usable as written",
        '<s:shop xmlns:s="urn:s" xmlns:i="urn:i"><s:item i:id="1"><i:stock>3</i:stock></s:item></s:shop>',
        {"1": 3},
        fields={"externalId": "@i:id", "inventoryQuantity": "i:stock"},
        settings={"xmlMapping": "custom", "xmlPath": "/s:shop/s:item"},
    ),
    quirk(
        "q10-own-prefixes",
        "prefixes that the feed declares hold, whatever the document calls them",
        '<x:shop xmlns:x="urn:s"><x:item id="1"><x:stock>3</x:stock></x:item></x:shop>',
        {"1": 3},
        fields={"externalId": "@id", "inventoryQuantity": "my:stock"},
        settings={"xmlMapping": "custom", "xmlPath": "/my:shop/my:item", "xmlNamespaces": {"my": "urn:s"}},
    ),
    quirk(
        "q10-attributes",
        "a feed of nothing but attributes",
        "<shop><item id='0012' stock='7' name='a &amp; b &lt; c'/><item id=\"13\" stock='0' name='>'/></shop>",
        {"0012": {"inventoryQuantity": 7, "name": "a & b < c"}, "13": {"inventoryQuantity": 0, "name": ">"}},
        fields={"externalId": "@id", "inventoryQuantity": "@stock", "name": "@name"},
    ),
    quirk(
        "q10-cdata",
        "CDATA is text, also where it holds the record's own tags",
        '<shop><item id="1"><stock><![CDATA[5]]></stock><name><![CDATA[<item id="9"></item> & more]]></name></item></shop>',
        {"1": {"inventoryQuantity": 5, "name": '<item id="9"></item> & more'}},
    ),
    quirk(
        "q10-comments-before-the-root",
        "comments and instructions before, between and within records hide nothing and make nothing",
        "<?xml version='1.0'?><!-- <shop><item id='8'/> --><?go on='>'?><shop><!-- </shop> --><item id='1'><!-- <stock>9</stock> -->"
        "<stock>5</stock></item><?p <item?></shop><!-- the end -->",
        {"1": 5},
    ),
    quirk(
        "q10-external-dtd",
        "a DOCTYPE with an external DTD is passed over, and nothing is fetched",
        '<!DOCTYPE shop SYSTEM "http://127.0.0.1:9/shop.dtd"><shop><item id="1"><stock>5</stock></item></shop>',
        {"1": 5},
    ),
    quirk(
        "q10-internal-entity",
        "an entity that the document itself declares is its text",
        '<!DOCTYPE shop [<!ENTITY brand "Corvid &amp; Co">]><shop><item id="1"><stock>5</stock><name>&brand; nail</name></item></shop>',
        {"1": {"inventoryQuantity": 5, "name": "Corvid & Co nail"}},
    ),
    quirk(
        "q10-nested-own-name",
        "an element of the record's own name inside a record is a part of it",
        '<shop><item id="1"><stock>5</stock><related><item id="2"><stock>9</stock></item></related></item></shop>',
        {"1": 5},
    ),
    quirk(
        "q10-nested-own-name-anywhere",
        "also where the path would find it",
        '<shop><item id="1"><stock>5</stock><item id="2"><stock>9</stock></item></item><item id="3"><stock>1</stock></item></shop>',
        {"1": 5, "3": 1},
        settings={"xmlMapping": "custom", "xmlPath": "//item"},
    ),
    quirk(
        "q10-price-in-shipping",
        "the price of the shipping is not taken for the price",
        f"<rss version='2.0' {GOOGLE}><channel><title>t</title><item><g:id>1</g:id><g:shipping><g:price>4.90 EUR</g:price></g:shipping>"
        "<g:price>19.90 EUR</g:price><g:quantity>2</g:quantity></item></channel></rss>",
        {"1": {"retailPrice": Decimal("19.9"), "inventoryQuantity": 2}},
        fields=(),
        settings={},
    ),
    quirk(
        "q10-declared-encoding",
        "the encoding of the declaration is the document's",
        "<?xml version='1.0' encoding='windows-1250'?><shop><item id='1'><stock>5</stock><name>Šroub</name></item></shop>".encode("cp1250"),
        {"1": {"inventoryQuantity": 5, "name": "Šroub"}},
    ),
    quirk(
        "q7-utf-16",
        "UTF-16 with a mark, and with CRLF",
        "<?xml version='1.0' encoding='UTF-16'?>\r\n<shop>\r\n<item id='1'><stock>5</stock><name>Šroub</name></item>\r\n</shop>".encode(
            "utf-16"
        ),
        {"1": {"inventoryQuantity": 5, "name": "Šroub"}},
    ),
    quirk(
        "q12-keys",
        "leading zeros stay, a number in scientific notation is refused as a key",
        '<shop><item id="007"><stock>1</stock></item><item id="1.23E+12"><stock>2</stock></item></shop>',
        {"007": 1},
        kept=(Kept(2, 1, "scientific notation", '<item id="1.23E+12"><stock>2</stock></item>', "@id", "1.23E+12"),),
    ),
    quirk(
        "q13-warehouses-as-children",
        "the stock of several warehouses is added up; a blank one says nothing",
        '<shop><item id="1"><w>3</w><w>4</w><w/></item><item id="2"><w>1</w></item><item id="3"><w/></item></shop>',
        {"1": 7, "2": 1, "3": None},
        fields={"externalId": "@id", "inventoryQuantity": "w"},
    ),
    quirk(
        "q13-warehouses-as-attributes",
        "so is that of several attributes, and `first` takes the first",
        '<shop><item id="1"><s a="3" b="4"/></item></shop>',
        {"1": 3},
        fields=rows(externalId="@id", inventoryQuantity={"name": "s/@*", "locations": "first"}),
    ),
    quirk(
        "q13-one-warehouse-by-predicate",
        "a predicate chooses the warehouse that delivers",
        '<shop><item id="1"><w at="A">3</w><w at="B">4</w></item></shop>',
        {"1": 4},
        fields={"externalId": "@id", "inventoryQuantity": "w[@at='B']"},
    ),
    quirk(
        "q13-zero-and-blank",
        "an empty element is unknown, an absent one too, and zero is zero",
        '<shop><item id="1"><stock/></item><item id="2"/><item id="3"><stock>0</stock></item></shop>',
        {"1": 6, "2": 6, "3": 0},
        before=b'<shop><item id="1"><stock>6</stock></item><item id="2"><stock>6</stock></item><item id="3"><stock>6</stock></item></shop>',
        counts=Counts(updated=1, unchanged=2),
    ),
    quirk(
        "q14-currency-in-an-attribute",
        "a price's currency may stand beside it or above it",
        '<shop currency="EUR"><item id="1"><stock>1</stock><price>1 234,50</price></item></shop>',
        {"1": {"inventoryQuantity": 1, "retailPrice": Decimal("1234.5")}},
        fields={"externalId": "@id", "inventoryQuantity": "stock", "retailPrice": "concat(price, ' ', ../@currency)"},
        settings={**ITEM, "decimalNotation": "comma", "currency": "EUR"},
    ),
    quirk(
        "q14-tiers",
        "of several prices the one that is meant has to be chosen",
        '<shop><item id="1"><stock>1</stock><price>9.00</price><price>8.00</price></item>'
        '<item id="2"><stock>1</stock><price>7</price></item></shop>',
        {"2": 1},
        kept=(
            Kept(
                1,
                1,
                "choose one",
                '<item id="1"><stock>1</stock><price>9.00</price><price>8.00</price></item>',
                "price",
                "9.00 | 8.00",
            ),
        ),
        fields={"externalId": "@id", "inventoryQuantity": "stock", "retailPrice": "price"},
    ),
    quirk(
        "q15-parents-before",
        "a variant has its product's fields",
        '<shop><product name="Shirt"><brand>Ä</brand><v id="S"><stock>1</stock></v><v id="M"><stock>2</stock></v></product></shop>',
        {
            "S": {"name": "Shirt", "vendorName": "Ä", "inventoryQuantity": 1},
            "M": {"name": "Shirt", "vendorName": "Ä", "inventoryQuantity": 2},
        },
        fields={"externalId": "@id", "inventoryQuantity": "stock", "name": "../@name", "vendorName": "../brand"},
        settings={"xmlMapping": "custom", "xmlPath": "/shop/product/v"},
    ),
    quirk(
        "q15-parents-behind",
        "also where they follow the variant",
        "<shop><product><vs><v id='S'><stock>1</stock></v></vs><brand>A</brand></product>"
        "<product><vs><v id='M'><stock>2</stock></v></vs><brand>B</brand></product></shop>",
        {"S": {"vendorName": "A", "inventoryQuantity": 1}, "M": {"vendorName": "B", "inventoryQuantity": 2}},
        fields={"externalId": "@id", "inventoryQuantity": "stock", "vendorName": "ancestor::product/brand"},
        settings={"xmlMapping": "custom", "xmlPath": "//v"},
    ),
    quirk(
        "q17-noise",
        "another build date, another order of records and of attributes: nothing has changed",
        '<shop built="2"><item name="b" id="2"><stock>2</stock></item><item name="a" id="1"><stock>1</stock></item></shop>',
        {"1": {"inventoryQuantity": 1, "name": "a"}, "2": {"inventoryQuantity": 2, "name": "b"}},
        before=b'<shop built="1"><item id="1" name="a"><stock>1</stock></item><item id="2" name="b"><stock>2.0</stock></item></shop>',
        counts=Counts(unchanged=2),
        fields={"externalId": "@id", "inventoryQuantity": "stock", "name": "@name"},
    ),
    quirk(
        "q19-words-that-are-values",
        "NA, null, 0 and false are texts where texts are meant, and HTML stays as it is",
        "<shop><item id='NA'><stock>1</stock><name>null</name></item>"
        "<item id='0'><stock>2</stock><name>&lt;b&gt;false&lt;/b&gt;</name></item></shop>",
        {"NA": {"inventoryQuantity": 1, "name": "null"}, "0": {"inventoryQuantity": 2, "name": "<b>false</b>"}},
    ),
)
async def test_xml_is_read_as_it_is_meant(quirk: Quirk, tmp_path: Path) -> None:
    """Whatever XML allows comes out as the items that the supplier means."""
    await check(quirk, tmp_path)


@each(
    quirk(
        "q10-tail-not-well-formed",
        "a tail that is not well-formed refuses the whole",
        '<shop><item id="old"><stock>9</stock></item><item id="2"><stock>1</stock></item></shop></shop>',
        refused=("line 1", "nothing was applied"),
    ),
    quirk(
        "q10-cut-short",
        "a document that breaks off refuses the whole",
        '<shop>\n<item id="old"><stock>9</stock></item>\n<item id="2"><stock>1</stock></item>\n',
        refused=("cut short", "nothing was applied"),
    ),
    quirk(
        "q10-entity-bomb",
        "a billion laughs are not laughed",
        BOMB,
        refused=("entit", "nothing was applied"),
    ),
    quirk(
        "q10-external-entity",
        "a file of this machine is not read into a feed",
        '<!DOCTYPE shop [<!ENTITY a SYSTEM "file:///etc/hostname">]><shop><item id="old"><stock>9</stock><name>&a;</name></item></shop>',
        refused=("entity", "nothing was applied"),
    ),
    quirk(
        "q18-valid-and-empty",
        "a valid document without a record zeroes nothing",
        "<shop/>",
        refused=("no valid record",),
    ),
    quirk(
        "q4-error-document",
        "an error document is no feed, though it is XML",
        "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
        refused=("no valid record",),
    ),
    quirk(
        "q4-page",
        "a login page is no feed",
        "<!doctype html><html><head><title>Log in</title></head></html>",
        refused=("HTML page", "Log in"),
    ),
    quirk(
        "q16-stock-gone",
        "stock that is in no record any more is not taken for unknown",
        '<shop><item id="old"><qty>9</qty><name>Anvil</name></item></shop>',
        refused=("'stock'", "inventoryQuantity"),
    ),
)
async def test_what_is_no_feed_changes_nothing(quirk: Quirk, tmp_path: Path) -> None:
    """XML that cannot be trusted is refused with the reason, and the last good state stays."""
    await check_refused(replace(quirk, before=BEFORE), tmp_path)
