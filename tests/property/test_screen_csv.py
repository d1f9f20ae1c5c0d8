"""The screen in the CSV mapper: whatever a document was before, it reads as without one; records are told apart exactly."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import DocumentFacts, MapperFactory, MapperSettings
from engine.errors import RefuseRun
from engine.feed import build_feed
from engine.flow.transform import Recipe, preset_rows
from engine.screen.screening import Screening
from mappers.csv import CsvMapper
from mappers.reader import Grammar
from mappers.tabular import records
from mappers.tabular.records import RecordCutter
from plugins.conformance.mapper import MapperCase, tells_records_apart
from tests.property.screened_readings import Read, Store, assert_same, edit, plainly, small_blocks
from tests.property.test_csv_splitter import NaiveReader, documents

SMALL = partial(CsvMapper, sample_bytes=200, piece_bytes=900, record_bytes=4_000, held_back=150)
NAMES = (
    *("bolt", "washer", "nut M8", "größer", "hex screw", "", 'rod 1/4"', '1/4" and 3/8"', 'a"b"', '"x"y', '"say ""ah"""', '""'),
    *('"a;b||c\td"', '"two\nlines"', '"two\r\n\r\nlines"', '"a\n;b"";\n"', '"1;2\n3;4"', '"n\n"x', "\udce4", "a\0b", "total"),
)
NOISE = ("", "   ", "sku{0}stock{0}name", "total{0}{0}", "------", "\x1a", "k7{0}3", "k8{0}1{0}x{0}y{0}z", "{0}{0}", "k9{0}1\rk10{0}2{0}x")
ENDS = ("", "Exported by nobody on a Monday", "# end", "total{0}{0}\n", "\n\n", "Fatal error: out of memory", '"open', "\x1a")


@pytest.fixture(autouse=True, scope="module")
def blocks_are_small() -> Iterator[None]:
    """A document of a few kilobytes has tens of blocks and several pieces."""
    with small_blocks(48, 300):
        yield


def recipe() -> Recipe:
    """Map three columns by name."""
    rows = [{"name": name, "purpose": purpose} for name, purpose in (("sku", "sku"), ("stock", "inventoryQuantity"), ("name", "name"))]
    feed = build_feed("shop", {"decimalNotation": "comma"}, rows)
    return Recipe(feed, preset_rows(feed, lambda _: ()), SMALL, {})


class Supplier:
    """A supplier whose file changes from one day to the next. `calm`: nothing but records, of which few change."""

    def __init__(self, chance: random.Random, *, calm: bool) -> None:
        self._chance = chance
        self._calm = calm
        self._delimiter = chance.choice((";", ";", "\t", "||"))
        self._ending = chance.choice(("\n", "\n", "\r\n"))
        self._encoding = chance.choice(("utf-8", "utf-8", "cp1252", "utf-16"))
        self._header = ["sku", "stock", "name"]
        self._names = NAMES[: chance.choice((3, 5, 8, len(NAMES)))]
        self._rows: list[list[str] | str] = [self._row(number) for number in range(chance.randrange(1, 160))]
        self._tail = ""

    def _row(self, number: int) -> list[str] | str:
        if not self._calm and self._chance.random() < 0.02:
            return self._chance.choice(NOISE)
        return [f"k{number}", str(self._chance.randrange(100)), self._chance.choice(self._names)]

    def write(self) -> bytes:
        """Return the file as it is today."""
        lines = [self._header, *self._rows]
        text = "".join(
            (self._delimiter.join(line) if isinstance(line, list) else line.format(self._delimiter)) + self._ending for line in lines
        )
        text += self._tail.format(self._delimiter)
        wide = self._encoding == "utf-16"
        return text.encode(self._encoding, "surrogatepass" if wide else "surrogateescape" if self._encoding == "utf-8" else "replace")

    def _renew(self, start: int, end: int) -> None:
        for index in range(start, end, 7):
            self._rows[index] = self._row(index)

    def change(self) -> None:
        """Go on to the next day."""
        chance = self._chance
        edit(chance, self._rows, self._row, self._renew)
        if chance.random() < 0.1:
            self._header = chance.choice((["sku", "stock", "name"], ["name", "sku", "stock"], ["SKU", "stock", "Name"]))
        if chance.random() < 0.1:
            self._delimiter = chance.choice((";", "\t", "||"))
        if chance.random() < 0.1:
            self._encoding = chance.choice(("utf-8", "cp1252", "utf-16"))
        if not self._calm:
            self._tail = chance.choice(ENDS)


@settings(max_examples=80)
@given(st.integers(0, 2**64), st.booleans(), st.sampled_from((61, 700, 5_000)))
def test_a_screen_changes_nothing_that_is_read(seed: int, calm: bool, chunk: int) -> None:
    """Three versions of a file, each read beside what is known of the one before: items and rejects are those of plain readings."""
    supplier = Supplier(random.Random(seed), calm=calm)
    store = Store()
    for _ in range(3):
        document = supplier.write()
        assert_same(store.read(recipe(), document, chunk), plainly(recipe(), document, chunk))
        supplier.change()


