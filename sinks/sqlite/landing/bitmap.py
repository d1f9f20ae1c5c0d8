"""A set of row ids in about one bit an id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_PAGE_BITS: Final = 16
_PAGE_BYTES: Final = (1 << _PAGE_BITS) // 8
_IN_PAGE: Final = (1 << _PAGE_BITS) - 1


class Bitmap:
    """A set of positive integers, in pages of 65,536 bits that are made when the first id falls into them.

    A set of a million Python integers takes 60 MB, this takes 128 KiB for neighbours, however far from zero they begin; the
    ids of a feed are neighbours but for what other feeds inserted between.
    """

    __slots__ = ("_pages", "size")

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self.size = 0

    def add(self, number: int) -> bool:
        """Add a number and return whether it was new."""
        page = self._pages.get(number >> _PAGE_BITS)
        if page is None:
            page = self._pages[number >> _PAGE_BITS] = bytearray(_PAGE_BYTES)
        place, bit = (number & _IN_PAGE) >> 3, 1 << (number & 7)
        if page[place] & bit:
            return False
        page[place] |= bit
        self.size += 1
        return True

    def add_row(self, first: int, count: int) -> bool:
        """Add `count` neighbours from `first` on if none of them is in, and return whether that was so."""
        spans = list(_spans(first, first + count))
        if any(self._bits(*span) for span in spans):
            return False
        for page, start, end in spans:
            bits = self._pages.setdefault(page, bytearray(_PAGE_BYTES))
            low, high = start >> 3, (end + 7) >> 3
            added = int.from_bytes(bits[low:high], "little") | ((1 << (end - start)) - 1) << (start & 7)
            bits[low:high] = added.to_bytes(high - low, "little")
        self.size += count
        return True

    def _bits(self, page: int, start: int, end: int) -> int:
        bits = self._pages.get(page, b"")[start >> 3 : (end + 7) >> 3]
        return int.from_bytes(bits, "little") >> (start & 7) & ((1 << (end - start)) - 1)

    def remove(self, number: int) -> None:
        """Take a number out, if it is in."""
        if number in self:
            self._pages[number >> _PAGE_BITS][(number & _IN_PAGE) >> 3] ^= 1 << (number & 7)
            self.size -= 1

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number >> _PAGE_BITS)
        return page is not None and bool(page[(number & _IN_PAGE) >> 3] & 1 << (number & 7))


def _spans(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the pages of the numbers from `first` to before `end`, each with the bits that are theirs."""
    while first < end:
        page = first >> _PAGE_BITS
        upto = min(end, (page + 1) << _PAGE_BITS)
        yield page, first & _IN_PAGE, ((upto - 1) & _IN_PAGE) + 1
        first = upto
