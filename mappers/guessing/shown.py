"""What a document has, for people who choose otherwise: its columns with examples, and the places where its records may stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import SEVERAL, JsonValue, clip

if TYPE_CHECKING:
    from mappers.guessing.columns import Column

EXAMPLES: Final = 3
PLACES: Final = 12
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column: `name` as a mapping row has it, `label` as its source calls it, a few values of it, and in how many records it has one.

    `row` is the mapping row that is offered for it alone, with the `reason`; None where none is, or where none was asked for.
    """

    name: str
    label: str
    examples: tuple[str, ...]
    filled: int
    different: int
    row: Mapping[str, JsonValue] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """A path at which records may stand: as `xmlPath` or `jsonRoot` has it, and how many there are in the sample."""

    path: str
    records: int


def show_columns(columns: Sequence[Column]) -> tuple[ShownColumn, ...]:
    """Return columns with the first different values of each."""
    return tuple(_show(column) for column in columns)


def _show(column: Column) -> ShownColumn:
    filled = [shown for value in column.values if (shown := value.strip())]
    different = dict.fromkeys(filled)
    examples = tuple(clip(value.replace(SEVERAL, ", "), _LONGEST) for value in list(different)[:EXAMPLES])
    return ShownColumn(column.name, column.label, examples, len(filled), len(different))
