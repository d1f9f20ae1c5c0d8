"""Quirks 8, 12 and 19: which records are items, which are not, and that no text is changed on the way."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from engine.batch import RAW_TEXT_LIMIT, Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.csv import SPEC, CsvMapper
from mappers.reader import RECORD_BYTES, read_table
from mappers.splitter import PIECE_BYTES


def read(text: str, **attributes: JsonValue) -> Batch:
    """Read a small document in one piece."""
    mapper = CsvMapper(MapperSettings((("sku",), ("qty",)), attributes), DocumentFacts("t.csv"))
    (piece,) = [*mapper.feed(text.encode()), *mapper.finish()]
    assert piece.final
    return mapper.parse(piece)


def told(batch: Batch) -> list[tuple[int, str, str]]:
    """Return line, fate and reason of every flaw."""
    return [(flaw.line, flaw.fate, flaw.reason) for flaw in batch.flaws]


@pytest.mark.parametrize(
    "text",
    ["NA", "null", "N/A", "0", "false", "None", "-", "'00123", "=1+1", "<b>bold</b>", "00123", "1105.1", "1.23E+12", " x ", "\u00a0"],
)
def test_texts_pass_untouched(text: str) -> None:
    """A mapper has no opinion on what a text means: keys keep their zeros, `NA` is a name."""
    assert read(f"sku,name,qty\n{text}.,{text},{text}\nk,a,1\n").rows[0] == [f"{text}.", text, text]


def test_quotes_inside_unquoted_text_are_text() -> None:
    """Inches are the most common reason for a broken feed elsewhere."""
    batch = read('sku,name,qty\n1,1/4" bolt,5\n2,"1/4"" bolt, zinc",6\n3,5" x 7" frame,7\n4,"ab"c"d",8\n')
    assert [row[1] for row in batch.rows] == ['1/4" bolt', '1/4" bolt, zinc', '5" x 7" frame', 'abc"d"']
    assert not batch.flaws


def test_blank_lines_are_no_records_and_blank_records_are_skipped() -> None:
    """An empty line is nothing; delimiters with nothing between them are a record that is no item."""
    batch = read("sku,name,qty\n\n1,a,5\n\n,,\n , ,\n2,b,6\n\n")
    assert ([row[0] for row in batch.rows], list(batch.lines)) == (["1", "2"], [3, 7])
    assert told(batch) == [(5, "skipped", "blank record"), (6, "skipped", "blank record")]


def test_a_repeated_header_is_skipped() -> None:
    """Concatenated exports carry one header a part."""
    batch = read("sku,name,qty\n1,a,5\nSKU , Name,Qty\n2,b,6\nsku,a product called sku,7\n")
    assert told(batch) == [(3, "skipped", "header repeated")]
    assert [row[0] for row in batch.rows] == ["1", "2", "sku"]


@pytest.mark.parametrize("row", ["Total,,,11", "TOTAL:,,,", "Summe,,,11,00", ",,Gesamt:,11", "Итого,,,11", "razem,11", "Grand Total,,,11"])
def test_totals_are_skipped(row: str) -> None:
    """A totals row says its word first and little else, whatever its width."""
    assert told(read(f"sku,name,color,qty\n1,a,red,5\n2,b,red,6\n{row}\n")) == [(4, "skipped", "totals row")]


def test_a_product_named_total_is_an_item() -> None:
    """The word alone does not make a totals row."""
    assert len(read("sku,name,color,qty\nTotal,Motor oil,gold,5\n").rows) == 1
    assert len(read("sku,qty\nTOTAL,3\nSUMA,5\nA1,2\n").rows) == 3


def test_ragged_records_are_rejected_one_by_one() -> None:
    """The reason names both widths and the cure; records around it are read; the raw text is the source's."""
    batch = read('sku,name,qty\n1,a,5\n2,b\n3,"c, d",6,x\n4,e,7,,\n')
    assert [list(row) for row in batch.rows] == [["1", "a", "5"], ["4", "e", "7"]]
    assert [(flaw.line, flaw.raw, flaw.fate) for flaw in batch.flaws] == [(3, "2,b", "rejected"), (4, '3,"c, d",6,x', "rejected")]
    assert batch.flaws[0].reason.startswith("2 fields where the header has 3; check the settings delimiter and quote")


