"""One attribute's way from the cells of its source columns to stored values: the row rules of a mapping, compiled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from engine.errors import ConfigError, RefuseRun, RejectRecord
from engine.mapping import convert
from engine.mapping.convert import Bad, CellReader, FreeText, Identifiers, Memo, Prices, Read
from engine.mapping.numbers import as_quantity
from engine.schema import ATTRIBUTES, Kind

if TYPE_CHECKING:
    from engine.batch import Value
    from engine.feed import Feed, FieldRow
    from engine.mapping.numbers import NumberReader

Rule: TypeAlias = Callable[[str], str]
Cells: TypeAlias = "list[Sequence[str]]"
Reader: TypeAlias = "Callable[[str], Value]"

_TARGET_OF: Final = {"sku": "vendorSku", "weight": "grams", "option": "options", "inventoryQuantityBoolean": "inventoryQuantity"}
TARGETS: Final = tuple(name for name, attribute in ATTRIBUTES.items() if attribute.imported)
ESSENTIAL: Final = frozenset({"externalId", "vendorSku", "inventoryQuantity"})
"""Attributes without whose column a run is refused: identity and stock (API, section 5)."""

_IDENTIFIERS: Final = frozenset({"externalId", "externalGroupId", "vendorSku", "barcode", "mpn"})
_KEY_MARK: Final = "|"


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A mapping row with every name its column may have. `declared` tells a person's row from a preset's offer."""

    row: FieldRow
    names: tuple[str, ...]
    declared: bool = True

    @property
    def target(self) -> str:
        """Return the attribute that the row feeds."""
        return _TARGET_OF.get(self.row.purpose, self.row.purpose)


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of the source, how its cells are read, and the second column a price operator may need."""

    index: int
    reader: CellReader
    operand: int | None = None
    operate: Callable[[Read, str], Read] | None = None

    def read(self, cells: Cells) -> list[Read]:
        """Read the whole column."""
        values = self.reader.column(cells[self.index])
        if self.operate is not None and self.operand is not None:
            return list(map(self.operate, values, cells[self.operand]))
        return values

    @property
    def may_be_bad(self) -> bool:
        """Say whether a value read so far may be bad; lets a clean feed skip the search for flaws."""
        return self.operate is not None or self.reader.met_bad


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of the items: its source columns, and how several become one value."""

    attribute: str
    sources: tuple[SourceColumn, ...]
    combine: Callable[[tuple[Read, ...]], Read]
    clears: bool = False

    def read(self, cells: Cells) -> list[Read]:
        """Return the attribute's value for every row."""
        if len(self.sources) == 1:
            return self.sources[0].read(cells)
        parts = [source.read(cells) for source in self.sources]
        return [next((part for part in row if type(part) is Bad), None) or self.combine(row) for row in zip(*parts, strict=True)]

    @property
    def may_be_bad(self) -> bool:
        """Say whether a value read so far may be bad; a sum may be too big though its parts are not."""
        return len(self.sources) > 1 or any(source.may_be_bad for source in self.sources)

    def blame(self, cells: Cells, index: int) -> int:
        """Return the source column at fault in a row: the first unreadable one, else the first."""
        for source in self.sources:
            if source.may_be_bad and type(source.read([column[index : index + 1] for column in cells])[0]) is Bad:
                return source.index
        return self.sources[0].index

    def renamed(self, attribute: str) -> Column:
        """Return the same column under another attribute."""
        return replace(self, attribute=attribute)


def compile_column(
    target: str,
    sources: Sequence[tuple[MappingRow, int]],
    feed: Feed,
    *,
    locate: Callable[[str], int | None],
    rules: Mapping[str, Rule],
    numbers: NumberReader,
) -> Column:
    """Compile the mapping rows that feed one attribute.

    Raises `ConfigError` for a rule no plugin registered, `RefuseRun` when the column of a price operator is gone.
    """
    compiled = []
    for position, (mapping, index) in enumerate(sources, 1):
        reader = _cell_reader(target, mapping.row, feed, numbers, rules, position)
        compiled.append(SourceColumn(index, reader, *_compile_operand(mapping.row, locate, numbers)))
    first = sources[0][0].row
    clears = all(mapping.row.blank == "clear" for mapping, _ in sources)
    return Column(target, tuple(compiled), _combiner(target, first), clears)


def _cell_reader(target: str, row: FieldRow, feed: Feed, numbers: NumberReader, rules: Mapping[str, Rule], position: int) -> CellReader:
    has_rules = row.strip or row.prefix or row.slugify or row.lookup or row.rules or row.parse_number or row.default is not None
    if not has_rules and target in _IDENTIFIERS:
        return Identifiers()
    if not has_rules and ATTRIBUTES[target].kind is Kind.TEXT:
        return FreeText()
    if not has_rules and not row.price_operator and ATTRIBUTES[target].kind is Kind.MONEY:
        return Prices(numbers)
    return Memo(_compile_cell(row, feed, numbers, rules, position))


