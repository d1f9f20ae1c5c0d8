"""A set of row ids in about one byte an id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAGE_BITS: Final = 16
_PAGE_SIZE: Final = 1 << _PAGE_BITS
_IN_PAGE: Final = _PAGE_SIZE - 1


class Bitmap:
    """A set of positive integers, in pages of 65,536 that are made when the first id falls into them.

    A set of a million Python integers takes 60 MB, this takes 1 MB for neighbours, however far from zero they begin; the ids of a
    feed are neighbours but for what other feeds inserted between. A byte an id, because many at once are added without a loop.
    """

    __slots__ = ("_pages", "size")

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self.size = 0

    def add(self, number: int) -> bool:
        """Add a number and return whether it was new."""
        page = self._page(number >> _PAGE_BITS)
        if page[number & _IN_PAGE]:
            return False
        page[number & _IN_PAGE] = 1
        self.size += 1
        return True

    def add_row(self, first: int, count: int) -> bool:
        """Add `count` neighbours from `first` on if none of them is in, and return whether that was so."""
        spans = list(_spans(first, first + count))
        if any(self._page(number).find(1, start, end) >= 0 for number, start, end in spans):
            return False
        for number, start, end in spans:
            self._page(number)[start:end] = b"\1" * (end - start)
        self.size += count
        return True

    def add_all(self, numbers: NDArray[np.int64]) -> list[int]:
        """Add numbers and return those that were in already, and those that stand among the numbers again."""
        import numpy as np

        again: list[int] = []
        pages = numbers >> _PAGE_BITS
        # Of neighbours hardly any begins another page: these few are sorted, not all.
        begins = np.flatnonzero(pages[1:] != pages[:-1]) + 1
        for number in np.unique(pages[np.concatenate(([0], begins))]).tolist() if len(pages) else ():
            page = np.frombuffer(self._page(number), np.uint8)
            places = numbers[pages == number] & _IN_PAGE
            old = places[page[places] != 0]
            before = np.count_nonzero(page)
            page[places] = 1
            new = int(np.count_nonzero(page) - before)
            self.size += new
            if new != len(places):
                met, counts = np.unique(places, return_counts=True)
                again += (met[(counts > 1) | np.isin(met, old)] + (number << _PAGE_BITS)).tolist()
        return again

    def remove(self, number: int) -> None:
        """Take a number out, if it is in."""
        if number in self:
            self._pages[number >> _PAGE_BITS][number & _IN_PAGE] = 0
            self.size -= 1

    def _page(self, number: int) -> bytearray:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(_PAGE_SIZE)
        return page

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number >> _PAGE_BITS)
        return page is not None and bool(page[number & _IN_PAGE])


def _spans(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the pages of the numbers from `first` to before `end`, each with the places that are theirs."""
    while first < end:
        page = first >> _PAGE_BITS
        upto = min(end, (page + 1) << _PAGE_BITS)
        yield page, first & _IN_PAGE, ((upto - 1) & _IN_PAGE) + 1
        first = upto