def test_a_record_over_many_lines_hints_at_its_quote() -> None:
    """A quote closed by chance lines later makes a ragged record: the reason says how many lines it swallowed."""
    batch = read('sku,name,qty\n1,"inch,5\n2,b,6\n3,c",7,8,9\n4,d,8\n')
    assert [flaw.reason for flaw in batch.flaws] == [
        "5 fields where the header has 3; the record spans 3 lines: check whether a quote was not closed"
    ]
    assert list(batch.lines) == [5]


def test_raw_text_is_clipped() -> None:
    """A giant bad record does not fill the rejects."""
    (flaw,) = read(f"sku,name,qty\n1,{'x' * 5000}\n2,a,1\n").flaws
    assert len(flaw.raw) == RAW_TEXT_LIMIT


def feed_quietly(chunks: int) -> int:
    """Feed a quote that is never closed in 64 KiB chunks; return the most bytes that were held."""
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("t.csv"))
    mapper.feed(b"sku,name\n" + b"1,plain text\n" * 30_000 + b'2,"open')
    most = 0
    for _ in range(chunks):
        mapper.feed(b"3,more text\n" * 5_000)
        most = max(most, mapper.buffered_bytes)
    return most


def test_a_quote_never_closed_is_refused_within_bounds() -> None:
    """The refusal names the line where the quote was opened, after one record's worth of bytes, not at the end."""
    tracemalloc.start()
    try:
        with pytest.raises(
            RefuseRun, match=r"t.csv, line 30002: the quote \" opened there is not closed within 1,048,576 bytes.*set quote to none"
        ):
            feed_quietly(100)
        assert tracemalloc.get_traced_memory()[1] < 10 * RECORD_BYTES
    finally:
        tracemalloc.stop()
    assert feed_quietly(10) < RECORD_BYTES


@pytest.mark.parametrize("text", ['sku,qty\n1,5\n2,"6\n3,7\n', 'sku,"qty\n1,5\n2,6\n'])
def test_a_quote_open_at_the_end_is_refused(text: str) -> None:
    """What follows an open quote is swallowed by it: those items would look sold out."""
    with pytest.raises(RefuseRun, match=r"line [13]: the quote \" opened there is not closed by the end of the document"):
        read(text)


@pytest.mark.parametrize("head", ["", "sku,qty\n1,2\n"])
def test_a_line_without_end_is_refused(head: str) -> None:
    """Also when it stands where the header should be."""
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("t.csv"))

    def feed_on() -> None:
        mapper.feed(head.encode())
        for _ in range(40):
            mapper.feed(b"x" * 65_536)

    with pytest.raises(RefuseRun, match=r"does not end within|no whole record"):
        feed_on()


def test_long_records_below_the_limit_are_read() -> None:
    """The csv module's own limit of 128 KiB a field does not bite."""
    batch = read(f'sku,name,qty\n1,"{"x" * 600_000}",5\n')
    assert len(batch.rows[0][1]) == 600_000


def test_big_chunks_flow_as_many_small_pieces() -> None:
    """Pieces stay small whatever the connector sends; their places add up; the last one is marked."""
    data = b"\xef\xbb\xbfsku,qty\n" + b"".join(b"%07d,5\n" % number for number in range(200_000))
    mapper = SPEC.create(MapperSettings((("sku",),)), DocumentFacts("t.csv"))
    pieces = [piece for at in range(0, len(data), 1 << 20) for piece in mapper.feed(data[at : at + (1 << 20)])]
    pieces += mapper.finish()
    assert max(len(piece.data) for piece in pieces) <= PIECE_BYTES
    assert [piece.final for piece in pieces].index(True) == len(pieces) - 1
    assert all(data[piece.offset :].startswith(piece.data) for piece in pieces)
    assert [piece.line for piece in pieces] == [1 + data[: piece.offset].count(b"\n") for piece in pieces]
    assert sum(len(mapper.parse(piece).rows) for piece in pieces) == 200_000


def test_a_document_may_end_without_a_rest() -> None:
    """The final piece is always given, here with no data."""
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("t.csv"), sample_bytes=16, piece_bytes=16)
    pieces = [*mapper.feed(b"sku,qty\n" + b"12345,7\n" * 6), *mapper.finish()]
    assert [piece.data for piece in pieces if piece.final] == [b""]
    assert mapper.parse(pieces[-1]).rows == []