@settings(max_examples=40)
@given(st.integers(0, 2**64), st.booleans())
def test_each_part_of_a_piece_reads_as_within_it(seed: int, calm: bool) -> None:
    """Parts tile their piece, and alone each of them is the row or the flaw that it is in the piece."""
    case = MapperCase(SMALL, Supplier(random.Random(seed), calm=calm).write(), 0, (), recipe().settings, chunk_sizes=(500,))
    with suppress(RefuseRun):
        tells_records_apart(case)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("name", ["bolt", '"two\nlines"', 'rod 1/4"', "größer"])
def test_what_did_not_change_is_not_parsed(name: str, encoding: str) -> None:
    """Of a file of 1,000 rows in which one changed, all is known but that row and the end of the file."""
    lines = ["sku;stock;name", *(f"k{number};{number % 7};{name if number % 5 else 'nut'}" for number in range(1_000)), ""]
    store = Store()
    store.read(recipe(), "\n".join(lines).encode(encoding), 5_000)
    lines[501] = "k500;99;nut"
    document = "\n".join(lines).encode(encoding)
    read = store.read(recipe(), document, 5_000)
    assert_same(read, plainly(recipe(), document, 5_000))
    assert 500 in (ordinal - 1 for ordinal in read.lines)
    assert read.met >= 900


def read_twice(before: bytes, after: bytes, create: MapperFactory = SMALL) -> Read:
    """Read a document beside another one that is known, and require that it reads as without a screen."""
    store, made = Store(), replace(recipe(), create_mapper=create)
    store.read(made, before, 5_000)
    read = store.read(made, after, 5_000)
    assert_same(read, plainly(made, after, 5_000))
    return read


def test_the_encoding_is_chosen_by_the_same_bytes_as_without_a_screen() -> None:
    """A row that is no UTF-8 is broken beside others that are, also where all rows between them are known."""
    lines = [b"sku;stock;name", *(b"k%d;%d;bolt number %d" % (number, number % 7, number) for number in range(600)), b""]
    before = b"\n".join(lines)
    lines[150], lines[260], lines[265] = lines[150].replace(b"e", b"\xe9"), "k259;1;größer".encode(), "k264;1;größer".encode()
    read = read_twice(before, b"\n".join(lines), partial(SMALL, piece_bytes=3_000))
    assert [reject.line for reject in read.rejects] == [151]
    assert read.met > 300


def test_known_text_in_quotes_is_no_record() -> None:
    """Lines that were records are none where a quoted field holds them."""
    rows = "".join(f"k{number};{number % 7};bolt number {number}\n" for number in range(60))
    before = f"sku;stock;name\n{rows}last;1;x\n{rows.replace('k', 'm')}"
    after = f'sku;stock;name\nnew;1;"{rows}"\nlast;1;x\n{rows.replace("k", "m")}'
    assert len(read_twice(before.encode(), after.encode()).items) == 62


def test_a_screen_is_not_asked_for_rows_that_have_a_part_in_each_other() -> None:
    """Rows that are grouped into products, and lines that end with CR, are read as ever."""
    for attributes in ({"mapping": "shopify"}, {"lineEnding": "cr"}):
        assert not CsvMapper(MapperSettings((), dict(attributes)), DocumentFacts("doc")).screen(Screening("mark"))


@settings(max_examples=200)
@given(documents(), st.booleans())
def test_records_are_told_apart_as_a_naive_reader_does(document: tuple[str, Grammar], tidy: bool) -> None:
    """Parts tile the text and are the naive reader's records, however much of it is looked at at once; else there are none."""
    text, grammar = document
    if tidy:
        # Most drawn texts have a blank line or a CR by itself, and are told apart by nobody.
        text = re.sub("[\r\n]+", "\n", text).lstrip("\n")
    naive = NaiveReader(text, grammar).read()
    if naive.unclosed:
        return
    for big in (True, False):
        assert_told_apart(text, grammar, naive, big=big)


@pytest.mark.parametrize("text", ['x\n"a\nb"\ny\n', '"a\n,"\n', '"\n"', 'a"\n"b,"\n', '"a""\n"\n,"",""\n', '1/4",x\n"1\n2",3/8"\n'])
def test_a_line_end_in_quotes_is_no_end_of_a_record(text: str) -> None:
    """Fields over several lines, beside quotes that are text, are told apart whether a piece is big or small."""
    for big in (True, False):
        assert_told_apart(text, Grammar(","), NaiveReader(text, Grammar(",")).read(), big=big)


def assert_told_apart(text: str, grammar: Grammar, naive: NaiveReader, *, big: bool) -> None:
    """Require that records are told apart as the naive reader did, or not at all where that cannot be."""
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_BIG", 0 if big else 1 << 30)
        parts = RecordCutter(grammar.delimiter.encode(), grammar.quote.encode()).cut(data)
    blank = len(naive.ends) - 1 > len(naive.rows)
    assert (parts is None) == (blank or bool(re.search("\r(?!\n)", text)))
    if parts is None:
        return
    assert b"".join(parts.records) == data
    assert [0, *accumulate(len(part.decode()) for part in parts.records)] == sorted(naive.ends)
    assert [line - 1 for line in naive.lines] == list(range(len(parts.records)) if parts.lines is None else parts.lines)
