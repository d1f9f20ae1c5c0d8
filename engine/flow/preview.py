"""A look at the first records of a source, raw beside mapped, through the same code as a run. Writes nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread

from engine.batch import Batch, JsonValue, Reject
from engine.contracts import Connector, DocumentFacts
from engine.decode import Ended, Opened
from engine.errors import RefuseRun
from engine.flow.absence import Absence
from engine.flow.transform import MappedBatch, Recipe, Transform, number_records
from engine.flow.unpacking import Unpacking
from engine.run import Problem
from engine.schema import ATTRIBUTES
from engine.source import Source

if TYPE_CHECKING:
    from decimal import Decimal

    from engine.decode import Part
    from engine.document import Document


@dataclass(frozen=True, slots=True)
class PreviewRecord:
    """One record: `raw` by the source's column names, `item` by attribute names or None when the record makes no item."""

    record: int
    line: int
    raw: Mapping[str, str]
    item: Mapping[str, JsonValue | Decimal] | None
    problems: tuple[Problem, ...] = ()


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
        async with connector.fetch(source) as documents, aclosing(_parts(documents)) as parts:
            async for part in parts:
                unpacking.take(part)
                while (decoded := await unpacking.next_part()) is not None:
                    if isinstance(decoded, Opened):
                        reader = _Reader(recipe, decoded.facts, limit)
                    elif reader is not None and await to_thread.run_sync(reader.enough, decoded):
                        return reader.preview(unpacking.how)
    raise RefuseRun(f"{source.name} holds no document")


async def _parts(documents: AsyncIterator[Document]) -> AsyncGenerator[Part]:
    async for document in documents:
        yield Opened(DocumentFacts.of(document))
        async for chunk in document.chunks:
            yield chunk
        yield Ended()


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
        raws = {
            record: dict(zip(batch.columns, row, strict=True)) for record, row in zip(ordinals[: self._limit], batch.rows, strict=False)
        }
        items = _first_items(mapped, self._limit)
        rejects = [_rejected(reject, raws.get(reject.record, {"": reject.raw})) for reject in mapped.rejects[: self._limit]]
        accepted = [PreviewRecord(record, line, raws.get(record, {}), item) for record, line, item in items]
        self.records += sorted([*accepted, *rejects], key=lambda found: found.record)


def _first_items(mapped: MappedBatch, limit: int) -> Sequence[tuple[int, int, Mapping[str, JsonValue | Decimal]]]:
    items = mapped.items
    found = []
    for key, row, record, line in list(zip(items.keys, items.rows, items.records, items.lines, strict=True))[:limit]:
        values = {name: ATTRIBUTES[name].to_json(value) for name, value in zip(items.columns, row, strict=True)}
        found.append((record, line, {"externalId": key, **values}))
    return found


def _rejected(reject: Reject, raw: Mapping[str, str]) -> PreviewRecord:
    return PreviewRecord(reject.record, reject.line, raw, None, (Problem.of(reject),))
