"""The journal of a run's records: a page a batch, in which stands where what was known lay, and what is new."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Final

from engine.screen.prints import PRINT_BYTES
from engine.screen.scratch import Scratch

if TYPE_CHECKING:
    from engine.batch import Blocks, Known

KNOWN: Final = 0
MET: Final = 1
AWAITED: Final = 2
"""What the records of a run are: they lie in the set that was before, or are new and stored, or it is not known yet."""

RUN_CELLS: Final = 4
BLOCK_CELLS: Final = 4


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

    @property
    def size(self) -> int:
        """Return the bytes of the records, behind which the blocks stand."""
        return self.runs * RUN_CELLS * 8 + self.new * (8 + PRINT_BYTES)


class Journal:
    """Pages behind each other. What is taken goes into the page under way until `turn` ends that.

    Made without numpy as long as records follow each other: a first load needs none of it before its end, when the mapper's process has
    gone and left room.
    """

    def __init__(self) -> None:
        self.scratch = Scratch()
        self.pages: list[Page] = []
        self._begin()

    def _begin(self) -> None:
        self._runs: list[bytes] = []
        self._records = self._new = self._awaited = 0
        self._values: list[bytes] = []
        self._prints: list[bytes] = []
        self._blocks: list[Blocks] = []
        self._spans: list[tuple[int, int]] = []

    def know(self, known: Known) -> None:
        """Take records that were known before."""
        if len(known):
            from engine.screen.chapters import find_known

            self._run(*find_known(known), len(known))

    def take(self, ordinals: Sequence[int], values: Sequence[int], prints: Sequence[bytes], kind: int) -> None:
        """Take new records."""
        count = len(ordinals)
        if not count:
            return
        first, source = ordinals[0], self._new
        if list(ordinals) == list(range(first, first + count)):
            self._run(array("q", (first, source, count, kind)).tobytes(), first, first + count - 1, count)
        else:
            from engine.screen.chapters import find_new

            self._run(*find_new(ordinals, source, kind), count)
        self._values.append(array("q", values).tobytes())
        self._prints.append(b"".join(prints))
        self._new += count
        self._awaited += count if kind == AWAITED else 0

    def _run(self, runs: bytes, first: int, last: int, records: int) -> None:
        self._runs.append(runs)
        self._spans.append((first, last))
        self._records += records

    def lay(self, blocks: Blocks) -> None:
        """Take blocks."""
        if len(blocks):
            firsts, records = memoryview(blocks.firsts).cast("q"), memoryview(blocks.records).cast("q")
            self._blocks.append(blocks)
            self._spans.append((min(firsts), max(map(add, firsts, records)) - 1))

    def turn(self) -> None:
        """End the page under way."""
        if self._spans:
            runs, blocks = b"".join(self._runs), self._blocks
            place = self.scratch.put(b"".join((runs, *self._values, *self._prints)))
            columns = ("firsts", "records", "lines", "sizes", "prints")
            self.scratch.put(b"".join(getattr(each, name) for name in columns for each in blocks))
            first, last = min(first for first, _ in self._spans), max(last for _, last in self._spans)
            counts = (len(runs) // (8 * RUN_CELLS), self._new, self._awaited, sum(map(len, blocks)), self._records)
            self.pages.append(Page(first, last, place, *counts))
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
