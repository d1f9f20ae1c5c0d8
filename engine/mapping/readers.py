"""Columns of cells to columns of values: what reads them fast. A clean column is one pass, a repeating one a dictionary."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from engine.batch import SEVERAL
from engine.errors import RejectRecord
from engine.mapping.convert import INVISIBLE, read_key, trim_text
from engine.mapping.several import Combine, first_known, read_several
from engine.schema import MONEY_SCALE

if TYPE_CHECKING:
    from engine.batch import Value
    from engine.mapping.numbers import NumberReader

MEMO_ENTRIES: Final = 16_384
"""Distinct texts remembered per column. Stock figures repeat so often that almost every cell is one dictionary look-up."""

MEMO_TEXT: Final = 256
"""Characters of the longest text that is remembered: descriptions and image lists hardly repeat, and would fill the memory."""


class Bad:
    """Stand in for a value that could not be read, with the reason; it never leaves the rules."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


Read: TypeAlias = "Value | Bad"


class CellReader(Protocol):
    """Read whole columns of cells. `met_bad` says whether any value so far was unreadable, so that a clean feed is not searched."""

    @property
    def met_bad(self) -> bool:
        """Say whether a `Bad` was returned so far."""
        ...

    def column(self, cells: Sequence[str]) -> list[Read]:
        """Return the value of each cell, in order."""
        ...


class Memo(dict[str, "Read"]):
    """Remember the value of each distinct text; `met_bad` says whether any of them was unreadable.

    `map(memo.__getitem__, column)` then runs at the speed of a dictionary for every text met before. Forgetting all when it
    is full keeps the memory bounded, whatever a supplier sends.
    """

    __slots__ = ("_convert", "_met_bad")

    def __init__(self, convert: Callable[[str], Value]) -> None:
        super().__init__()
        self._convert = convert
        self._met_bad = False

    @property
    def met_bad(self) -> bool:
        return self._met_bad

    def __missing__(self, text: str) -> Read:
        try:
            value: Read = self._convert(text)
        except RejectRecord as fault:
            self._met_bad = True
            value = Bad(str(fault))
        if len(text) <= MEMO_TEXT:
            if len(self) >= MEMO_ENTRIES:
                self.clear()
            self[text] = value
        return value

    def column(self, cells: Sequence[str]) -> list[Read]:
        return list(map(self.__getitem__, cells))


_SUSPECTS: Final = ("'", '="', *map(chr, INVISIBLE), "E+", "e+", "\n", "\r", SEVERAL)
_TELLTALES: Final = ("'", "=", *map(chr, INVISIBLE), "+", "\n", "\r", SEVERAL)
# Single characters, without which there is no suspect: a search for one runs at memory speed, for two it does not.


class Identifiers:
    """Read a column of identifiers. They hardly repeat, so they are not remembered; a clean column is one pass of `strip`."""

    __slots__ = ("_met_bad", "_read_cell")

    def __init__(self, combine: Combine = first_known) -> None:
        self._met_bad = False
        self._read_cell = read_several(read_key, combine)

    @property
    def met_bad(self) -> bool:
        return self._met_bad

    def column(self, cells: Sequence[str]) -> list[Read]:
        joined = "".join(cells)
        if not any(mark in joined for mark in _TELLTALES) or not any(suspect in joined for suspect in _SUSPECTS):
            return [cell.strip() or None for cell in cells]
        return [self._read(cell) for cell in cells]

    def _read(self, cell: str) -> Read:
        try:
            return self._read_cell(cell)
        except RejectRecord as fault:
            self._met_bad = True
            return Bad(str(fault))


_PLAIN_BELOW: Final = 1e9
_TELLING: Final = {"decimal": re.compile(r"\.(?:[0-9]{3}(?![0-9])|[0-9]{7})"), "comma": re.compile(r",(?:[0-9]{3}(?![0-9])|[0-9]{7})")}
_ANY_DIGIT: Final = bytes.maketrans(b"123456789,", b"000000000.")


class Prices:
    """Read a column of prices that has no rules. Prices hardly repeat, and nearly all are plain digits with a decimal mark.

    Such a column is read as floats and scaled, which is exact here: below 10**9 and with six decimals at most the product is an
    integer below 10**15, where a float is off by less than a quarter. Anything else in the column (a thousands mark, a
    currency, a blank, a line end, three decimals, which have two readings) sends it to the careful reader, cell by cell.
    """

    __slots__ = ("_mark", "_memo", "_other", "_telling")

    def __init__(self, numbers: NumberReader, combine: Combine = first_known) -> None:
        self._mark, self._other = (",", ".") if numbers.notation == "comma" else (".", ",")
        self._telling = _TELLING[numbers.notation]
        self._memo = Memo(read_several(numbers.price, combine))

    @property
    def met_bad(self) -> bool:
        return self._memo.met_bad

    def column(self, cells: Sequence[str]) -> list[Read]:
        joined = "\n".join(cells)
        texts = cells if self._mark == "." else joined.replace(",", ".").split("\n")
        if joined.count("\n") >= len(cells) or not self._is_plain(joined):
            return self._memo.column(cells)
        try:
            numbers = list(map(float, texts))
        except ValueError:
            return self._memo.column(cells)
        if max(numbers) >= _PLAIN_BELOW:
            return self._memo.column(cells)
        return [round(number * MONEY_SCALE) for number in numbers]

    def _is_plain(self, joined: str) -> bool:
        """Tell whether cells, a line end behind each but the last, hold digits and decimal marks of one reading at most."""
        if not joined.isascii() or self._other in joined:
            return False
        shapes = joined.encode().translate(_ANY_DIGIT)
        return not shapes.translate(None, b"0.\n") and (b".000" not in shapes or not self._telling.search(joined))


class FreeText:
    """Read a column of free text that has no rules. It hardly repeats, so it is not remembered."""

    __slots__ = ()

    @property
    def met_bad(self) -> bool:
        return False

    def column(self, cells: Sequence[str]) -> list[Read]:
        joined = "".join(cells)
        if SEVERAL in joined:
            return [_read_text(cell) for cell in cells]
        if "'" in joined:
            return [trim_text(cell) or None for cell in cells]
        return [cell.strip() or None for cell in cells]


_read_text: Final = read_several(lambda text: trim_text(text) or None, first_known)
