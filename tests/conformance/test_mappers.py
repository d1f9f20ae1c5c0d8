"""The built-in mappers keep the contract of mappers, checked with the kit that plugin authors get."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import mappers
from engine.batch import Batch, RawRecords
from engine.contracts import DocumentFacts, Mapper, MapperSettings
from engine.errors import RefuseRun
from plugins.conformance.mapper import CHECKS, MapperCase, MapperCheck, reads_the_same_however_it_is_cut, tells_what_is_missing
from plugins.manager import registry_of

AWKWARD = (
    "\N{BYTE ORDER MARK}sku;stock;name\r\n"
    '00123;5;"nut; bolt"\r\n'
    '1105.1;0;"two\r\nlines"\r\n'
    'A-1;;1/4" bolt\r\n'
    'ÄÖ-7;>100;"say ""ah"""\r\n'
    "short;1\r\n"
    "long;1;x;too much\r\n"
    "last;9;no line end"
)
MANY = "sku;stock;name\n" + "".join(f'{n:06d};{n % 90};"item {n}, größer"\n' for n in range(20_000))
FOREIGN = (
    b"<!DOCTYPE html><html><body>Please log in</body></html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    b'{"error": "token expired"}',
    b"PK\x03\x04\x14\x00\x00\x00\x08\x00stock.csv",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
)


@cache
def _awkward() -> MapperCase:
    spec = registry_of(mappers).mapper("csv")
    return MapperCase(spec.create, AWKWARD.encode(), 7, FOREIGN, MapperSettings((("sku",), ("stock",))))


@cache
def _cases() -> dict[str, MapperCase]:
    awkward = _awkward()
    return {
        "csv, awkward": awkward,
        "csv, UTF-16": replace(awkward, sample=AWKWARD.encode("utf-16-le")),
        "csv, windows-1252": replace(
            awkward,
            sample=AWKWARD.removeprefix("\N{BYTE ORDER MARK}").encode("cp1252"),
            settings=MapperSettings((("sku",), ("stock",)), {"encoding": "windows-1252"}),
        ),
        "csv, many pieces": replace(awkward, sample=MANY.encode(), records=20_000, chunk_sizes=(4_093, 65_536, 300_007)),
    }


NESTED = """{"took": 3, "error": null, "products": [
  {"externalGroupId": "g1", "name": "nut\\tbolt", "tags": ["a", "b"], "variants": [
    {"externalId": "00123", "vendorSku": 123456789012345678901234567890, "inventoryQuantity": 5, "retailPrice": 19.90},
    {"externalId": "00124", "inventoryQuantity": null, "options": [{"name": "Size", "value": "XL", "position": 1}]},
    "no variant"]},
  {"name": "empty", "variants": []},
  null,
  {"externalId": "ÄÖ-7", "stock": {"free": ">100", "ordered": NaN}, "active": true, "vendorSku": "\\ud83d\\ude00"},
  {"externalId": "twice", "inventoryQuantity": 1, "inventoryQuantity": 2}
]}
"""
LINES = (
    '\r\n{"externalId": "1", "inventoryQuantity": 5, "a key": "größer"}\r\n\n{"externalId": "2", broken}\n[]\n'
    '{"externalId": "3", "name": "no line end"}'
)
GROUPS = ",".join(
    f'{{"title": "{n}: [größer", "sizes": [{{"sku": "{n}-1", "stock": [{{"qty": 1.0}}]}}, {{"sku": "{n}-2", "stock": []}}]}}'
    for n in range(5_000)
)
GROUP_PATHS = MapperSettings((("sku",), ("stock[*].qty",), ("product.title",)), {"jsonMapping": "custom", "jsonRoot": "a b[*].sizes[*]"})
MANY_JSON = ",\n".join(f'{{"externalId": "{n:06d}", "inventoryQuantity": {n % 90}, "name": "item {n}, größer"}}' for n in range(20_000))
NO_JSON = (*(body for body in FOREIGN if not body.startswith(b"{")), b"sku;qty\n1;2\n", b"<feed/>", b'{"error": {"message": "no"}}', b"[1")


@cache
def _json_cases() -> dict[str, MapperCase]:
    spec = registry_of(mappers).mapper("json")
    nested = MapperCase(spec.create, NESTED.encode(), 7, NO_JSON, MapperSettings((("externalId",), ("inventoryQuantity",))))
    many = replace(nested, records=20_000, chunk_sizes=(4_093, 300_007))
    return {
        "json, nested": nested,
        "json, UTF-16": replace(nested, sample=NESTED.encode("utf-16")),
        "json, lines": replace(nested, sample=LINES.encode(), records=4),
        "json, many pieces": replace(many, sample=f"[{MANY_JSON}]".encode()),
        "json, groups": replace(many, sample=f'{{"a b": [{GROUPS}], "next": null}}'.encode(), records=10_000, settings=GROUP_PATHS),
        "json, many lines": replace(many, sample=MANY_JSON.replace(",\n", "\n").encode()),
    }


