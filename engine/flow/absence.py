"""Columns that were looked for and that no record of a run had. Where columns are paths, only the end of the source tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import RefuseRun
from engine.mapping.fields import ESSENTIAL
from engine.run import Problem

if TYPE_CHECKING:
    from engine.contracts import Mapper
    from engine.mapping.fields import MappingRow


class Absence:
    """Follow which mapping rows found something in at least one document of a run."""

    def __init__(self, rows: Sequence[MappingRow]) -> None:
        self._rows = rows
        self._absent: set[int] = set()
        self._met: set[int] = set()
        self._operands: set[str] = set()
        self._operands_met: set[str] = set()

    def note(self, mapper: Mapper) -> None:
        """Take down what a document that has ended, and had rows, had nothing of."""
        missing = mapper.missing
        columns = mapper.columns
        for number, row in enumerate(self._rows):
            index = next((index for index in map(mapper.locate, row.names) if index is not None), None)
            # A column that is not there at all was judged when the rules were bound to the document.
            if index is not None:
                (self._absent if columns[index] in missing else self._met).add(number)
            operand = row.row.price_operator_field
            if operand is not None and (index := mapper.locate(operand)) is not None:
                (self._operands if columns[index] in missing else self._operands_met).add(operand)

    def judge(self) -> tuple[Problem, ...]:
        """Return what a person should know of columns that no document had.

        Raises `RefuseRun` when the key, stock, or a column whose blanks clear what is stored was in none: to read its absence as
        blank would be to invent a value. What a preset merely offers may be absent.
        """
        for operand in sorted(self._operands - self._operands_met):
            raise RefuseRun(f"{operand!r}, by which a price is reckoned, leads nowhere in any record: correct the mapping")
        gone = [self._rows[number] for number in sorted(self._absent - self._met)]
        for row in gone:
            if row.row.blank == "clear" or (row.declared and row.target in ESSENTIAL):
                raise RefuseRun(
                    f"{row.names[0]!r}, mapped to {row.row.purpose}, leads nowhere in any record: correct the mapping, or ask the supplier "
                    "where it went; nothing was applied"
                )
        return tuple(
            Problem("column-missing", f"{row.names[0]!r}, mapped to {row.row.purpose}, leads nowhere in any record", column=row.names[0])
            for row in gone
            if row.declared
        )
