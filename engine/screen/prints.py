"""Fingerprints of records and blocks: 128 bits of xxh3, 64 to search by and 64 to confirm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from xxhash import xxh3_64_intdigest, xxh3_128_digest

PRINT_BYTES: Final = 16


def nth_print(prints: bytes, index: int) -> bytes:
    """Return one of several fingerprints that stand behind each other."""
    return prints[index * PRINT_BYTES : (index + 1) * PRINT_BYTES]


def each_print(prints: bytes) -> list[bytes]:
    """Return fingerprints that stand behind each other, one by one."""
    return [prints[at : at + PRINT_BYTES] for at in range(0, len(prints), PRINT_BYTES)]


class Printer:
    """Make fingerprints under a mark: what is read under another mark, or in another way, is never known.

    `mark` stands for the feed's mapping, its settings and the programs' versions. A `reading` stands for what of a document's dialect
    has a part in what its bytes mean.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._seeds: dict[bytes, int] = {}

    def block(self, data: bytes, reading: bytes) -> bytes:
        """Return the fingerprint of a block, which no record's is."""
        return xxh3_128_digest(data, seed=self.block_seed(reading))

    def blocks(self, pieces: Iterable[bytes | memoryview], reading: bytes) -> bytes:
        """Return the fingerprints of blocks, one behind the other."""
        return b"".join(map(partial(xxh3_128_digest, seed=self.block_seed(reading)), pieces))

    def block_seed(self, reading: bytes) -> int:
        """Return what the fingerprint of a block is made with."""
        return self._seed(reading) ^ 1

    def records(self, parts: Sequence[bytes], reading: bytes) -> bytes:
        """Return the fingerprints of records, one behind the other."""
        return b"".join(map(partial(xxh3_128_digest, seed=self._seed(reading)), parts))

    def _seed(self, reading: bytes) -> int:
        seed = self._seeds.get(reading)
        if seed is None:
            if len(self._seeds) > 1_000:
                self._seeds.clear()
            seed = self._seeds[reading] = xxh3_64_intdigest(b"%d %b %b" % (len(self._mark), self._mark, reading)) & ~1
        return seed
