"""What a run under way will leave: gathered as its records are staged, settled when it is known what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.screen.known import Arrays
from engine.screen.prints import PRINT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import Blocks, Known

    Integers = NDArray[np.int64]


class Collector:
    """Gather which record made which item. What was not applied as it stands in the source is never known.

    A record is `met` with the id of an item that is as the record says, or it waits (`awaited`) until `settle` tells what the store
    made of it. An item that is dropped is known by none of its records: a key that stands twice in a source must never be screened,
    for the unchanged one of the two would be skipped and the changed one win.
    """

    def __init__(self) -> None:
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
        self._ordinals.append(known.records)
        self._items.append(known.items)
        self._prints.append(known.prints)

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
        ordinals, items = _joined(self._ordinals, np.int64), _joined(self._items, np.int64)
        prints = _pairs(self._prints)
        waited = _joined(self._awaited, np.int64)
        told = told[np.isin(told[:, 0], waited)]
        order = np.argsort(waited)
        places = order[np.searchsorted(waited[order], told[:, 0])]
        true = _joined(self._awaited_digests, np.int64)[places] == told[:, 2]
        places, told = places[true], told[true]
        ordinals = np.concatenate((ordinals, waited[places]))
        items = np.concatenate((items, told[:, 1]))
        prints = np.concatenate((prints, _pairs(self._awaited_prints)[places]))
        if len(ordinals) and not (np.diff(ordinals) > 0).all():
            order = np.argsort(ordinals, kind="stable")
            ordinals, items, prints = ordinals[order], items[order], prints[order]
        if self._dropped:
            kept = ~np.isin(items, np.fromiter(self._dropped, np.int64))
            ordinals, items, prints = ordinals[kept], items[kept], prints[kept]
        return self._arrange(ordinals, items, prints)

    def _arrange(self, ordinals: Integers, items: Integers, prints: NDArray[np.uint64]) -> Arrays:
        firsts, records, lines, sizes = (
            _joined([getattr(blocks, name) for blocks in self._blocks], np.int64) for name in ("firsts", "records", "lines", "sizes")
        )
        block_prints = _pairs([blocks.prints for blocks in self._blocks])
        # A screen goes from one block to the next.
        order = np.argsort(firsts, kind="stable")
        firsts, records, lines, sizes, block_prints = firsts[order], records[order], lines[order], sizes[order], block_prints[order]
        places = np.searchsorted(ordinals, firsts)
        whole = np.searchsorted(ordinals, firsts + records) - places == records
        whole &= (records > 0) & (np.maximum(records, lines) < 1 << 15) & (sizes < 1 << 31)
        return Arrays(
            prints=prints.tobytes(),
            items=items.tobytes(),
            block_prints=block_prints[whole].tobytes(),
            firsts=places[whole].astype(np.int32).tobytes(),
            records=records[whole].astype(np.int16).tobytes(),
            lines=lines[whole].astype(np.int16).tobytes(),
            sizes=sizes[whole].astype(np.int32).tobytes(),
        )


def _joined(parts: list[bytes], kind: type[np.int64]) -> Integers:
    return np.frombuffer(b"".join(parts), kind)


def _pairs(parts: list[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(parts), np.uint64).reshape(-1, PRINT_BYTES // 8)
