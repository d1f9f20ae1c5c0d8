"""Small feeds as suppliers really send them, run through the whole of Feedmill into a database, and what must come of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Final, Literal, TypeAlias

import anyio
import anyio.to_thread
import pytest

import feedmill
from engine.batch import JsonValue, Reject
from engine.run import Counts, Problem, RunRecord, RunStatus
from engine.source import Egress, Patience
from feedmill.library import Fields
from plugins.manager import Registry, load_registry
from sinks.sqlite.queries import open_queries

FEED: Final = "acme"
COLUMNS: Final = {"sku": "sku", "inventoryQuantity": "stock", "name": "name"}
GOOD: Final = b"sku;stock;name\nold-1;11;Anvil\nold-2;0;Bolt\n"

Stored: TypeAlias = "dict[str, JsonValue | Decimal]"
Items: TypeAlias = "Mapping[str, int | float | Mapping[str, JsonValue | Decimal] | None]"
"""Items by key: what must hold of each, or its quantity alone."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that must be kept with the run; of the reason, a part."""

    record: int
    line: int
    reason: str
    raw: str
    column: str | None = None
    value: str | None = None
    fate: Literal["rejected", "skipped"] = "rejected"


@dataclass(frozen=True, slots=True)
class Quirk:
    """A feed and what must come of it. `before` is synced first; `counts` need saying only where not every item is new.

    `refused` holds parts of the refusal, the cure among them; then nothing of the feed may be applied, and `items` is unused.
    """

    id: str
    fact: str
    body: bytes
    items: Items = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    refused: tuple[str, ...] = ()
    duplicate: int = 0
    before: bytes | None = None
    counts: Counts | None = None
    fields: Fields = field(default_factory=lambda: COLUMNS)
    settings: Mapping[str, object] = field(default_factory=dict)
    dialect: Mapping[str, JsonValue] = field(default_factory=dict)
    noted: tuple[str, ...] = ()
    file: str = "stock.csv"

    @property
    def planned(self) -> Counts:
        """Return what the store must have done."""
        return self.counts or Counts(created=len(self.items), duplicate=self.duplicate)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind: its record as returned, and all of the rest as read back from the database."""

    record: RunRecord
    items: list[Stored]
    rejects: list[Reject]


def each(*quirks: Quirk) -> pytest.MarkDecorator:
    """Run a test for every one of these, under its id."""
    return pytest.mark.parametrize("quirk", quirks, ids=attrgetter("id"))


@cache
def _installed() -> Registry:
    return load_registry()


async def sync(
    source: str,
    database: Path,
    *,
    fields: Fields = COLUMNS,
    settings: Mapping[str, object] | None = None,
    patience: Patience | None = None,
    registry: Registry | None = None,
    egress: Egress | None = None,
) -> Outcome:
    """Sync a source as the feed `FEED`, and read back everything that came of it."""
    registry = registry or await anyio.to_thread.run_sync(_installed)
    url = f"sqlite:///{database}"
    record = await feedmill.sync(
        source, to=url, feed=FEED, settings=settings, fields=fields, patience=patience, egress=egress, registry=registry
    )
    async with open_queries(url) as queries:
        (stored, *_) = await queries.runs(FEED)
        assert (await queries.feed_of(record.run), record.feed) == (FEED, FEED)
        assert stored.record == record
        items = [item async for item in queries.items(FEED)]
        rejects = [reject async for reject in queries.rejects(record.run)]
    assert stored.rejects_kept == len(rejects)
    return Outcome(record, items, rejects)


async def sync_bytes(quirk: Quirk, body: bytes, folder: Path, name: str | None = None) -> Outcome:
    """Sync bytes from a file, with the quirk's settings."""
    path = folder / (name or quirk.file)
    await anyio.Path(path).write_bytes(body)
    return await sync(str(path), folder / "shop.db", fields=quirk.fields, settings=quirk.settings)


async def check(quirk: Quirk, folder: Path) -> None:
    """Sync a quirk's feed and hold items, kept records, figures and dialect against what it says."""
    if quirk.before is not None:
        assert (await sync_bytes(quirk, quirk.before, folder)).record.status is RunStatus.COMPLETE
    outcome = await sync_bytes(quirk, quirk.body, folder)
    check_complete(quirk, outcome, (folder / quirk.file).as_uri())


def check_complete(quirk: Quirk, outcome: Outcome, document: str) -> None:
    """Hold a run that must have been applied against what a quirk says of it."""
    record = outcome.record
    assert record.status is RunStatus.COMPLETE, record.problems
    check_items(quirk.items, outcome.items)
    check_kept(quirk.kept, outcome, document)
    assert record.counts == quirk.planned
    done = record.counts
    assert record.read == done.created + done.updated + done.unchanged + done.duplicate + record.skipped + record.rejected
    assert {name: record.dialect[name] for name in quirk.dialect} == quirk.dialect
    assert {problem.code for problem in record.problems} >= set(quirk.noted)


def check_items(expected: Items, items: list[Stored]) -> None:
    """Hold the stored items, all of them, against what must hold of each."""
    stored = {str(item["externalId"]): item for item in items}
    wanted = {key: item if isinstance(item, Mapping) else {"inventoryQuantity": item} for key, item in expected.items()}
    shown = {key: {name: item[name] for name in wanted.get(key, {"inventoryQuantity": None})} for key, item in stored.items()}
    assert shown == wanted


def check_kept(kept: tuple[Kept, ...], outcome: Outcome, document: str) -> None:
    """Hold every kept record against what must be known of it, in the database and among the problems of the run."""
    found = [(one.record, one.line, one.column, one.value, one.raw, one.fate, one.document) for one in outcome.rejects]
    assert found == [(one.record, one.line, one.column, one.value, one.raw, one.fate, document) for one in kept]
    for one, reject in zip(kept, outcome.rejects, strict=True):
        assert one.reason in reject.reason
    rejected = [one for one in outcome.rejects if one.fate == "rejected"]
    assert (outcome.record.rejected, outcome.record.skipped) == (len(rejected), len(kept) - len(rejected))
    shown = [Problem("rejected", one.reason, record=one.record, line=one.line, column=one.column, value=one.value) for one in rejected]
    assert [problem for problem in outcome.record.problems if problem.code == "rejected"] == shown


async def check_refused(quirk: Quirk, folder: Path) -> None:
    """Sync a good feed, then the quirk's, and prove that it changed nothing and says what cures it."""
    before = await sync_bytes(quirk, GOOD if quirk.before is None else quirk.before, folder)
    assert before.record.status is RunStatus.COMPLETE, before.record.problems
    after = await sync_bytes(quirk, quirk.body, folder)
    check_untouched(before, after, "refused", quirk.refused)
    if quirk.kept:
        found = [(one.record, one.line, one.column, one.value, one.raw, one.fate) for one in after.rejects]
        assert found == [(one.record, one.line, one.column, one.value, one.raw, one.fate) for one in quirk.kept]
        assert all(one.reason in reject.reason for one, reject in zip(quirk.kept, after.rejects, strict=True))


def check_untouched(before: Outcome, after: Outcome, code: str, said: tuple[str, ...]) -> None:
    """Prove that a run ended as an error, applied nothing, and said these things in one problem of this code."""
    assert (after.record.status, after.record.counts) == (RunStatus.ERROR, Counts())
    assert after.record.read == after.record.skipped + after.record.rejected
    assert after.items == before.items
    (message,) = [problem.message for problem in after.record.problems if problem.code == code]
    for part in said:
        assert part in message
