"""Any table that Python's csv module writes comes back the same, however its bytes are cut into chunks."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from engine.batch import Batch, JsonValue, RowsByColumn, turn
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.csv import CsvMapper

HEADER = ("Key", "Name", "Qty")
LETTERS = {
    "utf-8": "aß€漢\u2028\u0085",
    "utf-8-sig": "aß€漢",
    "cp1252": "aß€é",
    "cp1251": "aЖя",
    "utf-16": "aß漢😀",
    "utf-16-be": "aß漢",
    "shift_jis": "a表ソ漢",
    "gbk": "a漢繁",
}


@dataclass(frozen=True)
class Written:
    """A document, the rows it was written from, and the settings that read it without any guess."""

    data: bytes
    rows: list[list[str]]
    settings: dict[str, JsonValue]


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Draw a table, a dialect and an encoding that can hold it."""
    encoding = draw(st.sampled_from(sorted(LETTERS)))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", "~"]))
    quote = draw(st.sampled_from(['"', "'"]))
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quote_all = draw(st.booleans())
    # With minimal quoting the csv module of Python 3.11 leaves line ends bare that are not its own.
    breaks = "\r\n" if quote_all else ""
    cells = st.text(alphabet=LETTERS[encoding] + "01 ,;\t|~\"'" + breaks, max_size=8)
    rows = [[f"k{number}", draw(cells), draw(cells)] for number in range(draw(st.integers(1, 8)))]
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = 1 if quote_all else 0  # csv.QUOTE_ALL, csv.QUOTE_MINIMAL, which type checkers know as numbers
    writer = csv.writer(out, delimiter=delimiter, quotechar=quote, lineterminator=ending, quoting=quoting)
    writer.writerows([HEADER, *rows])
    settings: dict[str, JsonValue] = {"delimiter": delimiter, "quote": quote, "csvHasHeader": True, "headerRow": 1}
    settings["encoding"] = "utf-8" if encoding == "utf-8-sig" else encoding
    return Written(out.getvalue().encode(encoding), rows, settings)


def read(
    data: bytes, settings: dict[str, JsonValue], size: int, sample_bytes: int = 16, piece_bytes: int = 24
) -> tuple[CsvMapper, list[Batch]]:
    """Read a document in chunks of `size`, with sizes so small that little data makes many pieces."""
    mapper = CsvMapper(
        MapperSettings((("key",), ("qty",)), settings), DocumentFacts("t.csv"), sample_bytes=sample_bytes, piece_bytes=piece_bytes
    )
    pieces = [piece for at in range(0, len(data), size) for piece in mapper.feed(data[at : at + size])]
    pieces += mapper.finish()
    return mapper, [mapper.parse(piece) for piece in pieces]


def rows_of(batches: list[Batch]) -> list[list[str]]:
    """Return all rows of all batches."""
    return [list(row) for batch in batches for row in batch.rows]


@given(written(), st.integers(1, 40))
def test_what_the_csv_module_writes_is_read_back(document: Written, size: int) -> None:
    """Every cell of every row returns, no record is a flaw, and one header is enough for it."""
    mapper, batches = read(document.data, document.settings, size)
    assert mapper.columns == HEADER
    assert rows_of(batches) == document.rows
    assert not any(batch.flaws for batch in batches)


@given(written())
def test_one_byte_at_a_time_changes_nothing(document: Written) -> None:
    """Chunks of one byte read as the whole document in one chunk."""
    (_, single), (_, whole) = (read(document.data, document.settings, size) for size in (1, len(document.data)))
    assert rows_of(single) == rows_of(whole)
    assert [line for batch in single for line in batch.lines] == [line for batch in whole for line in batch.lines]


@given(written(), st.integers(1, 40))
def test_every_record_has_its_own_text(document: Written, size: int) -> None:
    """The excerpt of a record's line is the text it was written as."""
    mapper = CsvMapper(MapperSettings((("key",),), document.settings), DocumentFacts("t.csv"), sample_bytes=16, piece_bytes=24)
    pieces = [piece for at in range(0, len(document.data), size) for piece in mapper.feed(document.data[at : at + size])]
    for piece in [*pieces, *mapper.finish()]:
        batch = mapper.parse(piece)
        for row, line in zip(batch.rows, batch.lines, strict=True):
            text = mapper.excerpt(piece, line)
            again = next(csv.reader(io.StringIO(text, newline=""), delimiter=str(document.settings["delimiter"]),
                                    quotechar=str(document.settings["quote"])))  # fmt: skip
            assert again == row


