"""Where a stretch of records is cut into blocks: by its content, so that an insertion moves no cut but its own."""

from __future__ import annotations

from typing import Final

SHORTEST: Final = 1024
"""Bytes at least in a block: a pattern that clusters makes no more blocks than an even one."""

LONGEST: Final = 16 * 1024
"""Bytes after which a block ends with the next record though the pattern has not come."""

_GAP: Final = 1_500
_ABOUT: Final = 3.0
_CANDIDATES: Final = 200
_LENGTH: Final = 3
SAMPLE_BYTES: Final = 256 * 1024
"""How much of a document is looked at to learn a pattern."""


def learn_pattern(sample: bytes) -> bytes:
    """Return a short text that occurs about once in 1.5 kB of a sample and is spread evenly over it.

    The measure of spread is how many of the sample's stretches of 16 kB hold it: one that clusters leaves most of them empty. A poor
    pattern makes blocks of the longest size, which costs time and never a record.
    """
    sample = sample[:SAMPLE_BYTES]
    wanted = max(1, len(sample) // _GAP)
    starts = range(0, max(1, len(sample) - _LENGTH), max(1, len(sample) // _CANDIDATES))
    # A single byte is sought at memory speed, which is the greater part of what an unchanged document costs.
    candidates = sorted({sample[at : at + length] for at in starts for length in (1, _LENGTH)})
    candidates = [each for each in candidates if each and b"\n" not in each] or [b"\n"]
    return min(candidates, key=lambda each: _badness(sample, each, wanted))


def _badness(sample: bytes, pattern: bytes, wanted: int) -> tuple[int, bool, int, float]:
    found = sample.count(pattern)
    empty = sum(sample.find(pattern, at, at + LONGEST) < 0 for at in range(0, len(sample), LONGEST))
    off = max(found / wanted, wanted / found) if found else float("inf")
    return empty, off > _ABOUT, len(pattern), off


def cut_block(data: bytes | bytearray, start: int, end: int, pattern: bytes, ending: bytes) -> int:
    """Return where the block that begins at `start` ends, -1 where the bytes up to `end` do not tell.

    It ends behind the first `ending` that follows the first occurrence of the pattern beyond `SHORTEST` bytes, or `LONGEST` bytes.
    What lies before `start` and how far the data goes have no part in it.
    """
    high = start + LONGEST
    at = data.find(pattern, start + SHORTEST, high if high < end else end)
    if at < 0:
        if end < high:
            return -1
        at = high
    found = data.find(ending, at, end)
    return found + len(ending) if found >= 0 else -1
