"""Pieces that are told apart together: what is known and what is not of a stretch of the source, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from engine.batch import ApartRecords, KnownRecords, PassedRecords, RawRecords, Records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.screen.screening import Screening

    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Held:
    """Pieces and known stretches that follow each other, the records of all pieces, and where each begins.

    `counts` are the records of each piece, `firsts` their first ordinals, `near` where in the known set those would lie had nothing
    changed, and `cut` says which of them are one block. `begins` is how many lines of the body lie before each. Of what is known
    `blocks` are (ordinal, first block, blocks) and `met` (ordinal, first place, records); `after` is where the next record of the
    source would lie.
    """

    records: Records
    counts: Integers
    firsts: Integers
    starts: Integers
    lines: Integers
    near: Integers
    begins: Integers
    cut: NDArray[np.bool_]
    blocks: Integers
    met: Integers
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
            found = within[indices] + np.repeat(self.lines - self.begins, self.counts)[indices]
        lines: list[int] = found.tolist()
        return lines


def align(pieces: Sequence[RawRecords], records: Records, ordinal: int, place: int) -> Held | None:
    """Say of which piece each record is; None where one does not end with a piece, so that they cannot be told apart together.

    `records` are of all pieces that are not known, one behind the other. `ordinal` is the first one's, `place` where it lies in the
    known set if it does.
    """
    rows = _rows(pieces)
    is_known = rows[:, _BLOCK] >= 0
    left, known = rows[~is_known], rows[is_known]
    ends = np.cumsum(np.fromiter(map(len, records.parts), np.int64, len(records.parts)))
    stops = np.cumsum(left[:, _BYTES])
    last = np.searchsorted(ends, stops)
    if len(last) and (last[-1] >= len(ends) or (ends[last] != stops).any()):
        return None
    counts = np.diff(last + 1, prepend=0)
    each = rows[:, _RECORDS].copy()
    each[~is_known] = counts
    ordinals = ordinal + np.cumsum(each) - each
    # How far behind its ordinal a record lies in the known set, if it lies behind the last known stretch before it.
    moved = np.concatenate(([place - ordinal], known[:, _FIRST] - ordinals[is_known]))
    firsts, total = ordinals[~is_known], ordinal + int(each.sum())
    return Held(
        records,
        counts,
        firsts,
        stops - left[:, _BYTES],
        left[:, _LINE],
        firsts + moved[np.cumsum(is_known)[~is_known]],
        _begins(pieces, records, counts, left[:, _LINES]),
        left[:, _BLOCKS] == 1,
        np.stack((ordinals[is_known], known[:, _BLOCK], known[:, _BLOCKS]), axis=1),
        np.stack((ordinals[is_known], known[:, _FIRST], known[:, _RECORDS]), axis=1),
        total,
        total + int(moved[-1]),
    )


def _begins(pieces: Sequence[RawRecords], records: Records, counts: Integers, lines: Integers) -> Integers:
    # A record of its own line begins with it; where blanks may lie before the first one of a piece, the piece's lines were counted.
    if records.lines is None or any(isinstance(piece, ApartRecords) for piece in pieces):
        return np.cumsum(lines) - lines
    begins: Integers = np.array(records.lines, np.int64)[np.cumsum(counts) - counts]
    return begins


_BYTES, _LINES, _FIRST, _RECORDS, _BLOCK, _BLOCKS, _LINE = range(7)
"""What is said of a stretch, see `engine.batch.PassedRecords`, and the line at which it begins."""


def _rows(pieces: Sequence[RawRecords]) -> Integers:
    """Return the stretches of all pieces."""
    rows: list[Integers] = []
    for piece in pieces:
        if isinstance(piece, PassedRecords):
            told = np.frombuffer(piece.stretches, np.int64).reshape(-1, _LINE)
            lines = piece.line + np.cumsum(told[:, _LINES]) - told[:, _LINES]
            rows.append(np.concatenate((told, lines[:, np.newaxis]), axis=1))
        elif (known := piece.known) is not None:
            rows.append(np.array([[0, known.lines, known.first, known.records, known.block, known.blocks, piece.line]]))
        elif isinstance(piece, ApartRecords) and (apart := piece.records) is not None:
            rows.append(np.array([[len(apart.body), apart.body.count(b"\n"), -1, 0, -1, int(apart.block), piece.line]]))
        else:
            rows.append(np.array([[len(piece.data), 0, -1, 0, -1, 0, piece.line]]))
    return np.concatenate(rows)


def join_apart(pieces: Sequence[RawRecords]) -> Records:
    """Return the records of pieces that are known or told apart, all of one reading, as those of one body."""
    told = [piece.records for piece in pieces if isinstance(piece, ApartRecords) and piece.records is not None]
    if not told:
        return Records(b"", (), None, b"", b"\n")
    lines: list[int] | None = None
    if any(each.lines is not None for each in told):
        lines, before = [], 0
        for each in told:
            lines += [before + line for line in (range(len(each.parts)) if each.lines is None else each.lines)]
            before += each.body.count(b"\n")
    parts = [*chain.from_iterable([each.parts for each in told])]
    return Records(b"".join([each.body for each in told]), parts, lines, told[0].reading, told[0].ending)


def count_known(piece: RawRecords) -> int:
    """Return how many records of a piece are known."""
    if isinstance(piece, PassedRecords):
        return int(np.frombuffer(piece.stretches, np.int64)[_RECORDS::_LINE].sum())
    return piece.known.records if piece.known is not None else 0


def unfold(piece: PassedRecords) -> Iterator[RawRecords]:
    """Yield the stretches of a piece as pieces of their own."""
    offset, line, at = piece.offset, piece.line, 0
    told: list[list[int]] = np.frombuffer(piece.stretches, np.int64).reshape(-1, _LINE).tolist()
    for size, lines, first, records, block, blocks in told:
        if block >= 0:
            yield RawRecords(b"", offset, line, known=KnownRecords(first, records, lines, block, blocks))
        else:
            yield RawRecords(piece.data[at : at + size], offset, line)
            at += size
        offset, line = offset + size, line + lines


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
        # Not by the records' lines: blanks may lie before a record.
        ended = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n"))
        lines = np.searchsorted(ended, stops) - np.searchsorted(ended, begins)
    return prints, np.stack((held.ordinals[low], high - low, lines, stops - begins), axis=1)


def _cut(held: Held, screening: Screening) -> tuple[Integers, Integers]:
    body, ending, cut = held.records.body, held.records.ending, screening.cut
    starts, ends = held.starts, np.append(held.starts[1:], len(body))
    begins: list[int] = []
    stops: list[int] = []
    told: list[tuple[int, int]] = list(zip(starts[~held.cut].tolist(), ends[~held.cut].tolist(), strict=True))
    for start, end in told:
        at = start
        while at < end and (stop := cut(body, at, end, ending)) >= 0:
            begins.append(at)
            stops.append(stop)
            at = stop
    return (
        np.concatenate((starts[held.cut], np.array(begins, np.int64))),
        np.concatenate((ends[held.cut], np.array(stops, np.int64))),
    )


def _spread(firsts: Integers, counts: Integers) -> Integers:
    before = np.cumsum(counts) - counts
    return np.repeat(firsts - before, counts) + np.arange(counts.sum(), dtype=np.int64)
