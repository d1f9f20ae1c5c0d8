"""Numbers as suppliers write them: two notations, thousands separators, currency text, bounds for quantities.

The feed's `decimalNotation` decides. A text that makes sense in the other notation only (`8,00` in a decimal feed) is read
so, because it has one reading; a text with two readings (`1.234`) follows the notation. Meeting both kinds in one run proves
the notation wrong, and `NumberReader.contradiction` then names them: guessing would be wrong by a factor of a thousand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

import orjson

from engine.batch import JsonValue
from engine.errors import RejectRecord
from engine.mapping.currency import meanings
from engine.schema import MONEY_DIGITS, MONEY_SCALE

_BLANKS: Final = " \u00a0\u2007\u2009\u202f"
# A mark groups thousands only behind one to three digits that do not begin with a zero: `1000 200` and `0 500` are two numbers
# in one cell. Behind a decimal mark it groups nothing.
_GROUP_HEAD: Final = r"(?<=\d.)(?<!\d{4}.)(?<!(?<!\d)0.)(?<!\d[.,]\d.)(?<!\d[.,]\d\d.)(?<!\d[.,]\d\d\d.)"
_GROUP_MARKS: Final = re.compile(rf"[{_BLANKS}'\u2019]{_GROUP_HEAD}(?=\d{{3}}(?!\d))")
_CURRENCY: Final = r"(?:[^\W\d_]{0,3}[$\u00a2-\u00a5\u20a0-\u20cf]|[^\W\d_]{1,4}\.?)"
_AMOUNT: Final = re.compile(rf"(?P<before>{_CURRENCY})?\s*(?P<number>[-+\u2212]?[\d.,]+)\s*(?P<after>{_CURRENCY})?")
_EMBEDDED: Final = re.compile(rf"(?:^[-+\u2212]\s*|(?<!\w)[-+\u2212])?\d(?:[\d.,'\u2019{_BLANKS}]*\d)?")
_PLAIN_MONEY: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,2}|\d{4,6}))?")
_EXPONENT: Final = re.compile(r"[eE][-+]?\d")
_UPPER_BOUND: Final = re.compile(
    r"(?:[<\u2264]=?|\b(?:max|maximal|maximum|up to|less than|under|below|at most|unter|weniger als|bis(?: zu)?|h\u00f6chstens|"
    r"moins de|jusqu'\u00e0|menos de|hasta|meno di|fino a|mniej ni\u017c|do|m\u00e9n\u011b ne\u017e)\.?)\s*$",
    re.IGNORECASE,
)
_BOUND: Final = re.compile(
    r"(?:>=?|\u2265)\s*(?P<over>\d{1,18})|(?P<plus>\d{1,18})\s*\+|(?P<low>\d{1,18})\s*[-\u2013\u2014]\s*(?P<high>\d{1,18})"
)
_FRACTIONS_BELOW: Final = 10**9
"""Up to there a float holds six decimals exactly enough to print them again."""
_LARGEST: Final = 2**63 - 1
_LONGEST: Final = 100
"""Characters of the longest text that is taken for a number; beyond it the time to read one would grow with the cell."""
_MILLIONTH: Final = Decimal(1).scaleb(-MONEY_DIGITS)


def _shape(group: str, decimal: str) -> re.Pattern[str]:
    group, decimal = re.escape(group), re.escape(decimal)
    # Thousands never begin with a zero: `0,500` is half a piece in any notation, and shows which one a source writes.
    return re.compile(rf"[-+\u2212]?(?=.?\d)(?:(?!0)\d{{1,3}}(?:{group}\d{{3}})+|\d*)(?:{decimal}\d*)?")


_SHAPES: Final = {"decimal": _shape(",", "."), "comma": _shape(".", ",")}
_MARKS: Final = {"decimal": (",", "."), "comma": (".", ",")}
_OTHER: Final = {"decimal": "comma", "comma": "decimal"}


@dataclass(slots=True)
class NumberReader:
    """Read numbers in one notation and remember what spoke against it. One per run; not for several threads at once."""

    notation: str
    currency: str | None = None
    other_only: str | None = field(default=None, init=False)
    ambiguous: str | None = field(default=None, init=False)
    mixed: tuple[str, str] | None = field(default=None, init=False)
    _currencies: frozenset[str] = field(default=frozenset(), init=False)
    _priced: str = field(default="", init=False)

    def decimal(self, text: str) -> Decimal:
        """Read a plain number. Raises `RejectRecord` with the reason when the text is none."""
        compact = _GROUP_MARKS.sub("", text.strip())
        other = _OTHER[self.notation]
        native = _SHAPES[self.notation].fullmatch(compact) is not None
        foreign = _SHAPES[other].fullmatch(compact) is not None
        if len(compact) > _LONGEST:
            raise RejectRecord("is too long to be a number")
        if not native and not foreign:
            raise RejectRecord("is not a number")
        value = _evaluate(compact, self.notation if native else other)
        if native and foreign:
            if _evaluate(compact, other) != value:
                self.ambiguous = self.ambiguous or text
        elif foreign:
            self.other_only = self.other_only or text
        return value

    def amount(self, text: str) -> Decimal:
        """Read a number that may carry a currency before or behind it: `12.00 USD`, `$126.71`, `1.234,56 €`."""
        found = _AMOUNT.fullmatch(_GROUP_MARKS.sub("", text.strip()))
        if found is None:
            raise RejectRecord("is not an amount")
        value = self.decimal(found["number"])
        for mark in (found["before"], found["after"]):
            if mark:
                self._check_currency(mark, text)
        return value

    def _check_currency(self, mark: str, text: str) -> None:
        currencies = meanings(mark)
        if not currencies:
            raise RejectRecord("is not an amount")
        if self.currency is not None and self.currency not in currencies:
            raise RejectRecord(f"is in {mark} where the feed's currency is {self.currency}")
        if self.currency is None and self.mixed is None:
            common = self._currencies & currencies if self._currencies else currencies
            self.mixed = None if common else (self._priced, text)
            self._currencies, self._priced = common, text

    def money(self, text: str) -> int:
        """Read a price as an integer of millionths; digits beyond are rounded half to even. Negative prices are refused."""
        return scale_money(self.amount(text))

    def price(self, cell: str) -> int | None:
        """Read a whole cell as `money`, a blank one as None; the plain case, which is nearly every one, comes first."""
        if self.notation == "decimal" and (plain := _PLAIN_MONEY.fullmatch(cell)):
            whole, fraction = plain.groups()
            return int(whole) * MONEY_SCALE + (int(fraction.ljust(MONEY_DIGITS, "0")) if fraction else 0)
        text = cell.strip().lstrip("'")
        return self.money(text) if text else None

    def quantity(self, text: str) -> int | float:
        """Read a stock figure: what is surely there, never more than exists.

        `>100` and `100+` are 100, `10-50` is 10. A fraction stays one (39,5 metres of cloth), cut to six decimals; a negative
        figure stays negative.
        """
        if text.isdecimal() and len(text) < 18:
            return int(text)
        if bound := _BOUND.fullmatch(text):
            if bound["low"] and int(bound["low"]) > int(bound["high"]):
                raise RejectRecord("is no range of quantities: it ends below its begin, as a date does")
            return int(bound["over"] or bound["plus"] or bound["low"])
        value = self.decimal(text)
        if value != value.to_integral_value() and _evaluate_whole_in(text, _OTHER[self.notation]):
            raise RejectRecord(f"could be {value} or {text} with thousands; set decimalNotation={_OTHER[self.notation]}")
        return as_quantity(value)

    def embedded(self, text: str) -> str:
        """Return the first number inside a text, as `parseNumber` asks for: `ca. 12 Stk.` holds `12`.

        A list or an object of JSON, which is what a path to one gives, holds several: `[5,7]` is neither 5 nor 5.7.
        """
        if text[:1] in ("[", "{") and _holds_several(text):
            raise RejectRecord("is a list or an object: name the part that is meant, as in stock[0].qty, or all, as in stock[*].qty")
        found = _EMBEDDED.search(text)
        if found is None:
            raise RejectRecord("holds no number")
        if _UPPER_BOUND.search(text, 0, found.start()):
            raise RejectRecord("holds an upper bound only; map such texts with a lookup")
        if _EXPONENT.match(text, found.end()):
            raise RejectRecord("holds a number in scientific notation")
        return re.sub(r"\s+(?=\d)", "", found[0], count=1) if found[0][0] in "-+\u2212" else found[0]

    def contradiction(self) -> str | None:
        """Return why the prices or the notation cannot be what the feed says, None when nothing speaks against them."""
        if self.mixed is not None:
            return f"the prices are in several currencies ({self.mixed[0]!r}, {self.mixed[1]!r}); set currency to the one that is meant"
        if self.other_only is None or self.ambiguous is None:
            return None
        return (
            f"the numbers contradict decimalNotation={self.notation}: {self.other_only!r} can only be meant as {_OTHER[self.notation]}, "
            f"so {self.ambiguous!r} may be wrong by a factor of a thousand; set decimalNotation={_OTHER[self.notation]}"
        )

    def evidence(self, before: object = None) -> dict[str, JsonValue]:
        """Return what was met that speaks for or against a notation and a currency, with what was met before."""
        told = _Evidence.of(before)
        common = self._currencies & told.currencies if self._currencies and told.currencies else self._currencies or told.currencies
        return {
            "other": self.other_only or told.other,
            "ambiguous": self.ambiguous or told.ambiguous,
            "currencies": sorted(common),
        }

    def doubts(self, before: object) -> bool:
        """Return whether numbers that were read in an earlier run, and may be in this one too, would contradict what was met here."""
        told = _Evidence.of(before)
        other, ambiguous = self.other_only or told.other, self.ambiguous or told.ambiguous
        mixed = bool(self._currencies and told.currencies and not self._currencies & told.currencies)
        return mixed or (other is not None and ambiguous is not None)


@dataclass(frozen=True, slots=True)
class _Evidence:
    other: str | None
    ambiguous: str | None
    currencies: frozenset[str]

    @classmethod
    def of(cls, told: object) -> _Evidence:
        if not isinstance(told, dict):
            return cls(None, None, frozenset())
        return cls(told.get("other"), told.get("ambiguous"), frozenset(told.get("currencies") or ()))


def _holds_several(text: str) -> bool:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) or (isinstance(found, list) and (len(found) > 1 or any(isinstance(each, list | dict) for each in found)))


def scale_money(amount: Decimal) -> int:
    """Return an amount as an integer of millionths. Raises `RejectRecord` when it is negative or too big."""
    if amount < 0:
        raise RejectRecord("is a negative price")
    if amount > _LARGEST // MONEY_SCALE:
        raise RejectRecord("is too big a number")
    # A product would first be rounded to the digits of the context, and then once more.
    return checked(amount.quantize(_MILLIONTH, ROUND_HALF_EVEN).scaleb(MONEY_DIGITS))


def as_quantity(value: Decimal) -> int | float:
    """Return a quantity as it is held: an integer when it is whole. Raises `RejectRecord` when it is too big."""
    whole = checked(value.to_integral_value(ROUND_FLOOR))
    if abs(whole) > _FRACTIONS_BELOW:
        return whole
    cut = value.quantize(_MILLIONTH, ROUND_FLOOR)
    # After the cut: 12.0000004 is the integer 12, never 12.0, which is equal but has another digest.
    return whole if cut == whole else float(cut)


def checked(number: int | Decimal) -> int:
    """Return a whole number that a store can hold. Raises `RejectRecord` when it needs more than 63 bits."""
    if not -_LARGEST <= number <= _LARGEST:
        raise RejectRecord("is too big a number")
    return int(number)


def _evaluate(compact: str, notation: str) -> Decimal:
    group, decimal = _MARKS[notation]
    return Decimal(compact.replace(group, "").replace(decimal, ".").replace("\u2212", "-"))


def _evaluate_whole_in(text: str, notation: str) -> bool:
    compact = _GROUP_MARKS.sub("", text.strip())
    return _SHAPES[notation].fullmatch(compact) is not None and (value := _evaluate(compact, notation)) == value.to_integral_value()
