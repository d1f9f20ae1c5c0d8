"""A stretch of a document of lines beside what a screen knows of it: known blocks are passed over, the others are scanned exactly."""

from __future__ import annotations

from array import array
from typing import Final

from engine.batch import PassedRecords
from engine.contracts import Prover, Walked

HELD_BACK: Final = 64 * 1024
"""Bytes of a document behind a stretch in which a screen is asked: what ends a document is judged by its records."""

ENDING: Final = b"\n"

NOTHING_KNOWN: Final = Walked((), (), 0)


def make_passed(buffer: bytearray, walked: Walked, end: int, offset: int, line: int, prover: Prover) -> tuple[PassedRecords, int]:
    """Return a piece of what was walked through, and of whole records behind that up to `end`; and how many lines it takes."""
    stretches, unknown = array("q", walked.stretches), [*walked.unknown]
    if end > walked.reached:
        stretches.extend((end - walked.reached, prover.count_lines(walked.reached, end), -1, 0, -1, 0))
        unknown.append(slice(walked.reached, end))
    with memoryview(buffer) as view:
        data = b"".join(map(view.__getitem__, unknown))
    return PassedRecords(data, offset, line, stretches=stretches.tobytes()), sum(stretches[1::6])
