"""What a connector, a mapper and a sink promise the engine, and what it promises them. Standard library only.

Built-in components and strangers' implement the same protocols and register through the same hooks (`plugins.hookspecs`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, cast, runtime_checkable

from engine.batch import Batch, ItemBatch, JsonValue, KnownRecords, RawRecords, Records, Reject
from engine.document import Document
from engine.figures import Figures
from engine.source import Source

if TYPE_CHECKING:
    from engine.run import Counts, RunRecord
    from engine.screen.screening import Remembered


class Connector(Protocol):
    """Bring the bytes of a source. One protocol of the wire, one connector.

    The engine enters `fetch` once a run and reads the documents one after the other, each to its end, before it asks for
    the next; leaving the context, on any path, must close every connection. A document that ends early raises `Retry` (the
    source may do better later) or `RefuseRun` (it will not) out of its chunks: what ends without an error is applied as
    complete. Refused credentials and missing files are `RefuseRun`, an unreachable host and a timeout are `Retry`. What
    fails in passing is tried again by the connector itself, as `Source.persistence` says, and resumed where the source can
    prove that the bytes are still the same ones. Where `Source.known` lets the connector see that all documents are what
    they were, it raises `NotModified` before the first of them. Every address it connects to passes `Source.egress`. The
    connector neither decompresses, decodes nor looks into the bytes.
    """

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        """Open the source and iterate its documents."""
        ...


@dataclass(frozen=True, slots=True)
class MapperSettings:
    """What a feed says of its format.

    `fields` holds, for each mapped field, the names under which the source may carry it (a mapping row has one, a preset
    several). `attributes` are the feed's own settings by their API names (`delimiter`, `encoding`, ...): a mapper takes those
    it knows. `pinned` is what `Mapper.dialect` said at the end of the feed's last complete run, empty where there was none: a
    mapper that guesses tries that first, and leaves it as soon as the bytes say otherwise. It may come from another mapper, and is
    of the run's first document: later ones get it without `columns`.
    """

    fields: tuple[tuple[str, ...], ...] = ()
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    pinned: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a mapper may know of the document it reads: the document without its bytes."""

    name: str
    size: int | None = None
    content_type: str | None = None
    charset: str | None = None

    @classmethod
    def of(cls, document: Document) -> DocumentFacts:
        """Return the facts of a document."""
        return cls(document.name, document.size, document.content_type, document.charset)


