"""Stretches of a document that the screen knows, looked for where a record has just ended, so that nobody looks for their tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import Records
from mappers.markup.piece import Piece

if TYPE_CHECKING:
    from engine.batch import KnownRecords
    from engine.contracts import Screen
    from mappers.markup.screen.readings import Readings

TAIL_BYTES: Final = 64 * 1024
"""Bytes that are left alone behind every known stretch: what ends a document is always parsed."""

_PATIENCE: Final = 8
"""Blocks in a row that are looked up one by one where nothing is known; behind them ever fewer are, one in `_SPARSEST` at last."""

_SPARSEST: Final = 32

_ALONE: Final = 4
"""Unknown blocks in a row that are taken apart each by itself, so that a lone change costs no scan for tags; more of them are scanned
together, which is cheaper by the byte."""

_LONGEST: Final = 32 * 1024
"""Bytes of a block that is taken apart by itself. What is longer is for the cutter, which has bounds for its tags."""


@dataclass(frozen=True, slots=True)
class Here:
    """Where a cutter stands: what is opened again before what comes next, what is closed behind it, and the name of the last record."""

    context: bytes
    closing: bytes
    name: bytes


class Stretches:
    """Ask the screen for the blocks at the beginning of a buffer.

    A known block lay in a piece that a parser took, and its records were told apart there. So it is whole elements, whatever is in
    them, and behind the same start tags it leaves the same elements open. A block that is not known but tells its records apart is the
    same, where a parser takes those of them that are not known: what is parsed of it are these.
    """

    def __init__(self, screen: Screen, readings: Readings, *, tail: int = TAIL_BYTES, longest: int) -> None:
        self._screen = screen
        self._readings = readings
        self._tail = tail
        self._longest = longest
        self._missed = self._skipped = self._alone = 0
        self.unknown = 0

    def find(self, buffer: bytearray, here: Here) -> tuple[list[tuple[KnownRecords | Records, int]], bool]:
        """Return what the beginning of a buffer is, stretch by stretch with the end of each, and whether to wait for more bytes.

        A stretch is known, or a block that is not and whose records are told apart. Where there is no need to wait and what follows is
        neither, `unknown` says how far to go before the screen is asked again: up to a block that is known, or as far as one could
        look.
        """
        found: list[tuple[KnownRecords | Records, int]] = []
        reading, ending = self._readings.of(here.context, here.name), b"</%b>" % here.name
        end, at, past = len(buffer) - self._tail, 0, -1
        while at < end:
            stretch: KnownRecords | Records | None
            stretch, past = self._screen.follow(buffer, at, end, ending, reading)
            if stretch is not None:
                self._missed = self._skipped = self._alone = 0
            elif past < 0 or (stretch := self._take_apart(bytes(buffer[at:past]), here)) is None:
                break
            at = past
            found.append((stretch, at))
        if at < past:
            self.unknown = min(self._longest, self._look_ahead(buffer, past, end, ending, reading) - at)
            return found, False
        # A record that is longer than any block is left to the cutter.
        self.unknown = self._longest
        return found, end - at < self._tail

    def _take_apart(self, block: bytes, here: Here) -> Records | None:
        if self._alone >= _ALONE or len(block) > _LONGEST:
            return None
        self._alone += 1
        records = self._readings.split(Piece(here.context, block, here.closing, 1), block=True)
        # Records of another name have another reading, under which nobody has cut.
        return records if records is not None and records.ending == b"</%b>" % here.name else None

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
