"""The screen alone: what of a document is known from the day before. Four designs read the same bytes; none of them parses.

Two look at every record, at xxh3 of it in a sorted array: one splits at line ends and proves nothing, one takes records apart as runs
have to. The third hashes blocks that are cut by content and knows nothing smaller. The fourth is what runs do, through their own code:
blocks first, and records where a block is not known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from xxhash import xxh3_128_digest

import feedmill
from benchmarks.catalogue import FEED, FIELDS, SETTINGS
from benchmarks.formats.material import FORMATS
from benchmarks.generator import Kind
from benchmarks.subject import hand_back, read_chunks
from engine.batch import ItemBatch, RawRecords, Records
from engine.contracts import DocumentFacts, ScreenedMapper
from engine.feed import build_feed
from engine.flow.transform import MappedBatch, Recipe, Transform
from engine.screen import blocks
from engine.screen.collecting import Collector
from engine.screen.known import Arrays, KnownSet
from engine.screen.screening import Remembered, Screening
from engine.screen.sifting import Sifter, Unit
from feedmill.assembly import make_recipe
from plugins.manager import load_registry

RECORDS: Final = "every record"
APART: Final = "every record, as runs take them apart"
BLOCKS: Final = "blocks alone"
RUNS: Final = "blocks, then records: what runs do"
DESIGNS: Final = (RECORDS, APART, BLOCKS, RUNS)
"""The first is what the others are measured by."""

KINDS: Final[tuple[Kind, ...]] = ("csv", "xml", "jsonl")

_NO_ITEMS: Final = ItemBatch((), [], [], [], [], [])


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a design has made of a document: the bytes left to be parsed, and the records known, None where they are not counted."""

    left: int
    known: int | None


Read = Callable[[Path], Sifted]


class _Unparsed(Transform):
    """The way of a run's records to units, of which none is parsed; `gathered` takes down what the next one knows."""

    def __init__(self, recipe: Recipe, path: Path, screening: Screening, gathered: Collector | None = None) -> None:
        super().__init__(recipe, DocumentFacts(path.name, path.stat().st_size), numbers=recipe.read_numbers(), screening=screening)
        self.left = 0
        self._gathered = gathered

    def pass_no_blocks(self) -> None:
        """Have the mapper ask a screen that knows nothing, so that every record is cut and looked up."""
        if self._screened is not None:
            self._screened.screen(Screening("benchmark"))

    def _map_unit(self, mapper: ScreenedMapper, raw: RawRecords, unit: Unit) -> MappedBatch:
        self._records += unit.records
        self.left += len(raw.data)
        if self._gathered is not None:
            self._gathered.meet(unit.ordinals, unit.ordinals, unit.prints)
            self._gathered.lay(unit.blocks)
        return MappedBatch(replace(_NO_ITEMS, known=unit.known, blocks=unit.blocks), (), unit.records, 0)

    def _map_whole(self, sifter: Sifter, raw: RawRecords, records: Records | None) -> MappedBatch:
        named, first = sifter.name_all(records) if records is not None else [], self._records + 1
        laid = sifter.take().blocks
        if records is None:
            # A mapper that learns from what it parses tells no records apart before it has.
            named = [b""] * len(self.mapper.parse(raw).rows)
        self._records += len(named)
        sifter.ordinal = self._records + 1
        self.left += len(raw.data)
        if self._gathered is not None and records is not None:
            ordinals = range(first, first + len(named))
            self._gathered.meet(ordinals, ordinals, named)
            self._gathered.lay(laid)
        return MappedBatch(_NO_ITEMS, (), len(named), 0)

    def _map(self, raw: RawRecords) -> MappedBatch:
        self.left += len(raw.data)
        return MappedBatch(_NO_ITEMS, (), 0, 0)

    def read(self, path: Path) -> int:
        """Read a document and return how many of its records were known."""
        batches = (batch for chunk in read_chunks(path) for batch in self.feed(chunk))
        known = sum(len(batch.items.known) for batch in batches)
        return known + sum(len(batch.items.known) for batch in self.finish())


