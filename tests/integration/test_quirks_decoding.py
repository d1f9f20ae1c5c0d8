"""Quirk 7: what encodings, stray bytes and line ends become, and what is refused. Columns and rows are `test_quirks_layout`."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

import pytest

from tests.fault.fault_proxy import canned_server
from tests.integration.quirk_feeds import Items, Kept, Quirk, check, check_complete, check_refused, each, sync

GERMAN: Final = "sku;stock;name\nKÖ-1;5;Größe für Männer \u2013 5 €\nb;0;Straßenschuh\n"
LATIN: Final = "sku;stock;name\nKÖ-1;5;Größe für Männer\nb;0;Straßenschuh\n"
SLAVIC: Final = "sku;stock;name\nŁ-1;5;Łódź żółw\nb;0;Příliš žluťoučký kůň\nc;7;Śruba długa, źródło\n"
CYRILLIC: Final = "sku;stock;name\nЖ-1;5;Молоток\nb;0;Гвозди и шурупы\nc;7;Отвёртка плоская\n"
DANISH: Final = "sku;stock;name\nØ-1;5;Blåbærgrød\nb;0;Køleskab til øl\n"


def _named(text: str) -> Items:
    rows = [line.split(";") for line in text.splitlines()[1:]]
    return {key: {"inventoryQuantity": int(stock), "name": name} for key, stock, name in rows}


def _charset(name: str, fact: str, text: str, written: str, found: str, bom: bytes = b"", **settings: str) -> Quirk:
    return Quirk(f"q7-{name}", fact, bom + text.encode(written), _named(text), settings=settings, dialect={"encoding": found})


@each(
    _charset("utf-8", "plain UTF-8 is known by its bytes", GERMAN, "utf-8", "utf-8"),
    _charset("bom-utf-8", "the mark is no part of the first header", GERMAN, "utf-8", "utf-8", codecs.BOM_UTF8),
    _charset("bom-beats-setting", "a mark overrules a stale setting", GERMAN, "utf-8", "utf-8", codecs.BOM_UTF8, encoding="windows-1252"),
    _charset("bom-utf-16-le", "as spreadsheets save it", CYRILLIC, "utf-16-le", "utf-16-le", codecs.BOM_UTF16_LE),
    _charset("bom-utf-16-be", "the other byte order", CYRILLIC, "utf-16-be", "utf-16-be", codecs.BOM_UTF16_BE),
    _charset("utf-16-le", "known without a mark by its NULs", CYRILLIC, "utf-16-le", "utf-16-le"),
    _charset("utf-16-be", "known without a mark by its NULs", CYRILLIC, "utf-16-be", "utf-16-be"),
    _charset("utf-16-set", "the setting leaves the byte order to the bytes", CYRILLIC, "utf-16-be", "utf-16-be", encoding="utf-16"),
    _charset("windows-1252", "dash and euro tell it from ISO-8859-1", GERMAN, "cp1252", "cp1252"),
    _charset("windows-1252-set", "set by the feed, nothing is guessed", DANISH, "cp1252", "cp1252", encoding="windows-1252"),
    _charset("windows-1250", "known by its letters", SLAVIC, "cp1250", "cp1250"),
    _charset("windows-1250-set", "set by the feed", SLAVIC, "cp1250", "cp1250", encoding="windows-1250"),
    _charset("windows-1251", "known by its letters", CYRILLIC, "cp1251", "cp1251"),
    _charset("windows-1251-set", "set by the feed", CYRILLIC, "cp1251", "cp1251", encoding="windows-1251"),
    _charset("iso-8859-1", "read as windows-1252, which has the same letters", LATIN, "iso8859-1", "cp1252"),
    _charset("iso-8859-1-set", "set by the feed", DANISH, "iso8859-1", "iso8859-1", encoding="iso-8859-1"),
    _charset("iso-8859-2", "told from windows-1250", SLAVIC, "iso8859-2", "iso8859-2"),
    _charset("iso-8859-2-set", "set by the feed", SLAVIC, "iso8859-2", "iso8859-2", encoding="iso-8859-2"),
)
async def test_keys_and_names_are_read_in_the_encoding_they_are_written_in(quirk: Quirk, tmp_path: Path) -> None:
    """Every letter of key and name is the supplier's, stock is exact, and the dialect shows the encoding and why."""
    await check(quirk, tmp_path)