class Mapper(Protocol):
    """Turn the bytes of one document into rows of text, without I/O and without awaiting.

    Splitting (`feed`, `finish`) and parsing (`parse`) are two steps so that known records can be dropped between them. The
    engine calls `feed` with every chunk in order, then `finish` once; each `RawRecords` goes to `parse` at most once and in
    order. How the bytes were cut into chunks never changes the result. Memory stays bounded whatever is fed: a record that
    does not end is `RefuseRun`. Content of another kind (an HTML page, an archive) is `RefuseRun` from `feed` or `finish`, as
    soon as it can be told; a record that cannot be read is a `Flaw` in its batch. All calls come from one thread at a time.
    """

    def feed(self, chunk: bytes) -> Iterable[RawRecords]:
        """Take the next bytes and return the whole records they complete."""
        ...

    def finish(self) -> Iterable[RawRecords]:
        """Return what remains at the end of the document; the last piece has `final` set."""
        ...

    def parse(self, raw: RawRecords) -> Batch:
        """Parse whole records into rows."""
        ...

    def locate(self, name: str) -> int | None:
        """Return the index of the column a mapping row names, None when the document has none. Valid once rows exist."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the document's columns as it names them; empty until they are known."""
        ...

    @property
    def missing(self) -> frozenset[str]:
        """Return the columns that `locate` found but no record had, once the document has ended.

        Where columns are paths, a path that leads nowhere in any record is a column that is gone, and only the end tells.
        """
        ...

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return how the document is read (format, delimiter, encoding, ...) with the reason of each guess; for people.

        What a person should act on stands in the list `warnings`; the engine makes problems of the run of it. The list `assumed`
        names what nothing in the document spoke for: it is no news when that is otherwise in the next one.
        """
        ...

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        """Return the text of the record that began at `line`, as the source wrote it. Slow; for rejects and previews.

        Where several rows of the piece began at one line, `nth` of them is meant, counted from 0.
        """
        ...


@dataclass(frozen=True, slots=True)
class Walked:
    """Stretches of whole records, as `PassedRecords` has them, up to `reached`, where a known one ends.

    `unknown` are the places of those that are not known. None is known where `stretches` is empty, and nothing was passed then.
    """

    stretches: Sequence[int]
    unknown: Sequence[slice]
    reached: int


class Prover(Protocol):
    """What a mapper that cuts at line ends tells a screen of its buffer; a stretch that it is asked for begins with a record."""

    def last_end(self, start: int, end: int) -> int:
        """Return where the last record of a stretch ends, `start` where none does."""
        ...

    def count_lines(self, start: int, end: int) -> int:
        """Return how many lines a stretch of whole records takes."""
        ...


class Screen(Protocol):
    """Tell a mapper what of a document the last complete run has read already, so that it need neither cut nor parse it.

    A known block is whole records that began where a record begins and ended where one ends, under the same reading, and a reader
    that stood at the beginning of a record stands at the beginning of the next one behind it.
    """

    @property
    def knows(self) -> bool:
        """Return whether anything is known at all; where not, asking is a waste."""
        ...

    def cut(self, data: bytes | bytearray, start: int, end: int, ending: bytes) -> int:
        """Return where the block that begins at `start` ends, behind an `ending`; -1 where the bytes up to `end` do not tell.

        Cuts depend on the bytes behind `start` alone. That one is the end of a record is for the mapper to prove.
        """
        ...

    def find(self, block: bytes, reading: bytes) -> KnownRecords | None:
        """Return what is known of the bytes of a block, None where it is not known as a whole."""
        ...

    def walk(self, data: bytearray, start: int, end: int, ending: bytes, reading: bytes, prove: Prover) -> Walked:
        """Go from known block to known block, from `start` on, where a record begins, and cut what lies between where `prove` says."""
        ...

    def follow(self, data: bytes | bytearray, start: int, end: int, ending: bytes, reading: bytes) -> tuple[KnownRecords | None, int]:
        """Cut and find the blocks from `start` on, as many as are known and follow each other as they did; return where they end too.

        It is None where the first block is not known, with that one's end; and -1 where the bytes up to `end` do not tell its end.
        """
        ...


@runtime_checkable
class ScreenedMapper(Mapper, Protocol):
    """A mapper whose records can be told apart without parsing, and are read each by itself.

    `feed` and `finish` may yield pieces without data, with `RawRecords.known` set, where the mapper stands at the beginning of a
    record and the screen knows the block that follows, or `PassedRecords`, with many such stretches taken out. The last 64 KiB of a
    document at least come as pieces with data, since what ends a document can be judged only beside what stands before it. The final
    piece is always parsed whole.
    """

    def screen(self, screen: Screen) -> bool:
        """Ask this screen from now on, before the first byte; False where the document's settings let no record stand by itself."""
        ...

    def split(self, raw: RawRecords) -> Records | None:
        """Return a piece's records one by one; None where they cannot be told apart safely, or where a part would not be one record."""
        ...

    def join(self, parts: Sequence[bytes], reading: bytes, offset: int) -> RawRecords:
        """Make a piece of single records of one reading, for `parse`: its first line is 1, `offset` a number of its own."""
        ...


@runtime_checkable
class GatheringMapper(ScreenedMapper, Protocol):
    """A screened mapper of whose document pieces may be taken out and told apart together, whatever stood between them."""

    def split_together(self, pieces: Sequence[bytes]) -> Records | None:
        """Return the records of pieces of one document, none of them the final one, whose bytes are put one behind the other.

        As `split` of each would; where it returns None each is split alone.
        """
        ...


