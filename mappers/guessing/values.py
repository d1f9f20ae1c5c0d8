"""What the values of a column say it is for: counted over a sample, read by the readers of a run where there are such."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from engine.batch import SEVERAL
from engine.errors import RejectRecord
from engine.mapping.convert import read_flag, read_key
from engine.mapping.currency import meanings
from engine.mapping.numbers import NumberReader

ENOUGH: Final = 0.95
"""The share of values that have to be readable. The rest would be rejected one by one, which harms nobody."""

_DIGITS: Final = re.compile(r"\d{8}|\d{12,14}")
_URL: Final = re.compile(r"(?:https?:)?//[^\s,;|]+", re.IGNORECASE)
_IMAGE: Final = re.compile(r"(?:https?:)?//\S+\.(?:jpe?g|png|gif|webp|avif|bmp|svg)(?:\?\S*)?", re.IGNORECASE)
_CENTS: Final = re.compile(r"[.,](?!0+(?!\d))\d{1,4}(?!\d)\D*$")
_MARK: Final = re.compile(
    r"(?P<before>[^\W\d_]{0,3}[$€£¥₴₹₺₽₪₩]|[^\W\d_]{1,4}\.?)?\s*[-+]?[\d.,\s'\u00a0\u202f]+\s*(?P<after>[^\d\s.,]{1,4}\.?)?"
)
_MOST: Final = 1_000_000
_YEAR: Final = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class Profile:
    """The values of a column over `total` records: `filled` are those that are not blank, in order.

    `several` says that some record has more than one; such values are told apart here.
    """

    total: int
    filled: tuple[str, ...]
    several: bool = False
    records: int = 0

    @cached_property
    def distinct(self) -> Counter[str]:
        """Return each value with how often it occurs."""
        return Counter(self.filled)

    @cached_property
    def keys(self) -> Counter[str]:
        """Return each value as a key is read; what cannot be one is left out."""
        found: Counter[str] = Counter()
        for value, times in self.distinct.items():
            try:
                key = read_key(value)
            except RejectRecord:
                continue
            if key is not None:
                found[key] += times
        return found

    @property
    def unique(self) -> bool:
        """Tell whether the values tell records apart: one a record, nine in ten filled, no two the same, each fit for a key."""
        return self.usable_key and len(self.keys) == len(self.filled)

    @property
    def usable_key(self) -> bool:
        """Tell whether each value may be a key, whether or not another record has the same."""
        whole = not self.several and bool(self.filled) and self.filled_share >= 0.9
        return whole and sum(self.keys.values()) == len(self.filled) and max(map(len, self.filled)) <= 100

    @property
    def filled_share(self) -> float:
        """Return the share of records that have a value."""
        return self.records / self.total if self.total else 0.0

    def share(self, test: Callable[[str], bool]) -> float:
        """Return the share of the values that pass a test."""
        return sum(times for value, times in self.distinct.items() if test(value)) / len(self.filled) if self.filled else 0.0

    @cached_property
    def barcodes(self) -> float:
        """Return the share of values that are barcodes with a right check digit (GS1 General Specifications, section 7.9)."""
        return self.share(is_gtin)

    @cached_property
    def figures(self) -> float:
        """Return the share of values that a stock may have: `12`, `8,00`, `>100`, `10-50`."""
        return self.share(is_stock_figure)

    @cached_property
    def flags(self) -> float:
        """Return the share of values that say yes or no: words, or 0 and 1."""
        return self.share(is_flag)

    @cached_property
    def amounts(self) -> float:
        """Return the share of values that can be read as an amount of money."""
        return self.share(is_amount)

    @cached_property
    def images(self) -> float:
        """Return the share of values that are addresses of images."""
        return self.share(lambda value: bool(_IMAGE.search(value)))

    @cached_property
    def links(self) -> float:
        """Return the share of values that are addresses."""
        return self.share(lambda value: bool(_URL.match(value)))

    @cached_property
    def cents(self) -> float:
        """Return the share of values with a fraction that is not zero, as prices have and pieces have not."""
        return self.share(lambda value: bool(_CENTS.search(value)))

    @property
    def varies(self) -> bool:
        """Tell whether the figures move as a stock does: among several records there is a nought, or a third figure."""
        return len(self.filled) < 5 or len(self.distinct) > 2 or any(value.strip(" 0.,") == "" for value in self.distinct)

    @property
    def moves(self) -> bool:
        """Tell whether the figures are plainly those of a stock: some are nought, or they are of all kinds; too few tell nothing."""
        return len(self.filled) < 10 or len(self.distinct) >= 10 or any(value.strip(" 0.,") == "" for value in self.distinct)

    @property
    def years(self) -> bool:
        """Tell whether every value is a year of our time."""
        return bool(self.filled) and all(_YEAR.fullmatch(value) for value in self.distinct)


def profile(values: Sequence[str]) -> Profile:
    """Count the values of a column, one cell a record."""
    cells = [[part.strip() for part in cell.split(SEVERAL) if part.strip()] for cell in values]
    return Profile(
        total=len(cells),
        filled=tuple(part for cell in cells for part in cell),
        several=any(len(cell) > 1 for cell in cells),
        records=sum(bool(cell) for cell in cells),
    )


def is_gtin(text: str) -> bool:
    """Tell whether a text is a GTIN-8, -12, -13 or -14 with a right check digit; zeros alone are none."""
    if not _DIGITS.fullmatch(text) or not text.strip("0"):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def is_stock_figure(text: str) -> bool:
    """Tell whether a text can be a number of pieces, in either notation of decimals."""
    for notation in ("decimal", "comma"):
        try:
            return abs(NumberReader(notation).quantity(text)) < _MOST
        except RejectRecord:
            continue
    return False


def is_flag(text: str) -> bool:
    """Tell whether a text says yes or no; of numbers only 0 and 1 do."""
    try:
        read_flag(text)
    except RejectRecord:
        return False
    return not text.strip("-").isdecimal() or text in ("0", "1")


def says_yes(text: str) -> bool:
    """Tell whether a word says yes; one that says nothing known says no."""
    return is_flag(text) and bool(read_flag(text))


def holds_figure(text: str) -> bool:
    """Tell whether a run could take a number of pieces out of a text."""
    try:
        return is_stock_figure(NumberReader("decimal").embedded(text))
    except RejectRecord:
        return False


def is_amount(text: str) -> bool:
    """Tell whether a text can be an amount of money, in either notation of decimals."""
    for notation in ("decimal", "comma"):
        try:
            return NumberReader(notation).amount(text) >= 0
        except RejectRecord:
            continue
    return False


@dataclass(frozen=True, slots=True)
class Notation:
    """Examples of values that can be read in one notation of decimals only, or that mean different things in the two."""

    decimal: str | None = None
    comma: str | None = None
    open: str | None = None


def find_notation(profiles: Sequence[Profile]) -> Notation:
    """Look through columns of numbers for what tells their notation."""
    found: dict[str, str] = {}
    for value in (value for each in profiles for value in each.distinct):
        for notation, other in (("decimal", "comma"), ("comma", "decimal")):
            numbers = NumberReader(notation)
            try:
                numbers.amount(value)
            except RejectRecord:
                continue
            if numbers.other_only is not None:
                found.setdefault(other, value)
            if numbers.ambiguous is not None:
                found.setdefault("open", value)
    return Notation(found.get("decimal"), found.get("comma"), found.get("open"))


def find_currencies(profiles: Sequence[Profile]) -> frozenset[str]:
    """Return the currencies that all marks beside the prices may mean; empty where there are none, or they disagree."""
    common: frozenset[str] | None = None
    for value in (value for each in profiles for value in each.distinct):
        if (found := _MARK.fullmatch(value)) is None:
            continue
        for mark in (found["before"], found["after"]):
            if mark and (meant := meanings(mark)):
                common = meant if common is None else common & meant
    return common or frozenset()
