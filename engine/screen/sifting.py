"""From pieces and known stretches of a document to units: what has to be parsed, and what is known, of one stretch of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.batch import NO_ITEMS, Block, Known
from engine.screen.prints import PRINT_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import KnownRecords, Records
    from engine.screen.screening import Screening

UNIT_BYTES: Final = 512 * 1024
"""Bytes to be parsed that make a unit. Changed records are few and far between: parsed one by one they would cost a batch each."""

UNIT_RECORDS: Final = 1 << 17
"""Records, known or not, after which a unit ends whatever there is to be parsed: progress is told of units."""


@dataclass(slots=True)
class Unit:
    """A stretch of the source: records to be parsed, each with its fingerprint, ordinal and line, and what is known of the rest."""

    reading: bytes = b""
    parts: list[bytes] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    known: Known = NO_ITEMS
    records: int = 0


class Sifter:
    """Sort the records of a document into units. `ordinal` and `line` are where the next record stands in the run and document."""

    def __init__(self, screening: Screening, ordinal: int) -> None:
        self._screening = screening
        self.ordinal = ordinal
        self._unit = Unit()
        self._bytes = 0
        # Known records: where they stand in the source, and in the set. A stretch is (ordinal, place, records).
        self._stretches: list[tuple[int, int, int]] = []

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to hand over."""
        return not self._unit.records

    def is_full(self, reading: bytes | None = None) -> bool:
        """Return whether the unit ends here: it is big enough, or what follows is read in another way."""
        unit = self._unit
        other = reading is not None and bool(unit.parts) and unit.reading != reading
        return other or self._bytes >= UNIT_BYTES or unit.records >= UNIT_RECORDS

    def skip(self, known: KnownRecords) -> None:
        """Take a stretch that is known as a whole."""
        self._lay(known.print, known.records, known.lines)
        self._stretch(self.ordinal, known.first, known.records)
        self.ordinal += known.records
        self._unit.records += known.records

    def sift(self, records: Records, line: int) -> None:
        """Take the records of a piece that begins at `line`: those that are known are put aside."""
        unit, screening = self._unit, self._screening
        prints = screening.name_records(records.parts, records.reading)
        self._lay_all(records, screening)
        count = len(records.parts)
        places = screening.known.look_up(prints) if screening.knows else None
        unknown = range(count) if places is None else np.flatnonzero(places < 0).tolist()
        if places is not None and len(unknown) != count:
            self._put_aside(places)
        parts, first = records.parts, self.ordinal
        starts = records.lines
        unit.reading = records.reading
        if len(unknown) == count:
            unit.parts += parts
            self._bytes += len(records.body)
        else:
            chosen = [parts[index] for index in unknown]
            unit.parts += chosen
            self._bytes += sum(map(len, chosen))
        unit.prints += [prints[index * PRINT_BYTES : (index + 1) * PRINT_BYTES] for index in unknown]
        unit.ordinals += [first + index for index in unknown]
        unit.lines += [line + index for index in unknown] if starts is None else [line + starts[index] for index in unknown]
        self.ordinal += count
        unit.records += count

    def name_all(self, records: Records) -> list[bytes]:
        """Take the records of a piece that is parsed whole, and return their fingerprints."""
        prints = self._screening.name_records(records.parts, records.reading)
        self._lay_all(records, self._screening)
        return [prints[at : at + PRINT_BYTES] for at in range(0, len(prints), PRINT_BYTES)]

    def take(self) -> Unit:
        """Hand over the unit and begin another one."""
        unit, self._unit, self._bytes = self._unit, Unit(), 0
        if self._stretches:
            unit.known = self._gather()
            self._screening.met += len(unit.known)
        return unit

    def _put_aside(self, places: NDArray[np.int64]) -> None:
        at = np.flatnonzero(places >= 0)
        if not len(at):
            return
        # Neighbours in the source that were neighbours before make one stretch.
        breaks = np.flatnonzero((np.diff(at) != 1) | (np.diff(places[at]) != 1)) + 1
        bounds = [0, *breaks.tolist(), len(at)]
        for begin, end in pairwise(bounds):
            self._stretch(self.ordinal + int(at[begin]), int(places[at[begin]]), end - begin)

    def _stretch(self, ordinal: int, place: int, records: int) -> None:
        if self._stretches:
            last, before, many = self._stretches[-1]
            if last + many == ordinal and before + many == place:
                self._stretches[-1] = (last, before, many + records)
                return
        self._stretches.append((ordinal, place, records))

    def _gather(self) -> Known:
        known, stretches = self._screening.known, self._stretches
        self._stretches = []
        items = b"".join([known.items[place : place + many].tobytes() for _, place, many in stretches])
        ordinals = np.concatenate([np.arange(ordinal, ordinal + many, dtype=np.int64) for ordinal, _, many in stretches])
        prints = b"".join([known.prints[place * PRINT_BYTES : (place + many) * PRINT_BYTES] for _, place, many in stretches])
        return Known(items, ordinals.tobytes(), prints)

    def _lay(self, print_: bytes, records: int, lines: int, first: int | None = None) -> None:
        self._unit.blocks.append(Block(print_, self.ordinal if first is None else first, records, lines))

    def _lay_all(self, records: Records, screening: Screening) -> None:
        """Note the blocks of a piece: those whose both ends are ends of records."""
        body, ending, reading = records.body, records.ending, records.reading
        cuts, start = [0], 0
        while (start := screening.cut(body, start, len(body), ending)) >= 0:
            cuts.append(start)
        if len(cuts) < 2:
            return
        ends = [0, *accumulate(map(len, records.parts))]
        places = np.searchsorted(np.array(ends), cuts)
        for (begin, end), (low, high) in zip(pairwise(cuts), pairwise(places.tolist()), strict=True):
            if ends[low] == begin and ends[high] == end and high > low:
                lines = high - low if records.lines is None else _lines_between(records.lines, low, high, body[begin:end])
                self._lay(screening.name_block(body[begin:end], reading), high - low, lines, self.ordinal + low)


def _lines_between(lines: Sequence[int], low: int, high: int, body: bytes) -> int:
    return lines[high] - lines[low] if high < len(lines) else body.count(b"\n")