MapperFactory: TypeAlias = Callable[[MapperSettings, DocumentFacts], Mapper]
DuplicateKeys: TypeAlias = Literal["last", "first", "error", "sum"]
MissingPolicy: TypeAlias = Literal["zero", "remove", "keep"]

SYNC_FLAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "syncPricing": ("retailPrice",),
    "syncSalePrices": ("compareAtPrice",),
    "syncCostPrices": ("costPrice",),
    "syncName": ("name",),
    "syncDescription": ("description",),
    "syncImages": ("images",),
    "syncOptions": ("options",),
    "syncTags": ("tags",),
    "syncWeight": ("grams",),
    "syncProductType": ("productType",),
}
"""Which attributes of a known item each flag of a feed lets later runs change; all others always follow the source."""

PUSHED: Final = frozenset({"webhook", "upload", "manual"})
"""Types of resources that nothing is fetched for: what they hold is sent."""

HISTORY_DAYS: Final = 90
"""For how many days the changes of a feed's items are kept unless the feed says otherwise."""


@dataclass(frozen=True, slots=True)
class FeedDefinition:
    """A feed as a sink stores it: its name, its attributes and mapping rows by API names. Holds no secret."""

    name: str
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    fields: tuple[Mapping[str, JsonValue], ...] = ()

    @property
    def duplicate_keys(self) -> DuplicateKeys:
        """Return which of several rows of one key in a run counts.

        The last, the first, or none, so that the run is refused; or `sum`: their known `inventoryQuantity` is added up, and all
        else is the last one's. The sum of a key that any batch of the run has among its `spoiled` is blank.
        """
        return cast("DuplicateKeys", self.attributes.get("duplicateKeys", "last"))

    @property
    def creates_above(self) -> int | None:
        """Return the stock above which an item must lie for a run to create it, None where every item is created.

        An item that is there already is updated whatever its stock: left alone, it would go on being sold.
        """
        if not self.attributes.get("restrictInventoryImport"):
            return None
        return int(str(self.attributes.get("inventoryRestrictionLevel", 0)))

    @property
    def missing_policy(self) -> MissingPolicy:
        """Return what becomes of an item that a complete run did not meet.

        `zero`: status `removed` and no stock, until it comes back; `remove`: it is deleted; `keep`: nothing, as where `fetchCleanup`
        is disabled or the feed is a delta.
        """
        if self.attributes.get("fetchCleanup") == "disabled" or self.attributes.get("feedKind") == "delta":
            return "keep"
        return cast("MissingPolicy", self.attributes.get("missingPolicy", "zero"))

    @property
    def removal(self) -> Literal["zero", "remove"]:
        """Return what becomes of an item that the source itself says is gone, whatever `missing_policy` says of silence."""
        return "remove" if self.attributes.get("missingPolicy") == "remove" else "zero"

    @property
    def missing_grace(self) -> int:
        """Return for how many complete runs in a row a missing item is left alone before `missing_policy` is acted upon."""
        return int(str(self.attributes.get("missingGraceRuns", 0)))

    @property
    def settled(self) -> frozenset[str]:
        """Return the attributes that a run sets in a new item, and later only where the item has no value (`sync*`).

        No value is NULL, or the attribute's default where it has one. `inventoryQuantity` is never among them.
        """
        synced = {flag: bool(self.attributes.get(flag, flag == "syncSalePrices")) for flag in SYNC_FLAGS}
        return frozenset(name for flag, names in SYNC_FLAGS.items() if not synced[flag] for name in names)

    @property
    def takes_weight_zero(self) -> bool:
        """Return whether a weight of zero takes the place of one that is known (`syncWeightZero`)."""
        return bool(self.attributes.get("syncWeightZero", False))

    @property
    def history_days(self) -> int:
        """Return for how many days the changes of the feed's items are kept, 0 for ever (`historyDays`)."""
        return int(str(self.attributes.get("historyDays", HISTORY_DAYS)))

    @property
    def guard(self) -> Mapping[str, JsonValue]:
        """Return the limits of the guard that differ from the defaults, by API names."""
        return cast("Mapping[str, JsonValue]", self.attributes.get("guard", {}))

    @property
    def reviewed(self) -> bool:
        """Return whether every run that would change something is held for a decision (`reviewChanges`)."""
        return bool(self.attributes.get("reviewChanges", False))


