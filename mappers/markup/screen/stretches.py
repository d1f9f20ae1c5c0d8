"""Stretches of a document that the screen knows, looked for where a record has just ended, so that nobody looks for their tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.batch import KnownRecords
    from engine.contracts import Screen
    from mappers.markup.screen.readings import Readings

TAIL_BYTES: Final = 64 * 1024
"""Bytes that are left alone behind every known stretch: what ends a document is always parsed."""


class Stretches:
    """Ask the screen for the blocks at the beginning of a buffer.

    A known block lay in a piece that a parser took, and its records were told apart there. So it is whole elements, whatever is in
    them, and behind the same start tags it leaves the same elements open. While the encoding is only assumed (`settled` is
    false), no block is known but of ASCII: the first other bytes have to settle the matter.
    """

    def __init__(self, screen: Screen, readings: Readings, settled: Callable[[], bool], *, tail: int = TAIL_BYTES, longest: int) -> None:
        self._screen = screen
        self._readings = readings
        self._settled = settled
        self._tail = tail
        self._longest = longest
        self.unknown = 0

    @property
    def asks(self) -> bool:
        """Return whether there is anything to be known."""
        return self._screen.knows

    def find(self, buffer: bytearray, context: bytes, name: bytes) -> tuple[list[tuple[KnownRecords, bytes]], bool]:
        """Return the known blocks at the beginning of a buffer, and whether more bytes have to come before the next one can be told.

        Where neither is so `unknown` says how far to go before the screen is asked again: one block at first, and twice as far each
        time in a row that nothing is known, so that what changed costs a block, and a document that is another costs no more than ever.
        """
        found: list[tuple[KnownRecords, bytes]] = []
        screen, reading, ending = self._screen, self._readings.of(context, name), b"</%b>" % name
        settled, end, at = self._settled(), len(buffer) - self._tail, 0
        while (cut := screen.cut(buffer, at, end, ending) if at < end else -1) >= 0:
            block = bytes(buffer[at:cut])
            if not settled and not block.isascii():
                self.unknown = self._longest
                return found, False
            known = screen.find(block, reading)
            if known is None:
                self.unknown = min(self._longest, max(cut - at, 2 * self.unknown))
                return found, False
            self.unknown = 0
            found.append((known, block))
            at = cut
        if end - at < self._tail:
            return found, True
        # Longer than any block: a record as long as that is left to the cutter.
        self.unknown = self._longest
        return found, False