def _compile_cell(row: FieldRow, feed: Feed, numbers: NumberReader, rules: Mapping[str, Rule], position: int) -> Reader:
    unknown = [name for name in row.rules if name not in rules]
    if unknown:
        raise ConfigError(
            f"mapping row {row.name!r}: no plugin registered the rule {unknown[0]!r}; installed: {', '.join(sorted(rules)) or 'none'}"
        )
    text_rules = convert.prepare(strip=row.strip, rules=[rules[name] for name in row.rules], prefix=row.prefix, slugify=row.slugify)
    known = convert.look_up(row.lookup, feed.decimal_notation) if row.lookup else None
    parse = _value_reader(row, feed, numbers, position)

    target = _TARGET_OF.get(row.purpose, row.purpose)
    trim = convert.trim_text if target not in _IDENTIFIERS and ATTRIBUTES[target].kind is Kind.TEXT else convert.trim

    def read(cell: str) -> Value:
        text = trim(cell)
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


def _value_reader(row: FieldRow, feed: Feed, numbers: NumberReader, position: int) -> Reader:
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
        "grams": convert.read_weight(numbers, "g"),
        "weight": convert.read_weight(numbers, feed.weight_unit),
        "images": lambda text: _read_images(row, text),
        "tags": lambda text: convert.dump_json(_read_list(text, row.seperator or ",")),
        "options": _read_options,
        "option": lambda text: convert.dump_json([{"name": row.option_name or row.name, "value": text, "position": position}]),
        "metaFields": lambda text: _read_meta_fields(row, text),
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


def _compile_operand(
    row: FieldRow, locate: Callable[[str], int | None], numbers: NumberReader
) -> tuple[int | None, Callable[[Read, str], Read] | None]:
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
            return Bad(f"cannot be reckoned with {name!r} = {cell!r}: {fault}")

    return index, operate


def _read_operand(operator: str, cell: str, numbers: NumberReader) -> Decimal:
    """Read what a price is reckoned with. Nothing added is nothing said; times nothing would be a price of zero."""
    if cell.strip():
        return numbers.amount(cell)
    if operator in {"addition", "subtract"}:
        return Decimal(0)
    raise RejectRecord("is blank")


def _read_images(row: FieldRow, text: str) -> str:
    urls = _read_list(text, row.seperator)
    return convert.dump_json([convert.clean_image_url(url) for url in urls] if row.normalize_image_url else urls)


def _read_list(text: str, separator: str | None) -> list[str]:
    """Read a cell that lists texts: a JSON list, which is how a list inside JSON arrives, or texts with a separator between them."""
    if text[:1] != "[" or text[-1:] != "]":
        return convert.split_list(text, separator)
    try:
        # The digits of a number are its text.
        found = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return convert.split_list(text, separator)
    if not all(isinstance(entry, str) for entry in found):
        raise RejectRecord("is a JSON list that holds more than texts and numbers")
    return [entry.strip() for entry in found if entry.strip()]


def _read_meta_fields(row: FieldRow, text: str) -> str:
    """Read one meta field under the row's name; a JSON object in a row without a name for it is all of them."""
    if row.option_name is None and text[:1] == "{":
        try:
            fields = orjson.loads(text)
            return convert.dump_json(fields)
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            pass
    return convert.dump_json({row.option_name or row.name: text})


def _read_options(text: str) -> str:
    try:
        options = orjson.loads(text)
        # Written again inside the try: the writer takes fewer levels than the reader.
        dumped = convert.dump_json(options)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        options, dumped = None, ""
    if not isinstance(options, list):
        raise RejectRecord("is not a JSON list of options")
    return dumped


def _combiner(target: str, row: FieldRow) -> Callable[[tuple[Read, ...]], Read]:
    if target == "inventoryQuantity" and row.locations == "sum":
        return _sum_locations
    if target == "externalId":
        return _key_joiner(_KEY_MARK if row.seperator is None else row.seperator)
    if target in {"images", "tags", "options", "metaFields"}:
        return _join_json
    return lambda parts: next((part for part in parts if part is not None), None)


def _key_joiner(mark: str) -> Callable[[tuple[Read, ...]], Read]:
    """Join the parts of a composite key so that different parts never make the same key.

    With an empty mark, which a person has to ask for, they may: style `1` size `23` and style `12` size `3`.
    """

    def join(parts: tuple[Read, ...]) -> Read:
        texts = [str(part or "") for part in parts]
        if not texts[0] and any(texts):
            return Bad("has a blank first part, which would make one key of different goods")
        if mark and any(mark in text for text in texts):
            return Bad(f"has a part that holds {mark!r}, which joins the parts of the key; set another seperator for its first column")
        return mark.join(texts) if any(texts) else None

    return join


def _sum_locations(parts: tuple[Read, ...]) -> Read:
    known = [part for part in parts if isinstance(part, int | float)]
    try:
        # Fractions are added as decimals: 0.1 and 0.2 pieces are 0.3.
        return as_quantity(sum((Decimal(repr(part)) for part in known), Decimal(0))) if known else None
    except RejectRecord as fault:
        return Bad(str(fault))


def _join_json(parts: tuple[Read, ...]) -> Read:
    texts = [part for part in parts if isinstance(part, str)]
    if not texts:
        return None
    inner = ",".join(text[1:-1] for text in texts if len(text) > 2)
    return f"{texts[0][0]}{inner}{texts[0][-1]}"