@dataclass(frozen=True, slots=True)
class StageSummary:
    """What applying the stage would do, in items. `known` items stood before the run; `seen` of them were in it.

    Items of status `removed` do not stand any more; one that comes back is among `updated`. A key whose record was rejected was
    seen. `skipped` new ones have no more stock than `FeedDefinition.creates_above`, or are said to be gone by the source, and are not
    created. Of the `missing` ones, known and not seen, `removed` are to be taken out of stock now. `figures` is what the guard judges.
    """

    known: int
    seen: int
    created: int
    updated: int
    unchanged: int
    duplicate: int
    skipped: int = 0
    missing: int = 0
    removed: int = 0
    figures: Figures = field(default_factory=Figures)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a complete run leaves for the next: the documents it read, by name and `Document.version`, and how.

    `fingerprint` stands for the source and for everything that decides what becomes of its bytes: under another one the
    versions say nothing. `run` read the documents: `read` records, of which so many were duplicates, skipped and rejected.
    `newest` is the latest time of change among the documents, as RFC 3339 text, None when one has none. Where a document has no
    version, `versions` is empty. `digests` stands for the bytes of all documents in order, in a form of the engine's own: a run that
    has to read them again ends as unchanged when they are the same. It is empty where nothing stands for them.
    """

    fingerprint: str
    versions: Mapping[str, str]
    run: int = 0
    read: int = 0
    duplicate: int = 0
    skipped: int = 0
    rejected: int = 0
    newest: str | None = None
    digests: str = ""

    def unread(self) -> Checkpoint:
        """Return what a run leaves whose source has to be read again though it may not have changed: all but what it is known by."""
        return replace(self, versions={}, digests="")


class SinkSession(Protocol):
    """One run of one feed, staged whole, then applied, held or discarded.

    The engine calls `stage` and `keep` any number of times from one task; then `summary`, and `apply` and `finish`, or `hold`, or
    `discard` and `finish`. A run that finds its source unchanged is discarded and finished as complete: the state is what it was.
    The engine calls none of the rest when one of them raised what it cannot record, and leaves the context. Until `apply` nothing
    that a reader can see has changed, the feed's definition included. A session that dies before `apply` leaves a state from which
    the next complete run ends as if it had never been; one that dies in `apply` or after it either has changed nothing, or is
    finished by whoever begins the next run, before it. Every write checks the session's fencing token and raises `Superseded` when
    the session has lost it. Of several rows of a key in a run, in whatever batches, the one that
    `FeedDefinition.duplicate_keys` says counts and the others are duplicates; for `error`, `stage` or `summary` raises
    `RefuseRun` naming the key and the rows. The key of a rejected record (`ItemBatch.spoiled`) is not missing; where the record
    that counts is the rejected one, the item is left as it is. New items that `FeedDefinition.creates_above` keeps out are skipped.
    A row whose content equals the stored one is not written. Known items that no batch named are dealt with as
    `FeedDefinition.missing_policy` and `missing_grace` say, and rows of status `removed` as `FeedDefinition.removal` does.
    """

    @property
    def run(self) -> int:
        """Return the number of the run, 0 where runs are not stored."""
        ...

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Return what the last complete run left, None where there was none, it left none, or the sink stores none."""
        ...

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return how the last complete run that read anything read its first document, empty where there was none or none is stored.

        A dry session gives it too, so that it reads as the real one would.
        """
        ...

    @property
    def asked_at(self) -> datetime | None:
        """Return when an earlier run of the feed last asked the source for anything, None when none did or none is stored."""
        ...

    async def stage(self, batch: ItemBatch) -> None:
        """Take mapped items; whole batches, in the order of the source."""
        ...

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep rejected and skipped records with the run; they survive `discard`."""
        ...

    async def summary(self) -> StageSummary:
        """Count what `apply` would do."""
        ...

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Make the stage the state of the feed and return what the store really did.

        `record` and `checkpoint` are what `finish` is going to be called with, but for the counts, which are those of `summary`: a
        store that applies in several transactions keeps them first, so that whoever finds the run unfinished can finish it.
        """
        ...

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Keep the stage until somebody decides; the run ends as `record`, of status `held`, says, and `finish` is not called.

        A run that the feed holds already gives way to this one. Raises `RefuseRun` where the sink keeps no runs; the engine
        then discards and ends the run as refused.
        """
        ...

    async def discard(self) -> None:
        """Drop the stage; the state is what it was before the session."""
        ...

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> RunRecord:
        """Store the run's final record and return it, with what the store has to add to its problems.

        A complete run's checkpoint takes the place of the old one in the same transaction. A run that is not complete leaves the
        checkpoint as it is.
        """
        ...


