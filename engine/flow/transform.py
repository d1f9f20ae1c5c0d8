"""Bytes of one document to items: the mapper and the rules as one synchronous unit, which any lane can run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from engine.batch import Batch, Flaw, ItemBatch, JsonValue, RawRecords, Reject
from engine.contracts import DocumentFacts, Mapper, MapperFactory, MapperSettings
from engine.decode import Decoding
from engine.feed import Feed
from engine.flow.absence import Absence
from engine.mapping.fields import MappingRow, Rule
from engine.mapping.numbers import NumberReader
from engine.mapping.rules import Mapped, Rules, Trace, compile_rules
from engine.run import Problem

_BYTES_AS_OBJECTS: Final = 4
"""How much more memory a parsed row takes than its raw bytes, measured on rows of 185 bytes in eleven columns."""


@dataclass(frozen=True, slots=True)
class MappedBatch:
    """What came of a stretch of raw records: `read` records = items + rejects. `weight` is the memory it holds, in bytes.

    `keyless` of the rejected records are of nobody knows which item; counted where the feed adds records up.
    """

    items: ItemBatch
    rejects: tuple[Reject, ...]
    read: int
    weight: int
    keyless: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that turns documents of one feed into items.

    `generation` names the versions of the programs that do so: after an upgrade the same bytes may make other items. `pinned` is
    how the last complete run read its first document, which a mapper that guesses tries first.
    """

    feed: Feed
    rows: tuple[MappingRow, ...]
    create_mapper: MapperFactory
    rules: Mapping[str, Rule]
    generation: str = ""
    pinned: Mapping[str, JsonValue] = field(default_factory=dict)

    def later(self) -> Recipe:
        """Return the recipe for documents after the first: the columns that are pinned are the first one's."""
        return replace(self, pinned={name: value for name, value in self.pinned.items() if name != "columns"})

    def read_numbers(self) -> NumberReader:
        """Return a reader of the feed's numbers; what it remembers is of one run."""
        return NumberReader(self.feed.decimal_notation, self.feed.currency)

    @property
    def decoding(self) -> Decoding:
        """Return how the feed's documents are unpacked."""
        return Decoding.of(self.feed)

    @property
    def settings(self) -> MapperSettings:
        """Return what the mapper is told of the feed."""
        attributes: dict[str, JsonValue] = self.feed.model_dump(mode="json", by_alias=True, include=_FORMAT_ATTRIBUTES)
        operands = [(row.row.price_operator_field,) for row in self.rows if row.row.price_operator_field is not None]
        return MapperSettings((*(row.names for row in self.rows), *operands), attributes, self.pinned)


_FORMAT_ATTRIBUTES: Final = {
    *("delimiter", "csv_has_header", "encoding", "quote", "header_row", "line_ending", "column_widths", "decimal_notation", "mapping"),
    *("xml_mapping", "xml_path", "xml_namespaces", "json_mapping", "json_root", "json_structure", "pagination"),
}


