"""A look at the first records of a source, raw beside mapped, through the same code as a run. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from engine.batch import SEVERAL, Batch, JsonValue, Reject, clip
from engine.contracts import Connector, DocumentFacts
from engine.decode import Ended, Opened
from engine.errors import RefuseRun
from engine.flow.absence import Absence
from engine.flow.transform import MappedBatch, Recipe, Transform, number_records
from engine.flow.unpacking import Unpacking, unpack_source
from engine.run import Problem
from engine.schema import ATTRIBUTES
from engine.source import Source

if TYPE_CHECKING:
    from decimal import Decimal

    from engine.flow.sample import Sample
    from engine.mapping.rules import Trace

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class PreviewField:
    """One column's way to one attribute: `raw` is the cell, a list where it has several values; `value` what came of it.

    An attribute of several columns has a field for each, with the same value. One that no column feeds, because it was made of
    other attributes, has no `source`.
    """

    attribute: str
    source: str | None
    raw: str | tuple[str, ...] | None
    value: JsonValue | Decimal
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class PreviewRecord:
    """One record: `raw` by the source's column names, `item` by attribute names or None when the record makes no item.

    `fields` leads from the one to the other, also for a record that makes no item: then with every fault of it.
    """

    record: int
    line: int
    raw: Mapping[str, str]
    item: Mapping[str, JsonValue | Decimal] | None
    problems: tuple[Problem, ...] = ()
    fields: tuple[PreviewField, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """How a source would be read, its first records, and what is wrong with it as a whole."""

    dialect: Mapping[str, JsonValue]
    records: tuple[PreviewRecord, ...]
    problems: tuple[Problem, ...]


async def preview_source(recipe: Recipe, connector: Connector, source: Source, *, limit: int) -> Preview:
    """Read the first `limit` records of a source.

    Reads no further than it must. Raises what the connector and the mapper raise: a source that cannot be read cannot be
    previewed.
    """
    reader: _Reader | None = None
    with Unpacking(recipe.decoding) as unpacking:
        async with unpack_source(unpacking, connector, source) as parts:
            async for decoded in parts:
                if isinstance(decoded, Opened):
                    reader = _Reader(recipe, decoded.facts, limit)
                elif reader is not None and await to_thread.run_sync(reader.enough, decoded):
                    return reader.preview(unpacking.how)
    raise RefuseRun(f"{source.name} holds no document")


def preview_sample(recipe: Recipe, sample: Sample, *, limit: int) -> Preview:
    """Read the first `limit` records of a sample, fewer where it holds fewer. Raises what the mapper raises. Blocks."""
    reader = _Reader(recipe, sample.facts, limit)
    if not reader.enough(sample.data) and sample.complete:
        reader.enough(Ended())
    return reader.preview(sample.unpacked)


class _Reader:
    def __init__(self, recipe: Recipe, facts: DocumentFacts, limit: int) -> None:
        self.records: list[PreviewRecord] = []
        numbers = recipe.read_numbers()
        self._numbers = numbers
        self._limit = limit
        self._read = 0
        self._parsed: list[Batch] = []
        self._absence = Absence(recipe.rows)
        self._transform = Transform(recipe, facts, numbers=numbers, observe=self._parsed.append)

    def enough(self, part: bytes | Ended) -> bool:
        """Read a part and tell whether that is all that has to be read."""
        ended = isinstance(part, Ended)
        for mapped in self._transform.finish() if isinstance(part, Ended) else self._transform.feed(part):
            self._collect(mapped)
        if ended:
            self._transform.tell(self._absence)
        return ended or len(self.records) >= self._limit

    def preview(self, unpacked: str | None) -> Preview:
        contradiction = self._numbers.contradiction()
        extra = (Problem("refused", contradiction),) if contradiction else ()
        dialect = self._transform.dialect if unpacked is None else {**self._transform.dialect, "compression": unpacked}
        return Preview(dialect, tuple(self.records[: self._limit]), (*self._transform.problems, *self._absent(), *extra))

    def _absent(self) -> tuple[Problem, ...]:
        try:
            return self._absence.judge()
        except RefuseRun as gone:
            return (Problem("refused", str(gone)),)

    def _collect(self, mapped: MappedBatch) -> None:
        batch = self._parsed.pop()
        # By ordinal and not by line, for a whole document may stand on one line.
        ordinals = number_records(batch, self._read + 1).rows
        self._read += mapped.read
        rows = dict(zip(ordinals[: self._limit], batch.rows, strict=False))
        found = [_accepted(mapped, index) for index in range(min(len(mapped.items), self._limit))]
        found += [_rejected(reject) for reject in mapped.rejects[: self._limit]]
        for record in sorted(found, key=lambda found: found.record):
            row = rows.get(record.record)
            self.records.append(record if row is None else self._traced(record, batch.columns, row))

    def _traced(self, record: PreviewRecord, columns: Sequence[str], row: Sequence[str]) -> PreviewRecord:
        traces = self._transform.trace(row)
        fields = [
            PreviewField(
                trace.attribute,
                columns[source],
                _values(row[source]),
                record.item.get(trace.attribute) if record.item else ATTRIBUTES[trace.attribute].to_json(trace.value),
                _fault_of(trace, record, columns[source], row[source]) if source == trace.blamed else None,
            )
            for trace in traces
            for source in trace.sources
        ]
        made = {name: value for name, value in (record.item or {}).items() if name not in {trace.attribute for trace in traces}}
        fields += [PreviewField(name, None, None, value) for name, value in made.items()]
        raw = dict(zip(columns, row, strict=True))
        return replace(record, raw=raw, fields=tuple(fields))


def _accepted(mapped: MappedBatch, index: int) -> PreviewRecord:
    items = mapped.items
    values = {name: ATTRIBUTES[name].to_json(value) for name, value in zip(items.columns, items.rows[index], strict=True)}
    return PreviewRecord(items.records[index], items.lines[index], {}, {"externalId": items.keys[index], **values})


def _rejected(reject: Reject) -> PreviewRecord:
    return PreviewRecord(reject.record, reject.line, {"": reject.raw}, None, (Problem.of(reject),))


def _values(cell: str) -> str | tuple[str, ...]:
    return tuple(cell.split(SEVERAL)) if SEVERAL in cell else cell


def _fault_of(trace: Trace, record: PreviewRecord, column: str, cell: str) -> Problem | None:
    if trace.fault is None:
        return None
    return Problem(
        "rejected", f"{trace.attribute} {trace.fault}", record=record.record, line=record.line, column=column, value=clip(cell, _SHOWN)
    )