def know_as_runs(first: Path, kind: Kind) -> dict[str, Read]:
    """Read a document as a run does that knows nothing, and return how one reads that knows it, with blocks and without."""
    chosen = FORMATS.get(kind)
    settings, fields = (chosen.settings, chosen.fields) if chosen is not None else (SETTINGS, FIELDS)
    recipe = make_recipe(load_registry(), build_feed(FEED, settings, fields))
    screening, gathered = Screening("benchmark"), Collector()
    _Unparsed(recipe, first, screening, gathered).read(first)
    remembered = Remembered(screening.pattern, gathered.settle().arrays())

    def read(path: Path, *, by_blocks: bool) -> Sifted:
        transform = _Unparsed(recipe, path, Screening("benchmark", remembered))
        if not by_blocks:
            transform.pass_no_blocks()
        known = transform.read(path)
        return Sifted(transform.left, known)

    return {APART: partial(read, by_blocks=False), RUNS: partial(read, by_blocks=True)}


def know_records(first: Path) -> Read:
    """Look at every record. The array is sorted off the clock, which a run could not do."""
    prints = b"".join(xxh3_128_digest(line) for lines in _lines(first) for line in lines)
    known = KnownSet(Arrays(prints, np.arange(len(prints) // 16).tobytes(), b"", b"", b"", b""))
    known.look_up(prints[:16])

    def read(path: Path) -> Sifted:
        left = found = 0
        for lines in _lines(path):
            unknown = np.flatnonzero(known.look_up(b"".join(map(xxh3_128_digest, lines))) < 0).tolist()
            left += sum(len(lines[index]) + 1 for index in unknown)
            found += len(lines) - len(unknown)
        return Sifted(left, found)

    return read


def _lines(path: Path) -> Iterator[list[bytes]]:
    rest = b""
    for chunk in read_chunks(path):
        *lines, rest = (rest + chunk).split(b"\n")
        yield lines


def know_blocks(first: Path) -> Read:
    """Look at blocks alone: one of which a byte has changed is left to be parsed whole."""
    with first.open("rb") as file:
        pattern = blocks.learn_pattern(file.read(blocks.SAMPLE_BYTES))
    known = {xxh3_128_digest(block) for block in _blocks(first, pattern)}

    def read(path: Path) -> Sifted:
        return Sifted(sum(len(block) for block in _blocks(path, pattern) if xxh3_128_digest(block) not in known), None)

    return read


def _blocks(path: Path, pattern: bytes) -> Iterator[memoryview]:
    rest = b""
    for chunk in read_chunks(path):
        data, at = rest + chunk, 0
        view = memoryview(data)
        while (end := blocks.cut_block(data, at, len(data), pattern, b"\n")) >= 0:
            yield view[at:end]
            at = end
        rest = data[at:]
    yield memoryview(rest)


def use_blocks_of(size: int) -> None:
    """Have blocks be of about so many bytes, with the same distance to the shortest and the longest as those that runs cut."""
    scale = size / 1_500
    sizes = {"SHORTEST": round(blocks.SHORTEST * scale), "LONGEST": round(blocks.LONGEST * scale), "_GAP": size}
    for name, value in sizes.items():
        setattr(blocks, name, value)


def main(kind: Kind, size: int, turn: int, paths: list[Path]) -> None:
    """Know the first file, then read every one in every design; who begins changes with each `turn`."""
    feedmill.tune_process()
    if size:
        use_blocks_of(size)
    begun = perf_counter()
    readers = {RECORDS: know_records(paths[0]), BLOCKS: know_blocks(paths[0]), **know_as_runs(paths[0], kind)}
    order = [*readers][turn % len(readers) :] + [*readers][: turn % len(readers)]
    taken: list[dict[str, object]] = []
    for path in paths:
        for design in order:
            started = perf_counter()
            sifted = readers[design](path)
            seconds = perf_counter() - started
            taken.append({"name": path.name, "design": design, "seconds": seconds, "left": sifted.left, "known": sifted.known})
    hand_back(len(paths), perf_counter() - begun, taken=taken)


if __name__ == "__main__":
    main(next(kind for kind in KINDS if kind == sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
