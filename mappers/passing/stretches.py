"""Stretches of a document that the screen knows, looked for where a record begins, so that nobody scans them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.batch import KnownRecords, Records
    from engine.contracts import Screen

TAIL_BYTES: Final = 64 * 1024
"""Bytes that are left alone behind every known stretch: what ends a document is always parsed."""

_PATIENCE: Final = 8
"""Blocks in a row that are looked up one by one where nothing is known; behind them ever fewer are, one in `_SPARSEST` at last."""

_SPARSEST: Final = 32

_ALONE: Final = 4
"""Unknown blocks in a row that are taken apart each by itself, so that a lone change costs no scan; more of them are scanned together,
which is cheaper by the byte."""

_LONGEST: Final = 32 * 1024
"""Bytes of a block that is taken apart by itself. What is longer is for the cutter, which has bounds of its own."""


class Stretches:
    """Ask the screen for the blocks of a buffer.

    A known block lay in a piece that was parsed, and its records were told apart there. So it is whole records, whatever is in them, and
    behind it a record begins as one did before it. A block that is not known, but whose records are told apart, is that too.
    """

    def __init__(self, screen: Screen, *, tail: int = TAIL_BYTES, longest: int) -> None:
        self._screen = screen
        self._tail = tail
        self._longest = longest
        self._missed = self._skipped = self._alone = 0
        self.unknown = 0

    def find(
        self, buffer: bytearray, start: int, ending: bytes, reading: bytes, take_apart: Callable[[bytes], Records | None]
    ) -> tuple[list[tuple[KnownRecords | Records, int]], bool]:
        """Return what lies in a buffer from `start` on, stretch by stretch with the end of each, and whether to wait for more bytes.

        A stretch is known, or a block that is not and that `take_apart` tells the records of. Where there is no need to wait and what
        follows is neither, `unknown` says how far to go before the screen is asked again: up to a block that is known, or as far as one
        could look.
        """
        found: list[tuple[KnownRecords | Records, int]] = []
        end, at, past = len(buffer) - self._tail, start, -1
        while at < end:
            stretch: KnownRecords | Records | None
            stretch, past = self._screen.follow(buffer, at, end, ending, reading)
            if stretch is not None:
                self._missed = self._skipped = self._alone = 0
            elif past < 0 or not self._is_alone(past - at) or (stretch := take_apart(bytes(buffer[at:past]))) is None:
                break
            at = past
            found.append((stretch, at))
        if at < past:
            self.unknown = min(self._longest, self._look_ahead(buffer, past, end, ending, reading) - at)
            return found, False
        # A record that is longer than any block is left to the cutter.
        self.unknown = self._longest
        return found, end - at < self._tail

    def _is_alone(self, size: int) -> bool:
        self._alone += 1
        return self._alone <= _ALONE and size <= _LONGEST

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
