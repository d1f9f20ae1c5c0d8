"""Bytes of one document to items: the mapper and the rules as one synchronous unit, which any lane can run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from engine.batch import ApartRecords, Batch, Flaw, ItemBatch, JsonValue, PassedRecords, RawRecords, Records, Reject
from engine.contracts import DocumentFacts, GatheringMapper, Mapper, MapperFactory, MapperSettings, ScreenedMapper
from engine.decode import Decoding
from engine.errors import InternalError, RefuseRun
from engine.feed import Feed
from engine.flow.absence import Absence
from engine.mapping.fields import MappingRow, Rule
from engine.mapping.numbers import NumberReader
from engine.mapping.rules import Mapped, Rules, Trace, compile_rules
from engine.run import Problem

if TYPE_CHECKING:
    from engine.screen.screening import Screening
    from engine.screen.sifting import Sifter, Unit

T = TypeVar("T")

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

    `observe` is shown every parsed batch before its rules; a preview shows people the raw text by it. What a `screening` knows is
    counted and not parsed, where the mapper can tell records apart.
    """

    def __init__(
        self,
        recipe: Recipe,
        document: DocumentFacts,
        *,
        numbers: NumberReader,
        records: int = 0,
        observe: Callable[[Batch], None] | None = None,
        screening: Screening | None = None,
    ) -> None:
        self._recipe = recipe
        self._document = document
        self._numbers = numbers
        self._records = records
        self._observe = observe
        self._mapper: Mapper = recipe.create_mapper(recipe.settings if records == 0 else recipe.later().settings, document)
        self._rules: Rules | None = None
        self._screening = screening
        self._screened: ScreenedMapper | None = None
        self._gathering: GatheringMapper | None = None
        self._knows = False
        if screening is not None and isinstance(self._mapper, ScreenedMapper) and self._mapper.screen(screening):
            self._screened = self._mapper
            self._gathering = self._mapper if isinstance(self._mapper, GatheringMapper) else None
            # Where nothing is known pieces are as big as a unit.
            self._knows = screening.knows
        self._sifter: Sifter | None = None
        self._units = 0

    def feed(self, chunk: bytes) -> Iterable[MappedBatch]:
        """Take bytes and yield what they complete."""
        return self._produce(self._mapper.feed(chunk))

    def finish(self) -> Iterable[MappedBatch]:
        """Yield the rest of the document."""
        return self._produce(self._mapper.finish())

    def _produce(self, pieces: Iterable[RawRecords]) -> Iterator[MappedBatch]:
        for piece in pieces:
            if self._screened is not None and self._sifter is not None and self._may_wait(piece):
                if self._sifter.reads_otherwise(piece):
                    yield from self._release(self._screened, self._sifter)
                self._sifter.hold(piece)
                if self._sifter.holds_enough:
                    yield from self._release(self._screened, self._sifter)
                continue
            # A small document is its final piece, of which nothing is ever known.
            if self._screened is not None and (self._sifter is not None or not piece.final):
                yield from self._sift(self._screened, piece)
            elif piece.known is None and not isinstance(piece, PassedRecords):
                yield self._map(piece)
            else:
                raise InternalError(f"{self._document.name}: the mapper knows records though it was given no screen")

    def _may_wait(self, piece: RawRecords) -> bool:
        """Tell whether the records of a piece may be told apart from what is known together with those of others."""
        if piece.final or not self._knows:
            return False
        apart = piece.records if isinstance(piece, ApartRecords) else None
        return self._gathering is not None or piece.known is not None or (apart is not None and apart.block)

    def _sift(self, mapper: ScreenedMapper, piece: RawRecords) -> Iterator[MappedBatch]:
        sifter = self._sifter or self._begin_sifting()
        yield from self._release(mapper, sifter)
        yield from self._sift_one(mapper, sifter, piece)

    def _release(self, mapper: ScreenedMapper, sifter: Sifter) -> Iterator[MappedBatch]:
        """Sift what is held, together where that can be done."""
        pieces = sifter.release()
        if not pieces:
            return
        records = self._split_held(pieces)
        if records is not None and records.parts and sifter.is_full(records.reading):
            yield from self._flush(mapper, sifter)
        if records is None or not sifter.sift_together(pieces, records):
            for piece in pieces:
                yield from self._sift_one(mapper, sifter, piece)
        elif sifter.is_full():
            yield from self._flush(mapper, sifter)

    def _split_held(self, pieces: Sequence[RawRecords]) -> Records | None:
        if self._gathering is not None:
            return self._gathering.split_together([piece.data for piece in pieces])
        from engine.screen.held import join_apart

        return join_apart(pieces)

    def _sift_one(self, mapper: ScreenedMapper, sifter: Sifter, piece: RawRecords) -> Iterator[MappedBatch]:
        if isinstance(piece, PassedRecords):
            from engine.screen.held import unfold

            for each in unfold(piece):
                yield from self._sift_one(mapper, sifter, each)
            return
        if piece.known is not None:
            sifter.skip(piece.known)
        else:
            records = mapper.split(piece)
            if piece.final or records is None:
                yield from self._flush(mapper, sifter)
                yield self._map_whole(sifter, piece, records)
                return
            if sifter.is_full(records.reading):
                yield from self._flush(mapper, sifter)
            sifter.sift(records, piece.line)
        if sifter.is_full():
            yield from self._flush(mapper, sifter)

    def _begin_sifting(self) -> Sifter:
        # Here, so that small documents pay nothing: what it is made of takes a tenth of a second to import.
        from engine.screen.sifting import Sifter

        if self._screening is None:
            raise InternalError("records are sifted without a screen")
        self._sifter = Sifter(self._screening, self._records + 1)
        return self._sifter

    def _flush(self, mapper: ScreenedMapper, sifter: Sifter) -> Iterator[MappedBatch]:
        if sifter.empty:
            return
        unit = sifter.take()
        if not unit.parts:
            self._records += unit.records
            yield MappedBatch(replace(_NOTHING, known=unit.known, blocks=unit.blocks), (), unit.records, len(unit.known.places) * 4)
            return
        self._units += 1
        yield self._map_unit(mapper, mapper.join(unit.parts, unit.reading, -self._units), unit)

    def _map_unit(self, mapper: ScreenedMapper, raw: RawRecords, unit: Unit) -> MappedBatch:
        """Parse the records of a unit, which stand apart in the source; places in it are translated to places there."""
        try:
            batch = mapper.parse(raw)
        except RefuseRun as error:
            raise self._place(mapper, error, unit) from None
        mapped = self._apply(batch)
        found = number_records(batch, 0)
        if len(batch.rows) + len(batch.flaws) != len(unit.parts):
            raise InternalError(f"{self._document.name}: {len(unit.parts)} records were split, {len(batch.rows) + len(batch.flaws)} parsed")
        ordinals = Ordinals(_picked(unit.ordinals, found.rows), _picked(unit.ordinals, found.flaws))
        lines = Ordinals(_picked(unit.lines, found.rows), _picked(unit.lines, found.flaws))
        prints = _picked(unit.prints, found.rows) if _are_apart(batch) else None
        made = self._make(raw, batch, mapped, ordinals, lines, prints)
        self._records += unit.records
        items = replace(made.items, known=unit.known, blocks=unit.blocks)
        return replace(made, items=items, read=unit.records, weight=made.weight + 4 * len(unit.known.places))

    def _place(self, mapper: ScreenedMapper, error: RefuseRun, unit: Unit) -> RefuseRun:
        """Say where in the document the record stands for which a unit is refused: the first that is refused alone."""
        for part, line in zip(unit.parts, unit.lines, strict=True):
            self._units += 1
            try:
                mapper.parse(mapper.join([part], unit.reading, -self._units))
            except RefuseRun as alone:
                return RefuseRun(f"{alone} (lines counted in the record at line {line} of the document)")
        return error

    def _map_whole(self, sifter: Sifter, raw: RawRecords, records: Records | None) -> MappedBatch:
        """Parse a piece as it is. Where its records can be told apart they are known the next time."""
        named = sifter.name_all(records) if records is not None else []
        blocks = sifter.take().blocks
        batch = self._mapper.parse(raw)
        mapped = self._apply(batch)
        count = len(batch.rows) + len(batch.flaws)
        sure = bool(named) and count == len(named) and _are_apart(batch)
        ordinals = number_records(batch, self._records + 1)
        prints = [named[ordinal - self._records - 1] for ordinal in ordinals.rows] if sure else None
        self._records += count
        sifter.ordinal = self._records + 1
        made = self._make(raw, batch, mapped, ordinals, None, prints)
        return replace(made, items=replace(made.items, blocks=blocks)) if sure else made

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
        ordinals = number_records(batch, self._records + 1)
        self._records += len(batch.rows) + len(batch.flaws)
        return self._make(raw, batch, mapped, ordinals, None, None)

    def _make(
        self, raw: RawRecords, batch: Batch, mapped: Mapped, ordinals: Ordinals, lines: Ordinals | None, prints: Sequence[bytes] | None
    ) -> MappedBatch:
        """Put a batch together. `lines` are where its records stand in the document, None where the batch says so itself."""
        shown = lines or Ordinals(batch.lines, [flaw.line for flaw in batch.flaws])
        places = zip(batch.flaws, ordinals.flaws, shown.flaws, strict=True)
        rejects = [self._reject(flaw, ordinal, line) for flaw, ordinal, line in places]
        for index, flaw in mapped.flaws.items():
            nth = index - bisect_left(batch.lines, flaw.line)
            excerpt = self._mapper.excerpt(raw, flaw.line, nth)
            rejects.append(self._reject(replace(flaw, raw=excerpt), ordinals.rows[index], shown.rows[index]))
        rejects.sort(key=lambda reject: reject.record)
        spoiled = {key: ordinals.rows[index] for key, index in mapped.spoiled.items()}
        items = replace(
            mapped.items,
            lines=mapped.items.lines if lines is None else _picked(lines.rows, mapped.indices),
            records=_picked(ordinals.rows, mapped.indices),
            spoiled=spoiled,
            prints=b"" if prints is None else b"".join(_picked(prints, mapped.indices)),
        )
        keyless = 0
        if self._recipe.feed.duplicate_keys == "sum":
            keyless = mapped.keyless + sum(flaw.fate == "rejected" for flaw in batch.flaws)
        read = len(batch.rows) + len(batch.flaws)
        return MappedBatch(items, tuple(rejects), read, _BYTES_AS_OBJECTS * len(raw.data), keyless)

    def _apply(self, batch: Batch) -> Mapped:
        if not batch.rows:
            # The columns are known when rows are: nothing can be said of them, least of all that one is gone.
            return Mapped(_NOTHING, (), {})
        return (self._rules or self._compile(batch)).apply(batch)

    def _compile(self, batch: Batch) -> Rules:
        recipe = self._recipe
        self._rules = compile_rules(
            recipe.feed, recipe.rows, locate=self._mapper.locate, columns=batch.columns, rules=recipe.rules, numbers=self._numbers
        )
        return self._rules

    def _reject(self, flaw: Flaw, ordinal: int, line: int) -> Reject:
        return Reject(ordinal, line, flaw.column, flaw.value, flaw.reason, flaw.raw, self._document.name, flaw.fate)


_NOTHING: Final = ItemBatch((), [], [], [], [], [])


def _picked(values: Sequence[T], indices: Sequence[int]) -> list[T]:
    """Return the values at some places, without a step for each where it is all of them."""
    if isinstance(indices, range) and indices == range(len(values)):
        return list(values)
    return [values[index] for index in indices]


def _are_apart(batch: Batch) -> bool:
    """Tell whether it is sure which record became a row and which a flaw: not where one of each begins in the same line."""
    return not batch.flaws or {flaw.line for flaw in batch.flaws}.isdisjoint(batch.lines)


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
