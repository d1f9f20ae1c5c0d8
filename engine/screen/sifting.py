"""From pieces and known stretches of a document to units: what has to be parsed, and what is known, of one stretch of the source."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.batch import NO_BLOCKS, NO_ITEMS, ApartRecords, Blocks, Known
from engine.screen.held import align, count_known, lay_held
from engine.screen.known import ranges
from engine.screen.prints import each_print, nth_print

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batch import KnownRecords, RawRecords, Records
    from engine.screen.held import Held
    from engine.screen.known import KnownSet
    from engine.screen.screening import Screening

    Integers = NDArray[np.int64]

UNIT_BYTES: Final = 512 * 1024
"""Bytes to be parsed that make a unit. Changed records are few and far between: parsed one by one they would cost a batch each."""

UNIT_RECORDS: Final = 1 << 17
"""Records, known or not, after which a unit ends whatever there is to be parsed: progress is told of units."""

_TOGETHER: Final = 4_096
"""Records that are looked up at once, where they are not as many bytes as a unit: each look-up has its price, and of a document that
changed a little a piece has ten of them."""


@dataclass(slots=True)
class Unit:
    """A stretch of the source: records to be parsed, each with its fingerprint, ordinal and line, and what is known of the rest."""

    reading: bytes = b""
    parts: list[bytes] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    blocks: Blocks = NO_BLOCKS
    known: Known = NO_ITEMS
    records: int = 0


@dataclass(slots=True)
class _Waiting:
    """Records that have not been looked up yet, of pieces that need not follow each other."""

    parts: list[bytes] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    near: list[tuple[int, int]] = field(default_factory=list)
    bytes: int = 0


class Sifter:
    """Sort the records of a document into units. `ordinal` is that of the next record in the run."""

    def __init__(self, screening: Screening, ordinal: int) -> None:
        self._screening = screening
        self.ordinal = ordinal
        self._unit = Unit()
        self._waiting = _Waiting()
        self._laid = _Laid()
        self._bytes = 0
        self._held: list[RawRecords] = []
        self._held_bytes = self._held_records = 0
        self._held_reading = b""
        # Where the next record lay, if it is what came behind those before it.
        self._place = 0
        # Known records: their ordinals and their places in the set, one by one and as (ordinal, first place, records).
        self._met: list[tuple[Integers, Integers]] = []
        self._stretches: list[Integers] = []

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to hand over."""
        return not self._unit.records and not self._held

    def is_full(self, reading: bytes | None = None) -> bool:
        """Return whether the unit ends here: it is big enough, or what follows is read in another way."""
        unit = self._unit
        other = reading is not None and bool(unit.parts or self._waiting.parts) and unit.reading != reading
        return other or self._bytes >= UNIT_BYTES or unit.records >= UNIT_RECORDS

    def skip(self, known: KnownRecords) -> None:
        """Take a stretch that is known as a whole."""
        self._laid.stretches.append(np.array([(self.ordinal, known.block, known.blocks)]))
        self._stretches.append(np.array([(self.ordinal, known.first, known.records)]))
        self._place = known.first + known.records
        self.ordinal += known.records
        self._unit.records += known.records

    def sift(self, records: Records, line: int) -> None:
        """Take the records of a piece that begins at `line`: those that are known are put aside."""
        waiting, count, first = self._waiting, len(records.parts), self.ordinal
        self._laid.lay(records, self._screening, first)
        self._unit.reading = records.reading
        waiting.parts += records.parts
        waiting.bytes += len(records.body)
        waiting.prints.append(self._screening.name_records(records.parts, records.reading))
        waiting.near.append((self._place, count))
        self._place += count
        waiting.ordinals += range(first, first + count)
        waiting.lines += range(line, line + count) if records.lines is None else [line + before for before in records.lines]
        self.ordinal += count
        self._unit.records += count
        if len(waiting.parts) >= _TOGETHER or waiting.bytes >= UNIT_BYTES or not self._screening.knows:
            self._look_up()

    def reads_otherwise(self, piece: RawRecords) -> bool:
        """Return whether a piece was told apart under another reading than what is held."""
        apart = piece.records if isinstance(piece, ApartRecords) else None
        return apart is not None and bool(self._held_reading) and apart.reading != self._held_reading

    def hold(self, piece: RawRecords) -> None:
        """Put a piece, or what is known, behind others until it is worth while to tell their records apart together."""
        if isinstance(piece, ApartRecords) and piece.records is not None:
            self._held_reading = piece.records.reading
        self._held.append(piece)
        self._held_bytes += len(piece.data)
        self._held_records += count_known(piece)

    @property
    def holds_enough(self) -> bool:
        """Return whether what is held should be released now."""
        return self._held_bytes >= UNIT_BYTES or self._unit.records + self._held_records >= UNIT_RECORDS

    def release(self) -> list[RawRecords]:
        """Return what is held and hold it no more."""
        held, self._held, self._held_reading = self._held, [], b""
        self._held_bytes = self._held_records = 0
        return held

    def sift_together(self, pieces: Sequence[RawRecords], records: Records) -> bool:
        """Take pieces and what is known between them, given the records of all; False, and nothing is taken, where those do not fit."""
        self._look_up()
        held = align(pieces, records, self.ordinal, self._place)
        if held is None:
            return False
        unit, laid = self._unit, self._laid
        laid.stretches.append(held.blocks)
        self._stretches.append(held.met)
        unit.records += held.ordinal - self.ordinal
        self.ordinal, self._place = held.ordinal, held.after
        if records.parts:
            laid.take(*lay_held(held, self._screening))
            self._sort_out(held)
        return True

    def _sort_out(self, held: Held) -> None:
        unit, records, ordinals = self._unit, held.records, held.ordinals
        prints = self._screening.name_records(records.parts, records.reading)
        places = self._screening.known.look_up(prints, (held.near, held.counts))
        known, left = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
        self._met.append((ordinals[known], places[known]))
        indices: list[int] = left.tolist()
        chosen = [records.parts[index] for index in indices]
        unit.reading = records.reading
        unit.parts += chosen
        unit.prints += [nth_print(prints, index) for index in indices]
        unit.ordinals += ordinals[left].tolist()
        unit.lines += held.lines_of(left)
        self._bytes += sum(map(len, chosen))

    def name_all(self, records: Records) -> list[bytes]:
        """Take the records of a piece that is parsed whole, and return their fingerprints."""
        prints = self._screening.name_records(records.parts, records.reading)
        self._laid.lay(records, self._screening, self.ordinal)
        return each_print(prints)

    def take(self) -> Unit:
        """Hand over the unit and begin another one."""
        self._look_up()
        unit, self._unit, self._bytes = self._unit, Unit(), 0
        laid, self._laid = self._laid, _Laid()
        unit.blocks = laid.gather(self._screening)
        if self._stretches or self._met:
            unit.known = self._gather(self._screening.known)
            self._screening.met += len(unit.known)
            self._screening.known.rest()
        return unit

    def _look_up(self) -> None:
        """Sort what waits into what is known and what has to be parsed."""
        waiting, unit = self._waiting, self._unit
        if not waiting.parts:
            return
        self._waiting = _Waiting()
        prints = b"".join(waiting.prints)
        near = np.array(waiting.near, np.int64)
        places = self._screening.known.look_up(prints, (near[:, 0], near[:, 1])) if self._screening.knows else None
        if places is None or (places < 0).all():
            unit.parts += waiting.parts
            unit.prints += each_print(prints)
            unit.ordinals += waiting.ordinals
            unit.lines += waiting.lines
            self._bytes += sum(map(len, waiting.parts))
            return
        known = np.flatnonzero(places >= 0)
        self._met.append((np.array(waiting.ordinals, np.int64)[known], places[known]))
        unknown: list[int] = np.flatnonzero(places < 0).tolist()
        chosen = [waiting.parts[index] for index in unknown]
        unit.parts += chosen
        unit.prints += [nth_print(prints, index) for index in unknown]
        unit.ordinals += [waiting.ordinals[index] for index in unknown]
        unit.lines += [waiting.lines[index] for index in unknown]
        self._bytes += sum(map(len, chosen))

    def _gather(self, known: KnownSet) -> Known:
        stretches, met = np.concatenate([np.empty((0, 3), np.int64), *self._stretches]), self._met
        self._stretches, self._met = [], []
        ordinals = np.concatenate((ranges(stretches[:, 0], stretches[:, 2]), *(each for each, _ in met)))
        places = np.concatenate((ranges(stretches[:, 1], stretches[:, 2]), *(each for _, each in met)))
        if met:
            order = np.argsort(ordinals, kind="stable")
            ordinals, places = ordinals[order], places[order]
        return Known(known.items[places].tobytes(), ordinals.tobytes(), places.tobytes())


