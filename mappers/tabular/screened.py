"""A stretch of a document beside what a screen knows of it: known blocks are passed over, the others are scanned exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from engine.batch import KnownRecords
from engine.contracts import Screen
from engine.screen.blocks import SHORTEST

HELD_BACK: Final = 64 * 1024
"""Bytes of a document behind a stretch in which a screen is asked: what ends a document is judged by its records."""

ENDING: Final = b"\n"
_IN_STEP: Final = 4
"""Blocks that are cut one behind the other before a screen is asked again, so that the cuts are those of the run before."""


def pass_over(
    screen: Screen, reading: bytes, buffer: bytearray, start: int, end: int, last_end: Callable[[int, int], int]
) -> Iterator[tuple[int, int, KnownRecords | None]]:
    """Yield stretches of whole records from `start` on: blocks that are known, and between two of them what is not.

    A record begins at `start`, and by induction wherever the screen is asked: a known block ends where a record ends, and of the
    others `last_end` proves it. What follows the last known block is left to the caller. While nothing is known, twice as much is
    scanned each time before the screen is asked again: a document that changed as a whole costs no more than without one.
    """
    since = at = start
    step = 1
    while True:
        found, stop = screen.follow(buffer, at, end, ENDING, reading)
        if found is not None:
            if since < at:
                yield since, at, None
            yield at, stop, found
            since = at = stop
            step = 1
            continue
        while stop >= 0:
            if step > 1:
                stop = _behind(screen, buffer, at, end, step)
            step *= 2
            at = last_end(at, stop) if stop >= 0 else at
            if at == stop:
                break
        if stop < 0:
            return


def _behind(screen: Screen, buffer: bytearray, at: int, end: int, blocks: int) -> int:
    """Return where about so many blocks from `at` on end, -1 where that is beyond the end."""
    if blocks > _IN_STEP:
        at += (blocks - _IN_STEP) * SHORTEST
    for _ in range(min(blocks, _IN_STEP)):
        if at < 0 or at >= end:
            return -1
        at = screen.cut(buffer, at, end, ENDING)
    return at