def test_a_quote_that_swallowed_records_is_rejected() -> None:
    """A stray quote may join three records to one of the right width, with the first one's key and the last one's stock."""
    batch = read('sku,name,qty\nA1,x,1\nA2,"bolt,5\nA3,x,7\nA4,"nut,8\nA5,y,9\n')
    assert [list(row) for row in batch.rows] == [["A1", "x", "1"], ["A5", "y", "9"]]
    (flaw,) = batch.flaws
    assert (flaw.line, flaw.fate, flaw.raw) == (3, "rejected", 'A2,"bolt,5\nA3,x,7\nA4,"nut,8')
    assert "was not closed" in flaw.reason


def test_texts_of_several_lines_are_read_beside_it() -> None:
    """A cell that holds line ends and doubled quotes, properly enclosed, is an ordinary cell."""
    batch = read('sku,name,qty\n1,"two\n""lines""",5\n2,"a, b\nc, d",6\n')
    assert [row[1] for row in batch.rows] == ['two\n"lines"', "a, b\nc, d"]
    assert list(batch.lines) == [2, 4]


def test_a_piece_is_read_again_once_for_all_its_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The raw text of rejects costs one more reading of their piece, not one each."""
    mapper = CsvMapper(MapperSettings((("sku",),)), DocumentFacts("t.csv"))
    rows = "".join(f"k{number},soon\n" for number in range(500))
    (piece,) = [*mapper.feed(f"sku,qty\n{rows}".encode()), *mapper.finish()]
    batch = mapper.parse(piece)
    readings = []

    def counted(*arguments: Any) -> Any:
        readings.append(arguments)
        return read_table(*arguments)

    monkeypatch.setattr("mappers.csv.read_table", counted)
    assert [mapper.excerpt(piece, line) for line in batch.lines] == [f"k{number},soon" for number in range(500)]
    assert len(readings) == 1


@pytest.mark.parametrize("name", [b"Gr\xf6\xdfe", b"a\0b"])
def test_a_header_that_cannot_be_read_refuses_the_document(name: bytes) -> None:
    """A name that holds what no store takes is told before a record is read."""
    mapper = CsvMapper(MapperSettings((("sku",), ("qty",))), DocumentFacts("t.csv"))
    mapper.feed(b"sku,qty," + name + b"\n" + "A\u00d6,5,x\n\u00d6,6,y\n".encode())
    with pytest.raises(RefuseRun, match="line 1: the name of column 3 cannot be read"):
        mapper.finish()


@pytest.mark.parametrize(
    "end",
    [
        "* prices without VAT\n",
        "Generated 2026-07-01 by ERP\n",
        "(2 rows)",
        "\n\n-- end of list --\n",
        "EOF\n",
        "# 2\n",
        "Prices exclude VAT.;\n",
    ],
)
def test_a_note_behind_the_last_record_is_skipped(end: str) -> None:
    """One text that fewer cells than the header hold, a sentence or a mark, with no record after it."""
    batch = read(f"sku,name,qty\n1,a,5\n2,b,6\n{end}".replace(",", ";"))
    assert [row[0] for row in batch.rows] == ["1", "2"]
    assert [(fate, reason) for _, fate, reason in told(batch)] == [("skipped", "note at the end")]


def test_several_notes_are_skipped_with_what_stands_between_them() -> None:
    """Blank records and totals are no records either; each keeps its own reason and its text."""
    batch = read("sku,name,qty\n1,a,5\n2,b,6\nTotal,,11\n,,\nPrices without VAT\n\nStock of Monday,,\n")
    assert told(batch) == [
        (4, "skipped", "totals row"),
        (5, "skipped", "blank record"),
        (6, "skipped", "note at the end"),
        (8, "skipped", "note at the end"),
    ]
    assert [flaw.raw for flaw in batch.flaws][2:] == ["Prices without VAT", "Stock of Monday,,"]


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ("1,a,5\nPrices without VAT\n2,b,6\n", ["1", "2"]),
        ("1,a,5\nA17\n", ["1"]),
        ("1,a,5\nA17,b\n", ["1"]),
        ('1,a,5\n"A 17\nB 18"\n', ["1"]),
        ("1,a,5\n" * 10 + "3;c;7 pcs\n" * 9, ["1"] * 10),
        ("1,a,5\nx y\nz z\n", ["1"]),
    ],
    ids=["a record follows", "one word", "two cells", "a quote over lines", "half a file in another dialect", "more notes than records"],
)
def test_what_may_be_a_broken_record_is_rejected(body: str, keys: list[str]) -> None:
    """Only a footer is passed over: whatever may have been an item counts against the feed."""
    batch = read(f"sku,name,qty\n{body}", headerRow=1)
    assert [row[0] for row in batch.rows] == keys
    assert {fate for _, fate, _ in told(batch)} == {"rejected"}


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("Blue widget large,5\nRed widget huge,\n", 2),
        ("a,5\nb,\nRed widget huge,\n", 3),
        ("a,5\nb,6\nRed widget,\n", 3),
        ("a,5\nb,6\nGenerated on Monday,\n", 2),
    ],
    ids=["keys of three words", "another record is a key alone", "two words", "a sentence under short keys"],
)
def test_a_full_row_is_a_note_only_where_no_key_looks_like_it(body: str, count: int) -> None:
    """An item of which nothing is known but its key is an item, also in the last row."""
    assert len(read(f"sku,qty\n{body}").rows) == count


def test_ruled_lines_and_end_marks_are_skipped() -> None:
    """Database clients draw a line under the header, and old exports end in Ctrl-Z, also in a list of one column."""
    batch = read("sku|name|qty\n---|----|---\n-----+-----+-----\n|:--|---|--:|\n1|a|5\n2|--|6\n\x1a")
    assert [list(row) for row in batch.rows] == [["1", "a", "5"], ["2", "--", "6"]]
    assert [reason for _, _, reason in told(batch)] == ["ruled line", "ruled line", "ruled line", "end-of-file mark"]
    assert [list(row) for row in read("sku\nA\n\x1a").rows] == [["A"]]


@pytest.mark.parametrize("head", ["\ufeff\ufeff", "\ufeff\u200b"])
def test_what_a_byte_order_mark_left_is_no_part_of_a_name(head: str) -> None:
    """Files that were written one behind the other carry one mark a part; none of them hides a column or makes an item."""
    mapper = CsvMapper(MapperSettings((("sku",), ("qty",))), DocumentFacts("t.csv"))
    (piece,) = [*mapper.feed(f"{head}sku,qty\n1,5\n\ufeffsku,qty\n2,6\n".encode()), *mapper.finish()]
    batch = mapper.parse(piece)
    assert (mapper.locate("sku"), [list(row) for row in batch.rows]) == (0, [["1", "5"], ["2", "6"]])
    assert told(batch) == [(3, "skipped", "header repeated")]


@pytest.mark.parametrize(
    "end",
    [
        "<br />\n<b>Fatal error</b>:  Allowed memory size of 134217728 bytes exhausted in <b>/srv/export.php</b> on line <b>12</b><br />\n",
        "Fatal error: Maximum execution time exceeded, line 9, in export.php, shutting down\n",
        "ORA-01555: snapshot too old\n",
        "java.sql.SQLException: Connection closed\n\tat Export.run(Export.java:12)\n",
        "504 Gateway Time-out\n",
        "MySQL server has gone away",
    ],
)
def test_an_export_that_broke_off_is_refused(end: str) -> None:
    """An error of the supplier's program behind the last record says that records are missing, which would look sold out."""
    with pytest.raises(RefuseRun, match=r"t.csv, line [456]: the document ends with an error of the export"):
        read(f"sku,name,qty\n1,a,5\n2,b,6\n{end}")


