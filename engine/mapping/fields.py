"""One attribute's way from the cells of its source columns to stored values: the row rules of a mapping, compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from engine.errors import RejectRecord
from engine.feed import FieldRow
from engine.mapping.cells import CellRules, Rule, compile_operand, target_of
from engine.mapping.readers import Bad, CellReader, Read
from engine.mapping.several import LISTS, Combine, combine_stock, first_known, join_keys, join_lists, merge_fields, take_off
from engine.schema import ATTRIBUTES

if TYPE_CHECKING:
    from engine.batch import Value
    from engine.feed import Feed
    from engine.mapping.numbers import NumberReader

__all__ = ["ESSENTIAL", "GONE", "TARGETS", "Column", "MappingRow", "Rule", "SourceColumn", "compile_column"]

Cells: TypeAlias = "list[Sequence[str]]"

GONE: Final = "status"
"""The attribute that the purpose `removed` fills, with `removed` or with nothing; all else of it is the sink's."""

TARGETS: Final = (*(name for name, attribute in ATTRIBUTES.items() if attribute.imported), GONE)
ESSENTIAL: Final = frozenset({"externalId", "vendorSku", "inventoryQuantity"})
"""Attributes without whose column a run is refused: identity and stock (API, section 5)."""

_KEY_MARK: Final = "|"


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A mapping row with every name its column may have. `declared` tells a person's row from a preset's offer.

    `pattern` takes the text out of the cell first, in the row that a `subfieldRegex` makes.
    """

    row: FieldRow
    names: tuple[str, ...]
    declared: bool = True
    pattern: str | None = None

    @property
    def target(self) -> str:
        """Return the attribute that the row feeds."""
        return target_of(self.row.purpose)

    @property
    def subfield(self) -> MappingRow | None:
        """Return the row that reads a part of the same cells for another purpose, None when there is none.

        The rules of the text, as `strip`, are the row's own: the part is taken out of the cell as it came.
        """
        row = self.row
        if row.subfield_regex is None or row.subfield_purpose is None:
            return None
        kept = {"name": row.name, "optionName": row.option_name, "metaFieldsScope": row.meta_fields_scope}
        part = FieldRow.model_validate({**kept, "purpose": row.subfield_purpose, "seperator": row.seperator, "blank": row.blank})
        return MappingRow(part, self.names, self.declared, row.subfield_regex)

    @property
    def targets(self) -> frozenset[str]:
        """Return all attributes that the row feeds."""
        return frozenset({self.target} | ({self.subfield.target} if self.subfield else set()))


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
    combine: Combine
    clears: bool = False

    def read(self, cells: Cells) -> list[Read]:
        """Return the attribute's value for every row."""
        if len(self.sources) == 1:
            return self.sources[0].read(cells)
        parts = [source.read(cells) for source in self.sources]
        return list(map(self._combine, zip(*parts, strict=True)))

    def _combine(self, parts: tuple[Read, ...]) -> Read:
        values: list[Value] = []
        for part in parts:
            if isinstance(part, Bad):
                return part
            values.append(part)
        try:
            return self.combine(values)
        except RejectRecord as fault:
            return Bad(str(fault))

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
        cell = CellRules(mapping.row, mapping.names, feed, numbers, rules, position, mapping.pattern)
        compiled.append(SourceColumn(index, cell.reader(), *compile_operand(mapping.row, locate, numbers)))
    clears = target != GONE and all(mapping.row.blank == "clear" for mapping, _ in sources)
    return Column(target, tuple(compiled), _combiner(target, [mapping.row for mapping, _ in sources]), clears)


def _combiner(target: str, rows: Sequence[FieldRow]) -> Combine:
    if target == "inventoryQuantity":
        taken = [row.quantity_operator == "subtract" for row in rows]
        first = rows[taken.index(False)] if not all(taken) else rows[0]
        stock = combine_stock(first.locations, "map one of their columns")
        return take_off(stock, taken) if any(taken) else stock
    if target == "externalId":
        return join_keys(_KEY_MARK if rows[0].seperator is None else rows[0].seperator)
    if target == "metaFields" and (len({row.option_name for row in rows}) < len(rows) or any(row.option_name is None for row in rows)):
        # Fields of one name would stand twice in the object.
        return merge_fields
    return join_lists if target in LISTS else first_known