class _Laid:
    """The blocks of a unit: those of its pieces, and those that are known, as (ordinal, first block, blocks)."""

    def __init__(self) -> None:
        self.stretches: list[Integers] = []
        self._prints: list[bytes] = []
        self._counts: list[Sequence[int]] = []

    def lay(self, records: Records, screening: Screening, ordinal: int) -> None:
        """Note the blocks of a piece: those whose both ends are ends of records."""
        body, ending, reading, cut = records.body, records.ending, records.reading, screening.cut
        if records.block:
            count = len(records.parts)
            self._prints.append(screening.name_block(body, reading))
            lines = count if records.lines is None else body.count(b"\n")
            self._counts.append((ordinal, count, lines, len(body)))
            return
        cuts, start = [0], 0
        while start < len(body) and (start := cut(body, start, len(body), ending)) >= 0:
            cuts.append(start)
        if len(cuts) < 2:
            return
        ends = [0, *accumulate(map(len, records.parts))]
        low = 0
        for begin, end in pairwise(cuts):
            high = bisect_left(ends, end, low)
            if ends[low] == begin and high < len(ends) and ends[high] == end:
                lines = high - low if records.lines is None else _lines_between(records.lines, low, high, body[begin:end])
                self._prints.append(screening.name_block(body[begin:end], reading))
                self._counts.append((ordinal + low, high - low, lines, end - begin))
            low = high

    def take(self, prints: bytes, counts: Integers) -> None:
        """Note blocks, each as (ordinal, records, lines, size)."""
        self._prints.append(prints)
        self._counts += counts.tolist()

    def gather(self, screening: Screening) -> Blocks:
        """Return all blocks, those that are known behind the others."""
        counts = np.array(self._counts, np.int64).reshape(-1, 4)
        prints, firsts, records, lines, sizes = b"".join(self._prints), *counts.T
        if self.stretches:
            known, stretches = screening.known, np.concatenate(self.stretches)
            blocks = ranges(stretches[:, 1], stretches[:, 2])
            moved = np.repeat(stretches[:, 0] - known.firsts[stretches[:, 1]], stretches[:, 2])
            prints += np.frombuffer(known.block_prints, np.uint64).reshape(-1, 2)[blocks].tobytes()
            firsts = np.concatenate((firsts, known.firsts[blocks] + moved))
            records, lines = np.concatenate((records, known.records[blocks])), np.concatenate((lines, known.lines[blocks]))
            sizes = np.concatenate((sizes, known.sizes[blocks]))
        return Blocks(prints, firsts.tobytes(), records.tobytes(), lines.tobytes(), sizes.tobytes())


def _lines_between(lines: Sequence[int], low: int, high: int, body: bytes) -> int:
    return lines[high] - lines[low] if high < len(lines) else body.count(b"\n")
