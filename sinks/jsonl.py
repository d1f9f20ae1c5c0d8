"""JSON Lines as a sink: one file a feed, one line an item. The whole feed is held in memory: for exports and small feeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from anyio import to_thread

from engine.batch import ItemBatch, JsonValue, Reject, Value
from engine.contracts import Checkpoint, FeedDefinition, SinkSession, StageSummary
from engine.errors import ConfigError, RefuseRun, RejectRecord
from engine.mapping.several import add_up
from engine.run import Counts, RunRecord
from sinks.figures import measure
from sinks.lines import DEFAULTS, Item, State, read_state, write_rejects, write_state

_QUANTITY: Final = "inventoryQuantity"

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
        # Of each key the row that counts, with its layout, and where its first row stands; layouts are few and shared.
        self._staged: dict[str, tuple[tuple[str, ...], frozenset[str], tuple[Value, ...]]] = {}
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
        if mode == "sum":
            self._spoiled.update(batch.spoiled)
        if mode == "error":
            self._refuse_repeats(batch)
        for key, row in zip(batch.keys, batch.rows, strict=True):
            staged = self._staged.get(key) if mode in ("first", "sum") else None
            if staged is None:
                self._staged[key] = (batch.columns, batch.clears, row)
            elif mode == "sum":
                columns, added = _added(key, staged, batch.columns, row)
                self._staged[key] = (columns, batch.clears, added)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep rejects for the file beside the items, at most `REJECTS_KEPT`."""
        self._rejects.extend(rejects[: REJECTS_KEPT - len(self._rejects)])

    async def summary(self) -> StageSummary:
        return await to_thread.run_sync(self._summary)

    def _summary(self) -> StageSummary:
        items, counts = self._merged()
        seen = counts.updated + counts.unchanged
        known = len(self._state.items)
        figures = measure(self._state.items, items, self._staged.keys() | self._spoiled, self._feed)
        foreseen = (counts.created, counts.updated, counts.unchanged, counts.duplicate, counts.skipped)
        return StageSummary(known, seen, *foreseen, figures=figures)

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Write the new state beside the old one and put it in its place; nothing is written when nothing differs."""
        items, counts = await to_thread.run_sync(self._merged)
        if not self._dry and (counts.created or counts.updated):
            await to_thread.run_sync(write_state, self._path, items, self._state.signature)
        return counts

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Refuse: no run is stored that somebody could approve."""
        raise RefuseRun(
            "the run would be held for a decision, which a file of items cannot keep: nothing was applied; look at the source, then "
            "import with guard.enabled=false, or into a database"
        )

    async def discard(self) -> None:
        self._staged.clear()
        self._places.clear()
        self._spoiled.clear()
        self._rows = 0

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Write the run's rejects beside the items; a file of an earlier run's goes when there are none."""
        if not self._dry:
            await to_thread.run_sync(write_rejects, self._path, self._rejects)

    def _merged(self) -> tuple[dict[str, Item], Counts]:
        items, created, updated, skipped = dict(self._state.items), 0, 0, 0
        above = self._feed.creates_above
        for key, (columns, clears, row) in self._staged.items():
            if key in self._spoiled:
                row = tuple(None if name == _QUANTITY else value for name, value in zip(columns, row, strict=True))
                clears = clears - {_QUANTITY}
            old = items.get(key)
            new = _merge(DEFAULTS if old is None else old, columns, clears, row)
            if old is None and above is not None and not _exceeds(new.get(_QUANTITY), above):
                skipped += 1
                continue
            created += old is None
            updated += old is not None and new != old
            items[key] = new
        unchanged, duplicate = len(self._staged) - created - updated - skipped, self._rows - len(self._staged)
        return items, Counts(created=created, updated=updated, unchanged=unchanged, duplicate=duplicate, skipped=skipped)

    def _refuse_repeats(self, batch: ItemBatch) -> None:
        for key, place in zip(batch.keys, zip(batch.records, batch.lines, strict=True), strict=True):
            if (first := self._places.setdefault(key, place)) is not place:
                raise RefuseRun(
                    f"the key {key!r} stands in record {first[0]} (line {first[1]}) and in record {place[0]} (line {place[1]}), and the "
                    "feed has duplicateKeys=error: correct the source, or set duplicateKeys to last, first or sum"
                )


def _exceeds(quantity: Value, level: int) -> bool:
    return isinstance(quantity, int | float) and quantity > level


def _added(
    key: str, staged: tuple[tuple[str, ...], frozenset[str], tuple[Value, ...]], columns: tuple[str, ...], row: tuple[Value, ...]
) -> tuple[tuple[str, ...], tuple[Value, ...]]:
    """Return the later row of a key with the stock of both, and its columns."""
    before, after = (dict(zip(names, values, strict=True)) for names, values in ((staged[0], staged[2]), (columns, row)))
    if _QUANTITY not in before and _QUANTITY not in after:
        return columns, row
    try:
        after[_QUANTITY] = add_up((before.get(_QUANTITY), after.get(_QUANTITY)))
    except RejectRecord as fault:
        raise RefuseRun(f"the stock of the rows with the key {key!r} cannot be added up: the sum {fault}; correct the source") from None
    return tuple(after), tuple(after.values())


def _merge(old: Item, columns: tuple[str, ...], clears: frozenset[str], row: tuple[Value, ...]) -> Item:
    new = dict(old)
    for name, value in zip(columns, row, strict=True):
        if value is not None:
            new[name] = value
        elif name in clears:
            new.pop(name, None)
            if name in DEFAULTS:
                new[name] = DEFAULTS[name]
    return new


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