@runtime_checkable
class ScreeningSession(SinkSession, Protocol):
    """A session that keeps a screen: which record of the source made which item, as the last complete run left it.

    What it hands out must be true of the items as they are: a record that is known made an item that nobody has written since, so that
    staging it again would change nothing. It stages what `ItemBatch.known` holds as items met unchanged, in the order of all records of
    the batch, and gathers prints and blocks for the next run, which `finish` of a complete run stores in its transaction.
    """

    async def remembered(self, mark: str) -> Remembered | None:
        """Return what is known under this mark, None where nothing is, or where the feed's settings let no record stand by itself."""
        ...

    def remember(self, mark: str, pattern: bytes, evidence: Mapping[str, JsonValue]) -> None:
        """Keep, when the run completes, what was gathered, under a mark; without this call what was known before is forgotten."""
        ...

    async def restart(self) -> None:
        """Forget everything that was staged and kept: the source is read once more, from its beginning and without a screen."""
        ...


class Sink(Protocol):
    """A durable place for items, opened from a URL by a `SinkFactory`."""

    async def feed(self, name: str) -> FeedDefinition | None:
        """Return the stored definition of a feed, None when there is none or the sink stores none."""
        ...

    def session(self, feed: FeedDefinition, *, dry_run: bool = False) -> AbstractAsyncContextManager[SinkSession]:
        """Begin a run of a feed, creating the feed when there is none; its definition is updated by a complete run.

        Leaving the context without `finish` marks the run as failed. With `dry_run` the session leaves no trace: `apply`
        returns the counts and changes nothing.
        """
        ...


SinkFactory: TypeAlias = Callable[[str], AbstractAsyncContextManager[Sink]]


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """A connector to register: the URL schemes it answers and how to make one.

    `create` is called in a worker thread, so that importing a client library there holds nobody up.
    """

    schemes: tuple[str, ...]
    create: Callable[[], Connector]


@dataclass(frozen=True, slots=True)
class PresetField:
    """One mapping row of a preset: a purpose, the names its column may have, and further attributes of the mapping row."""

    purpose: str
    names: tuple[str, ...]
    row: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapperSpec:
    """A mapper to register: the name of its format, as in `csv`, how to make one for a document, and its presets by name."""

    format: str
    create: MapperFactory
    presets: Mapping[str, tuple[PresetField, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """A sink to register: the URL schemes it answers and how to open one from the whole URL."""

    schemes: tuple[str, ...]
    open: SinkFactory


@dataclass(frozen=True, slots=True)
class FieldRuleSpec:
    """A field rule to register, a verb: `name` is what a mapping row lists under `rules`.

    `apply` takes one cell's text and returns the new text; it raises `RejectRecord` with the reason when it cannot. It must
    be pure: the engine calls it once for each distinct text.
    """

    name: str
    apply: Callable[[str], str]
