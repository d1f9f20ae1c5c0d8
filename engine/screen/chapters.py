"""What stands in the pages of a journal, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.screen.pages import BLOCK_CELLS, KNOWN, RUN_CELLS
from engine.screen.prints import PRINT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import Known
    from engine.screen.pages import Page
    from engine.screen.scratch import Scratch

    Integers = NDArray[np.int64]
    Halves = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Entries:
    """Records: `runs` of ordinals that follow each other, as (first ordinal, source, records, what they are).

    The source of known ones is their place in the set that was before, that of others the index of their value and fingerprint. The value
    is the item of a record that was met, the digest that its item is to have of one that is awaited.
    """

    runs: Integers
    values: Integers
    prints: Halves


def read_entries(scratch: Scratch, pages: Sequence[Page]) -> Entries:
    """Return the records of pages, the runs in the order of the source. Blocks."""
    runs, values, prints = [np.empty((0, RUN_CELLS), np.int64)], [], []
    before = 0
    for page in pages:
        data = scratch.read(page.place, page.size)
        each = np.frombuffer(data, np.int64, page.runs * RUN_CELLS).reshape(-1, RUN_CELLS)
        if before:
            each = each + np.where(each[:, 3:] == KNOWN, 0, np.array([0, before, 0, 0]))
        runs.append(each)
        at = page.runs * RUN_CELLS * 8
        values.append(np.frombuffer(data, np.int64, page.new, at))
        prints.append(np.frombuffer(data, np.uint64, 2 * page.new, at + page.new * 8).reshape(-1, 2))
        before += page.new
    joined = np.concatenate(runs)
    return Entries(joined[np.argsort(joined[:, 0], kind="stable")], np.concatenate(values), np.concatenate(prints))


def read_blocks(scratch: Scratch, pages: Sequence[Page]) -> tuple[Integers, Halves]:
    """Return the blocks of pages, each as (first ordinal, records, lines, size), with their fingerprints, in order. Blocks."""
    numbers: list[Integers] = []
    prints: list[Halves] = []
    for page in pages:
        data = scratch.read(page.place + page.size, page.blocks * (BLOCK_CELLS * 8 + PRINT_BYTES))
        numbers.append(np.frombuffer(data, np.int64, page.blocks * BLOCK_CELLS).reshape(BLOCK_CELLS, -1).T)
        prints.append(np.frombuffer(data, np.uint64, 2 * page.blocks, page.blocks * BLOCK_CELLS * 8).reshape(-1, 2))
    joined = np.concatenate(numbers)
    # A screen goes from one block to the next.
    order = np.argsort(joined[:, 0], kind="stable")
    return joined[order], np.concatenate(prints)[order]


def find_known(known: Known) -> tuple[bytes, int, int]:
    """Return known records as runs, with the first and the last ordinal."""
    return _find(np.frombuffer(known.records, np.int64), np.frombuffer(known.places, np.int64), KNOWN)


def find_new(ordinals: Sequence[int], source: int, kind: int) -> tuple[bytes, int, int]:
    """Return new records as runs, with the first and the last ordinal."""
    return _find(np.array(ordinals, np.int64), np.arange(source, source + len(ordinals)), kind)


def _find(ordinals: Integers, sources: Integers, kind: int) -> tuple[bytes, int, int]:
    begins = np.concatenate(([0], np.flatnonzero((np.diff(ordinals) != 1) | (np.diff(sources) != 1)) + 1))
    counts = np.diff(begins, append=len(ordinals))
    runs = np.stack((ordinals[begins], sources[begins], counts, np.full(len(begins), kind)), axis=1)
    return runs.tobytes(), int(ordinals.min()), int(ordinals.max())
