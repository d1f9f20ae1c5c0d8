"""Values found by paths: steps in brackets, JSONPath, lists within lists, and the product above a variant."""

from __future__ import annotations

import pytest

from engine.batch import SEVERAL, Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import ConfigError
from mappers.json import JsonMapper

CUSTOM: dict[str, JsonValue] = {"jsonMapping": "custom"}


def open_mapper(text: str, *names: str, **attributes: JsonValue) -> tuple[JsonMapper, list[Batch]]:
    """Read a document with some mapped names."""
    mapper = JsonMapper(MapperSettings(tuple((name,) for name in names), {**CUSTOM, **attributes}), DocumentFacts("t.json"))
    batches = [*map(mapper.parse, mapper.feed(text.encode())), *map(mapper.parse, mapper.finish())]
    return mapper, batches


def cells(text: str, *names: str, **attributes: JsonValue) -> list[list[str]]:
    """Return the cells of the mapped names, record by record."""
    mapper, batches = open_mapper(text, *names, **attributes)
    assert not any(batch.flaws for batch in batches)
    places = [mapper.locate(name) for name in names]
    assert None not in places
    return [[row[place] for place in places if place is not None] for batch in batches for row in batch.rows]


ITEM = """[{"a.b": {"fast price": 1.10}, "stock": [
  {"at": "A", "qty": 5.0, "tags": ["x", "y"]}, {"at": "B", "qty": null}, {"at": "A", "qty": 12}
  ], "id": 123456789012345678901234567890, "Preis [EUR]": 2, "deep": {"er": [[1], [2, 3]]}, "product": {"brand": "Acme"}}]"""


@pytest.mark.parametrize(
    ("path", "cell"),
    [
        ("stock[0].qty", "5.0"),
        ("stock[-1].qty", "12"),
        ("stock[7].qty", ""),
        ("stock[*].qty", f"5.0{SEVERAL}12"),
        ("stock[*].tags[*]", f"x{SEVERAL}y"),
        ("stock[ 0 ].tags", '["x","y"]'),
        ("['a.b']['fast price']", "1.10"),
        ('"a.b".fast price', "1.10"),
        ("deep.er[1][0]", "2"),
        ("deep.er[*][*]", SEVERAL.join("123")),
        ("id[0]", ""),
        ("['Stock'][0]", ""),
        ("Preis [EUR]", "2"),
        ("preis [eur]", "2"),
        ("product.brand", "Acme"),
        ("product['brand']", "Acme"),
        ("$.id", "123456789012345678901234567890"),
        ("$['a.b']['fast price']", "1.10"),
        ("$.stock[?@.at=='A'].qty", f"5.0{SEVERAL}12"),
        ("$.stock[?@.qty > 5.5].at", "A"),
        ("$.stock[?@.qty == 5].qty", "5.0"),
        ("$.stock[?@.qty == null].at", "B"),
        ("$.stock[?match(@.at, '[BC]')].at", "B"),
        ("$.stock[?search(@.at, '(')].at", ""),
        ("$..qty", f"5.0{SEVERAL}12"),
        ("$.stock[0:2].at", f"A{SEVERAL}B"),
    ],
)
def test_a_path_leads_to_its_values_as_written(path: str, cell: str) -> None:
    """Numbers are compared as numbers and keep their digits; several values stand side by side, those that say nothing left out."""
    assert cells(ITEM, path) == [[cell]]


@pytest.mark.parametrize("path", ["$.a[", "$.a[?foo(@.b)]", "$..", "$.a b", "$.a[?@.b in ['x']]", "a['b", "a[*]b", "['a'].", "['a']..b"])
def test_a_path_that_cannot_be_read_is_named(path: str) -> None:
    """Before any byte, all of them at once."""
    with pytest.raises(ConfigError) as fault:
        open_mapper("[]", path, "$.also[", "plain")
    assert len(fault.value.problems) == 2
    assert fault.value.problems[0].startswith(f"the path {path!r} ")


def test_a_pattern_takes_no_longer_than_its_text() -> None:
    """The text is the supplier's: one that a backtracking matcher would try for years is no danger."""
    assert cells(f'[{{"t": [{{"n": "{"a" * 40}!"}}]}}]', "$.t[?match(@.n, '(a+)+')].n", "sku") == [["", ""]]


SHOP = """[{"title": "Lamp", "images": [{"src": "u1"}, {"src": "u2"}], "sizes": {"list": [{"sku": "1", "title": "S", "qty": 3},
  {"sku": "2", "qty": 0}]}}, {"title": "Rug", "images": [], "sizes": {"list": [{"sku": "3", "qty": 1.50}]}}]"""


def test_lists_within_lists_are_opened() -> None:
    """One record for each inner element, with the outer one as its product; nothing is inherited that no path asks for."""
    paths = ("sku", "qty", "title", "product.title", "product.images[*].src", "product.$.images[0].src")
    assert cells(SHOP, *paths, jsonRoot="[*].sizes.list[*]") == [
        ["1", "3", "S", "Lamp", f"u1{SEVERAL}u2", "u1"],
        ["2", "0", "", "Lamp", f"u1{SEVERAL}u2", "u1"],
        ["3", "1.50", "", "Rug", "", ""],
    ]
    assert cells(f'{{"shop": {{"items": {SHOP}}}}}', "sku", jsonRoot="shop.items[*].sizes.list") == [["1"], ["2"], ["3"]]


