"""Readings of one document after another, each with a screen of what the one before it has left: for the tests of the screen's law."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pytest

from engine.batch import Reject, Value
from engine.contracts import DocumentFacts
from engine.errors import RefuseRun
from engine.flow.transform import MappedBatch, Recipe, Transform
from engine.screen import blocks
from engine.screen.collecting import Collector
from engine.screen.screening import Remembered, Screening

Item = tuple[str, dict[str, Value]]
Row = TypeVar("Row")


@dataclass
class Read:
    """What a reading gave, by the records' ordinals. `lines` has none of the records that were known."""

    items: dict[int, Item] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    spoiled: dict[str, int] = field(default_factory=dict)
    read: int = 0
    met: int = 0
    refusal: str | None = None


def edit(chance: random.Random, rows: list[Row], write: Callable[[int], Row], also: Callable[[int, int], None] | None = None) -> None:
    """Insert, delete, replace, move and repeat rows, some of it or none; `also` is one kind of change more, of a stretch."""
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at, other = sorted((chance.randrange(len(rows) + 1), chance.randrange(len(rows) + 1)))
        kind = chance.randrange(5 if also is None else 6)
        if kind == 0:
            rows.insert(at, write(1_000 + chance.randrange(1_000)))
        elif kind == 1:
            del rows[at : min(other, at + 3)]
        elif kind == 2:
            rows[at : at + 1] = [write(chance.randrange(200))]
        elif kind == 3:
            rows[:] = [*rows[other:], *rows[at:other], *rows[:at]]
        elif kind == 4 or also is None:
            rows += rows[at : min(other, at + 4)]
        else:
            also(at, other)


@contextmanager
def small_blocks(shortest: int, longest: int) -> Iterator[None]:
    """Have blocks of the screen be small, so that a small document has many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "SHORTEST", shortest)
        patch.setattr(blocks, "LONGEST", longest)
        patch.setattr(blocks, "_GAP", shortest)
        yield


class Store:
    """What stands in for a sink: items under made-up ids, and what the last reading leaves for the screen."""

    def __init__(self) -> None:
        self.remembered: Remembered | None = None
        self._ids: dict[str, int] = {}
        self._items: dict[int, Item] = {}

    def read(self, recipe: Recipe, document: bytes, chunk: int) -> Read:
        """Read a document beside what is remembered, and remember this reading, unless it was refused."""
        screening = Screening("mark", self.remembered)
        read = Read()
        batches = run(recipe, document, chunk, screening, read)
        if read.refusal is None:
            self._take(batches, read, screening)
        return read

    def _take(self, batches: list[MappedBatch], read: Read, screening: Screening) -> None:
        collector = Collector(self.remembered.arrays if self.remembered is not None else None)
        stored = dict(self._items)
        for items in (batch.items for batch in batches):
            known = np.frombuffer(items.known.items, np.int64).tolist(), np.frombuffer(items.known.records, np.int64).tolist()
            for item, ordinal in zip(*known, strict=True):
                assert ordinal not in read.items
                read.items[ordinal] = stored[item]
            ids = [self._ids.setdefault(key, len(self._ids) + 1) for key in items.keys]
            self._items.update((item, read.items[ordinal]) for item, ordinal in zip(ids, items.records, strict=True))
            collector.know(items.known)
            if items.prints:
                collector.meet(items.records, ids, [items.prints[at : at + 16] for at in range(0, len(items.prints), 16)])
            collector.lay(items.blocks)
        times = Counter(key for key, _ in read.items.values())
        spoiled = {key for key in read.spoiled if key in self._ids}
        collector.drop(self._ids[key] for key in {*spoiled, *(key for key, many in times.items() if many > 1)})
        read.met = screening.met
        self.remembered = Remembered(screening.pattern, collector.settle().arrays()) if screening.pattern else None


def run(recipe: Recipe, document: bytes, chunk: int, screening: Screening | None, read: Read) -> list[MappedBatch]:
    """Read a document in chunks and take down what comes of its records."""
    transform = Transform(recipe, DocumentFacts("doc"), numbers=recipe.read_numbers(), screening=screening)
    batches: list[MappedBatch] = []
    try:
        for start in range(0, len(document), chunk):
            _note(read, batches, transform.feed(document[start : start + chunk]))
        _note(read, batches, transform.finish())
    except RefuseRun as error:
        read.refusal = str(error)
    read.rejects.sort(key=lambda reject: reject.record)
    return batches


def plainly(recipe: Recipe, document: bytes, chunk: int) -> Read:
    """Read a document without a screen."""
    read = Read()
    run(recipe, document, chunk, None, read)
    return read


def _note(read: Read, batches: list[MappedBatch], mapped: Iterable[MappedBatch]) -> None:
    for batch in mapped:
        batches.append(batch)
        items = batch.items
        for key, row, line, ordinal in zip(items.keys, items.rows, items.lines, items.records, strict=True):
            assert ordinal not in read.items
            read.items[ordinal] = key, dict(zip(items.columns, row, strict=True))
            read.lines[ordinal] = line
        read.rejects += batch.rejects
        read.spoiled.update(items.spoiled)
        read.read += batch.read


def assert_same(screened: Read, plain: Read) -> None:
    """Require that a reading with a screen gave what the plain one did: each item, at its ordinal, and each reject as it is shown."""
    assert screened.refusal == plain.refusal
    if plain.refusal is not None:
        return
    assert screened.items == plain.items
    assert screened.lines == {ordinal: line for ordinal, line in plain.lines.items() if ordinal in screened.lines}
    assert screened.rejects == plain.rejects
    assert (screened.read, screened.met) == (plain.read, len(plain.lines) - len(screened.lines))
