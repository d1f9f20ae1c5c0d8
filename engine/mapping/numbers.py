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

from engine.errors import RejectRecord
from engine.schema import MONEY_DIGITS, MONEY_SCALE

_BLANKS: Final = " \u00a0\u2007\u2009\u202f"
_GROUP_MARKS: Final = re.compile(rf"(?<=\d)[{_BLANKS}'\u2019](?=\d{{3}}(?!\d))")
_CURRENCY: Final = r"(?:[^\W\d_]{0,3}[$\u00a2-\u00a5\u20a0-\u20cf]|[^\W\d_]{1,4}\.?)"
_AMOUNT: Final = re.compile(rf"(?P<before>{_CURRENCY})?\s*(?P<number>[-+\u2212]?[\d.,]+)\s*(?P<after>{_CURRENCY})?")
_EMBEDDED: Final = re.compile(rf"[-+\u2212]?\d(?:[\d.,'\u2019{_BLANKS}]*\d)?")
_PLAIN_MONEY: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,2}|\d{4,6}))?")
_BOUND: Final = re.compile(r"(?:>=?|\u2265)\s*(?P<over>\d+)|(?P<plus>\d+)\s*\+|(?P<low>\d+)\s*[-\u2013\u2014]\s*(?P<high>\d+)")
_LARGEST: Final = 2**63 - 1


def _shape(group: str, decimal: str) -> re.Pattern[str]:
    group, decimal = re.escape(group), re.escape(decimal)
    return re.compile(rf"[-+\u2212]?(?=.?\d)(?:\d{{1,3}}(?:{group}\d{{3}})+|\d*)(?:{decimal}\d*)?")


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

    def decimal(self, text: str) -> Decimal:
        """Read a plain number. Raises `RejectRecord` with the reason when the text is none."""
        compact = _GROUP_MARKS.sub("", text.strip())
        other = _OTHER[self.notation]
        native = _SHAPES[self.notation].fullmatch(compact) is not None
        foreign = _SHAPES[other].fullmatch(compact) is not None
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
        for mark in (found["before"], found["after"]):
            if mark and self.currency and re.fullmatch("[A-Z]{3}", mark) and mark != self.currency:
                raise RejectRecord(f"is in {mark} where the feed's currency is {self.currency}")
        return self.decimal(found["number"])

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

    def quantity(self, text: str) -> int:
        """Read a stock figure as the whole number of pieces that are surely there.

        `>100` and `100+` are 100, `10-50` is 10, `39,5` is 39: never more than exists. A negative figure stays negative.
        """
        if text.isdecimal() and len(text) < 18:
            return int(text)
        if bound := _BOUND.fullmatch(text):
            return int(bound["over"] or bound["plus"] or bound["low"])
        value = self.decimal(text)
        if value != value.to_integral_value() and _evaluate_whole_in(text, _OTHER[self.notation]):
            raise RejectRecord(f"could be {value} or {text} with thousands; set decimalNotation={_OTHER[self.notation]}")
        return checked(int(value.to_integral_value(ROUND_FLOOR)))

    def embedded(self, text: str) -> str:
        """Return the first number inside a text, as `parseNumber` asks for: `ca. 12 Stk.` holds `12`."""
        found = _EMBEDDED.search(text)
        if found is None:
            raise RejectRecord("holds no number")
        return found[0]

    def contradiction(self) -> str | None:
        """Return why the notation must be wrong for this run, None when nothing says so."""
        if self.other_only is None or self.ambiguous is None:
            return None
        return (
            f"the numbers contradict decimalNotation={self.notation}: {self.other_only!r} can only be meant as {_OTHER[self.notation]}, "
            f"so {self.ambiguous!r} may be wrong by a factor of a thousand; set decimalNotation={_OTHER[self.notation]}"
        )


def scale_money(amount: Decimal) -> int:
    """Return an amount as an integer of millionths. Raises `RejectRecord` when it is negative or too big."""
    if amount < 0:
        raise RejectRecord("is a negative price")
    return checked(int((amount * MONEY_SCALE).to_integral_value(ROUND_HALF_EVEN)))


def checked(number: int) -> int:
    """Return a number that a store can hold. Raises `RejectRecord` when it needs more than 63 bits."""
    if abs(number) > _LARGEST:
        raise RejectRecord("is too big a number")
    return number


def _evaluate(compact: str, notation: str) -> Decimal:
    group, decimal = _MARKS[notation]
    return Decimal(compact.replace(group, "").replace(decimal, ".").replace("\u2212", "-"))


def _evaluate_whole_in(text: str, notation: str) -> bool:
    compact = _GROUP_MARKS.sub("", text.strip())
    return _SHAPES[notation].fullmatch(compact) is not None and _evaluate(compact, notation) % 1 == 0
