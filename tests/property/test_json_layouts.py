"""Any items make the same rows, however their JSON is laid out and however its bytes are cut into chunks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.json import JsonMapper
from mappers.structured.bodies import Sizes

SMALL = Sizes(sample=16, piece=48, line=1 << 16)
NAMES = ("externalId", "inventoryQuantity", "stock.free", "stock.at", "a", "b c")
LETTERS = 'aß€漢😀 ,:{}[]"\\\t\n\u2028\x7f'

cells = st.none() | st.booleans() | st.integers() | st.text(alphabet=LETTERS, max_size=6) | st.lists(st.integers(0, 9), max_size=2)
items = st.lists(
    st.fixed_dictionaries(
        {"inventoryQuantity": st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=2).map(float)},
        optional={"a": cells, "b c": cells, "stock": st.fixed_dictionaries({"free": cells, "at": cells})},
    ),
    min_size=1,
    max_size=8,
).map(lambda found: [{"externalId": f"k{number}", **item} for number, item in enumerate(found)])


@dataclass(frozen=True)
class Laid:
    """A document, and the attributes of a feed that reads it."""

    data: bytes
    attributes: dict[str, JsonValue]


def _grouped(rows: list[dict[str, JsonValue]]) -> list[JsonValue]:
    return [{"id": number, "variants": [row]} for number, row in enumerate(rows)]


LAYOUTS: dict[str, Callable[[list[dict[str, JsonValue]]], object]] = {
    "list": lambda rows: rows,
    "products": lambda rows: {"took": 3, "products": rows, "error": None},
    "root": lambda rows: {"a": {"error": False}, "data": {"x": {}, "the items": rows}, "data.": 1},
    "variants": lambda rows: {"products": [{"id": 1, "variants": rows}]},
    "products of one": lambda rows: {"products": _grouped(rows)},
}


@st.composite
def laid(draw: st.DrawFn, rows: list[dict[str, JsonValue]]) -> Laid:
    """Draw a layout of some items, with any indentation, escaping and encoding."""
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    ascii_only = draw(st.booleans())
    layout = draw(st.sampled_from([*LAYOUTS, "lines"]))
    if layout == "lines" and len(rows) > 1:
        end = draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
        text = end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows) + draw(st.sampled_from(["", end]))
    else:
        made = LAYOUTS.get(layout, LAYOUTS["list"])(rows)
        text = json.dumps(made, indent=draw(st.sampled_from([None, 0, 1, "\t"])), ensure_ascii=ascii_only)
    attributes: dict[str, JsonValue] = {"jsonRoot": "data.the items"} if layout == "root" else {}
    return Laid(text.encode(encoding), attributes)


def read(document: Laid, size: int, sizes: Sizes = SMALL) -> tuple[JsonMapper, list[Batch]]:
    """Read a document in chunks, each piece parsed as it comes, as the engine does."""
    settings = MapperSettings(tuple((name,) for name in NAMES), document.attributes)
    mapper = JsonMapper(settings, DocumentFacts("t.json"), sizes=sizes)
    batches: list[Batch] = []
    for at in range(0, len(document.data), size):
        batches += map(mapper.parse, mapper.feed(document.data[at : at + size]))
    batches += map(mapper.parse, mapper.finish())
    return mapper, batches


def rows_of(mapper: JsonMapper, batches: list[Batch]) -> list[dict[str, str]]:
    """Return the cells of all rows by column, without the blank ones and without what belongs to a product alone."""
    assert not any(batch.flaws for batch in batches)
    named = (dict(zip(mapper.columns, row, strict=True)) for batch in batches for row in batch.rows)
    return [{name: cell for name, cell in row.items() if cell and not name.startswith("product.")} for row in named]


def expected(row: dict[str, JsonValue]) -> dict[str, str]:
    """Return the cells an item should have: its leaves by their ways."""
    flat: dict[str, object] = {name: value for name, value in row.items() if not isinstance(value, dict)}
    flat |= {f"{name}.{inner}": leaf for name, value in row.items() if isinstance(value, dict) for inner, leaf in value.items()}
    texts = {name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":")) for name, value in flat.items()}
    return {name: text for name, text in texts.items() if text not in ("", "null")}


@given(st.data(), items, st.integers(1, 60))
def test_any_layout_gives_the_items(data: st.DataObject, rows: list[dict[str, JsonValue]], size: int) -> None:
    """Every leaf of every item is a cell with its text as written, numbers to the last digit."""
    assert rows_of(*read(data.draw(laid(rows)), size)) == [expected(row) for row in rows]


def test_an_encoding_is_not_chosen_by_half_a_character() -> None:
    """Where the bytes by which it is chosen come to their end in a character, the rest of it is not waited for, nor is it judged."""
    row: dict[str, JsonValue] = {"externalId": "k0", "stock": {"free": None, "at": "\u2028"}, "a": ":\u2028"}
    document = Laid(json.dumps([row], ensure_ascii=False).encode(), {})
    for size in range(1, len(document.data)):
        assert rows_of(*read(document, size)) == [expected(row)], size


@given(st.data(), items, st.integers(1, 60))
def test_chunks_change_nothing(data: st.DataObject, rows: list[dict[str, JsonValue]], size: int) -> None:
    """Columns, rows and their positions are those of the whole document in one chunk."""
    document = data.draw(laid(rows))
    (cut, pieces), (whole, single) = read(document, size), read(document, len(document.data))
    assert (cut.columns, cut.dialect) == (whole.columns, whole.dialect)
    in_pieces, in_one = ([(batch.lines, [*batch.rows]) for batch in batches if batch.rows] for batches in (pieces, single))
    assert in_pieces == in_one


def outcome(data: bytes, size: int) -> tuple[object, ...]:
    """Return all that a mapper makes of some bytes, or the reason of its refusal."""
    try:
        mapper, batches = read(Laid(data, {}), size, Sizes(sample=16, piece=24, line=40, record=48, page=64))
    except RefuseRun as refusal:
        return (str(refusal),)
    return mapper.columns, [(list(batch.lines), [*batch.rows], batch.flaws) for batch in batches], mapper.dialect


FRAGMENTS = st.sampled_from(
    ['{"externalId":1}', '{"products":', "[", "]", "{", "}", ",", ":", '"', "\n", "\\", " ", "NaN", '"error"', "1e9", "\xe4"]
).map(lambda text: text.encode("latin-1"))


@given(st.lists(FRAGMENTS, max_size=30).map(b"".join) | st.binary(max_size=60), st.integers(1, 20))
def test_any_bytes_are_read_or_refused(data: bytes, size: int) -> None:
    """Nothing but `RefuseRun` comes out of any input, and the chunks never matter."""
    assert outcome(data, size) == outcome(data, max(len(data), 1))
