"""From known block to known block through a document whose records end with lines: what lies between is cut, and proven by the mapper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xxhash import xxh3_128_digest

from engine.contracts import Prover, Walked
from engine.screen import blocks as sizes
from engine.screen.known import KnownSet

_IN_STEP: Final = 4
"""Blocks that are cut one behind the other before a screen is asked again, so that the cuts are those of the run before."""

Cut = Callable[[bytearray, int, int], int]


def walk(known: KnownSet, cut: Cut, data: bytearray, start: int, end: int, seed: int, prove: Prover) -> Walked:
    """Return stretches of whole records from `start` on: blocks that are known, and between two of them what is not.

    A record begins at `start`, and by induction wherever a block is looked for: a known block ends where a record ends, and of the
    others `prove` proves it. What follows the last known block is left to the caller. While nothing is known, twice as much is
    passed each time before a block is looked for: a document that changed as a whole costs no more than without a screen.
    """
    stretches: list[int] = []
    unknown: list[slice] = []
    with memoryview(data) as view:
        since = at = start
        # Behind a known stretch comes another block than the one that is expected.
        step, expects = 1, True
        while True:
            expected = known.begin(view, at, end, seed) if expects else None
            if expected is not None:
                block, stop = expected
            else:
                stop = cut(data, at, end)
                if stop < 0:
                    break
                found = known.find_block(xxh3_128_digest(view[at:stop], seed=seed))
                if found is None:
                    at, step = _go_past(cut, data, at, stop, end, step, prove)
                    if at < 0:
                        break
                    expects = True
                    continue
                block = found
            following, stop = known.go_on(view, block, stop, end, seed)
            if since < at:
                # One block was passed if the step has been doubled once.
                stretches += (at - since, prove.count_lines(since, at), -1, 0, -1, int(step == 2))
                unknown.append(slice(since, at))
            stretches += (stop - at, *known.measure(block, following), block, following - block)
            since = at = stop
            step, expects = 1, False
    return Walked(stretches, unknown, since)


def _go_past(cut: Cut, data: bytearray, at: int, stop: int, end: int, step: int, prove: Prover) -> tuple[int, int]:
    """Return where a block may be looked for next, -1 where the bytes up to `end` do not tell, and how far to go the time after."""
    while stop >= 0:
        if step > 1:
            stop = _behind(cut, data, at, end, step)
        step *= 2
        if stop < 0:
            break
        at = prove.last_end(at, stop)
        if at == stop:
            return at, step
    return -1, step


def _behind(cut: Cut, data: bytearray, at: int, end: int, blocks: int) -> int:
    """Return where about so many blocks from `at` on end, -1 where that is beyond the end."""
    if blocks > _IN_STEP:
        at += (blocks - _IN_STEP) * sizes.SHORTEST
    for _ in range(min(blocks, _IN_STEP)):
        if at < 0 or at >= end:
            return -1
        at = cut(data, at, end)
    return at
