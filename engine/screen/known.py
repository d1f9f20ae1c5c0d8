"""What one complete run has left: its records' fingerprints with the items they made, and the blocks they lay in, as arrays."""

from __future__ import annotations

import mmap as mmap_module
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise, starmap
from mmap import mmap
from sys import byteorder
from typing import TYPE_CHECKING, Final

import numpy as np
from xxhash import xxh3_128_digest

from engine.batch import KnownRecords
from engine.screen.prints import PRINT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Halves = NDArray[np.uint64]
    Integers = NDArray[np.int64]

_NEAR: Final = 4
"""How many blocks ahead of the last one that was met a block is looked for before all are searched."""

_AROUND: Final = 4
"""Places more than a stretch has records, in which its own are looked for: some may have been taken out."""

_FAR: Final = 4_096
"""Blocks that are followed at once."""

_PLACE: Final = np.uint64(32)
"""Bits in which the place of a record lies."""

_AT_ONCE: Final = 1 << 17
"""Records of which the pages are looked at before they are let go."""

_REST: Final = getattr(mmap_module, "MADV_DONTNEED", None)
"""How a mapped file's pages are let go of, None where that is not known."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """The set as it is stored: a record is 24 bytes, a block 28. `firsts` are places in the records, which lie in the source's order.

    Every record of a block is in the set. `sizes` are the blocks' bytes. Big arrays of records are files, see `rest`.
    """

    prints: bytes | mmap = b""
    items: bytes | mmap = b""
    block_prints: bytes = b""
    firsts: bytes = b""
    records: bytes = b""
    lines: bytes = b""
    sizes: bytes = b""

    def rest(self) -> None:
        """Let go of the pages of the files that were looked at: they are no memory of this process until they are looked at again."""
        for array in (self.prints, self.items):
            if _REST is not None and isinstance(array, mmap):
                array.madvise(_REST)


class KnownSet:
    """Look up blocks and records of the last complete run. `without` are the items of which the set is not true any more."""

    def __init__(self, arrays: Arrays, without: Iterable[int] = ()) -> None:
        self.prints = arrays.prints
        self.rest = arrays.rest
        self.items: Integers = np.frombuffer(arrays.items, np.int64)
        self.firsts = np.frombuffer(arrays.firsts, np.int32)
        self.records = np.frombuffer(arrays.records, np.int16)
        self.lines = np.frombuffer(arrays.lines, np.int16)
        self._stale = self._find_stale(np.unique(np.fromiter(without, np.int64)))
        self.block_prints = arrays.block_prints if self._stale is None else self._without_stale(arrays.block_prints, self._stale)
        self.sizes = np.frombuffer(arrays.sizes, np.int32)
        # One by one, the items of a memory view are got at in half the time that those of an array take.
        self._sizes = memoryview(arrays.sizes).cast("i")
        self._firsts = memoryview(arrays.firsts).cast("i")
        self._records = memoryview(arrays.records).cast("h")
        self._lines_before = memoryview(np.concatenate(([0], np.cumsum(self.lines, dtype=np.int64))).tobytes()).cast("q")
        # Whether a block begins with the record behind the last one of the block before it.
        self._continues = b"\0" + (self.firsts[1:] == self.firsts[:-1] + self.records[:-1]).tobytes()
        self._expected = 0
        self._hints = b""
        self._index: _Index | None = None
        self._sorted_blocks: tuple[memoryview[int], Integers] | None = None

    def _find_stale(self, without: Integers) -> NDArray[np.bool_] | None:
        if not len(without):
            return None
        gone = np.empty(len(self), np.bool_)
        for start in range(0, len(self), _AT_ONCE):
            gone[start : start + _AT_ONCE] = np.isin(self.items[start : start + _AT_ONCE], without)
            self.rest()
        return gone if gone.any() else None

    def _without_stale(self, prints: bytes, gone: NDArray[np.bool_]) -> bytes:
        """Return fingerprints in which a block that holds a record which is not true any more has none that could be asked for."""
        before = np.concatenate(([0], np.cumsum(gone)))
        kept = np.array(_halves(prints))
        kept[before[self.firsts + self.records] != before[self.firsts]] = 0
        return kept.tobytes()

    def __len__(self) -> int:
        return len(self.items)

    def find_block(self, wanted: bytes) -> int | None:
        """Return the number of a block, None when it is not known.

        A stretch that did not change comes in the order in which it was, so the next few blocks are compared before any search.
        """
        hints = self._hints or self._give_hints()
        if not hints[int.from_bytes(wanted[:8], byteorder) & (len(hints) - 1)]:
            return None
        prints = self.block_prints
        at = self._expected * PRINT_BYTES
        if prints.startswith(wanted, at):
            index = self._expected
        elif (near := self._near(wanted, at)) is not None:
            index = near
        elif (far := self._search_block(wanted)) is not None:
            index = far
        else:
            return None
        self._expected = index + 1
        return index

    def begin(self, data: memoryview, start: int, end: int, seed: int) -> tuple[int, int] | None:
        """Return the number and the end of the block at `start` if it is the one that is expected, None if it is not.

        The bytes of a block that was laid are that block, wherever it would be cut: it need not be cut to be known.
        """
        block = self._expected
        if block >= len(self._sizes) or (stop := start + self._sizes[block]) > end:
            return None
        print_ = xxh3_128_digest(data[start:stop], seed=seed)
        return (block, stop) if self.block_prints.startswith(print_, block * PRINT_BYTES) else None

    def go_on(self, data: memoryview, block: int, stop: int, end: int, seed: int) -> tuple[int, int]:
        """Return the first block that does not follow one that ends at `stop`, now as it did before, and where the blocks before it end.

        It is another one now, so that the next but one is looked for first the next time.
        """
        following, prints = block + 1, self.block_prints
        limit = self._continues.find(0, following, following + _FAR)
        sizes = self._sizes[following : limit if limit >= 0 else following + _FAR]
        name = partial(xxh3_128_digest, seed=seed)
        # Without a step of Python but the comparison: a file that did not change is all of this.
        pieces = map(data.__getitem__, starmap(slice, pairwise(accumulate(sizes, initial=stop))))
        for size, print_ in zip(sizes, map(name, pieces), strict=True):
            if stop + size > end:
                break
            if not prints.startswith(print_, following * PRINT_BYTES):
                self._expected = following + 1
                return following, stop
            following, stop = following + 1, stop + size
        self._expected = following
        return following, stop

    def stretch(self, block: int, blocks: int) -> KnownRecords:
        """Return what is known of blocks that follow each other in the set as they do in the source."""
        lines, first, records = self.measure(block, block + blocks)
        return KnownRecords(first, records, lines, block, blocks)

    def measure(self, block: int, following: int) -> tuple[int, int, int]:
        """Return the lines, the first record and the number of records of blocks that follow each other, up to another one."""
        before, first, last = self._lines_before, self._firsts[block], following - 1
        return before[following] - before[block], first, self._firsts[last] + self._records[last] - first

    def _give_hints(self) -> bytes:
        self._hints = _hint(_halves(self.block_prints)[:, 0])
        return self._hints

    def _near(self, wanted: bytes, at: int) -> int | None:
        found = self.block_prints.find(wanted, at, at + _NEAR * PRINT_BYTES)
        return found // PRINT_BYTES if found >= 0 and found % PRINT_BYTES == 0 else None

    def _search_block(self, wanted: bytes) -> int | None:
        if self._sorted_blocks is None:
            sorted_marks, order = _sort(self.block_prints)
            self._sorted_blocks = memoryview(sorted_marks.tobytes()).cast("Q"), order
        marks, order = self._sorted_blocks
        mark = int.from_bytes(wanted[:8], byteorder)
        at = bisect_left(marks, mark)
        if at == len(marks):
            return None
        index = int(order[at])
        return index if self.block_prints.startswith(wanted, index * PRINT_BYTES) else None

    def look_up(self, prints: bytes, near: tuple[Integers, Integers] | None = None) -> Integers:
        """Return the place of each record of these fingerprints, -1 where it is not known.

        `near` says of stretches of them where the first record would lie, and how many there are: there they are looked for before all
        others are searched.
        """
        asked = _halves(prints)
        found = np.full(len(asked), -1, np.int64)
        if not len(self):
            return found
        whole = _halves(self.prints)
        if near is not None:
            self._look_where_they_lay(whole, asked, *near, found)
        left = np.flatnonzero(found < 0)
        if len(left):
            if self._index is None:
                self._index = _Index(whole, self.rest)
            found[left] = self._index.search(asked[left])
        if self._stale is not None:
            found[(found >= 0) & self._stale[found]] = -1
        return found

    def _look_where_they_lay(self, whole: Halves, asked: Halves, firsts: Integers, counts: Integers, found: Integers) -> None:
        """Look for records at their own place, and then a few places on: some may have been taken out before them, or put in."""
        own = np.minimum(ranges(firsts, counts), len(self) - 1)
        same = _equal(whole, own, asked)
        found[same] = own[same]
        left = np.flatnonzero(~same)
        owners = np.flatnonzero(np.bincount(np.searchsorted(np.cumsum(counts), left, side="right")))
        near = ranges(firsts[owners], counts[owners] + _AROUND)
        near = near[near < len(self)]
        if len(near) and len(left):
            marks = whole[near, 0]
            order = np.argsort(marks)
            places = near[order[np.minimum(np.searchsorted(marks, asked[left, 0], sorter=order), len(near) - 1)]]
            same = _equal(whole, places, asked[left])
            found[left[same]] = places[same]


class _Index:
    """Fingerprints by 32 of their bits, in 8 bytes each: that part above the place, so that they are sorted where they stand."""

    def __init__(self, prints: Halves, rest: Callable[[], None]) -> None:
        self._prints = prints
        self._sorted = np.arange(len(prints), dtype=np.uint64)
        for start in range(0, len(prints), _AT_ONCE):
            self._sorted[start : start + _AT_ONCE] |= prints[start : start + _AT_ONCE, 0] << _PLACE
            rest()
        self._sorted.sort()

    def search(self, asked: Halves) -> Integers:
        """Return the places of fingerprints, -1 for those that are not there: found by a part, confirmed by the whole."""
        found, parts = np.full(len(asked), -1, np.int64), asked[:, 0] << _PLACE
        left, at = np.arange(len(asked)), np.searchsorted(self._sorted, parts)
        # Those whose part is the same stand behind each other.
        while len(left):
            entries = self._sorted[np.minimum(at, len(self._sorted) - 1)]
            here = (at < len(self._sorted)) & (entries >> _PLACE == parts[left] >> _PLACE)
            left, at, places = left[here], at[here], (entries[here] & np.uint64(0xFFFF_FFFF)).astype(np.int64)
            same = _equal(self._prints, places, asked[left])
            found[left[same]] = places[same]
            left, at = left[~same], at[~same] + 1
        return found


def ranges(firsts: Integers, sizes: Integers) -> Integers:
    """Return the numbers of several ranges, one behind the other."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(firsts - before, sizes) + np.arange(sizes.sum(), dtype=np.int64)


def _halves(prints: bytes | mmap) -> Halves:
    return np.frombuffer(prints, np.uint64).reshape(-1, 2)


def _equal(whole: Halves, places: Integers, asked: Halves) -> NDArray[np.bool_]:
    # A tenth of what `all` along so short an axis takes.
    halves: NDArray[np.bool_] = whole.take(places, axis=0) == asked
    both: NDArray[np.bool_] = halves[:, 0] & halves[:, 1]
    return both


def _sort(prints: bytes) -> tuple[Halves, Integers]:
    marks = _halves(prints)[:, 0]
    order = np.argsort(marks)
    return marks[order], order


def _hint(marks: Halves) -> bytes:
    """Return a table in which most of what is none of these marks finds a zero: a block that is new is not searched."""
    size = 1 << (8 * len(marks)).bit_length()
    found = np.zeros(size, np.uint8)
    found[marks & np.uint64(size - 1)] = 1
    return found.tobytes()
