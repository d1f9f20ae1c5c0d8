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
        self._missed = 0
        self._next = 0
        self.unknown = 0

    def find(self, buffer: bytearray, context: bytes, name: bytes) -> tuple[list[tuple[KnownRecords, bytes]], bool]:
        """Return the known blocks at the beginning of a buffer, and whether more bytes have to come before the next one can be told.

        Where it can be told and is not known, `unknown` says how far to go before the screen is asked again: up to a block that is
        known, or as far as one has looked. To look a block up costs least where it is known, so where nothing is, few are.
        """
        found: list[tuple[KnownRecords, bytes]] = []
        cut, reading, ending = self._screen.cut, self._readings.of(context, name), b"</%b>" % name
        settled, end, at = self._settled(), len(buffer) - self._tail, 0
        behind = 0
        while at < end and (past := cut(buffer, at, end, ending)) >= 0:
            known = self._look_up(buffer, at, past, reading, settled=settled)
            if known is not None and at == behind:
                found.append((known, bytes(buffer[at:past])))
                behind = past
            elif known is not None or at - behind >= self._longest:
                break
            at = past
        self.unknown = min(self._longest, at - behind)
        if at == behind and end - at >= self._tail:
            # Longer than any block: a record as long as that is left to the cutter.
            self.unknown = self._longest
        return found, not self.unknown

    def _look_up(self, buffer: bytearray, start: int, end: int, reading: bytes, *, settled: bool) -> KnownRecords | None:
        if self._next > 0:
            self._next -= 1
            return None
        block = bytes(buffer[start:end])
        known = self._screen.find(block, reading) if settled or block.isascii() else None
        if known is not None:
            self._missed = 0
        else:
            self._missed += 1
            self._next = min(_SPARSEST, self._missed // _PATIENCE)
        return known