@pytest.mark.parametrize("name", ["json, nested", "json, UTF-16", "json, lines", "json, many pieces", "json, groups", "json, many lines"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_json_mapper_keeps_the_contract(check: MapperCheck, name: str) -> None:
    """Every rule of the kit holds for one document and for JSON Lines, small and cut into many pieces."""
    check(_json_cases()[name])


SHOP = """<?xml version="1.0"?>
<!DOCTYPE shop SYSTEM "shop.dtd" [<!ENTITY co "Smith &amp; Sons">]>
<!-- <offer id="no"/> -->
<shop xmlns="urn:shop" xmlns:g="urn:g" currency="EUR">
<name>Türschloß</name>
<offer id="00123"><g:price>5</g:price><stock><qty>1</qty></stock><stock><qty>2</qty></stock></offer>\r
<offer id='ÄÖ-7'
  ><by>&co;</by><g:price><![CDATA[ <b>7</b> ]]></g:price><!-- </offer> --></offer><offer id="3"/>

<offer id="4"><offer id="inner"/></offer><offer id="5">x<b>y</b></offer>
<end/></shop>
<!-- the end -->
"""
MANY_XML = "\n".join(
    f'<item id="{n:06d}"><stock>{n % 90}</stock><name>item {n}, größer &amp; {"<![CDATA[<b>]]>" * (n % 50 == 0)}</name></item>'
    for n in range(20_000)
)
NO_XML = (
    *(body for body in FOREIGN if not body.startswith(b"{")),
    *(b"sku;qty\n1;2\n", b'{"error": "no"}', b"<shop><offer>", b"<shop></offer>", b"<!-- nothing -->"),
)


@cache
def _xml_cases() -> dict[str, MapperCase]:
    spec = registry_of(mappers).mapper("xpath")
    fields = (("@id",), ("g:price",), ("stock/qty",), ("by",), ("../@currency",), ("nowhere",))
    custom = MapperSettings(fields, {"xmlMapping": "custom", "xmlPath": "//offer"})
    awkward = MapperCase(spec.create, SHOP.encode(), 5, NO_XML, custom)
    parents = replace(custom, fields=(*fields, ("../name",)))
    many = replace(custom, fields=(("@id",), ("stock",), ("name",)), attributes={"xmlMapping": "custom", "xmlPath": "/items/item"})
    return {
        "xml, awkward": awkward,
        "xml, parents": replace(awkward, settings=parents),
        "xml, UTF-16": replace(awkward, sample=SHOP.encode("utf-16")),
        "xml, many pieces": replace(
            awkward, sample=f"<items>{MANY_XML}</items>".encode(), settings=many, records=20_000, chunk_sizes=(4_093, 300_007)
        ),
    }


@pytest.mark.parametrize("name", ["xml, awkward", "xml, parents", "xml, UTF-16", "xml, many pieces"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_xml_mapper_keeps_the_contract(check: MapperCheck, name: str) -> None:
    """Every rule of the kit holds for XML with all that is awkward in it, with fields of parents, and cut into many pieces."""
    check(_xml_cases()[name])


@pytest.mark.parametrize("name", ["csv, awkward", "csv, UTF-16", "csv, windows-1252", "csv, many pieces"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_csv_mapper_keeps_the_contract(check: MapperCheck, name: str) -> None:
    """Every rule of the kit holds for CSV in several encodings, small and cut into many pieces."""
    check(_cases()[name])


class _Lines:
    """A mapper as a beginner writes it: it splits each chunk by itself, and so tears records apart at the chunks' edges."""

    columns = ("text",)

    def __init__(self, settings: MapperSettings, facts: DocumentFacts) -> None:
        self._offset = 0

    def feed(self, chunk: bytes) -> list[RawRecords]:
        piece = RawRecords(chunk, self._offset, 1)
        self._offset += len(chunk)
        return [piece]

    def finish(self) -> list[RawRecords]:
        if not self._offset:
            raise RefuseRun("empty")
        return [RawRecords(b"", self._offset, 1, final=True)]

    def parse(self, raw: RawRecords) -> Batch:
        rows = [(line.decode(),) for line in raw.data.splitlines()]
        return Batch(self.columns, rows, [1] * len(rows))

    def locate(self, name: str) -> int | None:
        return 0 if name == "text" else None

    @property
    def missing(self) -> frozenset[str]:
        return frozenset()

    @property
    def dialect(self) -> dict[str, str]:
        return {"format": "lines"}

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        return raw.data.decode()


def _make_lines(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    return _Lines(settings, facts)


def test_the_kit_finds_a_mapper_that_tears_records() -> None:
    """A kit that cannot fail proves nothing: this mapper breaks the rule about chunks, and only such rules."""
    case = MapperCase(_make_lines, b"one\ntwo\nthree\n", 3, ())
    with pytest.raises(AssertionError, match="other content for chunks of 1 bytes"):
        reads_the_same_however_it_is_cut(case)
    failed = {check.__name__ for check in CHECKS if _fails(check, case)}
    assert failed == {"reads_the_same_however_it_is_cut", "covers_every_record_once"}


class _Forgetful(_Lines):
    """A mapper that calls a column missing which its records have."""

    @property
    def missing(self) -> frozenset[str]:
        return frozenset({"text"})


def _make_forgetful(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    return _Forgetful(settings, facts)


def test_the_kit_finds_a_mapper_that_misses_what_is_there() -> None:
    """A column with a value in it is not missing, nor is one that the document does not have."""
    case = MapperCase(_make_forgetful, b"one\ntwo\n", 2, (), chunk_sizes=(1 << 20,))
    with pytest.raises(AssertionError, match="'text' as missing, though the record at line"):
        tells_what_is_missing(case)


def _fails(check: MapperCheck, case: MapperCase) -> bool:
    try:
        check(case)
    except AssertionError:
        return True
    return False
