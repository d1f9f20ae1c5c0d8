"""The journal of a run's records: a page a batch, in which stands where what was known lay, and what is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.screen.prints import PRINT_BYTES
from engine.screen.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import Blocks, Known

    Integers = NDArray[np.int64]
    Halves = NDArray[np.uint64]

KNOWN: Final = 0
MET: Final = 1
AWAITED: Final = 2
"""What the records of a run are: they lie in the set that was before, or are new and stored, or it is not known yet."""

_RUN: Final = 4
_BLOCK: Final = 4


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page lies and how much is in it. All of its records and blocks are among the ordinals from `first` to `last`."""

    first: int
    last: int
    place: int
    runs: int
    new: int
    awaited: int
    blocks: int
    records: int


@dataclass(frozen=True, slots=True)
class Entries:
    """Records: `runs` of ordinals that follow each other, as (first ordinal, source, records, what they are).

    The source of known ones is their place in the set that was before, that of others the index of their value and fingerprint. The value
    is the item of a record that was met, the digest that its item is to have of one that is awaited.
    """

    runs: Integers
    values: Integers
    prints: Halves


class Journal:
    """Pages behind each other. What is taken goes into the page under way until `turn` ends that."""

    def __init__(self) -> None:
        self.scratch = Scratch()
        self.pages: list[Page] = []
        self._begin()

    def _begin(self) -> None:
        self._runs: list[Integers] = []
        self._new = 0
        self._awaited = 0
        self._values: list[bytes] = []
        self._prints: list[bytes] = []
        self._blocks: list[tuple[Integers, bytes]] = []

    def know(self, known: Known) -> None:
        """Take records that were known before."""
        if len(known):
            self._runs.append(_runs(np.frombuffer(known.records, np.int64), np.frombuffer(known.places, np.int64), KNOWN))

    def take(self, ordinals: Sequence[int], values: Sequence[int], prints: Sequence[bytes], kind: int) -> None:
        """Take new records."""
        count = len(ordinals)
        if count:
            self._runs.append(_runs(np.array(ordinals, np.int64), np.arange(self._new, self._new + count), kind))
            self._values.append(np.array(values, np.int64).tobytes())
            self._prints.append(b"".join(prints))
            self._new += count
            self._awaited += count if kind == AWAITED else 0

    def lay(self, blocks: Blocks) -> None:
        """Take blocks."""
        if len(blocks):
            told = (blocks.firsts, blocks.records, blocks.lines, blocks.sizes)
            self._blocks.append((np.stack([np.frombuffer(each, np.int64) for each in told], axis=1), blocks.prints))

    def turn(self) -> None:
        """End the page under way."""
        if self._runs or self._blocks:
            runs = np.concatenate((np.empty((0, _RUN), np.int64), *self._runs))
            blocks = np.concatenate((np.empty((0, _BLOCK), np.int64), *(each for each, _ in self._blocks)))
            spans = np.concatenate((runs[:, ::2], blocks[:, :2]))
            place = self.scratch.put(runs.tobytes() + b"".join((*self._values, *self._prints)))
            self.scratch.put(blocks.tobytes() + b"".join(prints for _, prints in self._blocks))
            first, last = int(spans[:, 0].min()), int(spans.sum(axis=1).max()) - 1
            records = int(runs[:, 2].sum())
            self.pages.append(Page(first, last, place, len(runs), self._new, self._awaited, len(blocks), records))
        self._begin()

    def chapters(self, records: int, awaited: int) -> Iterator[Sequence[Page]]:
        """Yield pages in the order of the source, as many together as have about so many records.

        Those that interleave come together, whatever they have. So all of a chapter comes before all of the next one.
        """
        chapter: list[Page] = []
        last = 0
        for page in sorted(self.pages, key=lambda each: each.first):
            full = sum(each.records for each in chapter) >= records or sum(each.awaited for each in chapter) >= awaited
            if chapter and full and page.first > last:
                yield chapter
                chapter = []
            chapter.append(page)
            last = max(last, page.last)
        if chapter:
            yield chapter

    def read_entries(self, pages: Sequence[Page]) -> Entries:
        """Return the records of pages, the runs in the order of the source. Blocks."""
        runs, values, prints = [np.empty((0, _RUN), np.int64)], [], []
        before = 0
        for page in pages:
            data = self.scratch.read(page.place, _size(page))
            each = np.frombuffer(data, np.int64, page.runs * _RUN).reshape(-1, _RUN)
            if before:
                each = each + np.where(each[:, 3:] == KNOWN, 0, np.array([0, before, 0, 0]))
            runs.append(each)
            values.append(np.frombuffer(data, np.int64, page.new, page.runs * _RUN * 8))
            prints.append(np.frombuffer(data, np.uint64, 2 * page.new, page.runs * _RUN * 8 + page.new * 8).reshape(-1, 2))
            before += page.new
        joined = np.concatenate(runs)
        return Entries(joined[np.argsort(joined[:, 0], kind="stable")], np.concatenate(values), np.concatenate(prints))

    def read_blocks(self, pages: Sequence[Page]) -> tuple[Integers, Halves]:
        """Return the blocks of pages, each as (first ordinal, records, lines, size), with their fingerprints, in order. Blocks."""
        numbers: list[Integers] = []
        prints: list[Halves] = []
        for page in pages:
            data = self.scratch.read(page.place + _size(page), page.blocks * (_BLOCK * 8 + PRINT_BYTES))
            numbers.append(np.frombuffer(data, np.int64, page.blocks * _BLOCK).reshape(-1, _BLOCK))
            prints.append(np.frombuffer(data, np.uint64, 2 * page.blocks, page.blocks * _BLOCK * 8).reshape(-1, 2))
        joined = np.concatenate(numbers)
        # A screen goes from one block to the next.
        order = np.argsort(joined[:, 0], kind="stable")
        return joined[order], np.concatenate(prints)[order]


def _size(page: Page) -> int:
    return page.runs * _RUN * 8 + page.new * (8 + PRINT_BYTES)


def _runs(ordinals: Integers, sources: Integers, kind: int) -> Integers:
    begins = np.concatenate(([0], np.flatnonzero((np.diff(ordinals) != 1) | (np.diff(sources) != 1)) + 1))
    counts = np.diff(begins, append=len(ordinals))
    return np.stack((ordinals[begins], sources[begins], counts, np.full(len(begins), kind)), axis=1)
