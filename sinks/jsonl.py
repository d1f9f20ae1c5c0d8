"""JSON Lines as a sink: one file a feed, one line an item. The whole feed is held in memory: for exports and small feeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Final

from anyio import to_thread

from engine.batch import ItemBatch, JsonValue, Reject
from engine.contracts import Checkpoint, FeedDefinition, SinkSession, StageSummary
from engine.errors import ConfigError, RefuseRun, RejectRecord
from engine.mapping.several import add_up
from engine.run import Counts, RunRecord
from sinks.figures import measure
from sinks.lines import State, read_state, write_rejects, write_state
from sinks.merging import QUANTITY, Outcome, Row, merge_run, says_gone

REJECTS_KEPT: Final = 100_000
"""Rejects kept of one run; the count goes on."""


class JsonlSession:
    """One run over the file, see `engine.contracts.SinkSession`. The file changes in one rename, in `apply`.

    No lock is taken: a file that changed since it was read belongs to somebody else, and `apply` refuses to overwrite it.
    """

    def __init__(self, path: Path, state: State, feed: FeedDefinition, *, dry: bool) -> None:
        self._path = path
        self._feed = feed
        self._state = state
        self._dry = dry
        # Of each key the row that counts, None where the record that does was rejected, and where its first row stands.
        self._staged: dict[str, Row | None] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._spoiled: set[str] = set()
        self._rows = 0
        self._rejects: list[Reject] = []

    @property
    def run(self) -> int:
        """Return 0: the run is not stored."""
        return 0

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Return None: no checkpoint is stored."""
        return None

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        """Return nothing: no run is stored."""
        return {}

    @property
    def asked_at(self) -> datetime | None:
        """Return None: no run is stored."""
        return None

    async def stage(self, batch: ItemBatch) -> None:
        self._rows += len(batch)
        mode = self._feed.duplicate_keys
        if mode == "error":
            self._refuse_repeats(batch)
        rows: list[Row] = [(batch.columns, batch.clears, row) for row in batch.rows]
        if mode == "sum":
            self._spoiled.update(batch.spoiled)
            for key, row in zip(batch.keys, rows, strict=True):
                self._staged[key] = _added(key, self._staged.get(key), row)
            return
        told: list[tuple[int, str, Row | None]] = [*zip(batch.records, batch.keys, rows, strict=True)]
        if batch.spoiled:
            told = sorted([*told, *((record, key, None) for key, record in batch.spoiled.items())], key=itemgetter(0))
        for _, key, told_row in told:
            if mode != "first" or key not in self._staged:
                self._staged[key] = told_row

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep rejects for the file beside the items, at most `REJECTS_KEPT`."""
        self._rejects.extend(rejects[: REJECTS_KEPT - len(self._rejects)])

    async def summary(self) -> StageSummary:
        return await to_thread.run_sync(self._summary)

    def _summary(self) -> StageSummary:
        done = self._merged()
        counts = done.counts
        return StageSummary(
            known=done.known,
            seen=done.seen,
            created=counts.created,
            updated=counts.updated,
            unchanged=counts.unchanged,
            duplicate=counts.duplicate,
            skipped=counts.skipped,
            missing=done.known - done.seen,
            removed=counts.removed,
            figures=measure(self._state.items, done.items, self._staged.keys() | self._spoiled, self._feed),
        )

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Write the new state beside the old one and put it in its place; nothing is written when nothing differs."""
        done = await to_thread.run_sync(self._merged)
        if not self._dry and done.items != self._state.items:
            await to_thread.run_sync(write_state, self._path, done.items, self._state.signature)
        return done.counts

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Refuse: no run is stored that somebody could approve."""
        raise RefuseRun(
            "the run would be held for a decision, which a file of items cannot keep: nothing was applied; look at the source, then "
            "import with guard.enabled=false and without reviewChanges, or into a database"
        )

    async def discard(self) -> None:
        self._staged.clear()
        self._places.clear()
        self._spoiled.clear()
        self._rows = 0

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> RunRecord:
        """Write the run's rejects beside the items; a file of an earlier run's goes when there are none."""
        if not self._dry:
            await to_thread.run_sync(write_rejects, self._path, self._rejects)
        return record

    def _merged(self) -> Outcome:
        rows = {key: self._known_stock(key, row) for key, row in self._staged.items() if row is not None}
        done = merge_run(self._state.items, rows, self._staged.keys() | self._spoiled, self._feed)
        return replace(done, counts=replace(done.counts, duplicate=self._rows - len(rows)))

    def _known_stock(self, key: str, row: Row) -> Row:
        if key not in self._spoiled:
            return row
        columns, clears, values = row
        known = tuple(None if name == QUANTITY else value for name, value in zip(columns, values, strict=True))
        return columns, clears - {QUANTITY}, known

    def _refuse_repeats(self, batch: ItemBatch) -> None:
        for key, place in zip(batch.keys, zip(batch.records, batch.lines, strict=True), strict=True):
            if (first := self._places.setdefault(key, place)) is not place:
                raise RefuseRun(
                    f"the key {key!r} stands in record {first[0]} (line {first[1]}) and in record {place[0]} (line {place[1]}), and the "
                    "feed has duplicateKeys=error: correct the source, or set duplicateKeys to last, first or sum"
                )


def _added(key: str, staged: Row | None, row: Row) -> Row:
    """Return the later row of a key with the stock of both; what a row says of stock that says its item is gone does not count."""
    columns, clears, values = row
    after = dict(zip(columns, values, strict=True))
    if says_gone(row):
        after[QUANTITY] = None
    before = {} if staged is None else dict(zip(staged[0], staged[2], strict=True))
    if QUANTITY not in before and QUANTITY not in after:
        return row
    try:
        after[QUANTITY] = add_up((before.get(QUANTITY), after.get(QUANTITY)))
    except RejectRecord as fault:
        raise RefuseRun(f"the stock of the rows with the key {key!r} cannot be added up: the sum {fault}; correct the source") from None
    return tuple(after), clears, tuple(after.values())


class JsonlSink:
    """The items of one feed in one file. Feed definitions and runs are not stored."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def feed(self, name: str) -> FeedDefinition | None:
        """Return None: the file holds items only."""
        return None

    def session(self, feed: FeedDefinition, *, dry_run: bool = False) -> AbstractAsyncContextManager[SinkSession]:
        return self._session(feed, dry=dry_run)

    @asynccontextmanager
    async def _session(self, feed: FeedDefinition, *, dry: bool) -> AsyncIterator[SinkSession]:
        yield JsonlSession(self._path, await to_thread.run_sync(read_state, self._path), feed, dry=dry)


@asynccontextmanager
async def open_jsonl(url: str) -> AsyncIterator[JsonlSink]:
    """Open the file that a URL names: `jsonl:///items.jsonl` is relative, `jsonl:////srv/items.jsonl` absolute, as for SQLite.

    Raises `ConfigError` when no path is given, its directory is missing, or it is no file.
    """
    rest = url.partition("://")[2]
    path = Path(rest[1:])
    if not rest.startswith("/") or not path.name:
        raise ConfigError(
            "the jsonl URL names no file; write jsonl:///relative/items.jsonl (three slashes) or jsonl:////absolute/items.jsonl (four)"
        )
    await to_thread.run_sync(_check, path)
    yield JsonlSink(path)


def _check(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"the directory {path.parent} of {path.name} does not exist; create it first")
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path} is not a file; give the name of a file")
