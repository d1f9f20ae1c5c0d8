"""One catalogue, written as every format a supplier may choose: what is read back has to be the same items each time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

COLUMNS: Final = ("sku", "name", "brand", "price", "stock", "ean", "group", "tags")
TAGS_MARK: Final = "/"


@dataclass(frozen=True)
class Item:
    """An item as its supplier thinks of it. Items of one group have its name and brand in common, as variants of a product do."""

    sku: str
    name: str
    brand: str
    price: Decimal
    stock: int
    ean: str
    group: str
    tags: tuple[str, ...]

    def cells(self, *, comma: bool = False) -> list[str]:
        """Return the item as a row of text."""
        price = f"{self.price:.2f}".replace(".", ",") if comma else f"{self.price:.2f}"
        return [self.sku, self.name, self.brand, price, str(self.stock), self.ean, self.group, TAGS_MARK.join(self.tags)]


@dataclass(frozen=True)
class Written:
    """A catalogue as documents, with the settings and mapping rows under which a feed reads them."""

    documents: tuple[bytes, ...]
    settings: Mapping[str, object]
    fields: Sequence[Mapping[str, object]]


def _rows(names: Mapping[str, str], *, tags: Mapping[str, object]) -> list[Mapping[str, object]]:
    purposes = {
        "sku": "sku",
        "name": "name",
        "vendorName": "brand",
        "retailPrice": "price",
        "inventoryQuantity": "stock",
        "barcode": "ean",
        "externalGroupId": "group",
    }
    return [*({"purpose": purpose, "name": names.get(column, column)} for purpose, column in purposes.items()), {"purpose": "tags", **tags}]


_TABLE: Final = _rows({}, tags={"name": "tags", "seperator": TAGS_MARK})

# --- CSV, in eleven dialects ---


def _table(items: Iterable[Item], end: str = "\n", *, comma: bool = False, header: bool = True, **dialect: object) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, **dialect)  # type: ignore[arg-type]  # a bundle of options
    if header:
        writer.writerow(COLUMNS)
    writer.writerows(item.cells(comma=comma) for item in items)
    return text.getvalue()


def _csv(text: str, written_as: str = "utf-8", **settings: object) -> Written:
    return Written((text.encode(written_as),), {"mapping": "custom", **settings}, _TABLE)


def _by_number(items: Sequence[Item]) -> Written:
    numbers = {column: str(number) for number, column in enumerate(COLUMNS, 1)}
    fields = _rows(numbers, tags={"name": numbers["tags"], "seperator": TAGS_MARK})
    return Written((_table(items, header=False).encode(),), {"mapping": "custom", "csvHasHeader": False}, fields)


def _with_preamble(items: Sequence[Item]) -> Written:
    table = _table(items, "\r\n", delimiter=";")
    return _csv(f"Stock list of Corvid Works\r\n\r\nall prices in EUR\r\n{table}", "utf-8-sig", headerRow=4)


def _fixed(items: Sequence[Item]) -> Written:
    rows = [list(COLUMNS), *(item.cells() for item in items)]
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    lines = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return _csv("\n".join([*lines, ""]), columnWidths=widths)


CSV: Final[Mapping[str, Callable[[Sequence[Item]], Written]]] = {
    "commas": lambda items: _csv(_table(items)),
    "semicolons, CRLF, windows-1252": lambda items: _csv(_table(items, "\r\n", delimiter=";"), "cp1252", encoding="windows-1252"),
    "tabs": lambda items: _csv(_table(items, delimiter="\t")),
    "bars, all quoted": lambda items: _csv(_table(items, delimiter="|", quoting=csv.QUOTE_ALL)),
    "comma for the point": lambda items: _csv(_table(items, delimiter=";", comma=True), decimalNotation="comma"),
    "UTF-16 with a mark": lambda items: _csv(_table(items, "\r\n", delimiter="\t"), "utf-16"),
    "CR alone": lambda items: _csv(_table(items, "\r", delimiter="~")),
    "two bars": lambda items: _csv(_table(items, delimiter="\x01", quoting=csv.QUOTE_ALL).replace("\x01", "||"), delimiter="||"),
    "a preamble and a mark": _with_preamble,
    "no header": _by_number,
    "fixed width": _fixed,
}

# --- XML ---


def _xml(body: str, path: str, fields: Sequence[Mapping[str, object]], **settings: object) -> Written:
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- a feed -->\n{body}\n'.encode()
    return Written((document,), {"resourceType": "xml", "xmlMapping": "custom", "xmlPath": path, **settings}, fields)


def _section(text: str) -> str:
    # A section ends at the first ]]>, so a text that holds one takes two of them.
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _leaves(item: Item, prefix: str = "", *, cdata: bool = False) -> str:
    texts = dict(zip(COLUMNS[:-1], item.cells(), strict=False))
    leaf = _section if cdata else escape
    leaves = "".join(f"<{prefix}{name}>{leaf(text)}</{prefix}{name}>" for name, text in texts.items())
    tags = "".join(f"<{prefix}tag>{leaf(tag)}</{prefix}tag>" for tag in item.tags)
    return f"{leaves}<{prefix}tags>{tags}</{prefix}tags>"


_ELEMENTS: Final = _rows({}, tags={"name": "tags/tag"})


def _elements(items: Sequence[Item]) -> Written:
    records = "\n".join(f"  <item>{_leaves(item)}</item>" for item in items)
    return _xml(f"<shop><items>\n{records}\n</items></shop>", "/shop/items/item", _ELEMENTS)


def _cdata(items: Sequence[Item]) -> Written:
    records = "".join(f"<item><!-- <item> -->{_leaves(item, cdata=True)}</item>" for item in items)
    return _xml(f"<shop>{records}</shop>", "//item", _ELEMENTS)


def _attributes(items: Sequence[Item]) -> Written:
    records = []
    for item in items:
        cells = dict(zip(COLUMNS, item.cells(), strict=True))
        records.append(f"<item {' '.join(f'{name}={quoteattr(text)}' for name, text in cells.items())}/>")
    fields = _rows({name: f"@{name}" for name in COLUMNS}, tags={"name": "@tags", "seperator": TAGS_MARK})
    return _xml(f"<shop>{''.join(records)}</shop>", "/shop/item", fields)


def _nested(items: Sequence[Item], *, behind: bool) -> Written:
    products = []
    for group, members in groupby(items, key=lambda item: item.group):
        variants = list(members)
        texts = "".join(
            f"<variant sku={quoteattr(item.sku)}><price>{item.price:.2f}</price><stock>{item.stock}</stock><ean>{item.ean}</ean>"
            f"<tags>{''.join(f'<tag>{escape(tag)}</tag>' for tag in item.tags)}</tags></variant>"
            for item in variants
        )
        parent = f"<name>{escape(variants[0].name)}</name><brand>{escape(variants[0].brand)}</brand>"
        inner = f"<variants>{texts}</variants>"
        products.append(f"<product group={quoteattr(group)}>{inner + parent if behind else parent + inner}</product>")
    names = {"sku": "@sku", "name": "../../name", "brand": "ancestor::product/brand", "group": "../../@group"}
    return _xml(f"<shop>{''.join(products)}</shop>", "/shop/product/variants/variant", _rows(names, tags={"name": "tags/tag"}))


def _prefixed(items: Sequence[Item]) -> Written:
    records = "".join(f"<item>{_leaves(item, 'g:')}<g:shipping><g:price>1.00</g:price></g:shipping></item>" for item in items)
    fields = _rows({name: f"g:{name}" for name in COLUMNS}, tags={"name": "g:tags/g:tag"})
    return _xml(f'<rss xmlns:g="urn:g"><channel>{records}</channel></rss>', "/rss/channel/item", fields)


def _by_default(items: Sequence[Item]) -> Written:
    records = "".join(f"<item>{_leaves(item)}</item>" for item in items)
    return _xml(f'<shop xmlns="urn:shop">{records}</shop>', "/shop/item", _ELEMENTS)


XML: Final[Mapping[str, Callable[[Sequence[Item]], Written]]] = {
    "elements": _elements,
    "CDATA and comments": _cdata,
    "attributes": _attributes,
    "nested": lambda items: _nested(items, behind=False),
    "nested, the parent behind": lambda items: _nested(items, behind=True),
    "a prefix": _prefixed,
    "a default namespace": _by_default,
}

# --- JSON ---


def _object(item: Item, *columns: str) -> dict[str, object]:
    values: dict[str, object] = {**dict(zip(COLUMNS, item.cells(), strict=True)), "price": float(item.price), "stock": item.stock}
    values["tags"] = list(item.tags)
    return {name: values[name] for name in columns or COLUMNS}


def _json(*documents: object, **settings: object) -> Written:
    texts = tuple(json.dumps(document, ensure_ascii=False).encode() for document in documents)
    return Written(texts, {"resourceType": "json", "mapping": "custom", **settings}, _JSON)


_JSON: Final = _rows({}, tags={"name": "tags"})


def _products(items: Sequence[Item]) -> Written:
    products = []
    for group, members in groupby(items, key=lambda item: item.group):
        variants = list(members)
        own = [_object(item, "sku", "price", "stock", "ean", "tags") for item in variants]
        products.append({"group": group, "name": variants[0].name, "brand": variants[0].brand, "variants": own})
    names = {"brand": "product.brand", "group": "product.group"}
    return Written(_json({"products": products}).documents, {"resourceType": "json"}, _rows(names, tags={"name": "tags"}))


def _lines(items: Sequence[Item]) -> Written:
    text = "".join(f"{json.dumps(_object(item))}\n" for item in items)
    return Written((text.encode(),), {"resourceType": "json"}, _JSON)


def _pages(items: Sequence[Item]) -> Written:
    pages = [items[start : start + 2] for start in range(0, len(items), 2)]
    documents = ({"data": {"items": [_object(item) for item in page]}, "page": number} for number, page in enumerate(pages))
    return _json(*documents, jsonRoot="data.items")


JSON: Final[Mapping[str, Callable[[Sequence[Item]], Written]]] = {
    "flat": lambda items: _json([_object(item) for item in items]),
    "nested": _products,
    "lines": _lines,
    "pages": _pages,
}

FORMATS: Final = {
    **{f"CSV: {name}": write for name, write in CSV.items()},
    **{f"XML: {name}": write for name, write in XML.items()},
    **{f"JSON: {name}": write for name, write in JSON.items()},
}
"""Every way of writing a catalogue, by what is special about it."""

# --- the items ---

# Letters of windows-1252, every delimiter, quotes, markup; no line end, which only some formats can hold unchanged.
_LETTERS: Final = "abcXYZ019 äßé€,;|~\t\"'<>&]-"
_texts = st.text(_LETTERS, min_size=1, max_size=12).map(str.strip).filter(lambda text: bool(text) and not text.startswith("'"))
_words = st.text("abcé1&<", min_size=1, max_size=5)
_tags = st.lists(_words.filter(lambda word: not word.isdecimal()), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def catalogues(draw: st.DrawFn) -> list[Item]:
    """Draw a catalogue of some groups of items. Keys have leading zeros, letters and marks; no text is one a format could not hold."""
    items = []
    for group in range(draw(st.integers(1, 3))):
        name, brand = draw(_texts), draw(_texts)
        for member in range(draw(st.integers(1, 3))):
            price = Decimal(draw(st.integers(0, 10**7))).scaleb(-2)
            sku = f"{draw(st.sampled_from(['00', 'K-', 'ä/', '9']))}{group}{member}"
            ean = f"{draw(st.integers(0, 10**12)):013}"
            items.append(Item(sku, name, brand, price, draw(st.integers(0, 10**6)), ean, f"G{group}", draw(_tags)))
    return items
