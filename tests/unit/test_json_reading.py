"""How much work JSON takes: ordinary records are read by the quick reader, and a wrong guess of a cut costs little."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Sequence

import pytest

from engine.batch import Batch
from engine.contracts import DocumentFacts, MapperSettings
from mappers.json import JsonMapper
from mappers.structured.bodies import Body, Sizes
from mappers.structured.reading import QuickReader, is_exact, uncollected
from mappers.structured.values import Json

QUICK = QuickReader(comma=False)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "b": "x"}',
        b'{"a" : 1 ,\n"b"\t:\r\n"x"}',
        b'{"url": "https://x.example/1.jpg", "b": {"c": ["http://y", {"d": 1}]}}',
        b'{"at": "10:20:30", "style": "a:b", "quoted": "\\"x\\": y", "end": "\\\\"}',
        b'{"n": -0.0, "sku": "A-0", "text": "-0"}, {"n": -0e1}',
        b'{"a": [[[{"b": []}]]], "c": [1, null, true]}',
        b"1, [2]",
    ],
)
def test_ordinary_values_are_proven(data: bytes) -> None:
    """Texts that hold colons and quotes, addresses, blanks before a colon: no key stands twice."""
    values = QUICK.elements(data)
    assert values is not None
    assert is_exact(data, values)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061" : 2}',
        b'{"x": [{"y": {"a": 1, "a": 2}}]}',
        b'{"url": "a://b", "a": 1, "a" :2}',
        b'{"a": -0}',
        b'{"a": [1,-0 ]}',
        b"-0",
        b'{"a": "\\u0000"}',
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
    ],
)
def test_what_would_lose_something_is_not(data: bytes) -> None:
    """A key that stands twice, the sign of nothing, NUL, and what is nested too deep are left to the exact reader."""
    values = QUICK.elements(data)
    assert values is not None
    assert not is_exact(data, values)


@pytest.mark.parametrize("data", [b"NaN", b'"\t"', b'"\\ud800"', b'"\xff"', b"[" * 100_000, b"1,", b",1", b"1 2", b"1],[2", b"9" * 5_000])
def test_what_the_quick_reader_cannot_read_it_leaves(data: bytes) -> None:
    """It refuses nothing: the exact reader may take it, or knows what is wrong."""
    assert QUICK.elements(data) is None


class Counting:
    """Counts what the quick reader reads, and how often the exact one is asked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.quick = self.exact = 0
        read, read_exactly = QuickReader.lines, Body._as_reading

        def lines(reader: QuickReader, lines: Sequence[bytes]) -> list[Json] | None:
            self.quick += sum(map(len, lines))
            return read(reader, lines)

        def as_reading(body: Body, *args: object, **options: object) -> object:
            self.exact += 1
            call: Callable[..., object] = read_exactly
            return call(body, *args, **options)

        patch.setattr(QuickReader, "lines", lines)
        patch.setattr(Body, "_as_reading", as_reading)


def read(data: bytes, *names: str) -> list[Batch]:
    """Read a document in chunks of 4,000 bytes."""
    sizes = Sizes(sample=256, piece=4_096, record=1 << 16)
    mapper = JsonMapper(MapperSettings(tuple((name,) for name in names)), DocumentFacts("t.json"), sizes=sizes)
    batches: list[Batch] = []
    for at in range(0, len(data), 4_000):
        batches += map(mapper.parse, mapper.feed(data[at : at + 4_000]))
    return [*batches, *map(mapper.parse, mapper.finish())]


VARIANTS = [{"sku": "a-1", "options": [{"name": "Size", "value": "S"}, {"name": "Colour", "value": "red"}]}] * 4
SHAPES: dict[str, Callable[[int], object]] = {
    "flat": lambda n: {"sku": n, "name": f"größe {n}", "price": n / 7},
    "variants": lambda n: {"sku": n, "variants": VARIANTS},
    "variants that begin alike": lambda n: {"sku": n, "tags": ["x"], "variants": [{"sku": n, "variants": None}, {"sku": n + 1}]},
    "lists of objects at the end": lambda n: {"sku": n, "stock": [{"at": 1, "qty": n}, {"at": 2, "qty": 0}]},
    "brackets in texts": lambda n: {"sku": n, "d": "see [1], {2}: },{ and ],[ " * 3, "t": [{"x": "},{"}, {"x": "[]"}]},
    "deep": lambda n: {"sku": n, "a": [{"b": [{"c": [{"d": n}, {"d": 1}]}, {"c": []}]}, {"b": []}]},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_cut_costs_one_reading(shape: str, indent: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess is right the first time, and what was read to prove it is not read again."""
    items = [SHAPES[shape](number) for number in range(2_000)]
    data = json.dumps(items, indent=indent, ensure_ascii=False).encode()
    counts = Counting(monkeypatch)
    batches = read(data, "sku")
    assert (sum(len(batch.rows) for batch in batches) >= 2_000, counts.exact) == (True, 0)
    assert counts.quick < 1.1 * len(data)


def test_wrong_guesses_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets that are not closed in texts mislead the guess; then the elements are walked, once for each piece at most."""
    items = [{"sku": number, "d": "{" * (number % 7), "t": [{"x": "}"}, {"x": "[["}]} for number in range(2_000)]
    data = json.dumps(items).encode()
    counts = Counting(monkeypatch)
    batches = read(data, "sku")
    assert [row[0] for batch in batches for row in batch.rows] == [str(number) for number in range(2_000)]
    assert counts.quick <= 3 * len(data)


def test_the_collector_is_set_on_again() -> None:
    """Also when what was done failed, and not where it was off before."""
    states: list[bool] = []

    def fail() -> None:
        with uncollected():
            states.append(gc.isenabled())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [*states, gc.isenabled()] == [False, True]
    with uncollected(), uncollected():
        pass
    assert gc.isenabled()
