"""Pieces that are told apart together: what is known and what is not of a stretch of the source, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import KnownRecords, RawRecords, Records
    from engine.screen.screening import Screening

    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Held:
    """Pieces and known stretches that follow each other, the records of all pieces, and where each begins.

    `counts` are the records of each piece, `firsts` their first ordinals, `near` where in the known set those would lie had nothing
    changed. `stretches` are what is known, as (ordinal, known), `after` where the next record of the source would lie.
    """

    records: Records
    counts: Integers
    firsts: Integers
    starts: Integers
    lines: Integers
    near: Integers
    stretches: Sequence[tuple[int, KnownRecords]]
    ordinal: int
    after: int

    @property
    def ordinals(self) -> Integers:
        """Return the ordinal of each record."""
        return _spread(self.firsts, self.counts)

    def lines_of(self, indices: Integers) -> list[int]:
        """Return the lines of the document in which some of the records begin."""
        before = self.records.lines
        if before is None:
            found = _spread(self.lines, self.counts)[indices]
        else:
            within = np.array(before, np.int64)
            begins = within[np.cumsum(self.counts) - self.counts]
            found = within[indices] + np.repeat(self.lines - begins, self.counts)[indices]
        lines: list[int] = found.tolist()
        return lines


def align(pieces: Sequence[RawRecords], records: Records, ordinal: int, place: int) -> Held | None:
    """Say of which piece each record is; None where one does not end with a piece, so that they cannot be told apart together.

    `records` are of all pieces that are not known, one behind the other. `ordinal` is the first one's, `place` where it lies in the
    known set if it does.
    """
    sizes = [len(piece.data) for piece in pieces if piece.known is None]
    ends = np.cumsum(np.fromiter(map(len, records.parts), np.int64, len(records.parts)))
    stops = np.cumsum(np.array(sizes, np.int64))
    last = np.searchsorted(ends, stops)
    if len(last) and (last[-1] >= len(ends) or (ends[last] != stops).any()):
        return None
    counts = np.diff(last + 1, prepend=0)
    each = iter(counts.tolist())
    firsts: list[int] = []
    near: list[int] = []
    stretches: list[tuple[int, KnownRecords]] = []
    for piece in pieces:
        if (known := piece.known) is not None:
            stretches.append((ordinal, known))
            ordinal += known.records
            place = known.first + known.records
            continue
        firsts.append(ordinal)
        near.append(place)
        count = next(each)
        ordinal += count
        place += count
    return Held(
        records,
        counts,
        np.array(firsts, np.int64),
        stops - np.array(sizes, np.int64),
        np.array([piece.line for piece in pieces if piece.known is None], np.int64),
        np.array(near, np.int64),
        stretches,
        ordinal,
        place,
    )


def lay_held(held: Held, screening: Screening) -> tuple[bytes, Integers]:
    """Return the fingerprints of the blocks whose both ends are ends of records, and of each (ordinal, records, lines, size)."""
    records, body = held.records, held.records.body
    begins, stops = _cut(held, screening)
    ends = np.concatenate(([0], np.cumsum(np.fromiter(map(len, records.parts), np.int64, len(records.parts)))))
    low, high = np.searchsorted(ends, begins), np.searchsorted(ends, stops)
    whole = (ends[low] == begins) & (ends[high] == stops)
    begins, stops, low, high = begins[whole], stops[whole], low[whole], high[whole]
    with memoryview(body) as view:
        prints = screening.name_blocks(map(view.__getitem__, map(slice, begins.tolist(), stops.tolist())), records.reading)
    lines = high - low
    if records.lines is not None:
        before = np.array([*records.lines, body.count(b"\n")], np.int64)
        lines = before[high] - before[low]
    return prints, np.stack((held.ordinals[low], high - low, lines, stops - begins), axis=1)


def _cut(held: Held, screening: Screening) -> tuple[Integers, Integers]:
    body, ending, cut = held.records.body, held.records.ending, screening.cut
    begins: list[int] = []
    stops: list[int] = []
    starts: list[int] = held.starts.tolist()
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        at = start
        while at < end and (stop := cut(body, at, end, ending)) >= 0:
            begins.append(at)
            stops.append(stop)
            at = stop
    return np.array(begins, np.int64), np.array(stops, np.int64)


def _spread(firsts: Integers, counts: Integers) -> Integers:
    before = np.cumsum(counts) - counts
    return np.repeat(firsts - before, counts) + np.arange(counts.sum(), dtype=np.int64)
