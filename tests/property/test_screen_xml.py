"""The screen in the XML mapper: whatever a document was before, it reads as without one; records are told apart exactly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import DocumentFacts, MapperSettings
from engine.feed import build_feed
from engine.flow.transform import Recipe, Transform, preset_rows
from engine.screen.screening import Screening
from mappers.markup.cutter import CutterSizes
from mappers.markup.screen.parts import take_apart
from mappers.xpath import XmlMapper
from tests.property.screened_readings import Read, Store, assert_same, plainly, small_blocks

SIZES = CutterSizes(piece=1_500, early=60, spacing=800, tail=300)
SMALL = partial(XmlMapper, sample_bytes=300, sizes=SIZES)
FIELDS = (
    *(("@id", "sku"), ("stock", "inventoryQuantity"), ("name", "name"), ("../@brand", "vendorName")),
    *(("g:price", "retailPrice"), ("count(part)", "grams")),
)
NAMES = (
    *("bolt", "nut M8", "größer", "a &amp; b", "two\nlines", "&#233;", "<![CDATA[a < b]]>", "<![CDATA[</item><item>]]>", "", "x\r\ny"),
    *("<!-- </item> -->rod", "<?p <item> ?>pin", "<b>bold</b>", "]] &gt;", "<![CDATA[<item id='0'>]]>", "'\"", "a\rb"),
)
ODD = (
    *('<item id="{0}"/>', '<item id="{0}"><stock>1</stock></item >', '<item\n id="{0}"><stock>2</stock></item>', "<items/>", "text"),
    *('<item id="{0}"><item id="in{0}"><stock>3</stock></item></item>', "<!-- <item> -->", "<!-- -->", "<?p?>", "<other><item/></other>"),
    *('<item id="{0}" xmlns:g="urn:other"><g:price>9</g:price></item>', '<item_id>1</item_id><item id="{0}"><item_id/></item>'),
    *('<item id="{0}" note="&gt; a > b"><stock>few</stock></item>', '<g:item id="{0}"><stock>4</stock></g:item>', "<![CDATA[x]]>"),
)


@pytest.fixture(autouse=True, scope="module")
def blocks_are_small() -> Iterator[None]:
    """A document of a few kilobytes has tens of blocks and several pieces."""
    with small_blocks(80, 500):
        yield


def recipe(path: str = "/shop/group/item") -> Recipe:
    """Map what stands in a record, what stands above it, and something that is counted."""
    rows = [{"name": name, "purpose": purpose} for name, purpose in FIELDS]
    feed = build_feed("shop", {"resourceType": "xml", "xmlMapping": "custom", "xmlPath": path}, rows)
    return Recipe(feed, preset_rows(feed, lambda _: ()), SMALL, {})


@dataclass
class Group:
    """Records under one parent."""

    brand: str
    records: list[str]


class Supplier:
    """A supplier whose document changes from one day to the next. `calm`: nothing but records, of which few change."""

    def __init__(self, chance: random.Random, *, calm: bool) -> None:
        self._chance = chance
        self._calm = calm
        self._names = NAMES[: chance.choice((3, 6, len(NAMES)))]
        self._number = 0
        self._style()
        self._groups = [
            Group(chance.choice("AB"), [self._record() for _ in range(chance.randrange(1, 90))])
            for _ in range(1 if calm else chance.randrange(1, 4))
        ]

    def _style(self) -> None:
        chance = self._chance
        self._space = chance.choice(("", "\n ", "\r\n\t", " "))
        self._encoding = chance.choice(("utf-8", "utf-8", "iso-8859-1", "utf-16"))
        self._declared = chance.choice(("", "", ' xmlns="urn:d"'))
        self._doctype = '<!DOCTYPE shop [<!ENTITY e "x">]>' if chance.random() < 0.1 else ""

    def _record(self) -> str:
        chance = self._chance
        self._number += 1
        if not self._calm and chance.random() < 0.03:
            return chance.choice(ODD).format(self._number)
        parts = "<part/>" * chance.choice((1, 1, 2))
        stock = chance.choice(("", "n/a", *map(str, range(20))))
        fields = [f"<stock>{stock}</stock>", f"<name>{chance.choice(self._names)}</name>", f"<g:price>{chance.randrange(99)}</g:price>"]
        return self._space.join([f'<item id="k{self._number}">', *fields, f"{parts}</item>"])

    def write(self) -> bytes:
        """Return the document as it is today."""
        head = f'<?xml version="1.0" encoding="{self._encoding}"?>\n{self._doctype}'
        groups = [
            f'<group brand="{group.brand}">{self._space}<name>of all</name>{self._space.join((*group.records, ""))}</group>'
            for group in self._groups
        ]
        text = f'{head}<shop xmlns:g="urn:g"{self._declared}>{self._space.join(groups)}</shop>\n'
        return text.encode(self._encoding, "xmlcharrefreplace")

    def change(self) -> None:
        """Go on to the next day."""
        chance = self._chance
        for _ in range(chance.randrange(4 if self._calm else 9)):
            group = chance.choice(self._groups)
            at = chance.randrange(len(group.records) + 1)
            deed = chance.randrange(5)
            if deed == 0:
                group.records.insert(at, self._record())
            elif deed == 1:
                del group.records[at : at + chance.choice((1, 1, 5))]
            elif deed == 2:
                group.records[at : at + 1] = [self._record()]
            elif deed == 3 and group.records:
                group.records.insert(at, chance.choice(group.records))
            else:
                moved = group.records[at : at + 20]
                del group.records[at : at + 20]
                target = chance.choice(self._groups)
                place = chance.randrange(len(target.records) + 1)
                target.records[place:place] = moved
        if not self._calm and chance.random() < 0.2:
            chance.choice(self._groups).brand = chance.choice("ABC")
        if not self._calm and chance.random() < 0.1:
            self._style()


@given(st.integers(0, 1 << 32), st.booleans(), st.sampled_from([60, 700, 1 << 20]))
@settings(max_examples=60, deadline=None)
def test_a_document_reads_with_a_screen_as_it_does_without(seed: int, calm: bool, chunk: int) -> None:
    """Day after day, with what the day before has left: the same items at the same ordinals, the same lines and rejects."""
    chance = random.Random(seed)
    supplier = Supplier(chance, calm=calm)
    store, of_feed = Store(), recipe(chance.choice(("/shop/group/item", "//item", "group/item", "/*/group/item")))
    for _ in range(3):
        document = supplier.write()
        assert_same(store.read(of_feed, document, chunk), plainly(of_feed, document, chunk))
        supplier.change()


@given(st.integers(0, 1 << 32), st.sampled_from([100, 1 << 20]))
@settings(max_examples=25, deadline=None)
def test_records_are_told_apart_as_the_parser_tells_them(seed: int, chunk: int) -> None:
    """Parts tile their piece; each of them parsed alone gives the row that it gave among the others, in the line that is said."""
    supplier = Supplier(random.Random(seed), calm=False)
    mapper = SMALL(MapperSettings(tuple((name,) for name, _ in FIELDS), {"xmlPath": "/shop/group/item"}), DocumentFacts("doc"))
    assert mapper.screen(Screening("mark"))
    document = supplier.write()
    pieces = [piece for start in range(0, len(document), chunk) for piece in mapper.feed(document[start : start + chunk])]
    numbers = count(1)
    for piece in (*pieces, *mapper.finish()):
        records = mapper.split(piece)
        whole = mapper.parse(piece)
        if records is None:
            continue
        assert b"".join(records.parts) == records.body
        assert b"xmlns" not in records.body
        assert len(whole.rows) + len(whole.flaws) == len(records.parts)
        assert records.lines is not None
        assert list(whole.lines) == [piece.line + before for before in records.lines]
        for number, part in enumerate(records.parts):
            raw = mapper.join([part], records.reading, -next(numbers))
            alone = mapper.parse(raw)
            assert list(map(tuple, alone.rows)) == [tuple(whole.rows[number])]
            assert mapper.excerpt(raw, alone.lines[0]) == mapper.excerpt(piece, whole.lines[number], _nth(whole.lines, number))


def _nth(lines: object, number: int) -> int:
    assert isinstance(lines, list)
    return number - lines.index(lines[number])


@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
@settings(max_examples=40, deadline=None)
def test_damage_is_refused_beside_whatever_is_known(seed: int, place: int) -> None:
    """What makes a document unreadable makes it so with a screen; what it survives is read as without one."""
    chance = random.Random(seed)
    supplier = Supplier(chance, calm=True)
    store, of_feed = Store(), recipe()
    document = supplier.write()
    assert_same(store.read(of_feed, document, 500), plainly(of_feed, document, 500))
    start = place % len(document)
    put = chance.choice(
        (b"", b"<", b"&", b"]]>", b"<!--", b"</item>", b"<item>", b'"', b"\x01", b"</group><group>", b"<a>", b"</name>", b"\xff")
    )
    damaged = document[:start] + put + document[start + chance.choice((0, 0, 1, 40, 1 << 20)) :]
    screened, plain = store.read(of_feed, damaged, 500), plainly(of_feed, damaged, 500)
    assert (screened.refusal is None) == (plain.refusal is None)
    if plain.refusal is None:
        assert_same(screened, plain)


@pytest.mark.parametrize(
    "body",
    [
        *(b"<item><![CDATA[x</item>", b"<item>1</item><!-- -->", b"<item>1</item>text<item>2</item>", b"<item>1</item><items>2</items>"),
        *(
            b"<item/><item>2</item>",
            b"<item>1</item><item>2</item >",
            b"<item><item>1</item></item>",
            b"<item>1</item><item_id/><item>2</item>",
        ),
        *(
            b"<item>1</item>\r<item>2</item>",
            b"<item>1<![CDATA[</item>",
            b"</item>",
            b"",
            b"<item>1</item>\n",
            b"<item><!-- <item> </item>",
        ),
    ],
)
def test_what_is_no_row_of_records_is_left_to_the_parser(body: bytes) -> None:
    """Hidden, nested, empty, mixed with others or with text: bytes alone do not tell."""
    assert take_apart(body) is None


def catalogue(records: int, **changed: str) -> bytes:
    """Write a regular document; `changed` names of items by their number."""
    items = (
        f'<item id="k{number}"><stock>{number}</stock><name>{changed.get(f"k{number}", "bolt")}</name></item>' for number in range(records)
    )
    return "\n".join(('<shop><group brand="A">', *items, "</group></shop>")).encode()


@pytest.fixture
def settled() -> Store:
    """What two readings of a document leave: the second knows the end of it too."""
    store = Store()
    for _ in range(2):
        store.read(recipe(), catalogue(300), 1 << 20)
    return store


def _parsed(read: Read) -> int:
    return len(read.lines)


def test_a_change_costs_its_own_record(settled: Store) -> None:
    """Beside the beginning and the end of the document, nothing is parsed but the records that changed."""
    same = _parsed(settled.read(recipe(), catalogue(300), 1 << 20))
    assert same < 30
    changed = settled.read(recipe(), catalogue(300, k150="nut", k151="rod", k200="pin"), 1 << 20)
    assert _parsed(changed) == same + 3
    assert [changed.items[number + 1][1]["name"] for number in (149, 150, 151, 200)] == ["bolt", "nut", "rod", "pin"]


def test_a_refusal_says_where_the_record_stands(settled: Store) -> None:
    """Records that changed are parsed apart from the document; where the one stands that cannot be read is said all the same."""
    read = settled.read(recipe(), catalogue(300, k150="nut", k200="<b>"), 1 << 20)
    assert read.refusal is not None
    assert "not well-formed" in read.refusal
    assert read.refusal.endswith("(lines counted in the record at line 202 of the document)")


def test_what_stands_above_a_record_is_part_of_it(settled: Store) -> None:
    """Another attribute of the parent makes all of its records others."""
    other = catalogue(300).replace(b'brand="A"', b'brand="B"')
    read = settled.read(recipe(), other, 1 << 20)
    assert _parsed(read) == 300
    assert_same(read, plainly(recipe(), other, 1 << 20))


def test_nothing_is_screened_where_a_record_does_not_stand_by_itself() -> None:
    """A field that looks beside the record, and a path that chooses among elements, leave no record by itself."""
    for path, field in (("/shop/group/item", "../name"), ("/shop/group/item[stock]", "stock"), ("/shop/*/item | /shop/group/*", "stock")):
        mapper = SMALL(MapperSettings((("@id",), (field,)), {"xmlPath": path}), DocumentFacts("doc"))
        assert not mapper.screen(Screening("mark"))


def test_entities_of_a_document_are_its_own(settled: Store) -> None:
    """A document with a DOCTYPE that declares something is parsed whole."""
    document = b"<!DOCTYPE shop [<!ENTITY e 'x'>]>" + catalogue(300)
    assert _parsed(settled.read(recipe(), document, 1 << 20)) == 300
    assert _parsed(settled.read(recipe(), document, 1 << 20)) == 300


def test_what_is_declared_around_known_records_is_known_too() -> None:
    """How a document is read does not depend on how much of it was known."""
    first, second = catalogue(300), catalogue(300).replace(b"k", b"l")
    body = first.removeprefix(b"<shop>").removesuffix(b"</shop>").replace(b"<group", b'<group xmlns:h="urn:h"')
    document = b"<shop>%b%b</shop>" % (body, second.removeprefix(b"<shop>").removesuffix(b"</shop>"))
    store, of_feed = Store(), recipe()
    for _ in range(2):
        store.read(of_feed, document, 500)
    transforms = [
        Transform(of_feed, DocumentFacts("doc"), numbers=of_feed.read_numbers(), screening=screening)
        for screening in (None, Screening("mark", store.remembered))
    ]
    parsed = [sum(len(batch.items) for batch in (*each.feed(document), *each.finish())) for each in transforms]
    assert parsed[0] == 600
    assert parsed[1] < 100
    assert transforms[0].dialect == transforms[1].dialect


@pytest.mark.parametrize("chunk", [60, 500, 1 << 20])
@pytest.mark.parametrize("names", [{"k150": "Ã©", "k152": "größer"}, {"k150": "größer", "k152": "Ã©"}, {"k150": "Ã©"}])
def test_an_encoding_is_chosen_by_the_same_bytes_whatever_is_known(chunk: int, names: dict[str, str]) -> None:
    """A document says ISO-8859-1 and begins as ASCII. The letters that decide are within one window, in records that stand apart.

    With a screen they come in pieces of their own, of which the first alone would be UTF-8: then one name would be another, or the next
    one no text at all.
    """

    def written(**changed: str) -> bytes:
        return b'<?xml version="1.0" encoding="iso-8859-1"?>' + catalogue(300, **changed).decode().encode("iso-8859-1")

    store = Store()
    for _ in range(2):
        store.read(recipe(), written(), 1 << 20)
    plain = plainly(recipe(), written(**names), chunk)
    assert_same(store.read(recipe(), written(**names), chunk), plain)
    assert plain.items[151][1]["name"] == {"Ã©": "é" if len(names) == 1 else "Ã©"}.get(names["k150"], "größer")
