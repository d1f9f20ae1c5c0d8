"""What a run under way will leave: gathered as its records are staged, settled when it is known what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.screen.known import Arrays, ranges
from engine.screen.prints import PRINT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import Blocks, Known

    Integers = NDArray[np.int64]
    Halves = NDArray[np.uint64]

_AT_ONCE: Final = 1 << 16
"""Records that are copied from the old set into the new one at once: what says where they lie is as big as a quarter of them."""


class Collector:
    """Gather which record made which item. What was not applied as it stands in the source is never known.

    A record is `met` with the id of an item that is as the record says, or it waits (`awaited`) until `settle` tells what the store
    made of it. An item that is dropped is known by none of its records: a key that stands twice in a source must never be screened,
    for the unchanged one of the two would be skipped and the changed one win. Of records that were known before no more is kept than
    where they lie in the set that was `before`: of a source that hardly changed that is next to nothing.
    """

    def __init__(self, before: Arrays | None = None) -> None:
        self._before = before if before is not None else Arrays()
        self._runs: list[Integers] = []
        self._ordinals: list[bytes] = []
        self._items: list[bytes] = []
        self._prints: list[bytes] = []
        self._awaited: list[bytes] = []
        self._awaited_prints: list[bytes] = []
        self._awaited_digests: list[bytes] = []
        self._dropped: set[int] = set()
        self._blocks: list[Blocks] = []

    def know(self, known: Known) -> None:
        """Take items whose records were known before and still are."""
        ordinals, places = np.frombuffer(known.records, np.int64), np.frombuffer(known.places, np.int64)
        begins = np.flatnonzero((np.diff(ordinals) != 1) | (np.diff(places) != 1)) + 1
        begins = np.concatenate(([0], begins)) if len(ordinals) else begins
        counts = np.diff(begins, append=len(ordinals))
        self._runs.append(np.stack((ordinals[begins], places[begins], counts), axis=1))

    def meet(self, ordinals: Sequence[int], items: Sequence[int], prints: Sequence[bytes]) -> None:
        """Take records whose items are stored as they say."""
        self._ordinals.append(np.array(ordinals, np.int64).tobytes())
        self._items.append(np.array(items, np.int64).tobytes())
        self._prints.append(b"".join(prints))

    def wait(self, ordinals: Sequence[int], digests: Sequence[int], prints: Sequence[bytes]) -> None:
        """Take records of which it is not known yet what becomes of them. `digests` are those that their items are to have."""
        self._awaited.append(np.array(ordinals, np.int64).tobytes())
        self._awaited_digests.append(np.array(digests, np.int64).tobytes())
        self._awaited_prints.append(b"".join(prints))

    def drop(self, items: Iterable[int]) -> None:
        """Know these items by none of their records, earlier or later."""
        self._dropped.update(items)

    def lay(self, blocks: Blocks) -> None:
        """Take blocks of the source, whatever became of their records."""
        self._blocks.append(blocks)

    def settle(self, applied: Iterable[tuple[int, int, int]] = ()) -> Arrays:
        """Return the set, given what the store has applied: the ordinal of a record, the id of its item, and the digest that this has.

        A record is known if its item has the digest that it was to have. One that was overtaken in part has another; and some that were
        applied may not be awaited, for they had no fingerprint.
        """
        told = np.array(list(applied), np.int64).reshape(-1, 3)
        waited = _joined(self._awaited)
        told = told[np.isin(told[:, 0], waited)]
        order = np.argsort(waited)
        places = order[np.searchsorted(waited[order], told[:, 0])]
        true = _joined(self._awaited_digests)[places] == told[:, 2]
        places, told = places[true], told[true]
        ordinals = np.concatenate((_joined(self._ordinals), waited[places]))
        items = np.concatenate((_joined(self._items), told[:, 1]))
        prints = np.concatenate((_pairs(self._prints), _pairs(self._awaited_prints)[places]))
        return self._arrange(_Layout(self._before, self._runs, ordinals), items, prints)

    def _arrange(self, layout: _Layout, new_items: Integers, new_prints: Halves) -> Arrays:
        # Filled where they stay: as arrays they would be copied once more to be bytes.
        stored_items, stored_prints = bytearray(8 * layout.size), bytearray(PRINT_BYTES * layout.size)
        items, prints = np.frombuffer(stored_items, np.int64), np.frombuffer(stored_prints, np.uint64).reshape(-1, 2)
        layout.fill(items, prints, new_items, new_prints)
        gone = np.isin(items, np.fromiter(self._dropped, np.int64)) if self._dropped else None
        if gone is not None and gone.any():
            items, prints = items[~gone], prints[~gone]
            stored_items, stored_prints = bytearray(items), bytearray(prints)
        else:
            gone = None
        firsts, records, lines, sizes = (
            _joined([getattr(blocks, name) for blocks in self._blocks]) for name in ("firsts", "records", "lines", "sizes")
        )
        block_prints = _pairs([blocks.prints for blocks in self._blocks])
        # A screen goes from one block to the next.
        order = np.argsort(firsts, kind="stable")
        firsts, records, lines, sizes, block_prints = firsts[order], records[order], lines[order], sizes[order], block_prints[order]
        places = layout.places(firsts, gone)
        whole = layout.places(firsts + records, gone) - places == records
        whole &= (records > 0) & (np.maximum(records, lines) < 1 << 15) & (sizes < 1 << 31)
        return Arrays(
            prints=stored_prints,
            items=stored_items,
            block_prints=block_prints[whole].tobytes(),
            firsts=places[whole].astype(np.int32).tobytes(),
            records=records[whole].astype(np.int16).tobytes(),
            lines=lines[whole].astype(np.int16).tobytes(),
            sizes=sizes[whole].astype(np.int32).tobytes(),
        )


class _Layout:
    """Where each record comes to lie: runs of the old set, and the new records as runs of one, in the order of the source."""

    def __init__(self, before: Arrays, runs: Sequence[Integers], ordinals: Integers) -> None:
        known = np.concatenate((np.empty((0, 3), np.int64), *runs))
        self._before = before
        self._firsts = np.concatenate((known[:, 0], ordinals))
        self._sources = np.concatenate((known[:, 1], np.arange(len(ordinals))))
        self._counts = np.concatenate((known[:, 2], np.ones(len(ordinals), np.int64)))
        order = np.argsort(self._firsts, kind="stable")
        self._firsts, self._sources, self._counts = self._firsts[order], self._sources[order], self._counts[order]
        self._new = order >= len(known)
        self._places = np.cumsum(self._counts) - self._counts
        self.size = int(self._counts.sum())

    def fill(self, items: Integers, prints: Halves, new_items: Integers, new_prints: Halves) -> None:
        """Put the items and the fingerprints of all records where they belong."""
        new = self._new
        items[self._places[new]], prints[self._places[new]] = new_items[self._sources[new]], new_prints[self._sources[new]]
        firsts, counts, places = self._sources[~new], self._counts[~new], self._places[~new]
        old_items, old_prints = np.frombuffer(self._before.items, np.int64), np.frombuffer(self._before.prints, np.uint64).reshape(-1, 2)
        bounds = np.unique(np.searchsorted(places, np.arange(0, self.size + _AT_ONCE, _AT_ONCE)))
        for low, high in pairwise(bounds.tolist()):
            sources, targets = ranges(firsts[low:high], counts[low:high]), ranges(places[low:high], counts[low:high])
            items[targets], prints[targets] = old_items[sources], old_prints[sources]

    def places(self, ordinals: Integers, gone: NDArray[np.bool_] | None) -> Integers:
        """Return how many known records come before each ordinal, without those that are `gone`."""
        if not self.size:
            return np.zeros(len(ordinals), np.int64)
        runs = np.searchsorted(self._firsts, ordinals, side="right") - 1
        within = np.minimum(ordinals - self._firsts[runs], self._counts[runs])
        found = np.where(runs < 0, 0, self._places[runs] + within)
        return found if gone is None else np.concatenate(([0], np.cumsum(~gone)))[found]


def _joined(parts: list[bytes]) -> Integers:
    return np.frombuffer(b"".join(parts), np.int64)


def _pairs(parts: list[bytes]) -> Halves:
    return np.frombuffer(b"".join(parts), np.uint64).reshape(-1, PRINT_BYTES // 8)
