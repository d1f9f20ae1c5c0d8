"""The screen of one run: asked by a mapper before it cuts, and by the transform before it parses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from xxhash import xxh3_128_digest

from engine.batch import JsonValue, KnownRecords
from engine.screen.blocks import SAMPLE_BYTES, cut_block, learn_pattern
from engine.screen.prints import Printer

if TYPE_CHECKING:
    from engine.contracts import Prover, Walked
    from engine.screen.known import Arrays, KnownSet


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a complete run leaves for the screen of the next: how blocks were cut, what was known, and what spoke for the whole.

    `without` are items that somebody else has written since. `evidence` is what a run concludes from all of its records together.
    """

    pattern: bytes
    arrays: Arrays
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)
    without: Iterable[int] = ()


class Screening:
    """Tell known stretches and records from others, see `engine.contracts.Screen`. One a run; not for several threads at once.

    Nothing is loaded before a mapper asks for the first time, which it does of big documents only.
    """

    def __init__(self, mark: str, remembered: Remembered | None = None) -> None:
        self.mark = mark
        self.remembered = remembered
        self._printer = Printer(mark)
        self._known: KnownSet | None = None
        self._pattern = remembered.pattern if remembered is not None else b""
        self.evidence: Mapping[str, JsonValue] = remembered.evidence if remembered is not None else {}
        self.met = 0
        self._reading: bytes | None = None
        self._seed = 0

    @property
    def knows(self) -> bool:
        """Return whether anything is known at all."""
        return self.remembered is not None

    @property
    def pattern(self) -> bytes:
        """Return by which text blocks are cut, empty where none was learned."""
        return self._pattern

    @property
    def known(self) -> KnownSet:
        """Return the set of the last complete run, empty where there was none."""
        if self._known is None:
            from engine.screen.known import Arrays, KnownSet

            remembered = self.remembered
            arrays = remembered.arrays if remembered is not None else Arrays()
            self._known = KnownSet(arrays, remembered.without if remembered is not None else ())
        return self._known

    def cut(self, data: bytes | bytearray, start: int, end: int, ending: bytes) -> int:
        """Return where the block that begins at `start` ends, -1 where the bytes up to `end` do not tell."""
        return cut_block(data, start, end, self._pattern or self._learn(data, start, end), ending)

    def _learn(self, data: bytes | bytearray, start: int, end: int) -> bytes:
        self._pattern = learn_pattern(bytes(data[start : min(end, start + SAMPLE_BYTES)]))
        return self._pattern

    def find(self, block: bytes, reading: bytes) -> KnownRecords | None:
        """Return what is known of a block, None when it is not known as a whole."""
        found = self.known.find_block(self._printer.block(block, reading))
        return self.known.stretch(found, 1) if found is not None else None

    def follow(self, data: bytes | bytearray, start: int, end: int, ending: bytes, reading: bytes) -> tuple[KnownRecords | None, int]:
        """Return what is known of the blocks from `start` on, as many as follow each other now and before, and where they end.

        Where the first of them is not known that is None, and its end; -1 where the bytes up to `end` do not tell.
        """
        known, seed = self._known or self.known, self._seed_of(reading)
        with memoryview(data) as view:
            expected = known.begin(view, start, end, seed)
            if expected is not None:
                block, stop = expected
            else:
                stop = self.cut(data, start, end, ending)
                if stop < 0:
                    return None, -1
                found = known.find_block(xxh3_128_digest(view[start:stop], seed=seed))
                if found is None:
                    return None, stop
                block = found
            following, stop = known.go_on(view, block, stop, end, seed)
        return known.stretch(block, following - block), stop

    def walk(self, data: bytearray, start: int, end: int, ending: bytes, reading: bytes, prove: Prover) -> Walked:
        """Go from known block to known block, see `engine.screen.walking`."""
        from engine.screen.walking import walk

        cut = partial(cut_block, pattern=self._pattern or self._learn(data, start, end), ending=ending)
        return walk(self.known, cut, data, start, end, self._seed_of(reading), prove)

    def _seed_of(self, reading: bytes) -> int:
        if reading is not self._reading:
            self._reading, self._seed = reading, self._printer.block_seed(reading)
        return self._seed

    def let_go(self) -> None:
        """Let go of the set, when all was read: it is big, and whoever else holds on to the screen need not hold on to that."""
        self.remembered = self._known = None

    def name_block(self, block: bytes, reading: bytes) -> bytes:
        """Return the fingerprint of a block."""
        return self._printer.block(block, reading)

    def name_blocks(self, blocks: Iterable[bytes | memoryview], reading: bytes) -> bytes:
        """Return the fingerprints of blocks, 16 bytes each."""
        return self._printer.blocks(blocks, reading)

    def name_records(self, parts: Iterable[bytes], reading: bytes) -> bytes:
        """Return the fingerprints of records, 16 bytes each."""
        return self._printer.records(list(parts), reading)