def test_three_levels() -> None:
    """The product is the object that holds the innermost list."""
    text = '{"g": [{"name": "x", "p": [{"name": "y", "v": [{"sku": 1}, {"sku": 2}]}, {"name": "z", "v": [{"sku": 3}]}]}]}'
    assert cells(text, "sku", "product.name", jsonRoot="g[*].p[*].v[*]") == [["1", "y"], ["2", "y"], ["3", "z"]]


def test_an_item_without_variants_is_its_own_product() -> None:
    """So a path of the product leads somewhere in either kind of item."""
    text = '[{"brand": "A", "sku": 0, "variants": [{"sku": 1}]}, {"brand": "B", "sku": 2}]'
    assert cells(text, "sku", "product.brand", "product['brand']") == [["1", "A", "A"], ["2", "B", "B"]]


def test_what_is_amiss_within_an_opened_list() -> None:
    """A product whose list is gone or empty is skipped, one whose list is none rejected, and so is what is no object in it."""
    text = '[{"v": []}, {}, {"v": {"a": 1}}, {"v": [7, {"sku":  8}]}, {"v": [{"sku": 9}]}]'
    mapper, batches = open_mapper(text, "sku", jsonRoot="[*].v[*]")
    assert [(flaw.line, flaw.fate, flaw.reason, flaw.raw) for batch in batches for flaw in batch.flaws] == [
        (1, "skipped", "a product without v", '{"v": []}'),
        (2, "skipped", "a product without v", "{}"),
        (3, "rejected", "v is an object, not a list", '{"v": {"a": 1}}'),
        (4, "rejected", "a number stands where a variant should", "7"),
    ]
    assert [list(batch.lines) for batch in batches if batch.lines] == [[5, 6]]
    assert mapper.dialect["structure"] == "nested"


def test_an_excerpt_is_the_inner_record() -> None:
    """As the source wrote it, however deep it stands."""
    mapper = JsonMapper(MapperSettings((("sku",),), {"jsonRoot": "[*].sizes.list[*]"}), DocumentFacts("t.json"))
    list(mapper.feed(SHOP.encode()))
    piece, _ = mapper.finish()
    assert [mapper.excerpt(piece, line) for line in mapper.parse(piece).lines] == [
        '{"sku": "1", "title": "S", "qty": 3}',
        '{"sku": "2", "qty": 0}',
        '{"sku": "3", "qty": 1.50}',
    ]


def test_lines_are_opened_too() -> None:
    """A line is an element of the list that the document would be; a root that leads from its top leads nowhere in lines."""
    lines = '{"title": "x", "v": [{"sku": 1}, {"sku": 2}]}\n\n{"title": "y", "v": [{"sku": 3}]}\n'
    assert cells(lines, "sku", "product.title", jsonRoot="[*].v[*]") == [["1", "x"], ["2", "x"], ["3", "y"]]
    _, batches = open_mapper(lines, "sku", jsonRoot="[*].v[*]")
    assert [list(batch.lines) for batch in batches] == [[1, 1, 3]]


def test_the_end_tells_which_paths_led_nowhere() -> None:
    """In no record at all; a null is something."""
    mapper, _ = open_mapper(
        '[{"a": [1], "n": null}, {"b": {"c": 2}}]', "a[0]", "b.c", "n", "x", "$.y", "a[5]", "product.z[0]", "$.b[?@ > 1]"
    )
    assert mapper.missing == {"x", "$.y", "a[5]", "product.z[0]"}
    assert [mapper.locate(name) for name in ("x", "$.y")] == [mapper.columns.index("x"), mapper.columns.index("$.y")]


@pytest.mark.parametrize(
    "text", ['[{"t": ["a\\u0000b", "c"]}]', '[{"t": ["a\0b", "c"]}]', '[{"t": ["a", "\\ud800"]}]', '[{"t": ["a", NaN]}]']
)
def test_several_values_are_told_apart_by_what_no_text_holds(text: str) -> None:
    """A NUL in one of them would pass for a boundary: it rejects the record, as everywhere."""
    _, batches = open_mapper(text, "t[*]")
    assert [len(batch.rows) for batch in batches] == [0, 0]
    ((flaw,),) = [batch.flaws for batch in batches if batch.flaws]
    assert (flaw.column, flaw.fate) == ("t[*]", "rejected")


def test_big_integers_within_a_list_keep_their_digits() -> None:
    """In the JSON text of a cell too, where the writer underneath takes 64 bits only."""
    assert cells('[{"t": [123456789012345678901234567890, {"x": [-1.0, true]}]}]', "t") == [
        ['[123456789012345678901234567890,{"x":[-1.0,true]}]']
    ]


@pytest.mark.parametrize("path", ["stock[0].qty", "stock[*].qty", "$.stock[0].qty"])
def test_a_lone_text_with_a_nul_is_no_several_values(path: str) -> None:
    """A NUL in the one text that a path leads to rejects the record, where it would pass for a boundary between two values."""
    _, batches = open_mapper('[{"stock": [{"qty": "5\\u00003"}]}]', path)
    assert [flaw.reason for batch in batches for flaw in batch.flaws] == [
        f"{path!r} holds a NUL character, which no store takes: have the supplier remove it"
    ]
    assert not any(batch.rows for batch in batches)
