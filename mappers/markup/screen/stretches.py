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


_PATIENCE: Final = 8
"""Blocks in a row that are looked up one by one where nothing is known; behind them ever fewer are, one in `_SPARSEST` at last."""

_SPARSEST: Final = 32


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
        self._missed = self._skipped = 0
        self.unknown = 0

    def find(self, buffer: bytearray, context: bytes, name: bytes) -> tuple[list[tuple[KnownRecords, int]], bool]:
        """Return what is known at the beginning of a buffer, stretch by stretch with the end of each, and whether to wait for more bytes.

        Where there is no need to wait and what follows is not known, `unknown` says how far to go before the screen is asked again: up
        to a block that is known, or as far as one could look.
        """
        found: list[tuple[KnownRecords, int]] = []
        reading, ending = self._readings.of(context, name), b"</%b>" % name
        settled, end, at, past = self._settled(), len(buffer) - self._tail, 0, -1
        while at < end:
            known, past = self._screen.follow(buffer, at, end, ending, reading)
            if known is None:
                break
            if not settled and not buffer[at:past].isascii():
                self.unknown = self._longest
                return found, False
            self._missed = self._skipped = 0
            at = past
            found.append((known, at))
        if at < past:
            self.unknown = min(self._longest, self._look_ahead(buffer, past, end, ending, reading) - at)
            return found, False
        # A record that is longer than any block is left to the cutter.
        self.unknown = self._longest
        return found, end - at < self._tail

    def _look_ahead(self, buffer: bytearray, at: int, end: int, ending: bytes, reading: bytes) -> int:
        """Return where the next known block begins, or how far there is none. To look a block up is cheap only where it is known."""
        screen, last = self._screen, at + self._longest
        while at < last and (past := screen.cut(buffer, at, end, ending)) >= 0:
            self._skipped += 1
            if self._skipped >= min(_SPARSEST, self._missed // _PATIENCE):
                self._skipped = 0
                if screen.find(bytes(buffer[at:past]), reading) is not None:
                    return at
                self._missed += 1
            at = past
        return at
