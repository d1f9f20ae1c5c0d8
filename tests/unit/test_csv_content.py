"""Quirks 4 and 5: what is not CSV is refused with a message that says what it is and what cures it."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile

import pytest

from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.content import refuse_foreign
from mappers.csv import CsvMapper


def zipped(member: str) -> bytes:
    """Return a zip archive with one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(member, "a,b\n1,2\n")
    return out.getvalue()


def read(mapper: CsvMapper, body: bytes) -> None:
    """Feed a whole document."""
    mapper.feed(body)
    mapper.finish()


FOREIGN = {
    "html": (b"\r\n<!DOCTYPE html>\n<html><head><title> Sign in </title>", "an HTML page titled 'Sign in'.*login"),
    "html fragment": (b"<body>Session expired</body>", "an HTML page"),
    "json error": (b'{"status": 403, "error": {"code": 7, "message": "token expired"}}', "says 'token expired'"),
    "json array": (b'[\n  {"sku": "1"}]', "a JSON array.*resource type to json"),
    "json object": (b'{"items": []}', "a JSON object"),
    "xml": (b'\xef\xbb\xbf<?xml version="1.0"?><shop/>', "an XML document"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer.*fetch the file itself"),
    "gzip": (gzip.compress(b"a,b"), "gzip"),
    "xz": (lzma.compress(b"a,b"), "xz data"),
    "zip": (zipped("feed.csv"), "a zip archive"),
    "xlsx": (zipped("xl/workbook.xml"), "Excel workbook"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "empty": (b"", r"empty \(0 bytes\)"),
    "blank": (b" \r\n\r\n", "empty"),
    "junk": (bytes(range(1, 32)) * 40, "binary data"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_content_is_refused_by_its_name(kind: str) -> None:
    """The message names the document, what it is, what was expected and the cure."""
    body, message = FOREIGN[kind]
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("stock.csv"))
    with pytest.raises(RefuseRun, match=f"^stock.csv is .*{message}") as refusal:
        read(mapper, body)
    assert ", not csv: " in str(refusal.value)


def test_the_wanted_kind_is_not_foreign() -> None:
    """XML is refused where CSV is wanted, and is welcome where XML is; the same holds for JSON."""
    refuse_foreign(b"<shop><item/></shop>", wanted="xml", name="feed")
    refuse_foreign(b'[{"sku": "1"}]', wanted="json", name="feed")
    with pytest.raises(RefuseRun, match="HTML page"):
        refuse_foreign(b"<html></html>", wanted="xml", name="feed")


def test_headers_in_square_brackets_are_no_json() -> None:
    """Some databases write their column names in brackets."""
    refuse_foreign(b"[sku];[stock]\n1;2\n", wanted="csv", name="feed")


def test_a_header_without_records_is_refused() -> None:
    """An empty export must not read as a feed in which everything is sold out."""
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("stock.csv"))
    mapper.feed(b"sku,qty\r\n\r\n")
    with pytest.raises(RefuseRun, match=r"stock.csv holds a header and no record \(line 1: sku, qty\)"):
        mapper.finish()


def test_columns_aligned_by_blanks_are_refused_where_a_name_is_not_among_theirs() -> None:
    """Fixed-width text whose header does not vouch for its columns is left to the person, who is told what was seen."""
    text = b"NR        NAME            QTY\nA1        Hammer          5\nA2        Long handle     12\nB10       Saw             0\n"
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("stock.txt"))
    mapper.feed(text)
    with pytest.raises(RefuseRun, match=r"fixed-width columns.*set columnWidths \(1-3,11-21,27- would be"):
        mapper.finish()
