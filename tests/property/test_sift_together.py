"""Pieces whose records are told apart together make the unit that they make one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.batch import Blocks, PassedRecords, RawRecords, Records
from engine.screen.collecting import Collector
from engine.screen.held import count_known, unfold
from engine.screen.prints import Printer
from engine.screen.screening import Remembered, Screening
from engine.screen.sifting import Sifter, Unit

MARK, READING, PATTERN = "mark", b"as it is", b"7"
STORED = [b"%d,%s\n" % (number, b"stored " * 40) for number in range(60)]
OTHER = [b"%d,%s\n" % (number, b"changed\n" * (number % 3) + b"other " * 40) for number in range(60)]
BLOCK = 6
"""Records of a block of what is stored."""


def integers(*numbers: int) -> bytes:
    """Return numbers as the screen holds them."""
    return np.array(numbers, np.int64).tobytes()


def remembered() -> Remembered:
    """Return the set of a run that read the stored records in their order."""
    collector, printer = Collector(), Printer(MARK)
    collector.meet(range(1, 61), range(1, 61), [printer.records(STORED, READING)])
    for first in range(0, 60, BLOCK):
        body = b"".join(STORED[first : first + BLOCK])
        sizes = (integers(first + 1), integers(BLOCK), integers(BLOCK), integers(len(body)))
        collector.lay(Blocks(printer.block(body, READING), *sizes))
    return Remembered(PATTERN, collector.settle().arrays())


def records_of(parts: Sequence[bytes]) -> Records:
    """Return the records of a piece; those of several lines say where they begin."""
    before = np.cumsum([0, *(part.count(b"\n") for part in parts)]).tolist()[:-1]
    lines = None if all(part.count(b"\n") == 1 for part in parts) else before
    return Records(b"".join(parts), parts, lines, READING, b"\n")


def stretches(chosen: Sequence[int | Sequence[bytes]], screening: Screening) -> tuple[list[RawRecords], list[Sequence[bytes]]]:
    """Return pieces, and what is known as the number of a block says, with the records of each."""
    pieces: list[RawRecords] = []
    parts: list[Sequence[bytes]] = []
    line = 1
    for each in chosen:
        if isinstance(each, int):
            pieces.append(RawRecords(b"", 0, line, known=screening.known.stretch(each, 1)))
            parts.append(())
            line += BLOCK
        else:
            pieces.append(RawRecords(b"".join(each), 0, line))
            parts.append(each)
            line += b"".join(each).count(b"\n")
    return pieces, parts


def size_of(piece: RawRecords) -> int:
    """Return how many bytes of the document a piece takes."""
    return len(piece.data) if piece.known is None else 100 * piece.known.records


def passed(pieces: Sequence[RawRecords]) -> PassedRecords:
    """Return pieces as one, of which what is known was taken out."""
    told: list[int] = []
    for piece in pieces:
        if (known := piece.known) is not None:
            told += [size_of(piece), known.lines, known.first, known.records, known.block, known.blocks]
        else:
            told += [size_of(piece), piece.data.count(b"\n"), -1, 0, -1, 0]
    return PassedRecords(b"".join(piece.data for piece in pieces), 0, 1, stretches=integers(*told))


def taken(sifter: Sifter) -> tuple[Unit, list[tuple[object, ...]]]:
    """Return a unit, and its blocks apart, which may come in any order."""
    unit = sifter.take()
    blocks, unit = unit.blocks, replace(unit, blocks=Blocks())
    numbers = [np.frombuffer(each, np.int64).tolist() for each in (blocks.firsts, blocks.records, blocks.lines, blocks.sizes)]
    prints = [blocks.prints[at : at + 16] for at in range(0, len(blocks.prints), 16)]
    return unit, sorted(zip(*numbers, prints, strict=True))


record = st.sampled_from([*STORED, *OTHER])
chosen = st.lists(st.one_of(st.integers(0, 9), st.lists(record, min_size=1, max_size=12)), min_size=1, max_size=8)


@given(chosen)
def test_a_unit_is_the_same_one_by_one_and_together(choice: list[int | list[bytes]]) -> None:
    """What is parsed, with its lines and ordinals, what is known of which record, and the blocks."""
    alone, together = Screening(MARK, remembered()), Screening(MARK, remembered())
    pieces, parts = stretches(choice, alone)
    one, other = Sifter(alone, 1), Sifter(together, 1)
    for piece, each in zip(pieces, parts, strict=True):
        if piece.known is not None:
            one.skip(piece.known)
        else:
            one.sift(records_of(each), piece.line)
    assert other.sift_together(pieces, records_of([part for each in parts for part in each]))
    merged = Screening(MARK, remembered())
    third = Sifter(merged, 1)
    assert third.sift_together([passed(pieces)], records_of([part for each in parts for part in each]))
    assert (unit := taken(one)) == taken(other) == taken(third)
    assert one.ordinal == other.ordinal == third.ordinal
    assert unit[0].records == third.ordinal - 1


@given(chosen)
def test_a_piece_with_stretches_taken_out_unfolds_into_them(choice: list[int | list[bytes]]) -> None:
    """Each with its place and its line, whether it is known or not."""
    pieces, _ = stretches(choice, Screening(MARK, remembered()))
    placed: list[RawRecords] = []
    for piece in pieces:
        before = placed[-1] if placed else replace(piece, data=b"", offset=7, known=None)
        placed.append(replace(piece, offset=before.offset + size_of(before)))
    assert list(unfold(replace(passed(pieces), offset=7))) == placed
    assert count_known(passed(pieces)) == sum(piece.known.records for piece in pieces if piece.known is not None)


def test_records_that_reach_over_a_piece_are_not_taken() -> None:
    """Such pieces have to be told apart one by one; nothing is taken of them."""
    sifter = Sifter(Screening(MARK, remembered()), 1)
    pieces = [RawRecords(b"a\n", 0, 1), RawRecords(b"b\n", 0, 2)]
    assert not sifter.sift_together(pieces, records_of([b"a\nb\n"]))
    assert sifter.ordinal == 1
    assert sifter.empty
