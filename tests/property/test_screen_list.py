"""The screen in lists of JSON: whatever a document was before it reads as without one, and elements are told apart exactly."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import DocumentFacts, MapperSettings
from engine.flow.transform import Recipe
from engine.screen.screening import Screening
from mappers.json import JsonMapper
from mappers.structured.reading import QuickReader
from mappers.structured.screen.layout import Layout, learn_layout
from mappers.structured.stream import JsonStream
from tests.property.screened_readings import Read, Store, assert_same, edit, plainly, small_blocks
from tests.property.test_screen_json import SIZES, SMALL, recipe

GAPS = (",", ", ", ",\n", "\n ,\r\n\t")
NAMES = (
    *("bolt", "größer", "", "a, {b}: [c]", 'say \\"hi\\"', '}, {\\"sku\\": \\"x', "},", "[[{", "\\\\", "\\u007b\\u0022", 'end\\\\\\"},'),
    *("\\ud83d", "\\u0000", "Ã©", "two\\nlines"),
)
MEMBERS = (
    *("", ', "size": {"sku": "in", "x": [1, {"sku": "deep"}]}', ', "list": [{"sku": "l1"}, {"sku": "l2"}]', ', "stock": 1, "stock": 2'),
    *(', "stock": 5, "stock": 5', ', "n": -0', ', "n": 1.50', ', "n": NaN', ', "deep": ' + "[" * 30 + "]" * 30, ', "a": "x://y: z"'),
    *(', "variants": [{"sku": "v1", "stock": 1}, {"sku": "v2", "stock": 2}]', ', "variants": null', ', "Stock": 4'),
)
ODD = (
    *("null", "7", "[]", "{}", '["x"]', "tru"),
    *('{ "sku" : "spaced", "stock": 3}', '{"stock": 1, "sku": "other"}', '{"sku": "m1"}', '{"sku": 1'),
)
DAMAGE = (b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b",,", b"},", b"\x01", b"\xff", b'},{"sku":', b"]}", b"-0", b"//")


@pytest.fixture(autouse=True, scope="module")
def blocks_are_small() -> Iterator[None]:
    """A document of a few kilobytes has tens of blocks and several pieces."""
    with small_blocks(48, 300):
        yield


def rooted() -> Recipe:
    """Return the recipe for a list that stands at a path."""
    made = recipe()
    return replace(made, feed=made.feed.model_copy(update={"json_mapping": "custom", "json_root": "shop.items"}))


class Supplier:
    """A supplier whose list changes from one day to the next. `calm`: nothing but records, of which few change."""

    def __init__(self, chance: random.Random, *, calm: bool) -> None:
        self._chance = chance
        self._odd = 0.0 if calm else chance.choice((0.0, 0.01, 0.05))
        self._names = NAMES[:3] if calm else NAMES
        self._members = MEMBERS[: chance.choice((1, 3))] if calm else MEMBERS
        self._style()
        self._rows = [self._row(number) for number in range(chance.randrange(20, 120))]

    def _style(self) -> None:
        chance = self._chance
        self._gap = chance.choice(GAPS)
        self._encoding = chance.choice(("utf-8", "utf-8", "cp1252", "utf-16", "utf-8-sig"))
        self._head, self._tail = chance.choice((("[", "]"), ("[\n", "\n]\n"), ('{"of": "[{", "shop": {"items": [', '], "next": null}}')))

    def _row(self, number: int) -> str:
        chance = self._chance
        if chance.random() < self._odd:
            return chance.choice(ODD)
        more = chance.choice(self._members) if chance.random() < 0.2 else self._members[0]
        return f'{{"sku": "k{number}", "stock": {chance.randrange(100)}, "name": "{chance.choice(self._names)}"{more}}}'

    def write(self) -> bytes:
        """Return the document as it is today."""
        text = f"{self._head}{self._gap.join(self._rows)}{self._tail}"
        return text.encode(self._encoding, "replace")

    @property
    def recipe(self) -> Recipe:
        """Return a recipe that finds the list."""
        return rooted() if self._head.startswith("{") else recipe()

    def change(self) -> None:
        """Go on to the next day."""
        edit(self._chance, self._rows, self._row)
        if self._chance.random() < 0.1:
            self._style()


@given(st.integers(0, 1 << 32), st.booleans(), st.sampled_from([61, 700, 1 << 20]))
@settings(max_examples=50, deadline=None)
def test_a_list_reads_with_a_screen_as_it_does_without(seed: int, calm: bool, chunk: int) -> None:
    """Day after day, with what the day before has left: the same items, lines and rejects, or the same refusal at the same place."""
    supplier, store = Supplier(random.Random(seed), calm=calm), Store()
    for _ in range(3):
        document = supplier.write()
        assert_same(store.read(supplier.recipe, document, chunk), plainly(supplier.recipe, document, chunk))
        supplier.change()


@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
@settings(max_examples=50, deadline=None)
def test_damage_is_refused_beside_whatever_is_known(seed: int, place: int) -> None:
    """What makes a document no JSON is refused in the same words, place included; what it survives is read as without a screen."""
    chance = random.Random(seed)
    supplier, store = Supplier(chance, calm=True), Store()
    document = supplier.write()
    for _ in range(2):
        store.read(supplier.recipe, document, 500)
    start = place % len(document)
    damaged = document[:start] + chance.choice(DAMAGE) + document[start + chance.choice((0, 0, 1, 40, 1 << 20)) :]
    assert_same(store.read(supplier.recipe, damaged, 500), plainly(supplier.recipe, damaged, 500))


def written(names: Sequence[str], *, indent: int | None = None, root: bool = False) -> bytes:
    """Write a list of items with an object in each that begins as they do, and a list of objects between which it looks otherwise."""
    items = [
        {"sku": f"k{number}", "stock": number % 7, "name": name, "size": {"sku": "x"}, "in": [{"a": 1}, {"b": 2}]}
        for number, name in enumerate(names)
    ]
    document = {"shop": {"items": items}} if root else items
    return json.dumps(document, ensure_ascii=False, indent=indent, separators=None if indent else (",", ":")).encode()


def _parsed(read: Read) -> list[int]:
    """Return which records were parsed that stand neither at the beginning nor at the end."""
    return [ordinal for ordinal in read.lines if 50 < ordinal < 350]


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_change_costs_its_own_record(indent: int | None, root: bool) -> None:
    """Beside the beginning and the end of the list nothing is parsed but the records that changed."""
    names, of_feed, store = ["größer"] * 400, rooted() if root else recipe(), Store()
    store.read(of_feed, written(names, indent=indent, root=root), 5_000)
    assert _parsed(store.read(of_feed, written(names, indent=indent, root=root), 5_000)) == []
    names[200:202], names[300] = ["nut", "rod"], "pin"
    document = written(names, indent=indent, root=root)
    changed = store.read(of_feed, document, 5_000)
    assert _parsed(changed) == [201, 202, 301]
    assert_same(changed, plainly(of_feed, document, 5_000))
    assert [changed.items[number + 1][1]["name"] for number in (199, 200, 201, 300)] == ["größer", "nut", "rod", "pin"]


@pytest.mark.parametrize("chunk", [60, 500, 1 << 20])
@pytest.mark.parametrize("late", ["größer", "bolt"])
def test_an_encoding_is_chosen_by_the_same_bytes_whatever_is_known(chunk: int, late: str) -> None:
    """A list begins as ASCII, and of two records that changed the first alone would be UTF-8: both have a part in the choice."""
    names, store = ["bolt"] * 300, Store()
    of_feed = replace(recipe(), create_mapper=partial(JsonMapper, sizes=replace(SIZES, sample=500)))
    for _ in range(2):
        store.read(of_feed, written(names), 1 << 20)
    names[150], names[153] = "Ã©", late
    document = written(names).decode().encode("cp1252")
    plain = plainly(of_feed, document, chunk)
    screened = store.read(of_feed, document, chunk)
    assert_same(screened, plain)
    assert screened.met > 100 or chunk == 1 << 20, "where all bytes come at once no record is read before they have told the encoding"
    assert (plain.items[151][1]["name"] == "é") == (late == "bolt")


def _telling(inside: bytes) -> Sequence[bytes] | None:
    stream = JsonStream(b"[" + inside, None, DocumentFacts("doc"), complete=True)
    told = Layout(b'{"a"', b",").tell_apart(inside, QuickReader(comma=False), stream)
    return told.parts if told is not None else None


def test_elements_are_told_apart_only_where_each_is_a_whole_value() -> None:
    """The bytes between two elements may stand in a text or in an element, and others may stand between two."""
    assert _telling(b':1},{"a":2},{"a"') == [b':1},{"a"', b':2},{"a"']
    for inside in (
        *(b':"},{"a"', b':[{"a":1},{"a":2}]},{"a"', b':1} ,{"a":2},{"a"', b':1},{"b":2},{"a"', b':1},{"a"', b':"x\\"},{"a":2},{"a"'),
        *(b':1}},{"a":{"b":2},{"a"', b':1},7,{"a":2},{"a"', b':1,},{"a"', b':1},,{"a":1},{"a"'),
        # As many parts as values, but not the same: one element is cut in two, and two are not cut apart.
        b':[{"a":1},{"a":2}]},{"b":0},{"a"',
    ):
        told = _telling(inside)
        assert told is None or (inside == b':1},{"a"' and len(told) == 1)


@pytest.mark.parametrize(
    ("elements", "layout"),
    [
        *((b'{"a":{"a":1}},{"a":2}', Layout(b'{"a"', b",")), (b'{ "a" :"},{ \\"a\\""} ,\n{ "a":2}', Layout(b'{ "a"', b" ,\n"))),
        *((b'{"a":[{"a":1},{"a":2}]},{"b":1},{"a":2}', None), (b'{"a":1}', None), (b"[1],[2]", None)),
        (b'{"\\u0061":1},{"\\u0061":2}', None),
    ],
)
def test_a_layout_is_that_of_two_elements(elements: bytes, layout: Layout | None) -> None:
    """Objects in the first element may begin as it does; where the second begins otherwise there is none."""
    found = learn_layout(elements, QuickReader(comma=False), JsonStream(elements, None, DocumentFacts("doc"), complete=True))
    assert found == layout


def test_what_is_no_row_of_objects_is_not_told_apart() -> None:
    """A list of lists, and one whose elements begin with another key each, are read whole, time and again."""
    mapper = SMALL(MapperSettings((("sku",),)), DocumentFacts("doc"))
    mapper.screen(Screening("mark"))
    document = b"[%b]" % b",".join(b'{"sku": "%d"}' % number if number % 2 else b'{"x": 1, "sku": "%d"}' % number for number in range(300))
    pieces = [*mapper.feed(document), *mapper.finish()]
    assert [mapper.split(piece) for piece in pieces] == [None] * len(pieces)
    assert sum(len(mapper.parse(piece).rows) for piece in pieces) == 300


def test_what_was_read_of_a_piece_is_read_once() -> None:
    """Where all elements of a piece are parsed they come as they were read, at lines of their own."""
    mapper = JsonMapper(MapperSettings((("sku",), ("stock",))), DocumentFacts("doc"), sizes=SIZES)
    mapper.screen(Screening("mark"))
    pieces = [*mapper.feed(written(["bolt"] * 60))]
    apart = [(piece, records) for piece in pieces if (records := mapper.split(piece)) is not None]
    assert len(apart) > 2
    for number, (piece, records) in enumerate(apart, 1):
        joined = mapper.join(records.parts, records.reading, -number)
        rows = [*mapper.parse(joined).rows]
        assert rows == [*mapper.parse(piece).rows]
        assert [*mapper.parse(mapper.join(records.parts[1:], records.reading, -number - 1_000)).rows] == rows[1:]
