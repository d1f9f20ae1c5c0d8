"""What a run under way will leave: gathered as its records are staged, settled when it is known what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine.screen.pages import AWAITED, MET, Journal

if TYPE_CHECKING:
    from engine.batch import Blocks, Known
    from engine.screen.known import Arrays
    from engine.screen.settling import Settled, Settling


class Collector:
    """Gather which record made which item. What was not applied as it stands in the source is never known.

    A record is `met` with the id of an item that is as the record says, or it waits (`awaited`) until `settle` tells what the store
    made of it. An item that is dropped is known by none of its records: a key that stands twice in a source must never be screened,
    for the unchanged one of the two would be skipped and the changed one win. Of records that were known before no more is kept than
    where they lie in the set that was `before`: of a source that hardly changed that is next to nothing.

    All of it is written to a file as it comes: what stays in memory does not grow with the records. `flush` it where it is `heavy`.
    """

    def __init__(self, before: Arrays | None = None) -> None:
        self._before = before
        self._journal = Journal()
        self._dropped: set[int] = set()

    def know(self, known: Known) -> None:
        """Take items whose records were known before and still are."""
        self._journal.know(known)

    def meet(self, ordinals: Sequence[int], items: Sequence[int], prints: Sequence[bytes]) -> None:
        """Take records whose items are stored as they say."""
        self._journal.take(ordinals, items, prints, MET)

    def wait(self, ordinals: Sequence[int], digests: Sequence[int], prints: Sequence[bytes]) -> None:
        """Take records of which it is not known yet what becomes of them. `digests` are those that their items are to have."""
        self._journal.take(ordinals, digests, prints, AWAITED)

    def drop(self, items: Iterable[int]) -> None:
        """Know these items by none of their records, earlier or later."""
        self._dropped.update(items)

    def lay(self, blocks: Blocks) -> None:
        """Take blocks of the source, whatever became of their records."""
        self._journal.lay(blocks)

    def turn(self) -> bool:
        """End a batch, and return whether what was gathered should be flushed."""
        self._journal.turn()
        return self._journal.scratch.heavy

    def flush(self) -> None:
        """Write what was gathered to a file. Blocks; raises `OSError` when that cannot be done."""
        self._journal.scratch.flush()

    def begin_settling(self) -> Settling:
        """Return what settles the records a chapter at a time, when all were gathered and dropped. Imports numpy."""
        from engine.screen.known import Arrays
        from engine.screen.settling import Settling

        self._journal.turn()
        return Settling(self._before or Arrays(), self._journal, self._dropped)

    def settle(self, applied: Iterable[tuple[int, int, int]] = ()) -> Settled:
        """Return the set, given what the store has applied: the ordinal of a record, the id of its item, and the digest that this has.

        A record is known if its item has the digest that it was to have. One that was overtaken in part has another; and some that were
        applied may not be awaited, for they had no fingerprint. Blocks.
        """
        told = list(applied)
        settling = self.begin_settling()
        for chapter in settling.chapters:
            settling.take(chapter, told)
        return settling.finish()

    def close(self) -> None:
        """Let go of what was gathered. Blocks."""
        self._journal.scratch.close()