class Transform:
    """Read one document. Not for several threads at once; `records` is the number of records read before it.

    `observe` is shown every parsed batch before its rules; a preview shows people the raw text by it.
    """

    def __init__(
        self,
        recipe: Recipe,
        document: DocumentFacts,
        *,
        numbers: NumberReader,
        records: int = 0,
        observe: Callable[[Batch], None] | None = None,
    ) -> None:
        self._recipe = recipe
        self._document = document
        self._numbers = numbers
        self._records = records
        self._observe = observe
        self._mapper: Mapper = recipe.create_mapper(recipe.settings if records == 0 else recipe.later().settings, document)
        self._rules: Rules | None = None

    def feed(self, chunk: bytes) -> Iterable[MappedBatch]:
        """Take bytes and yield what they complete."""
        return map(self._map, self._mapper.feed(chunk))

    def finish(self) -> Iterable[MappedBatch]:
        """Yield the rest of the document."""
        return map(self._map, self._mapper.finish())

    @property
    def mapper(self) -> Mapper:
        """Return the document's mapper."""
        return self._mapper

    @property
    def document(self) -> str:
        """Return the document's name."""
        return self._document.name

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return how the document is read."""
        return self._mapper.dialect

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the document as a whole."""
        warnings = self._mapper.dialect.get("warnings")
        noted = [Problem("dialect", str(warning)) for warning in warnings] if isinstance(warnings, list) else []
        return (*(self._rules.problems if self._rules else ()), *noted)

    def tell(self, absence: Absence) -> None:
        """Take down, when the document has ended, which columns no record of it had."""
        if self._rules is not None:
            absence.note(self._mapper)

    def trace(self, row: Sequence[str]) -> list[Trace]:
        """Return what each attribute made of a row that `observe` was shown; for previews."""
        return self._rules.trace(row) if self._rules else []

    def _map(self, raw: RawRecords) -> MappedBatch:
        batch = self._mapper.parse(raw)
        if self._observe is not None:
            self._observe(batch)
        mapped = self._apply(batch)
        read = len(batch.rows) + len(batch.flaws)
        ordinals = number_records(batch, self._records + 1)
        self._records += read
        rejects = [self._reject(flaw, ordinal) for flaw, ordinal in zip(batch.flaws, ordinals.flaws, strict=True)]
        for index, flaw in mapped.flaws.items():
            nth = index - bisect_left(batch.lines, flaw.line)
            rejects.append(self._reject(replace(flaw, raw=self._mapper.excerpt(raw, flaw.line, nth)), ordinals.rows[index]))
        rejects.sort(key=lambda reject: reject.record)
        spoiled = {key: ordinals.rows[index] for key, index in mapped.spoiled.items()}
        items = replace(mapped.items, records=[ordinals.rows[index] for index in mapped.indices], spoiled=spoiled)
        keyless = 0
        if self._recipe.feed.duplicate_keys == "sum":
            keyless = mapped.keyless + sum(flaw.fate == "rejected" for flaw in batch.flaws)
        return MappedBatch(items, tuple(rejects), read, _BYTES_AS_OBJECTS * len(raw.data), keyless)

    def _apply(self, batch: Batch) -> Mapped:
        if not batch.rows:
            # The columns are known when rows are: nothing can be said of them, least of all that one is gone.
            return Mapped(ItemBatch((), [], [], [], [], []), (), {})
        return (self._rules or self._compile(batch)).apply(batch)

    def _compile(self, batch: Batch) -> Rules:
        recipe = self._recipe
        self._rules = compile_rules(
            recipe.feed, recipe.rows, locate=self._mapper.locate, columns=batch.columns, rules=recipe.rules, numbers=self._numbers
        )
        return self._rules

    def _reject(self, flaw: Flaw, ordinal: int) -> Reject:
        return Reject(ordinal, flaw.line, flaw.column, flaw.value, flaw.reason, flaw.raw, self._document.name, flaw.fate)


@dataclass(frozen=True, slots=True)
class Ordinals:
    """The numbers of a batch's records in the run: those that became rows, and those that are flaws."""

    rows: Sequence[int]
    flaws: Sequence[int]


def number_records(batch: Batch, first: int) -> Ordinals:
    """Number the records of a batch in the order of the source, rows and flaws together."""
    if not batch.flaws:
        return Ordinals(range(first, first + len(batch.rows)), ())
    order = sorted([*((line, 0, at) for at, line in enumerate(batch.lines)), *((flaw.line, 1, at) for at, flaw in enumerate(batch.flaws))])
    rows, flaws = [0] * len(batch.rows), [0] * len(batch.flaws)
    for ordinal, (_, kind, at) in enumerate(order, first):
        (flaws if kind else rows)[at] = ordinal
    return Ordinals(rows, flaws)


def preset_rows(feed: Feed, offered: Callable[[str], Sequence[MappingRow]]) -> tuple[MappingRow, ...]:
    """Return the feed's mapping: its own rows, and for purposes it does not name, those its preset offers."""
    declared = [MappingRow(row, (row.name,)) for row in feed.fields if row.enabled]
    if feed.resource_type == "json" and feed.json_mapping == "custom":
        return (*declared, *(MappingRow(row, (row.name,)) for row in (field.as_row() for field in feed.json_fields)))
    if feed.preset == "custom":
        return tuple(declared)
    # A disabled row takes its purpose off the preset too: that is what disabling it says.
    targets = {target for row in feed.fields for target in MappingRow(row, (row.name,)).targets}
    return (*declared, *(row for row in offered(feed.preset) if row.target not in targets))
