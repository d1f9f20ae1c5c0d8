"""The screen in the JSON mapper: lines that are known are not parsed, and whatever a document was before, it reads as without one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import RawRecords
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from engine.feed import build_feed
from engine.flow.transform import Recipe, preset_rows
from engine.screen.screening import Screening
from mappers.json import JsonMapper
from mappers.structured.bodies import Sizes
from plugins.conformance.mapper import MapperCase, tells_records_apart
from tests.property.screened_readings import Store, assert_same, edit, plainly, small_blocks

SIZES = Sizes(sample=64, piece=900, line=4_000, record=4_000, page=4_000, held_back=150)
SMALL = partial(JsonMapper, sizes=SIZES)
NOISE = (
    *("", "  ", "[]", "null", '{"sku": "b1", broken}', '{"sku": "d1", "stock": 1, "stock": 2, "name": "x"}', '{"sku": "m1"}', "7"),
    *(
        '{"sku": "s1", "stock": 1, "name": "\\ud83d"}',
        '{"sku": "z1", "stock": 1, "name": "\\u0000"}',
        '{"SKU": "o1", "stock": 4, "name": "x"}',
    ),
    *('{"name": "p", "variants": [{"sku": "v1", "stock": 1}, {"sku": "v2", "stock": 2}]}', '{"sku": "cr\r1", "stock": 1, "name": "x"}'),
    *(
        '{"name": "p", "\\u0076ariants": [{"sku": "w1", "stock": 1}, {"sku": "w2", "stock": 2}]}',
        '{"sku": "n1", "stock": NaN, "name": "x"}',
    ),
)
NAMES = ("bolt", "größer", "two\\nlines", '1/4\\"', "", "\udce4", "a, {b}: [c]")


@pytest.fixture(autouse=True, scope="module")
def blocks_are_small() -> Iterator[None]:
    """A document of a few kilobytes has tens of blocks and several pieces."""
    with small_blocks(48, 300):
        yield


def recipe() -> Recipe:
    """Map three columns by name."""
    rows = [{"name": name, "purpose": purpose} for name, purpose in (("sku", "sku"), ("stock", "inventoryQuantity"), ("name", "name"))]
    feed = build_feed("shop", {"resourceType": "json", "decimalNotation": "comma"}, rows)
    return Recipe(feed, preset_rows(feed, lambda _: ()), SMALL, {})


class Supplier:
    """A supplier whose export changes from one day to the next. `calm`: nothing but records, of which few change."""

    def __init__(self, chance: random.Random, *, calm: bool, lines: bool) -> None:
        self._chance = chance
        self._calm = calm
        self._lines = lines
        self._encoding = chance.choice(("utf-8", "utf-8", "cp1252", "utf-16"))
        self._sku = chance.choice(("sku", "sku", "Sku"))
        self._rows = [self._row(number) for number in range(chance.randrange(2, 120))]

    def _row(self, number: int) -> str:
        chance = self._chance
        if not self._calm and chance.random() < 0.02:
            return chance.choice(NOISE)
        return (
            f'{{"{self._sku}": "k{number}", "stock": {chance.randrange(100)}, "name": "{chance.choice(NAMES[: 3 if self._calm else 9])}"}}'
        )

    def write(self) -> bytes:
        """Return the export as it is today."""
        rows = [row.replace("\r", "") for row in self._rows if row.strip()]
        text = "\n".join([*self._rows, ""]) if self._lines else f"[{', '.join(rows)}]\n"
        wide = self._encoding == "utf-16"
        return text.encode(self._encoding, "surrogatepass" if wide else "surrogateescape" if self._encoding == "utf-8" else "replace")

    def change(self) -> None:
        """Go on to the next day."""
        chance = self._chance
        edit(chance, self._rows, self._row)
        if chance.random() < 0.1:
            self._encoding = chance.choice(("utf-8", "cp1252", "utf-16"))


@settings(max_examples=40)
@given(st.integers(0, 2**64), st.booleans(), st.booleans(), st.sampled_from((61, 700, 5_000)))
def test_a_screen_changes_nothing_that_is_read(seed: int, calm: bool, lines: bool, chunk: int) -> None:
    """Three versions of an export, each read beside what is known of the one before: items and rejects are those of plain readings."""
    supplier = Supplier(random.Random(seed), calm=calm, lines=lines)
    store = Store()
    for _ in range(3):
        document = supplier.write()
        assert_same(store.read(recipe(), document, chunk), plainly(recipe(), document, chunk))
        supplier.change()


@settings(max_examples=40)
@given(st.integers(0, 2**64), st.booleans())
def test_each_line_reads_as_within_its_piece(seed: int, calm: bool) -> None:
    """Parts tile their piece, and alone each of them is the row or the flaw that it is in the piece."""
    supplier = Supplier(random.Random(seed), calm=calm, lines=True)
    with suppress(RefuseRun):
        tells_records_apart(MapperCase(SMALL, supplier.write(), 0, (), recipe().settings, chunk_sizes=(500,)))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_lines_that_did_not_change_are_not_parsed(encoding: str) -> None:
    """Of 1,000 lines in which one changed, all is known but that line, the first piece and the last one."""
    lines = [f'{{"sku": "k{number}", "stock": {number % 7}, "name": "größer"}}' for number in range(1_000)]
    store = Store()
    store.read(recipe(), "\n".join([*lines, ""]).encode(encoding), 5_000)
    lines[500] = '{"sku": "k500", "stock": 99, "name": "nut"}'
    document = "\n".join([*lines, ""]).encode(encoding)
    read = store.read(recipe(), document, 5_000)
    assert_same(read, plainly(recipe(), document, 5_000))
    assert 501 in read.lines
    assert read.met >= 900


def test_a_name_that_comes_late_is_refused_in_two_spellings() -> None:
    """Which spelling of a name a document has is told by all of its records, so none is left out before each name was met."""
    lines = [f'{{"sku": "k{number}", "stock": {number % 7}}}' for number in range(300)]
    lines[100] = '{"sku": "k100", "stock": 1, "Name": "bolt"}'
    store = Store()
    store.read(recipe(), "\n".join([*lines, ""]).encode(), 5_000)
    lines[250] = '{"sku": "k250", "stock": 1, "name": "bolt"}'
    document = "\n".join([*lines, ""]).encode()
    read = store.read(recipe(), document, 5_000)
    assert_same(read, plainly(recipe(), document, 5_000))
    assert read.refusal is not None


@pytest.mark.parametrize("key", ["variants", "\\u0076ariants", "vari\\u0061nts"])
def test_a_line_with_variants_is_not_told_apart(key: str) -> None:
    """However its name is written, a list of variants makes several records of a line."""
    lines = [f'{{"sku": "k{number}", "stock": {number % 7}, "name": "x"}}' for number in range(100)]
    lines[40] = f'{{"name": "p", "{key}": [{{"sku": "v1", "stock": 1}}, {{"sku": "v2", "stock": 2}}]}}'
    tells_records_apart(MapperCase(SMALL, "\n".join([*lines, ""]).encode(), 0, (), recipe().settings, chunk_sizes=(500,)))


def test_a_screen_is_not_asked_for_records_that_have_a_part_in_each_other() -> None:
    """Variants that the feed says are nested in products, and documents that are pages of one feed, are read as ever."""
    for attributes in ({"jsonMapping": "custom", "jsonRoot": "items[*].sizes[*]"}, {"pagination": "page"}):
        assert not JsonMapper(MapperSettings((), dict(attributes)), DocumentFacts("doc")).screen(Screening("mark"))


def test_the_first_rejected_record_of_a_unit_shows_its_text() -> None:
    """A piece that is joined of single records has an offset that is no place in the document, and its records can be shown."""
    mapper = SMALL(MapperSettings((("sku",),)), DocumentFacts("doc"))
    mapper.screen(Screening("mark"))
    lines = b"".join(b'{"sku": "%d"}\n' % number for number in range(200))
    pieces = [*mapper.feed(lines), *mapper.finish()]
    mapper.parse(pieces[0])
    joined = mapper.join([b'{"sku": "a"}\n', b'{"sku": "b"}\n'], b"", -1)
    assert isinstance(joined, RawRecords)
    assert mapper.excerpt(joined, 2) == '{"sku": "b"}'
