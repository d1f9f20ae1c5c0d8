"""One mapping row compiled: from a cell's text, through the row's rules, to a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from engine.batch import SEVERAL
from engine.errors import ConfigError, RefuseRun, RejectRecord
from engine.mapping import convert, lists
from engine.mapping.pattern import compile_pattern
from engine.mapping.readers import Bad, CellReader, FreeText, Identifiers, Memo, Prices, Read
from engine.mapping.several import Combine, combine_values, read_several
from engine.schema import ATTRIBUTES, Kind

if TYPE_CHECKING:
    from engine.batch import Value
    from engine.feed import Feed, FieldRow, Purpose
    from engine.mapping.numbers import NumberReader

Rule: TypeAlias = Callable[[str], str]
Reader: TypeAlias = "Callable[[str], Value]"

_TARGET_OF: Final = {
    "sku": "vendorSku",
    "weight": "grams",
    "option": "options",
    "inventoryQuantityBoolean": "inventoryQuantity",
    "removed": "status",
}
_IDENTIFIERS: Final = frozenset({"externalId", "externalGroupId", "vendorSku", "barcode", "mpn"})
_KEYS: Final = frozenset({"externalId", "vendorSku"})


def target_of(purpose: Purpose) -> str:
    """Return the attribute that a purpose fills."""
    return _TARGET_OF.get(purpose, purpose)


@dataclass(frozen=True, slots=True)
class CellRules:
    """What the cells of one mapping row are read by.

    `names` are those its column may have, `position` its place among the rows of its attribute, counted from 1, and `pattern`
    what takes the text out of the cell first, in the row that a `subfieldRegex` makes.
    """

    row: FieldRow
    names: tuple[str, ...]
    feed: Feed
    numbers: NumberReader
    rules: Mapping[str, Rule]
    position: int
    pattern: str | None = None

    @property
    def target(self) -> str:
        """Return the attribute that the row fills."""
        return target_of(self.row.purpose)

    def reader(self) -> CellReader:
        """Return what reads a column of such cells. Raises `ConfigError` for a rule that no plugin registered."""
        row, kind = self.row, ATTRIBUTES[self.target].kind
        combine = self._combine(kind)
        has_rules = row.strip or row.prefix or row.slugify or row.lookup or row.rules or row.parse_number or row.default is not None
        if self.pattern is None and not has_rules:
            if self.target in _IDENTIFIERS:
                return Identifiers(combine)
            if kind is Kind.TEXT and self.target != "status":
                return FreeText()
            if kind is Kind.MONEY and not row.price_operator:
                return Prices(self.numbers, combine)
        return Memo(read_several(self._read_cell(), combine))

    def _combine(self, kind: Kind) -> Combine:
        one = self.target in _KEYS or kind is Kind.MONEY
        return combine_values(self.target, locations=self.row.locations, names=self.names, one=one)

    def _read_cell(self) -> Reader:
        row, target, numbers = self.row, self.target, self.numbers
        text_rules = convert.prepare(strip=row.strip, rules=self._plugin_rules(), prefix=row.prefix, slugify=row.slugify)
        known = convert.look_up(row.lookup, self.feed.decimal_notation) if row.lookup else None
        extract = None if self.pattern is None else compile_pattern(self.pattern)
        parse = read_value(row, self.feed, numbers, self.position)
        trim = convert.trim_text if target not in {*_IDENTIFIERS, "status"} and ATTRIBUTES[target].kind is Kind.TEXT else convert.trim

        def read(cell: str) -> Value:
            text = trim(cell if extract is None else extract(cell))
            if known is not None and (hit := known(text)) is not None:
                return parse(hit) if hit else None
            if target in _IDENTIFIERS:
                # Before the rules: a prefix would hide the damage, and every damaged key would look like a good one.
                convert.refuse_damaged(text)
            text = text or row.default or ""
            if text_rules is not None and text:
                text = text_rules(text)
            if not text:
                return None
            return parse(numbers.embedded(text) if row.parse_number else text)

        return read

    def _plugin_rules(self) -> list[Rule]:
        unknown = [name for name in self.row.rules if name not in self.rules]
        if unknown:
            installed = ", ".join(sorted(self.rules)) or "none"
            raise ConfigError(f"mapping row {self.row.name!r}: no plugin registered the rule {unknown[0]!r}; installed: {installed}")
        return [self.rules[name] for name in self.row.rules]


def read_value(row: FieldRow, feed: Feed, numbers: NumberReader, position: int) -> Reader:
    """Return the reader of a row's purpose, for texts that are not blank."""
    purpose = row.purpose
    if purpose == "inventoryQuantityBoolean" or (purpose == "inventoryQuantity" and row.inventory_quantity_boolean):
        in_stock = 1 if row.inventory_quantity_default is None else row.inventory_quantity_default
        return lambda text: in_stock if convert.read_flag(text) else 0
    readers: dict[str, Reader] = {
        "externalId": convert.read_key,
        "sku": convert.read_key,
        "barcode": convert.read_key,
        "externalGroupId": convert.read_key,
        "mpn": convert.read_key,
        "inventoryQuantity": _advised(numbers.quantity),
        "requiresShipping": convert.read_flag,
        "removed": lambda text: "removed" if convert.read_removed(text) else None,
        "grams": convert.read_weight(numbers, "g"),
        "weight": convert.read_weight(numbers, feed.weight_unit),
        "images": lambda text: lists.read_images(row, text),
        "tags": lambda text: lists.read_tags(row, text),
        "options": lists.read_options,
        "option": lambda text: lists.read_option(row, position, text),
        "metaFields": lambda text: lists.read_meta_fields(row, text),
    }
    if ATTRIBUTES.get(purpose, ATTRIBUTES["name"]).kind is Kind.MONEY:
        return _price_reader(row, numbers)
    return readers.get(purpose, lambda text: text)


