"""A catalogue that comes in one dialect and then in another: the second run changes what changed, and nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import JsonValue, Value
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from engine.feed import build_feed
from engine.flow.lanes import inline
from engine.flow.pipeline import Job, run_feed
from engine.flow.transform import Recipe, preset_rows
from engine.run import Counts, RunRecord, RunStatus
from engine.source import parse_location
from mappers.csv import SPEC, CsvMapper
from tests.integration.pipeline_parts import MemoryConnector, MemorySink
from tests.property.test_csv_roundtrip import FRAGMENTS

Catalogue = dict[str, tuple[int, str]]

NAMES = ("bolt", 'rod 1/4"', "a;b, c|d", "tab\tbed", "it's", "two\nlines", "", "größer", "NA", "7", "sku", "x  y")
NOTHING: Catalogue = {}


@dataclass(frozen=True)
class Dialect:
    """How a supplier writes a file. `moved` puts the columns into another order, `extra` adds one between them."""

    delimiter: str
    quote_all: bool
    ending: str
    encoding: str
    preamble: int
    trailing: bool
    moved: bool
    extra: bool
    decimals: bool

    def write(self, catalogue: Catalogue) -> bytes:
        """Write the catalogue as a file of this dialect."""
        out = io.StringIO(newline="")
        writer = csv.writer(
            out, delimiter=self.delimiter, lineterminator=self.ending, quoting=csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL
        )
        for number in range(self.preamble):
            writer.writerow([f"List no. {number}"])
        writer.writerow(self._arranged(["sku", "stock", "name"], "extra"))
        for key, (stock, name) in catalogue.items():
            writer.writerow(self._arranged([key, f"{stock},00" if self.decimals else str(stock), name], "+"))
        return out.getvalue().encode(self.encoding)

    def _arranged(self, row: list[str], extra: str) -> list[str]:
        row = [row[2], row[0], row[1]] if self.moved else row
        row = [*row[:1], extra, *row[1:]] if self.extra else row
        return [*row, ""] if self.trailing else row


DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|", "~"]),
    quote_all=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    preamble=st.integers(0, 2),
    trailing=st.booleans(),
    moved=st.booleans(),
    extra=st.booleans(),
    decimals=st.booleans(),
)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[Catalogue, Catalogue]:
    """Draw a catalogue and what became of it: some items changed, new, or in another place."""
    keys = [
        f"{prefix}{number}"
        for number, prefix in enumerate(draw(st.lists(st.sampled_from(["00", "A-", "Ö", "x "]), min_size=1, max_size=6)))
    ]
    item = st.tuples(st.integers(0, 999), st.sampled_from(NAMES))
    before: Catalogue = {key: draw(item) for key in keys}
    after: Catalogue = {key: draw(st.one_of(st.just(value), item)) for key, value in before.items()}
    after |= {f"new{number}": draw(item) for number in range(draw(st.integers(0, 2)))}
    order: list[str] = draw(st.permutations(list(after)))
    return before, {key: after[key] for key in order}


def recipe() -> Recipe:
    """Map three columns by name; prices with a comma are none here, so `8,00` is 8 in either notation."""
    rows = [{"name": name, "purpose": purpose} for name, purpose in (("sku", "sku"), ("stock", "inventoryQuantity"), ("name", "name"))]
    feed = build_feed("shop", {"decimalNotation": "comma"}, rows)
    return Recipe(feed, preset_rows(feed, lambda _: ()), SPEC.create, {})


def run(sink: MemorySink, document: bytes) -> RunRecord:
    """Run the feed once over a document."""
    job = Job(recipe(), parse_location("memory://shop/items"), MemoryConnector([[document]]), sink, lane=inline)
    return anyio.run(run_feed, job)


def stored(sink: MemorySink) -> dict[str, dict[str, Value]]:
    """Return what a reader sees."""
    return {key: {"stock": item.get("inventoryQuantity"), "name": item.get("name")} for key, item in sink.items.items()}


def wanted(before: Catalogue, after: Catalogue) -> dict[str, dict[str, Value]]:
    """Return what has to be seen: a blank name leaves the one of before."""
    merged = {**before, **after}
    names = {key: name or (before.get(key, (0, ""))[1]) for key, (_, name) in merged.items()}
    return {key: {"stock": stock, "name": names[key] or None} for key, (stock, _) in merged.items()}


@settings(max_examples=60)
@given(catalogues(), DIALECTS, DIALECTS)
def test_the_second_run_updates_exactly_what_changed(days: tuple[Catalogue, Catalogue], first: Dialect, second: Dialect) -> None:
    """Whatever two dialects follow each other, every item is right, and only a changed value counts as an update.

    The run says so when the dialects differ in what is told of them, and says nothing when they are the same.
    """
    before, after = days
    sink = MemorySink()
    record = run(sink, first.write(before))
    assert (record.status, record.counts) == (RunStatus.COMPLETE, Counts(created=len(before))), record.problems
    assert stored(sink) == wanted(NOTHING, before)
    again = run(sink, second.write(after))
    changed = sum(key in before and value != before[key] for key, value in after.items())
    counts = Counts(created=len(after) - len(before), updated=changed, unchanged=len(before) - changed)
    assert (again.status, again.counts) == (RunStatus.COMPLETE, counts), again.problems
    assert stored(sink) == wanted(before, after)
    told = [problem.message for problem in again.problems if problem.code == "dialectChanged"]
    if first == second:
        assert all("; quoting was" in message or ": quoting was" in message for message in told)
    if (first.delimiter, first.preamble) != (second.delimiter, second.preamble) or first.extra != second.extra:
        assert told


@settings(max_examples=30)
@given(catalogues(), DIALECTS, DIALECTS)
def test_what_is_pinned_never_changes_a_reading(days: tuple[Catalogue, Catalogue], first: Dialect, second: Dialect) -> None:
    """A document is read the same whether another dialect was pinned or none."""
    before, after = days
    pinned, fresh = MemorySink(), MemorySink()
    run(pinned, first.write(before))
    pinned.items, pinned.digests = {}, {}
    run(pinned, second.write(after))
    run(fresh, second.write(after))
    assert stored(pinned) == stored(fresh)


def outcome(data: bytes, size: int, pinned: Mapping[str, JsonValue]) -> tuple[object, ...]:
    """Return all that a mapper makes of a document, or the reason of its refusal; the dialect comes last."""
    mapper = CsvMapper(MapperSettings((("sku",), ("qty",)), {}, pinned), DocumentFacts("t.csv"), sample_bytes=16, piece_bytes=24)
    try:
        pieces = [piece for at in range(0, len(data), size) for piece in mapper.feed(data[at : at + size])]
        batches = [mapper.parse(piece) for piece in [*pieces, *mapper.finish()]]
    except RefuseRun as refusal:
        return (str(refusal), {})
    return [list(batch.rows) for batch in batches], [batch.flaws for batch in batches], dict(mapper.dialect)


DOCUMENTS = st.lists(FRAGMENTS | st.sampled_from([b"  ", b"---", b"sep=;", "ł".encode("cp1250")]), max_size=60).map(b"".join)


@given(DOCUMENTS, DOCUMENTS, st.integers(1, 20))
def test_any_document_may_follow_any_other(first: bytes, second: bytes, size: int) -> None:
    """Nothing but `RefuseRun` comes of it, and the chunks never matter."""
    pinned = outcome(first, max(len(first), 1), {})[-1]
    assert isinstance(pinned, dict)
    assert outcome(second, size, pinned) == outcome(second, max(len(second), 1), pinned)
