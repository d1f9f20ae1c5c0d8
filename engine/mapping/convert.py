"""From a cell's text to a stored value: the conversions that field rules are built of, one text at a time."""

from __future__ import annotations

import operator as arithmetic
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from engine.errors import RejectRecord
from engine.mapping.numbers import NumberReader, checked, scale_money
from engine.schema import MONEY_DIGITS

Text: TypeAlias = Callable[[str], str]

_GUARD: Final = re.compile(r"'(?=[=+\-@\d])")
_FORMULA: Final = re.compile(r'="([^"]*)"')


def trim(text: str) -> str:
    """Return a cell without surrounding white space (NBSP included) and without a spreadsheet's formula guard.

    `="00123"` is a guard too: exports write it so that a spreadsheet leaves the zeros alone.
    """
    text = text.strip()
    if text[:2] == '="' and (formula := _FORMULA.fullmatch(text)):
        return formula[1].strip()
    return text[1:] if text[:1] == "'" and _GUARD.match(text) else text


def trim_text(text: str) -> str:
    """Trim free text: the formula guard goes only before a formula sign, since `'68` may be a year."""
    text = text.strip()
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text


INVISIBLE: Final = {
    **dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " "),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")),
}
"""What a person comparing two identifiers cannot see: blanks of other kinds count as blanks, characters without width not at all."""

_DAMAGED: Final = re.compile(r"[-+]?\d+(?:[.,]\d+)?E\+\d{1,3}", re.IGNORECASE)


def read_key(text: str) -> str | None:
    """Read an identifier: text, never a number; what cannot be seen does not tell two apart. Raises `RejectRecord` for `1.23E+12`."""
    key = trim(text if text.isascii() else text.translate(INVISIBLE))
    refuse_damaged(key)
    return key or None


def refuse_damaged(key: str) -> None:
    """Raise `RejectRecord` for an identifier with a line end in it, or one that a spreadsheet turned into a number."""
    if "\n" in key or "\r" in key:
        raise RejectRecord("holds a line end: a quote that was not closed may have swallowed other records")
    if _DAMAGED.fullmatch(key):
        raise RejectRecord("is a number in scientific notation: a spreadsheet destroyed the identifier; export it as text")


_AGREED: Final = frozenset((
    "y", "yes", "true", "1", "ja", "j", "wahr", "oui", "vrai", "si", "sí", "vero", "tak", "ano", "da", "да", "sim",
))  # fmt: skip
_DENIED: Final = frozenset(("n", "no", "false", "0", "nein", "falsch", "non", "faux", "nie", "ne", "нет", "não"))
_YES: Final = _AGREED | {
    *("in_stock", "instock", "available", "verfügbar", "lieferbar", "disponible", "tilgængelig", "in stock", "auf lager", "en stock"),
}
_NO: Final = _DENIED | {
    *("out_of_stock", "outofstock", "unavailable", "discontinued", "ausverkauft", "agotado", "out of stock", "not available"),
    *("sold out", "nicht verfügbar", "nicht lieferbar", "nicht auf lager"),
}
_GIVEN_UP: Final = _AGREED | {"d", "delete", "deleted", "remove", "removed", "discontinued"}
_KEPT: Final = _DENIED | {
    *("a", "add", "added", "c", "create", "created", "change", "changed", "i", "insert", "inserted", "u", "update", "updated", "upsert"),
    *("new", "active"),
}


_WHOLE: Final = re.compile(r"-?\d{1,18}")


def read_flag(text: str) -> int:
    """Read yes or no in the languages suppliers use, as 1 or 0. Raises `RejectRecord` for anything else."""
    word = text.casefold()
    if word in _YES:
        return 1
    if word in _NO:
        return 0
    if _WHOLE.fullmatch(word):
        return int(int(word) > 0)
    raise RejectRecord("is neither yes nor no")


def read_removed(text: str) -> bool:
    """Read whether a source has given an item up: yes or no, or what is to be done with it. Raises `RejectRecord` for anything else.

    Words of stock are neither: that none is left, or some is, does not say that the item is gone.
    """
    word = text.casefold()
    if word in _GIVEN_UP:
        return True
    if word in _KEPT:
        return False
    raise RejectRecord("does not say whether the item is gone: neither yes nor no, neither delete nor update; map such texts with a lookup")


def slug(text: str) -> str:
    """Return a text fit for a URL: lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


_GRAMS: Final = {"g": Decimal(1), "kg": Decimal(1000), "oz": Decimal("28.349523125"), "lb": Decimal("453.59237")}


def read_weight(numbers: NumberReader, unit: str) -> Callable[[str], int]:
    """Return a reader of weights in `unit`, as whole grams."""

    def read(text: str) -> int:
        if unit == "g" and text.isdecimal() and len(text) < 18:
            return int(text)
        grams = numbers.decimal(text) * _GRAMS[unit]
        if grams < 0:
            raise RejectRecord("is a negative weight")
        return checked(grams.to_integral_value())

    return read


_OPERATORS: Final[Mapping[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "addition": arithmetic.add,
    "subtract": arithmetic.sub,
    "multiply": arithmetic.mul,
    "divide": arithmetic.truediv,
}


def operate(operator: str, base: int, operand: Decimal) -> int:
    """Apply a price operator to a scaled price. Raises `RejectRecord` on division by zero and negative results."""
    amount = Decimal(base).scaleb(-MONEY_DIGITS)
    if operator == "divide" and operand == 0:
        raise RejectRecord("is divided by zero")
    try:
        return scale_money(_OPERATORS[operator](amount, operand))
    except ArithmeticError:
        raise RejectRecord(f"is beyond all numbers when it is reckoned with {operand}") from None


def prepare(
    *,
    strip: Sequence[str] = (),
    rules: Sequence[Text] = (),
    prefix: str | None = None,
    slugify: bool = False,
) -> Text | None:
    """Return the text rules of a mapping row as one function, None when it has none."""
    steps: list[Text] = [*rules]
    if slugify:
        steps.append(slug)
    if not steps and not strip and not prefix:
        return None

    def apply(text: str) -> str:
        for part in strip:
            text = text.replace(part, "")
        text = text.strip()
        for step in steps:
            text = step(text)
        return f"{prefix}{text}" if prefix and text else text

    return apply


def look_up(table: Mapping[str, str | int | Decimal], notation: str = "decimal") -> Callable[[str], str | None]:
    """Return a look-up of whole cells: exact first, then without regard to case.

    Texts of the table are read as cells are; a number of the table is written in the feed's notation first, so that it
    means the same under any.
    """

    def write(value: str | int | Decimal) -> str:
        return f"{value:f}".replace(".", "," if notation == "comma" else ".") if isinstance(value, Decimal) else str(value)

    exact = {key.strip(): write(value) for key, value in table.items()}
    folded = {key.casefold(): value for key, value in exact.items()}
    return lambda text: exact.get(text, folded.get(text.casefold()))
