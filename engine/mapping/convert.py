"""From a cell's text to a stored value: the memoised conversions that field rules are built of."""

from __future__ import annotations

import operator as arithmetic
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from engine.errors import RejectRecord
from engine.mapping.numbers import NumberReader, checked, scale_money
from engine.schema import MONEY_DIGITS, MONEY_SCALE

if TYPE_CHECKING:
    from engine.batch import JsonValue, Value

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
Text: TypeAlias = Callable[[str], str]


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


_GUARD: Final = re.compile(r"'(?=[=+\-@\d])")


def trim(text: str) -> str:
    """Return a cell without surrounding white space (NBSP included) and without a spreadsheet's formula guard."""
    text = text.strip()
    return text[1:] if text[:1] == "'" and _GUARD.match(text) else text


def trim_text(text: str) -> str:
    """Trim free text: the formula guard goes only before a formula sign, since `'68` may be a year."""
    text = text.strip()
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text


_INVISIBLE: Final = {
    **dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " "),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")),
}
"""What a person comparing two identifiers cannot see: blanks of other kinds count as blanks, characters without width not at all."""

_DAMAGED: Final = re.compile(r"[-+]?\d+(?:[.,]\d+)?E\+\d{1,3}", re.IGNORECASE)


def read_key(text: str) -> str | None:
    """Read an identifier: text, never a number; what cannot be seen does not tell two apart. Raises `RejectRecord` for `1.23E+12`."""
    key = trim(text.translate(_INVISIBLE))
    refuse_damaged(key)
    return key or None


def refuse_damaged(key: str) -> None:
    """Raise `RejectRecord` for an identifier with a line end in it, or one that a spreadsheet turned into a number."""
    if "\n" in key or "\r" in key:
        raise RejectRecord("holds a line end: a quote that was not closed may have swallowed other records")
    if _DAMAGED.fullmatch(key):
        raise RejectRecord("is a number in scientific notation: a spreadsheet destroyed the identifier; export it as text")


_SUSPECTS: Final = ("'", *map(chr, _INVISIBLE), "E+", "e+", "\n", "\r")


class Identifiers:
    """Read a column of identifiers. They hardly repeat, so they are not remembered; a clean column is one pass of `strip`."""

    __slots__ = ("_met_bad",)

    def __init__(self) -> None:
        self._met_bad = False

    @property
    def met_bad(self) -> bool:
        return self._met_bad

    def column(self, cells: Sequence[str]) -> list[Read]:
        joined = "".join(cells)
        if not any(suspect in joined for suspect in _SUSPECTS):
            return [cell.strip() or None for cell in cells]
        return [self._read(cell) for cell in cells]

    def _read(self, cell: str) -> Read:
        try:
            return read_key(cell)
        except RejectRecord as fault:
            self._met_bad = True
            return Bad(str(fault))


_PLAIN_LENGTH: Final = 9
_TELLING: Final = {"decimal": re.compile(r"\.(?:[0-9]{3}(?![0-9])|[0-9]{7})"), "comma": re.compile(r",(?:[0-9]{3}(?![0-9])|[0-9]{7})")}


class Prices:
    """Read a column of prices that has no rules. Prices hardly repeat, and nearly all are plain digits with a decimal mark.

    Such a column is read as floats and scaled, which is exact here: with nine characters at most and six decimals at most the
    product is below 10**15, where a float is off by less than a quarter. Anything else in the column (a thousands mark,
    a currency, a blank, a line end, three decimals, which have two readings) sends it to the careful reader, cell by cell.
    """

    __slots__ = ("_allowed", "_mark", "_memo", "_telling")

    def __init__(self, numbers: NumberReader) -> None:
        self._mark = "," if numbers.notation == "comma" else "."
        self._allowed = f"0123456789\n{self._mark}"
        self._telling = _TELLING[numbers.notation]
        self._memo = Memo(numbers.price)

    @property
    def met_bad(self) -> bool:
        return self._memo.met_bad

    def column(self, cells: Sequence[str]) -> list[Read]:
        joined = "\n".join(cells)
        if (
            joined.strip(self._allowed)
            or joined.count("\n") >= len(cells)
            or len(max(cells, key=len)) > _PLAIN_LENGTH
            or self._telling.search(joined)
        ):
            return self._memo.column(cells)
        texts = cells if self._mark == "." else joined.replace(",", ".").split("\n")
        try:
            return [round(number * MONEY_SCALE) for number in map(float, texts)]
        except ValueError:
            return self._memo.column(cells)


class FreeText:
    """Read a column of free text that has no rules. It hardly repeats, so it is not remembered."""

    __slots__ = ()

    @property
    def met_bad(self) -> bool:
        return False

    def column(self, cells: Sequence[str]) -> list[Read]:
        if "'" in "".join(cells):
            return [trim_text(cell) or None for cell in cells]
        return [cell.strip() or None for cell in cells]


_YES: Final = frozenset((
    "y", "yes", "true", "1", "in_stock", "instock", "available", "ja", "j", "wahr", "oui", "vrai", "si", "sí", "vero", "tak", "ano",
    "da", "да", "sim", "verfügbar", "lieferbar", "disponible", "tilgængelig", "in stock", "auf lager", "en stock",
))  # fmt: skip
_NO: Final = frozenset((
    "n", "no", "false", "0", "out_of_stock", "outofstock", "unavailable", "nein", "falsch", "non", "faux", "nie", "ne", "нет", "não",
    "discontinued", "ausverkauft", "agotado", "out of stock", "not available", "sold out", "nicht verfügbar", "nicht lieferbar",
    "nicht auf lager",
))  # fmt: skip


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


def slug(text: str) -> str:
    """Return a text fit for a URL: lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def clean_image_url(url: str) -> str:
    """Return an image URL with a scheme, blanks encoded, query and fragment cut: hosts vary those without a change."""
    try:
        parts = urlsplit(f"https:{url}" if url.startswith("//") else url)
    except ValueError:
        raise RejectRecord(f"holds {url[:60]!r}, which is no URL") from None
    return urlunsplit((parts.scheme, parts.netloc, quote(parts.path, safe="/%:@!$&'()*+,;=~-._"), "", ""))


def dump_json(value: JsonValue) -> str:
    """Return compact JSON text, as attributes of kind JSON are held."""
    return orjson.dumps(value).decode()


def split_list(text: str, separator: str | None) -> list[str]:
    """Split a cell that lists several texts; without a separator the cell is one text."""
    parts = text.split(separator) if separator else [text]
    return [part.strip() for part in parts if part.strip()]


_GRAMS: Final = {"g": Decimal(1), "kg": Decimal(1000), "oz": Decimal("28.349523125"), "lb": Decimal("453.59237")}


def read_weight(numbers: NumberReader, unit: str) -> Callable[[str], int]:
    """Return a reader of weights in `unit`, as whole grams."""

    def read(text: str) -> int:
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
