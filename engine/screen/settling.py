"""From the journal of a run to the set it leaves: chapter by chapter, so that no more than one of them is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.screen.chapters import read_blocks, read_entries
from engine.screen.known import Arrays, ranges
from engine.screen.pages import AWAITED, KNOWN
from engine.screen.scratch import Scratch

if TYPE_CHECKING:
    from mmap import mmap

    from numpy.typing import NDArray

    from engine.screen.chapters import Entries
    from engine.screen.pages import Journal, Page

    Integers = NDArray[np.int64]
    Halves = NDArray[np.uint64]

PIECE: Final = 1 << 20
"""Bytes of a piece: what is written as one row is copied twice."""

_RECORDS: Final = 1 << 16
_AWAITED: Final = 1 << 13
"""Records of a chapter, and those among them that are awaited: each of these is a row of the store, and a row is an object or four."""


class Settled:
    """What a run leaves, as pieces of arrays: those that are as they were lie in the set that was before, the others in a file."""

    def __init__(self, before: Arrays) -> None:
        self._before = before
        self._scratch = Scratch()
        self._pieces: list[tuple[str, bool, int, int]] = []
        self._waiting = {each.name: bytearray() for each in fields(Arrays)}
        self._sizes = dict.fromkeys(self._waiting, 0)
        self._same = True

    @property
    def records(self) -> int:
        """Return how many records are known."""
        return (self._sizes["items"] + len(self._waiting["items"])) // 8

    @property
    def same(self) -> bool:
        """Return whether it is the set that was before. True of a finished one only."""
        return self._same and all(len(getattr(self._before, name)) == size for name, size in self._sizes.items())

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Take more of an array. Blocks."""
        waiting = self._waiting[name]
        waiting += data
        while len(waiting) >= PIECE:
            self._end(name, bytes(waiting[:PIECE]))
            del waiting[:PIECE]

    def finish(self) -> None:
        """Take no more. Blocks."""
        for name, waiting in self._waiting.items():
            # Of an empty array there is a piece too: that there is none is how a set that was not stored whole would look.
            if waiting or not self._sizes[name]:
                self._end(name, bytes(waiting))
            waiting.clear()

    def _end(self, name: str, piece: bytes) -> None:
        place = self._sizes[name]
        self._sizes[name] = place + len(piece)
        before: bytes | mmap = getattr(self._before, name)
        same = before[place : place + len(piece)] == piece
        self._same = self._same and same
        self._pieces.append((name, same, place if same else self._scratch.put(piece), len(piece)))
        if self._scratch.heavy:
            self._scratch.flush()

    def pieces(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield each piece with the name of its array and its number there. Blocks; raises `OSError` when one cannot be read again."""
        numbers = dict.fromkeys(self._waiting, 0)
        for name, same, place, size in self._pieces:
            if same:
                before: bytes | mmap = getattr(self._before, name)
                piece = before[place : place + size]
                self._before.rest()
            else:
                piece = self._scratch.read(place, size)
            yield name, numbers[name], piece
            numbers[name] += 1

    def arrays(self) -> Arrays:
        """Return the set as a whole, in memory. Blocks."""
        found = {name: bytearray() for name in self._waiting}
        for name, _, piece in self.pieces():
            found[name] += piece
        return Arrays(**{name: bytes(each) for name, each in found.items()})

    def close(self) -> None:
        """Let go of the file. Blocks."""
        self._scratch.close()


class Settling:
    """Settle the records of a journal, `take` by `take`, then its blocks. `dropped` are items that are known by none of their records."""

    def __init__(self, before: Arrays, journal: Journal, dropped: Iterable[int]) -> None:
        self._before = before
        self._items = np.frombuffer(before.items, np.int64)
        self._prints = np.frombuffer(before.prints, np.uint64).reshape(-1, 2)
        self._journal = journal
        self._dropped = np.unique(np.fromiter(dropped, np.int64))
        self._settled = Settled(before)
        # The records that are known now, as (first ordinal, first place, records).
        self._kept: list[Integers] = [np.empty((0, 3), np.int64)]
        self.chapters = list(journal.chapters(_RECORDS, _AWAITED))

    def take(self, chapter: Sequence[Page], applied: Iterable[tuple[int, int, int]]) -> None:
        """Settle the records of a chapter, given what the store has applied of it. Blocks."""
        entries = read_entries(self._journal.scratch, chapter)
        firsts, sources, counts, kinds = entries.runs.T
        told = np.array(list(applied), np.int64).reshape(-1, 3)
        values, sure = _resolve(entries, told[np.argsort(told[:, 0])])
        starts = np.cumsum(counts) - counts
        items, prints = np.empty(int(counts.sum()), np.int64), np.empty((int(counts.sum()), 2), np.uint64)
        kept = np.ones(len(items), np.bool_)
        old = kinds == KNOWN
        here, there = ranges(starts[old], counts[old]), ranges(sources[old], counts[old])
        items[here], prints[here] = self._items[there], self._prints[there]
        here, there = ranges(starts[~old], counts[~old]), ranges(sources[~old], counts[~old])
        items[here], prints[here], kept[here] = values[there], entries.prints[there], sure[there]
        if len(self._dropped):
            kept &= ~np.isin(items, self._dropped)
        self._keep(ranges(firsts, counts), items, prints, None if kept.all() else kept)
        self._before.rest()

    def _keep(self, ordinals: Integers, items: Integers, prints: Halves, kept: NDArray[np.bool_] | None) -> None:
        if kept is not None:
            ordinals, items, prints = ordinals[kept], items[kept], prints[kept]
        if len(ordinals):
            begins = np.concatenate(([0], np.flatnonzero(np.diff(ordinals) != 1) + 1))
            runs = np.stack((ordinals[begins], begins + self._settled.records, np.diff(begins, append=len(ordinals))), axis=1)
            last = self._kept[-1]
            if len(last) and last[-1, 0] + last[-1, 2] == runs[0, 0]:
                last[-1, 2] += runs[0, 2]
                runs = runs[1:]
            if len(runs):
                self._kept.append(runs)
        self._settled.put("items", items.tobytes())
        self._settled.put("prints", prints.tobytes())

    def finish(self) -> Settled:
        """Settle the blocks: one is known if all of its records are. Blocks."""
        kept = np.concatenate(self._kept)
        for chapter in self.chapters:
            self._lay(chapter, kept)
        self._settled.finish()
        return self._settled

    def _lay(self, chapter: Sequence[Page], kept: Integers) -> None:
        numbers, prints = read_blocks(self._journal.scratch, chapter)
        firsts, records, lines, sizes = numbers.T
        places = _places(kept, firsts)
        whole = _places(kept, firsts + records) - places == records
        whole &= (records > 0) & (np.maximum(records, lines) < 1 << 15) & (sizes < 1 << 31)
        put = self._settled.put
        put("block_prints", prints[whole].tobytes())
        put("firsts", places[whole].astype(np.int32).tobytes())
        put("records", records[whole].astype(np.int16).tobytes())
        put("lines", lines[whole].astype(np.int16).tobytes())
        put("sizes", sizes[whole].astype(np.int32).tobytes())


def _resolve(entries: Entries, told: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the items of new records, and whether they are known: one that was overtaken in part has another digest than awaited."""
    runs, values = entries.runs, entries.values
    sure = np.ones(len(values), np.bool_)
    runs = runs[runs[:, 3] == AWAITED]
    if len(runs):
        ordinals, awaited = ranges(runs[:, 0], runs[:, 2]), ranges(runs[:, 1], runs[:, 2])
        values, sure[awaited] = values.copy(), False
        if len(told):
            at = np.minimum(np.searchsorted(told[:, 0], ordinals), len(told) - 1)
            true = (told[at, 0] == ordinals) & (told[at, 2] == values[awaited])
            values[awaited[true]], sure[awaited[true]] = told[at[true], 1], True
    return values, sure


def _places(kept: Integers, ordinals: Integers) -> Integers:
    """Return how many known records come before each ordinal."""
    if not len(kept):
        return np.zeros(len(ordinals), np.int64)
    runs = np.searchsorted(kept[:, 0], ordinals, side="right") - 1
    within = np.minimum(ordinals - kept[runs, 0], kept[runs, 2])
    return np.where(runs < 0, 0, kept[runs, 1] + within)
