"""Records of JSON: numbers to the last digit, variants with their products, and what cannot be read rejected alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from mappers.json import JsonMapper
from mappers.structured.values import DEPTH_LIMIT
from tests.unit.rules_parts import read_cells

NAMES = ("externalId", "inventoryQuantity")


def read(text: str | bytes, *names: str, **attributes: JsonValue) -> tuple[JsonMapper, Batch]:
    """Read a document as one batch."""
    settings = MapperSettings(tuple((name,) for name in names or NAMES), attributes)
    mapper = JsonMapper(settings, DocumentFacts("t.json"))
    mapper.feed(text.encode() if isinstance(text, str) else text)
    batches = [mapper.parse(piece) for piece in mapper.finish()]
    rows = [row for batch in batches for row in batch.rows]
    lines = [line for batch in batches for line in batch.lines]
    return mapper, Batch(mapper.columns, rows, lines, tuple(flaw for batch in batches for flaw in batch.flaws))


def cells(batch: Batch, column: str) -> list[str]:
    """Return one column."""
    return [row[batch.columns.index(column)] for row in batch.rows]


def told(batch: Batch) -> list[tuple[int, str, str]]:
    """Return where the flaws are, what becomes of them, and why."""
    return [(flaw.line, flaw.fate, flaw.reason) for flaw in batch.flaws]


@pytest.mark.parametrize(
    "number", ["19.90", "123456789012345678901234567890", "0.1", "-0", "1.23E+12", "1e400", "9" * 4300, "9" * 4301, "9" * 5000]
)
def test_numbers_keep_their_text(number: str) -> None:
    """No digit goes through a binary float, nor is an identifier of thirty digits one."""
    assert cells(read(f'[{{"externalId": {number}}}]')[1], "externalId") == [number]


def test_a_number_inside_a_list_keeps_its_digits_too() -> None:
    """Lists and objects are JSON text in a cell, compact, numbers unquoted and texts quoted."""
    _, batch = read('[{"externalId": [ 1.10, "1.10", {"b": [true, null]} ], "inventoryQuantity": {"free": 5.0}}]')
    assert [list(row) for row in batch.rows] == [['[1.10,"1.10",{"b":[true,null]}]', '{"free":5.0}', "5.0"]]


def test_what_is_absent_or_null_is_blank() -> None:
    """And so is an empty text; an empty list is a list."""
    _, batch = read('[{"externalId": null, "x": []}, {}, {"externalId": ""}, {"externalId": false}]')
    assert cells(batch, "externalId") == ["", "", "", "false"]
    assert cells(batch, "x") == ["[]", "", "", ""]


def test_thousands_are_never_read_into_a_number() -> None:
    """Under `decimalNotation=comma` the rules take 1.234 for thousands, so a number gets a zero that makes it plain; a text does not."""
    _, batch = read('[{"externalId": "1.234", "inventoryQuantity": 1.234}]', decimalNotation="comma")
    assert [list(row) for row in batch.rows] == [["1.234", "1.2340"]]
    row: dict[str, object] = {"name": "q", "purpose": "inventoryQuantity"}
    assert read_cells(row, "1.234", "1.2340", decimalNotation="comma") == [1234, 1.234]


def test_keys_are_ways_with_dots() -> None:
    """An inner key is named by its way; names are trimmed and match whatever their case where the source has one of them."""
    mapper, batch = read('[{" SKU ": 1, "stock": {"Free": 2, "by place": {"a": 3}}}]', "sku", "stock.free", "stock")
    assert mapper.columns == ("SKU", "stock", "stock.Free", "stock.by place.a")
    assert [mapper.locate(name) for name in ("sku", "STOCK.FREE", "stock", "nope", "1")] == [0, 2, 1, None, None]
    assert [list(row) for row in batch.rows] == [["1", '{"Free":2,"by place":{"a":3}}', "2", "3"]]


def test_a_mapped_key_of_the_last_item_is_a_column_of_the_first() -> None:
    """What nobody mapped is a column only if an early item has it; what is mapped is found wherever it comes first."""
    items = [{"externalId": str(number)} for number in range(1000)] + [{"externalId": "x", "inventoryQuantity": 7, "other": 1}]
    _, batch = read(json.dumps(items))
    assert batch.columns == ("externalId", "inventoryQuantity")
    assert (cells(batch, "inventoryQuantity")[-1], set(cells(batch, "inventoryQuantity")[:-1])) == ("7", {""})


def test_keys_used_as_data_do_not_make_endless_columns() -> None:
    """Rows stay narrow when every item has keys of its own."""
    _, batch = read(json.dumps([{"externalId": str(n), **{f"k{n}-{m}": 1 for m in range(20)}} for n in range(2000)]))
    assert len(batch.columns) <= 201
    assert len(batch.rows) == 2000


NESTED = """{"products": [
  {"externalGroupId": "g", "name": "Lamp", "vendorName": "Acme", "tags": ["a"], "images": ["u"], "inventoryQuantity": 99,
   "externalId": "p", "retailPrice": 1, "variants": [
     {"externalId": "1", "inventoryQuantity": 5, "name": "own", "images": []},
     {"externalId": "2", "name": null}]},
  {"externalId": "3", "inventoryQuantity": 1}]}"""


def test_variants_inherit_what_describes_their_product() -> None:
    """Where they say nothing themselves. Never a key, a price or a stock: the product's figure would be counted once a variant."""
    mapper, batch = read(NESTED, "externalId", "inventoryQuantity", "retailPrice", "name", "images", "externalGroupId", "vendorName")
    assert cells(batch, "externalId") == ["1", "2", "3"]
    assert cells(batch, "inventoryQuantity") == ["5", "", "1"]
    assert cells(batch, "name") == ["own", "Lamp", ""]
    assert cells(batch, "images") == ['["u"]', '["u"]', ""]
    assert (cells(batch, "externalGroupId"), cells(batch, "vendorName")) == (["g", "g", ""], ["Acme", "Acme", ""])
    assert (cells(batch, "retailPrice"), list(mapper.missing)) == (["", "", ""], ["retailPrice"])
    assert cells(batch, "product.retailPrice") == ["1", "1", ""]
    assert (list(batch.lines), mapper.dialect["structure"], mapper.dialect["root"]) == ([1, 2, 3], "nested", "products")


