"""Where fuzzing begins: one little catalogue in every format, under every setting."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.fuzz.targets import SETUPS
from tests.property.one_catalogue import FORMATS, Item

_ITEMS = [
    Item("K-1", "Nail & bolt", "Ä", Decimal("1.50"), 3, "4006381333931", "G0", ("a", "b")),
    Item("K-2", "Nail & bolt", "Ä", Decimal("1234.00"), 0, "4006381333948", "G0", ("c",)),
    Item("007", 'Hook 1/4"', "B", Decimal("0.99"), 12, "4006381333955", "G1", ("d",)),
]

_FRAGMENTS = {
    "csv": (b"sku;stock;price\nA;10-50;1.234,56\n", b'sku,stock\n"a\nb",>100\n', b"Handle,Variant SKU,Variant Price\na,b,1\n"),
    "xml": (
        b'<!DOCTYPE shop [<!ENTITY a "x">]><shop><items><item sku="1">&a;<stock><qty>1</qty></stock></item></items></shop>',
        b'<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id><g:price>1 EUR</g:price></item></channel></rss>',
        b"<SHOP><SHOPITEM><ITEM_ID>1</ITEM_ID><PARAM><PARAM_NAME>a</PARAM_NAME><VAL>b</VAL></PARAM></SHOPITEM></SHOP>",
        b'<offers><o id="1" price="1" stock="2"><name>x</name></o></offers>',
        b'<yml_catalog><shop><offers><offer id="1"><price>1</price><picture>http://a/b</picture></offer></offers></shop></yml_catalog>',
        b'<shop><product><name>n</name><variant sku="1"/></product></shop>',
    ),
    "json": (
        b'{"products":[{"externalId":1.10,"inventoryQuantity":NaN}]}',
        b'{"sku":"a","stock":1e5}\n{"sku":"b","stock":-0}\n',
        b'{"data":{"items":[{"sku":12345678901234567890,"stock":{"free":1}}]},"error":null}',
    ),
}


def _documents(name: str) -> Iterator[bytes]:
    yield from _FRAGMENTS[name]
    for title, write in FORMATS.items():
        if title.lower().startswith(name):
            yield from write(_ITEMS).documents


def write_seeds(name: str, directory: Path) -> int:
    """Write the seeds of a mapper, one file each, and return how many there are."""
    seeds = [bytes((number, 255)) + document for number in range(len(SETUPS[name])) for document in _documents(name)]
    for number, seed in enumerate(seeds):
        (directory / f"seed-{number:03}").write_bytes(seed)
    return len(seeds)