@pytest.mark.parametrize(
    "end", ["Errors and omissions excepted", "Delivery time out of stock: 4 weeks", "9,Fatal error (game),1", "* No exceptions!"]
)
def test_words_of_a_price_list_are_no_error(end: str) -> None:
    """Nor is the name of an item, and nothing is refused for a text before the last record."""
    assert len(read(f"sku,name,qty\n1,a,5\n2,b,6\n{end}\n").rows) >= 2
    assert len(read("sku,name,qty\n1,a,5\nORA-01555: snapshot too old\n2,b,6\n").rows) == 2


@pytest.mark.parametrize(("records", "notes"), [(1, 0), (60, 1)])
def test_a_full_row_at_the_end_of_a_late_piece_is_a_note_only_with_records_to_judge_by(records: int, notes: int) -> None:
    """Of a big document only the last piece is looked at: one record before the row says little of what keys look like."""
    row = b"k1234567,5\n"
    mapper = CsvMapper(MapperSettings((("sku",), ("qty",))), DocumentFacts("t.csv"), sample_bytes=64, piece_bytes=len(row) * 70)
    pieces = [*mapper.feed(b"sku,qty\n" + row * (70 + records) + b"Red widget huge,\n"), *mapper.finish()]
    flaws = [flaw for piece in pieces for flaw in mapper.parse(piece).flaws]
    assert (len(pieces), len(flaws)) == (2, notes)