@pytest.mark.parametrize(
    ("declared", "text", "sent", "found"),
    [
        pytest.param("utf-8", GERMAN, "cp1252", "cp1252", id="q7-http-says-utf-8-bytes-windows-1252"),
        pytest.param("iso-8859-1", GERMAN, "utf-8", "utf-8", id="q7-http-says-iso-8859-1-bytes-utf-8"),
        pytest.param("iso-8859-1", GERMAN, "cp1252", "cp1252", id="q7-http-says-iso-8859-1-bytes-windows-1252"),
        pytest.param("windows-1252", CYRILLIC, "utf-16-le", "utf-16-le", id="q7-http-says-windows-1252-bytes-utf-16"),
        pytest.param("x-unknown", SLAVIC, "cp1250", "cp1250", id="q7-http-says-nonsense"),
        pytest.param("iso-8859-2", SLAVIC, "iso8859-2", "iso8859-2", id="q7-http-is-right"),
        pytest.param("windows-1252", DANISH, "cp1252", "cp1252", id="q7-http-settles-what-bytes-cannot"),
    ],
)
async def test_the_bytes_decide_where_the_transport_declares_another_charset(
    declared: str, text: str, sent: str, found: str, tmp_path: Path
) -> None:
    """A Content-Type is believed as far as the bytes agree with it; the dialect says where it was overruled."""
    body = text.encode(sent)
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv; charset={declared}\r\nContent-Length: {len(body)}\r\n\r\n"
    quirk = Quirk("", "", body, _named(text), dialect={"encoding": found})
    async with canned_server(head.encode() + body) as port:
        url = f"http://127.0.0.1:{port}/stock.csv"
        outcome = await sync(url, tmp_path / "shop.db")
    check_complete(quirk, outcome, url)
    reasons = outcome.record.dialect["reasons"]
    assert isinstance(reasons, dict)
    assert "the transport" in str(reasons["encoding"])


@each(
    Quirk(
        "q7-nul",
        "a NUL rejects its record, whatever the column",
        b"sku;stock;name\na;5;An\0vil\nb\0;4;Bolt\nc;\0;Clamp\nd;7;Drill\n",
        {"d": 7},
        (
            Kept(1, 2, "holds a NUL character", "a;5;An␀vil", "name", "An␀vil"),
            Kept(2, 3, "holds a NUL character", "b␀;4;Bolt", "sku", "b␀"),
            Kept(3, 4, "have the supplier remove it", "c;␀;Clamp", "stock", "␀"),
        ),
    ),
    Quirk(
        "q7-stray-byte",
        "one byte that is no UTF-8 rejects its record, not the feed",
        SLAVIC.encode() + b"x;5;bad\xff\ny;6;\xc3\xb6\n",
        {**_named(SLAVIC), "y": {"inventoryQuantity": 6, "name": "ö"}},
        (Kept(4, 5, "byte 0xFF does not decode as utf-8: set encoding", "x;5;bad\\udcff", "name", "bad\\udcff"),),
        dialect={"encoding": "utf-8"},
    ),
    Quirk(
        "q7-half-a-surrogate",
        "half a character of UTF-16 rejects its record",
        "\ufeffsku;stock;name\na;5;Молоток\nb;0;\ud83d\nc;7;Отвёртка\n".encode("utf-16-le", "surrogatepass"),
        {"a": {"inventoryQuantity": 5, "name": "Молоток"}, "c": {"inventoryQuantity": 7, "name": "Отвёртка"}},
        (Kept(2, 3, "half a surrogate pair (U+D83D) does not decode as utf-16-le", "b;0;\\ud83d", "name", "\\ud83d"),),
    ),
)
async def test_a_byte_that_is_no_text_rejects_its_record_alone(quirk: Quirk, tmp_path: Path) -> None:
    """The record is kept with what can be shown of the byte, and every other record is applied."""
    await check(quirk, tmp_path)


