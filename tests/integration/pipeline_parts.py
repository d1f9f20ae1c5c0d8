"""A connector, a mapper and a sink that live in memory and keep their contracts: small, honest, and easy to make fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from engine.batch import Batch, Flaw, ItemBatch, JsonValue, RawRecords, Reject, Value
from engine.contracts import Checkpoint, DocumentFacts, FeedDefinition, Mapper, MapperSettings, SinkSession, StageSummary
from engine.document import Document
from engine.errors import RefuseRun
from engine.feed import build_feed
from engine.flow.channel import Budget
from engine.flow.lanes import inline
from engine.flow.pipeline import Job
from engine.flow.transform import Recipe, preset_rows
from engine.run import Counts, RunRecord, RunStatus
from engine.source import Source, parse_location

ROWS: tuple[dict[str, object], ...] = (
    {"name": "sku", "purpose": "sku"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
)
HEADER = b"sku,qty,price\n"

Part = bytes | Exception | anyio.Event
"""What a document does next: send bytes, fail, or wait."""


@dataclass
class MemoryConnector:
    """Yield documents that were given beforehand. `offered` counts the bytes handed out, `is_open` says whether it is in use."""

    documents: Sequence[Sequence[Part]]
    announced: int | None = None
    on_leave: Exception | None = None
    offered: int = 0
    is_open: bool = False

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[AsyncIterator[Document]]:
        self.is_open = True
        finished = False
        try:
            yield self._documents()
            finished = True
        finally:
            self.is_open = False
            if self.on_leave is not None and not finished:
                raise self.on_leave

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        """Open the source and iterate its documents."""
        return self._open()

    async def _documents(self) -> AsyncIterator[Document]:
        for number, parts in enumerate(self.documents, 1):
            yield Document(f"memory:{number}", self._chunks(parts), size=self.announced)

    async def _chunks(self, parts: Sequence[Part]) -> AsyncIterator[bytes]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            if isinstance(part, anyio.Event):
                await part.wait()
                continue
            self.offered += len(part)
            yield part


class LineMapper:
    """Read lines of comma-separated cells under a header. `#` begins a note (skipped), `!` a record that cannot be read."""

    def __init__(self, settings: MapperSettings, facts: DocumentFacts) -> None:
        self._facts = facts
        self._rest = b""
        self._line = 1
        self._offset = 0
        self._columns: tuple[str, ...] = ()

    def feed(self, chunk: bytes) -> Iterable[RawRecords]:
        """Take the next bytes and return the whole lines they complete."""
        if not self._columns and (self._rest + chunk).startswith(b"<"):
            raise RefuseRun(f"{self._facts.name} is a page, not a table")
        whole, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
        return self._cut(whole + newline)

    def finish(self) -> Iterable[RawRecords]:
        """Return the last line, whether it has an end or not."""
        rest, self._rest = self._rest, b""
        return [*self._cut(rest), RawRecords(b"", self._offset, self._line, final=True)]

    def parse(self, raw: RawRecords) -> Batch:
        """Parse whole lines into rows."""
        rows: list[list[str]] = []
        lines: list[int] = []
        flaws: list[Flaw] = []
        for line, text in enumerate(raw.data.decode().splitlines(), raw.line):
            if text[:1] in {"#", "!"}:
                flaws.append(
                    Flaw(line, "is a note" if text[0] == "#" else "is broken", text, fate="skipped" if text[0] == "#" else "rejected")
                )
            else:
                rows.append(text.split(","))
                lines.append(line)
        return Batch(self._columns, rows, lines, tuple(flaws))

    def locate(self, name: str) -> int | None:
        """Return the index of a column by its exact name."""
        return self._columns.index(name) if name in self._columns else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the header."""
        return self._columns

    @property
    def missing(self) -> frozenset[str]:
        return frozenset()

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return the name of the format."""
        return {"format": "lines", "document": self._facts.name}

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        """Return one line."""
        return raw.data.decode().splitlines()[line - raw.line]

    def _cut(self, data: bytes) -> list[RawRecords]:
        if not self._columns and data:
            header, _, data = data.partition(b"\n")
            self._columns = tuple(header.decode().split(","))
            self._line, self._offset = 2, len(header) + 1
        if not data:
            return []
        raw = RawRecords(data, self._offset, self._line)
        self._line += data.count(b"\n")
        self._offset += len(data)
        return [raw]


@dataclass
class MemorySink:
    """Keep items in a dictionary. `calls` is the order in which its sessions were used; `gate` holds `stage` up until it is set."""

    items: dict[str, dict[str, Value]] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    finished: RunRecord | None = None
    dialect: Mapping[str, JsonValue] = field(default_factory=dict)
    is_open: bool = False
    gate: anyio.Event | None = None
    failures: Mapping[str, Exception] = field(default_factory=dict)
    distort: Callable[[Counts], Counts] = lambda counts: counts
    misjudge: int = 0

    async def feed(self, name: str) -> FeedDefinition | None:
        """Return None: definitions are not kept."""
        return None

    def session(self, feed: FeedDefinition, *, dry_run: bool = False) -> AbstractAsyncContextManager[SinkSession]:
        """Begin a run."""
        return self._session(dry_run)

    @asynccontextmanager
    async def _session(self, dry_run: bool) -> AsyncIterator[SinkSession]:
        self.is_open, self.finished = True, None
        try:
            yield MemorySession(self, dry_run)
        finally:
            self.is_open = False

    def note(self, call: str) -> None:
        """Note a call, or fail as the test said."""
        self.calls.append(call)
        if call in self.failures:
            raise self.failures[call]


class MemorySession:
    """One run over a `MemorySink`."""

    def __init__(self, sink: MemorySink, dry_run: bool) -> None:
        self._sink = sink
        self._dry_run = dry_run
        self._staged: dict[str, tuple[dict[str, Value], int, int]] = {}
        self._rows = 0

    @property
    def run(self) -> int:
        """Return a number."""
        return 7

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Return None: no checkpoint is stored."""
        return None

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return how the last complete run read its source."""
        return self._sink.dialect

    @property
    def asked_at(self) -> datetime | None:
        """Return None: no run is stored."""
        return None

    async def stage(self, batch: ItemBatch) -> None:
        """Take items; the last of a key wins."""
        if self._sink.gate is not None:
            await self._sink.gate.wait()
        self._sink.note("stage")
        self._rows += len(batch)
        for key, row, digest, record in zip(batch.keys, batch.rows, batch.digests, batch.records, strict=True):
            self._staged[key] = (dict(zip(batch.columns, row, strict=True)), digest, record)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep rejects."""
        self._sink.note("keep")
        self._sink.rejects += rejects

    async def summary(self) -> StageSummary:
        """Count what `apply` would do."""
        self._sink.note("summary")
        counts = self._counts()
        seen = counts.updated + counts.unchanged
        created = counts.created + self._sink.misjudge
        return StageSummary(len(self._sink.items), seen, created, counts.updated, counts.unchanged, counts.duplicate)

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Keep the record; nothing can be decided here."""
        self._sink.note("hold")
        self._sink.finished = record

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Make the stage the state."""
        self._sink.note("apply")
        counts = self._counts()
        for key, (values, digest, ordinal) in () if self._dry_run else self._staged.items():
            self._sink.items.setdefault(key, {}).update({name: value for name, value in values.items() if value is not None})
            self._sink.digests[key] = digest
            self._sink.records[key] = ordinal
        return self._sink.distort(counts)

    async def discard(self) -> None:
        """Drop the stage."""
        self._sink.note("discard")
        self._staged.clear()

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> RunRecord:
        """Keep the record."""
        self._sink.note("finish")
        self._sink.finished = record
        if record.status is RunStatus.COMPLETE and not self._dry_run:
            self._sink.dialect = record.dialect
        return record

    def _counts(self) -> Counts:
        known = self._sink.digests
        created = sum(key not in known for key in self._staged)
        unchanged = sum(known.get(key) == digest for key, (_, digest, _) in self._staged.items())
        return Counts(created, len(self._staged) - created - unchanged, unchanged, self._rows - len(self._staged))


def recipe(*, create: Callable[[MapperSettings, DocumentFacts], Mapper] = LineMapper, **changes: object) -> Recipe:
    """Map the columns sku, qty and price."""
    feed = build_feed("shop", changes, ROWS)
    return Recipe(feed, preset_rows(feed, lambda _: ()), create, {})


def job(connector: MemoryConnector, sink: MemorySink, *, made: Recipe | None = None) -> Job:
    """Make a run of these parts, mapped inline; `dataclasses.replace` varies it."""
    return Job(made or recipe(), parse_location("memory://shop/items"), connector, sink, lane=inline, budget=Budget())


def table(*lines: str) -> bytes:
    """Write a document of the three columns."""
    return HEADER + "".join(f"{line}\n" for line in lines).encode()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most ten seconds."""
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()
