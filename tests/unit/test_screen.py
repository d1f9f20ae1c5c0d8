"""What the screen is made of: blocks cut by content, the set of known records, and what a run gathers for the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batch import Blocks, Known
from engine.screen.blocks import LONGEST, SHORTEST, cut_block, learn_pattern
from engine.screen.collecting import Collector
from engine.screen.known import Arrays, KnownSet
from engine.screen.prints import Printer

A, B, C, D = (letter * 16 for letter in (b"a", b"b", b"c", b"d"))


def integers(*numbers: int) -> bytes:
    """Return numbers as the screen holds them."""
    return np.array(numbers, np.int64).tobytes()


def items_of(collector: Collector, *applied: tuple[int, int, int]) -> dict[bytes, int]:
    """Settle, and return the item that each fingerprint stands for."""
    found = KnownSet(collector.settle(applied).arrays())
    return {bytes(found.prints[16 * at : 16 * at + 16]): int(found.items[at]) for at in range(len(found))}


def test_a_record_that_was_applied_lends_its_item_to_no_other() -> None:
    """Of the records that the store applied only those that were awaited are known; others had no fingerprint."""
    for applied, known in ((((1, 10, -3), (9, 20, -9), (12, 30, -9)), {B: 20}), (((7, 20, -9), (12, 30, -9)), {})):
        collector = Collector()
        collector.wait([3, 9], [-3, -9], [A, B])
        assert items_of(collector, *applied) == known


def test_a_record_that_was_overtaken_in_part_is_not_known() -> None:
    """Its item has another digest than the record was to give it."""
    collector = Collector()
    collector.wait([3, 9], [-3, -9], [A, B])
    assert items_of(collector, (3, 10, -3), (9, 20, ~-9)) == {A: 10}


def test_an_item_that_was_met_twice_is_known_by_none_of_its_records() -> None:
    """Neither by the earlier one nor by the later one: the unchanged one of the two would be skipped, and the changed one win."""
    collector = Collector(Arrays(C + D, integers(10, 30)))
    collector.meet([1, 2], [10, 20], [A, B])
    collector.know(Known(integers(10, 30), integers(3, 4), integers(0, 1)))
    collector.drop([10])
    assert items_of(collector) == {B: 20, D: 30}


def test_a_block_is_known_if_all_its_records_are() -> None:
    """One that holds a record that was not applied is not; what was applied closes the gap."""
    for applied, known in (((), False), (((2, 20, -2),), True)):
        collector = Collector()
        collector.meet([1, 3], [10, 30], [A, C])
        collector.wait([2], [-2], [B])
        collector.lay(Blocks(D, integers(1), integers(3), integers(3), integers(99)))
        found = KnownSet(collector.settle(applied).arrays())
        assert (found.find_block(D) is not None) is known
        assert found.look_up(A + B + C + D).tolist() == ([0, 1, 2, -1] if known else [0, -1, 1, -1])


def test_what_somebody_else_has_written_is_not_known() -> None:
    """Neither the record of such an item nor the block in which it lies."""
    collector = Collector()
    collector.meet([1, 2], [10, 20], [A, B])
    collector.lay(Blocks(D, integers(1), integers(2), integers(2), integers(99)))
    arrays = collector.settle().arrays()
    assert KnownSet(arrays).find_block(D) is not None
    found = KnownSet(arrays, without=[20, 99])
    assert found.find_block(D) is None
    assert found.look_up(A + B).tolist() == [0, -1]


ALIKE = [a + b + c for a in (b"a" * 4, b"b" * 4) for b in (b"x" * 4, b"y" * 4) for c in (b"m" * 8, b"n" * 8)]


@given(st.lists(st.sampled_from(ALIKE), unique=True), st.lists(st.sampled_from(ALIKE)), st.data())
def test_records_are_found_wherever_they_lie(stored: list[bytes], asked: list[bytes], data: st.DataObject) -> None:
    """In any order, near the place that is expected or far from it, and though half of a fingerprint is another one's too."""
    found = KnownSet(Arrays(b"".join(stored), integers(*range(len(stored)))))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(asked)), max_size=3))), len(asked)]
    counts = np.array([high - low for low, high in pairwise(cuts)], np.int64)
    # A stretch may be expected behind the last one that is stored.
    near = np.array([data.draw(st.integers(0, len(stored))) for _ in counts], np.int64)
    places = [stored.index(each) if each in stored else -1 for each in asked]
    assert found.look_up(b"".join(asked), (near, counts)).tolist() == places


def test_fingerprints_are_of_a_mark_and_a_reading() -> None:
    """The same bytes under another mapping, or read in another way, are others; and a block is no record."""
    prints = [Printer(mark).records([b"x"], reading) for mark in ("m", "n") for reading in (b"r", b"s")]
    assert len({*prints, Printer("m").block(b"x", b"r")}) == 5
    assert Printer("m").records([b"x", b"y"], b"r")[16:] == Printer("m").records([b"y"], b"r")


def test_an_insertion_moves_no_cut_but_its_own() -> None:
    """Blocks are cut by their content: behind a row that is inserted they end where they did."""
    rows = [b"%06d,%d,some name of %d\n" % (number, number * 7919 % 1000, number % 13) for number in range(4_000)]
    data = b"".join(rows)
    pattern = learn_pattern(data)

    def blocks(text: bytes) -> list[bytes]:
        found, start = [], 0
        while (end := cut_block(text, start, len(text), pattern, b"\n")) >= 0:
            found.append(text[start:end])
            start = end
        return found

    before, after = blocks(data), blocks(b"".join([*rows[:2_000], b"inserted\n", *rows[2_000:]]))
    assert len(set(before) - set(after)) <= 2
    assert all(SHORTEST < len(block) <= LONGEST + 40 for block in before)
    assert len(before) > len(data) / 6_000


@pytest.mark.parametrize("sample", [b"", b"\n", b"ab", b"x" * 100_000], ids=["empty", "a line end", "short", "one letter"])
def test_any_sample_gives_a_pattern(sample: bytes) -> None:
    """A poor one costs time, and never a record."""
    pattern = learn_pattern(sample)
    assert pattern
    assert cut_block(sample + b"y" * 40_000 + b"\n", 0, len(sample) + 40_001, pattern, b"\n") > 0