def test_flat_leaves_variants_alone() -> None:
    """When the feed says flat, a list of variants is a cell like any other."""
    mapper, batch = read(NESTED, jsonStructure="flat")
    assert (cells(batch, "externalId"), mapper.dialect["structure"]) == (["p", "3"], "flat")


def test_what_is_no_item_is_told_one_by_one() -> None:
    """A product without variants is skipped; what is no object, or has no list of variants, is rejected; the rest is read."""
    _, batch = read('[{"name": "x", "variants": []}, 7, {"variants": {"1": {}}}, {"variants": [null, {"externalId": "a"}]}, "t"]')
    assert (cells(batch, "externalId"), list(batch.lines)) == (["a"], [5])
    assert told(batch) == [
        (1, "skipped", "a product without variants"),
        (2, "rejected", "a number stands where an object should"),
        (3, "rejected", "variants is an object, not a list"),
        (4, "rejected", "null stands where a variant should"),
        (6, "rejected", "a text stands where an object should"),
    ]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_rejects_its_record(constant: str) -> None:
    """In a mapped key; where nobody looks at it, it is shown and does no harm."""
    _, batch = read(f'[{{"externalId": "1", "inventoryQuantity": {constant}}}, {{"externalId": "2", "x": {constant}, "y": [{constant}]}}]')
    assert told(batch) == [(1, "rejected", f"'inventoryQuantity' is {constant}, which is no JSON number: have the supplier send null")]
    assert (cells(batch, "externalId"), cells(batch, "x"), cells(batch, "y")) == (["2"], [constant], [""])


def test_a_key_that_stands_twice_rejects_its_record() -> None:
    """Unless both say the same, or nobody mapped it: which of two stocks is meant only the supplier knows."""
    text = '[{"externalId": 1, "inventoryQuantity": 5, "inventoryQuantity": 0}, {"externalId": 2, "externalId": 2, "x": 1, "x": 2}]'
    _, batch = read(text)
    assert cells(batch, "externalId") == ["2"]
    ((line, _, reason),) = told(batch)
    assert (line, reason.partition(":")[0]) == (1, "'inventoryQuantity' stands 2 times in one object, with different values")
    assert batch.flaws[0].raw == '{"externalId": 1, "inventoryQuantity": 5, "inventoryQuantity": 0}'


def test_variants_that_stand_twice_are_rejected() -> None:
    """One of the two lists would be lost."""
    _, batch = read('[{"variants": [{"externalId": 1}], "variants": []}]')
    assert (batch.rows, told(batch)[0][2].partition(":")[0]) == ([], "variants stands 2 times in one object, with different values")


