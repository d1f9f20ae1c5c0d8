"""What is read quickly is what is read exactly, whatever stands in a document, and a cut is never a wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.json import JsonMapper
from mappers.structured import reading
from mappers.structured.bodies import Sizes
from mappers.structured.cursor import Cursor
from mappers.structured.values import Json, make_decoder

SMALL = Sizes(sample=16, piece=96, line=1 << 12, record=1 << 14, page=1 << 14)
NAMES = ("sku", "stock.qty", "q", "t[*].q", "$..q", "$.t[?@.q > 1].q", "product.t[0]", "product.name", "name")

numbers = st.sampled_from(
    [
        "0",
        "-0",
        "-0.0",
        "1.10",
        "1.234",
        "-1.234",
        "1E3",
        "1.23E+12",
        "1e400",
        "12345678901234567890123",
        "-9223372036854775809",
    ]
)
texts = st.text(alphabet='aß😀 ,:{}[]/"\\-0\t\x7f', max_size=5).map(
    lambda text: text.replace("\\", "\\\\").replace('"', '\\"')
) | st.sampled_from(
    ["\\u0000", "\\ud83d", "\\ud83d\\ude00", "\\u00e4", "NaN", "1.10", "http://x/", "},{", "]", '\\\\\\":', "\ud800", "\0", ": -0,"]
)
quoted = texts.map('"{}"'.format)
names = (
    st.sampled_from(["sku", "stock", "qty", "q", "t", "name", "a", "variants", "s\\u006bu", "stock.qty", "SKU"]).map('"{}"'.format) | quoted
)
blanks = st.sampled_from(["", "", "", " ", "\n", "\t "])
leaves = numbers | quoted | st.sampled_from(["null", "true", "false", "NaN", "-Infinity"])


def _list(parts: Sequence[str]) -> str:
    return f"[{','.join(parts)}]"


@st.composite
def _object(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    members = draw(st.lists(st.tuples(names, blanks, blanks, values), max_size=5))
    return "{" + ",".join(f"{name}{before}:{after}{value}" for name, before, after, value in members) + "}"


values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4).map(_list) | _object(inner), max_leaves=12)
elements = st.lists(_object(values) | _object(leaves) | values, max_size=12)


@dataclass(frozen=True)
class Seen:
    """All that a mapper makes of a document, however it was cut into pieces."""

    columns: tuple[str, ...]
    rows: list[tuple[int, tuple[str, ...]]]
    flaws: list[object]
    missing: frozenset[str]
    excerpts: list[str]


def read(data: bytes, attributes: dict[str, JsonValue], size: int) -> Seen | str:
    """Read a document in chunks of `size`; return the reason when it is refused."""
    mapper = JsonMapper(MapperSettings(tuple((name,) for name in NAMES), attributes), DocumentFacts("t.json"), sizes=SMALL)
    batches: list[Batch] = []
    excerpts: list[str] = []
    try:
        for chunk in [*(data[at : at + size] for at in range(0, len(data), size)), None]:
            for piece in mapper.finish() if chunk is None else mapper.feed(chunk):
                batches.append(mapper.parse(piece))
                excerpts += [mapper.excerpt(piece, line) for line in batches[-1].lines]
    except RefuseRun as refusal:
        return str(refusal)
    rows = [(line, tuple(row)) for batch in batches for line, row in zip(batch.lines, batch.rows, strict=True)]
    return Seen(mapper.columns, rows, [flaw for batch in batches for flaw in batch.flaws], mapper.missing, excerpts)


def exactly(data: bytes, attributes: dict[str, JsonValue]) -> Seen | str:
    """Read a document whose pieces are cut alike, each by the exact reader."""

    def never(data: bytes, values: Sequence[Json], table: reading.Table) -> bool:
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "is_exact", never)
        return read(data, attributes, len(data) or 1)


attributes = st.fixed_dictionaries(
    {},
    optional={
        "decimalNotation": st.just("comma"),
        "jsonStructure": st.just("flat"),
        "jsonMapping": st.just("custom"),
    },
)


@settings(max_examples=100, deadline=None)
@given(elements, attributes, st.sampled_from([",", " ,\n ", "\n"]), st.integers(1, 300))
@example(['{"sku":1,"sku":2}', '{"a" :"\\":"}'], {}, ",", 50)
@example(['{"sku":"a","variants":[{"q":1},{"q":2}]}'] * 9, {}, ",", 50)
@example(['{"sku":"[","t":[{"q":1},{"q":2}]}'] * 9, {}, ",", 50)
def test_quick_is_exact(parts: list[str], chosen: dict[str, JsonValue], between: str, size: int) -> None:
    """Rows, flaws, positions and refusals of both readers are the same, as one document and as JSON Lines, in any chunks."""
    for text in (f"[{between.join(parts)}]", f'{{"products": [{between.join(parts)}], "next": null}}', "\n".join(parts)):
        data = text.encode("utf-8", "surrogatepass")
        assert read(data, chosen, size) == exactly(data, chosen)


@settings(max_examples=100, deadline=None)
@given(
    st.data(),
    elements.filter(len),
    st.sampled_from(["[", '{"took": 1, "products": [']),
    st.sampled_from(["", "]", "]}", '], "x": [{},{}]}']),
)
def test_a_cut_is_never_wrong(data: st.DataObject, parts: list[str], head: str, tail: str) -> None:
    """With one character more or less anywhere, pieces of any size give the elements of the document in one piece, or its refusal."""
    text = f"{head}{','.join(parts)}{tail}".encode("utf-8", "surrogatepass")
    at = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.sampled_from([b"", b"", b",", b"]", b"}", b'"', b"[", b"\\", b"0"]))
    changed = text[:at] + inserted + text[at + (not inserted) :]
    assert values_of(changed, data.draw(st.integers(8, 200))) == values_of(changed, 1 << 16)


def values_of(data: bytes, piece: int) -> list[str] | str:
    """Return the elements of a document, as the exact reader has them, out of pieces of a size."""
    sizes = Sizes(sample=16, piece=piece, line=1 << 12, record=1 << 14, page=1 << 14)
    mapper = JsonMapper(MapperSettings((("no such key",),), {"encoding": "utf-8"}), DocumentFacts("t.json"), sizes=sizes)
    decoder = make_decoder()
    found: list[str] = []
    try:
        for raw in chain(mapper.feed(data), mapper.finish()):
            cursor = Cursor(raw.data.decode("utf-8", "surrogateescape"), decoder)
            while cursor.skip_comma():
                start = cursor.at
                cursor.value()
                found.append(cursor.text[start : cursor.at])
    except RefuseRun as refusal:
        return str(refusal)
    return found
