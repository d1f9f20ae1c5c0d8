"""Text in columns of fixed width: where the places are set every cell comes back; where they are found none comes back wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.csv import CsvMapper

Row = tuple[str, ...]


def read(data: bytes, size: int, sample: int, **attributes: JsonValue) -> list[Row]:
    """Read a document in chunks of `size` with pieces so small that there are several; return its rows, stripped."""
    settings = MapperSettings((("sku",), ("qty",)), attributes)
    mapper = CsvMapper(settings, DocumentFacts("t.txt"), sample_bytes=sample, piece_bytes=48)
    pieces = [piece for at in range(0, len(data), size) for piece in mapper.feed(data[at : at + size])]
    batches = [mapper.parse(piece) for piece in [*pieces, *mapper.finish()]]
    return [tuple(cell.strip() for cell in row) for batch in batches for row in batch.rows]


def write(rows: Sequence[Row], widths: list[int], right: list[bool], *, trimmed: bool, gap: int) -> str:
    """Write rows in columns of these widths, some of them aligned to the right."""
    lines = [
        (" " * gap).join(
            cell.rjust(width) if aligned else cell.ljust(width) for cell, width, aligned in zip(row, widths, right, strict=True)
        )
        for row in rows
    ]
    return "\n".join(line.rstrip(" ") if trimmed else line for line in lines) + "\n"


WORDS = st.text(alphabet="abß;,|\"'\t漢1", min_size=1, max_size=5).map(lambda text: text.strip() or "x")


@given(
    st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=3).map(" ".join), st.integers(0, 99999).map(str)), min_size=1, max_size=8),
    st.sampled_from(["utf-8", "utf-16", "gbk"]),
    st.booleans(),
    st.integers(1, 40),
)
def test_set_columns_come_back_as_they_were_written(rows: list[Row], encoding: str, trimmed: bool, size: int) -> None:
    """Whatever stands in them: quotes, delimiters and letters of two bytes are characters like any other."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    widths = [max(width, 1) for width in widths]
    text = write(rows, widths, [False, False, True], trimmed=trimmed, gap=0)
    text = text.replace("ß", "s") if encoding == "gbk" else text
    expected = [tuple(cell.replace("ß", "s") if encoding == "gbk" else cell for cell in row) for row in rows]
    read_settings: dict[str, JsonValue] = {"columnWidths": ",".join(map(str, widths)), "csvHasHeader": False, "encoding": encoding}
    assert read(text.encode(encoding), size, 24, **read_settings) == expected


@dataclass(frozen=True)
class Listing:
    """A list as a supplier's old program prints it."""

    rows: Sequence[Row]
    text: str


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Draw a list whose columns may be full, whose texts may line up by chance, and whose later figures may be longer."""
    key = st.sampled_from(["A1", "A2", "B10", "AB 12", "AB 13", "C1000", "7"])
    name = st.lists(st.sampled_from(["Nut", "M5", "Bolt", "big", "12", "hexagonal", "x"]), max_size=3).map(" ".join)
    figure = st.sampled_from(["0", "5", "12", "345", "12 345", "123456", ""])
    rows = draw(st.lists(st.tuples(key, name, st.sampled_from(["", "N", "EUR"]), figure), min_size=1, max_size=20))
    header = draw(
        st.sampled_from(
            [("SKU", "NAME", "", "QTY"), ("SKU", "NAME", "CUR", "QTY"), ("SKU", "", "C", "QTY"), ("S", "NAME TEXT", "CUR", "QTY")]
        )
    )
    widths = [max(len(row[column]) for row in [header, *rows]) + draw(st.integers(0, 2)) for column in range(4)]
    right = [False, False, draw(st.booleans()), draw(st.booleans())]
    text = write([header, *rows], widths, right, trimmed=draw(st.booleans()), gap=draw(st.integers(1, 3)))
    return Listing(rows, text)


@settings(max_examples=200)
@given(listings(), st.integers(1, 40), st.sampled_from([40, 80, 4096]))
def test_found_columns_are_never_wrong(listing: Listing, size: int, sample: int) -> None:
    """A list is read as it was meant, or refused, or its line is rejected; no key and no figure ever loses a part."""
    try:
        found = read(listing.text.encode(), size, sample)
    except RefuseRun:
        return
    meant = {row[0]: {(each[0], each[3]) for each in listing.rows if each[0] == row[0]} for row in listing.rows}
    for row in found:
        if len(row) > 1:
            assert (row[0], row[-1]) in meant.get(row[0], set())