@given(st.lists(st.lists(st.text(alphabet="a1 \"'/é", max_size=6), min_size=2, max_size=2), min_size=1, max_size=8), st.integers(1, 20))
def test_quotes_inside_unquoted_text_are_text(cells: list[list[str]], size: int) -> None:
    """A quote that does not open a field is a character like any other, wherever a chunk ends."""
    rows = [[f"k{number}", *(f"x{cell}" for cell in row)] for number, row in enumerate(cells)]
    data = "\n".join(",".join(row) for row in [list(HEADER), *rows]).encode()
    _, batches = read(data, {"delimiter": ",", "encoding": "utf-8"}, size)
    assert rows_of(batches) == rows


@given(written())
def test_the_delimiter_and_the_header_are_found_without_settings(document: Written) -> None:
    """Mapped names in the header betray the delimiter, whatever the cells hold."""
    settings = {name: document.settings[name] for name in ("encoding", "quote")}
    mapper, batches = read(document.data, settings, 1000, sample_bytes=1 << 16, piece_bytes=1 << 16)
    assert mapper.dialect["delimiter"] == document.settings["delimiter"]
    assert rows_of(batches) == document.rows


RECORDS = st.sampled_from(
    (
        "k1,Lamp,5",
        'k2,"Lamp, red",5',
        'k3,"6"" pipe",0',
        "",
        ",,",
        "Total,,10",
        "Key,Name,Qty",
        "k4,Lamp",
        "k5,Lamp,5,",
        "k6,Lamp,5,6",
        'k7,"two\nlines",5',
        'k8,5" pipe,5',
        "\u00a0total :,,",
        "k9,\0,5",
        "k9,\udcff,5",
        "====,,",
        "\x1a,,",
    )
)


@given(st.lists(RECORDS, max_size=12), st.integers(16, 80), st.sampled_from(["\n", "\r\n"]), st.sampled_from(['"', "none"]))
def test_the_pieces_make_no_difference(records: list[str], piece_bytes: int, ending: str, quote: str) -> None:
    """Records that are read together by column give the rows, lines and flaws that they give one by one."""
    data = ending.join([",".join(HEADER), *records, "k0,Lamp,1", ""]).encode("utf-8", "surrogateescape")
    found = [
        read(data, {"delimiter": ",", "quote": quote, "encoding": "utf-8"}, 1000, piece_bytes=size)[1] for size in (piece_bytes, 1 << 16)
    ]
    assert len(found[1]) == 1
    pieces, whole = (
        (rows_of(batches), [line for batch in batches for line in batch.lines], [flaw for batch in batches for flaw in batch.flaws])
        for batches in found
    )
    assert pieces == whole


@given(st.lists(st.lists(st.text(max_size=3), min_size=2, max_size=2), min_size=1, max_size=5), st.slices(6))
def test_rows_held_by_column_are_rows(rows: list[list[str]], part: slice) -> None:
    """They are counted, indexed, cut and gone through as a list of them is."""
    held = RowsByColumn(turn(rows))
    assert (len(held), list(held), list(held[part]), held[-1]) == (len(rows), rows, rows[part], rows[-1])
    assert list(map(list, turn(held))) == list(map(list, turn(rows)))


def outcome(data: bytes, size: int) -> tuple[object, ...]:
    """Return all that a mapper makes of a document, or the reason of its refusal."""
    try:
        mapper, batches = read(data, {}, size)
    except RefuseRun as refusal:
        return (str(refusal),)
    flaws = [flaw for batch in batches for flaw in batch.flaws]
    return mapper.columns, rows_of(batches), [line for batch in batches for line in batch.lines], flaws, dict(mapper.dialect)


FRAGMENTS = st.sampled_from(
    [b"sku", b"qty", b",", b";", b"\n", b"\r\n", b"\r", b'"', b"1", b"2.5", b" ", b"\xe4", "ß".encode(), b"\0", b"<", b"{"]
)


@given(st.lists(FRAGMENTS, max_size=80).map(b"".join) | st.binary(max_size=80), st.integers(1, 20))
def test_any_bytes_are_read_or_refused(data: bytes, size: int) -> None:
    """Nothing but `RefuseRun` comes out of any input, and the chunks never matter."""
    assert outcome(data, size) == outcome(data, max(len(data), 1))