def _advised(read: Callable[[str], int | float]) -> Reader:
    """Add the cure to what a stock figure's reader complains of."""

    def advised(text: str) -> int | float:
        try:
            return read(text)
        except RejectRecord as fault:
            advice = "; map such texts with a lookup, or set parseNumber" if "not a number" in str(fault) else ""
            raise RejectRecord(f"{fault}{advice}") from None

    return advised


def _price_reader(row: FieldRow, numbers: NumberReader) -> Reader:
    operator, operand = row.price_operator, row.price_operator_value
    if operator is None or operand is None or row.price_operator_field is not None:
        return numbers.money
    return lambda text: convert.operate(operator, numbers.money(text), operand)


def compile_operand(
    row: FieldRow, locate: Callable[[str], int | None], numbers: NumberReader
) -> tuple[int | None, Callable[[Read, str], Read] | None]:
    """Return the column by which a row's price is reckoned, and how; nothing where there is none.

    Raises `RefuseRun` when the source has no such column.
    """
    operator, name = row.price_operator, row.price_operator_field
    if operator is None or name is None:
        return None, None
    index = locate(name)
    if index is None:
        raise RefuseRun(f"the column {name!r}, by which {row.purpose} is reckoned, is gone")

    def operate(price: Read, cell: str) -> Read:
        if not isinstance(price, int):
            return price
        try:
            operand = _read_operand(operator, cell, numbers)
            return convert.operate(operator, price, operand)
        except RejectRecord as fault:
            return Bad(f"cannot be reckoned with {name!r} = {cell.replace(SEVERAL, ' | ')!r}: {fault}")

    return index, operate


def _read_operand(operator: str, cell: str, numbers: NumberReader) -> Decimal:
    """Read what a price is reckoned with. Nothing added is nothing said; times nothing would be a price of zero."""
    found = {numbers.amount(text) for text in cell.split(SEVERAL) if text.strip()}
    if len(found) > 1:
        raise RejectRecord("has several values that differ: choose one in the mapping")
    if found:
        return found.pop()
    if operator in {"addition", "subtract"}:
        return Decimal(0)
    raise RejectRecord("is blank")