def _ended(name: str, ending: str, end: bytes, last: bytes) -> Quirk:
    rows = (b"sku;stock;name", b"a;5;Anvil", b"", b'b;0;"two' + end + b'lines"', b"c;x;Clamp", b"d;7;Drill")
    return Quirk(
        f"q7-{name}",
        "lines end as the document ends them",
        end.join(rows) + last,
        {"a": {"inventoryQuantity": 5, "name": "Anvil"}, "b": {"name": f"two{end.decode()}lines"}, "d": {"inventoryQuantity": 7}},
        (Kept(3, 6, "is not a number", "c;x;Clamp", "stock", "x"),),
        dialect={"lineEnding": ending},
    )


@each(
    _ended("lf", "lf", b"\n", b"\n"),
    _ended("crlf", "crlf", b"\r\n", b"\r\n"),
    _ended("cr", "cr", b"\r", b"\r"),
    _ended("no-last-lf", "lf", b"\n", b""),
    _ended("no-last-crlf", "crlf", b"\r\n", b""),
    Quirk(
        "q7-mixed-line-ends",
        "each of the three ends a line, also beside the others",
        b"sku;stock;name\r\na;5;Anvil\nb;x;Bolt\rc;1;Clamp\r\n\r\nd;2;Drill\n\re;y;Edge",
        {"a": 5, "c": 1, "d": 2},
        (
            Kept(2, 3, "is not a number", "b;x;Bolt", "stock", "x"),
            Kept(5, 8, "is not a number", "e;y;Edge", "stock", "y"),
        ),
        dialect={"lineEnding": "mixed"},
    ),
    Quirk(
        "q7-cr-inside-text",
        "where the feed says that lines end with CRLF, a lone CR is text",
        b"sku;stock;name\r\na;5;An\rvil\r\nb;x;Bolt\r\n",
        {"a": {"inventoryQuantity": 5, "name": "An\rvil"}},
        (Kept(2, 3, "is not a number", "b;x;Bolt", "stock", "x"),),
        settings={"lineEnding": "crlf"},
        dialect={"lineEnding": "crlf"},
    ),
)
async def test_lines_are_counted_as_they_end(quirk: Quirk, tmp_path: Path) -> None:
    """LF, CRLF, CR, a mix, and none at the end: the same items, and a reject's line is the one an editor shows."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q7-wrong-setting",
        "an encoding that fits no record",
        "sku;stock;name\nold-1;5;Größe\nold-2;3;Straße\n".encode("cp1252"),
        kept=(
            Kept(1, 2, "set encoding", "old-1;5;Gr\\udcf6\\udcdfe", "name", "Gr\\udcf6\\udcdfe"),
            Kept(2, 3, "byte 0xDF does not decode as utf-8", "old-2;3;Stra\\udcdfe", "name", "Stra\\udcdfe"),
        ),
        refused=("no valid record among 2 read", "nothing was applied", "does not decode as utf-8: set encoding"),
        settings={"encoding": "utf-8"},
    ),
    Quirk(
        "q7-nul-in-header",
        "a header that a NUL broke",
        b"sku;sto\0ck;name\nold-1;5;Anvil\n",
        refused=("line 1: the name of column 2 cannot be read", "NUL character", "have the supplier remove it", "nothing was applied"),
    ),
    Quirk(
        "q7-binary",
        "a file of NULs and little else",
        GERMAN.encode() + bytes(200),
        refused=("is binary data", "not csv: check what the address serves", "nothing was applied"),
    ),
)
async def test_a_feed_that_cannot_be_decoded_changes_nothing(quirk: Quirk, tmp_path: Path) -> None:
    """Nothing is applied, and the refusal names the encoding, the column or the content, and the cure."""
    await check_refused(quirk, tmp_path)