def test_unwritable_characters_reject_their_record() -> None:
    """NUL and half a surrogate pair, escaped or not; a whole pair is a letter."""
    _, batch = read('[{"externalId": "\\u0000"}, {"externalId": "\\uD83D"}, {"externalId": "\\uD83D\\uDE00"}, {"externalId": "a\0"}]')
    assert cells(batch, "externalId") == ["😀"]
    assert [(line, reason.split(":")[0]) for line, _, reason in told(batch)] == [
        (1, "the text holds a NUL character, which no store takes"),
        (2, "half a surrogate pair (U+D83D) does not decode as utf-8"),
        (4, "the text holds a NUL character, which no store takes"),
    ]


def test_bytes_that_do_not_decode_reject_their_record() -> None:
    """A stray byte of another encoding does not change how the others are read."""
    _, batch = read('[{"externalId": "größe größe"}, {"externalId": "'.encode() + b"\xe4" + b'"}]')
    assert (cells(batch, "externalId"), told(batch)[0][2].split(":")[0]) == (["größe größe"], "byte 0xE4 does not decode as utf-8")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encodings_are_those_of_every_text_format(encoding: str) -> None:
    """By mark, by NULs, or guessed with a warning."""
    mapper, batch = read('[{"externalId": "grün", "n": "Größe für Mädchen"}]'.encode(encoding))
    assert cells(batch, "externalId") == ["grün"]
    assert ("warnings" in mapper.dialect) == (encoding == "cp1252")


def nested_list(levels: int) -> str:
    """Return an item with lists within lists, and brackets in a text that are none."""
    return f'{{"externalId": "]]}}\\"[", "x": {"[" * levels}{"]" * levels}}}'


def test_depth_is_limited() -> None:
    """At the limit a record is read, beyond it rejected; width is no depth."""
    wide = f'{{"externalId": "wide", "x": [{", ".join(["[]"] * 5 * DEPTH_LIMIT)}]}}'
    _, batch = read(f"[{nested_list(DEPTH_LIMIT - 1)}, {nested_list(DEPTH_LIMIT)}, {wide}]")
    assert (cells(batch, "externalId"), told(batch)) == (
        [']]}"[', "wide"],
        [(2, "rejected", f"nested deeper than {DEPTH_LIMIT} levels")],
    )


def test_control_characters_in_texts_are_text() -> None:
    """Many exporters leave tabs and line ends unescaped: there is one way to read them."""
    assert cells(read('[{"externalId": "1", "d": "a\tb\nc"}]')[1], "d") == ["a\tb\nc"]


@pytest.mark.parametrize(
    ("text", "excerpts"),
    [
        ('[{"externalId": 1.0},\n  {"externalId":  2}]', ['{"externalId": 1.0}', '{"externalId":  2}']),
        ('[{"name": "variants", "variants": [{"externalId":  1}, {"externalId": 2}]}]', ['{"externalId":  1}', '{"externalId": 2}']),
        ('{"externalId":  1}\n{"variants": [{"externalId": 2}]}', ['{"externalId":  1}', '{"variants": [{"externalId": 2}]}']),
    ],
)
def test_an_excerpt_is_the_record_as_written(text: str, excerpts: Sequence[str]) -> None:
    """A variant's own text, else the item's; in JSON Lines the line."""
    mapper = JsonMapper(MapperSettings((("externalId",),)), DocumentFacts("t.json"))
    mapper.feed(text.encode())
    piece, *_ = mapper.finish()
    assert [mapper.excerpt(piece, line) for line in mapper.parse(piece).lines] == excerpts
    assert mapper.excerpt(piece, 99) == ""


def test_lists_and_objects_become_lists_and_objects_again() -> None:
    """The rules take a JSON list for tags and images, and a JSON object for all meta fields, whatever the separator."""
    tags: dict[str, object] = {"name": "t", "purpose": "tags"}
    images: dict[str, object] = {"name": "i", "purpose": "images"}
    fields: dict[str, object] = {"name": "m", "purpose": "metaFields"}
    assert read_cells(tags, '["a, b"," c ",1.10,""]', "[]", "[NEW], x", "a,b") == [
        '["a, b","c","1.10"]',
        "[]",
        '["[NEW]","x"]',
        '["a","b"]',
    ]
    assert read_cells(images, '["https://x/w_1,h_2.jpg","u"]') == ['["https://x/w_1,h_2.jpg","u"]']
    assert read_cells(tags, '[{"a":1}]', "[true]")[0] == "!tags is a JSON list that holds more than texts and numbers"
    assert read_cells(fields, '{"care":"30"}', "plain", "{no") == ['{"care":"30"}', '{"m":"plain"}', '{"m":"{no"}']
    assert read_cells({**fields, "optionName": "raw"}, '{"a":1}') == ['{"raw":"{\\"a\\":1}"}']
