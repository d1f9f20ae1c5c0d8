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
from engine.errors import ConfigError
from engine.run import Counts, RunRecord
from sinks.lines import DEFAULTS, Item, State, read_state, write_rejects, write_state

REJECTS_KEPT: Final = 100_000
"""Rejects kept of one run; the count goes on."""


class JsonlSession:
    """One run over the file, see `engine.contracts.SinkSession`. The file changes in one rename, in `apply`.

    No lock is taken: a file that changed since it was read belongs to somebody else, and `apply` refuses to overwrite it.
    """

    def __init__(self, path: Path, state: State, *, dry: bool) -> None:
        self._path = path
        self._state = state
        self._dry = dry
        # Of each key the last row with its layout; layouts are few and shared.
        self._staged: dict[str, tuple[tuple[str, ...], frozenset[str], tuple[Value, ...]]] = {}
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
        for key, row in zip(batch.keys, batch.rows, strict=True):
            self._staged[key] = (batch.columns, batch.clears, row)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Keep rejects for the file beside the items, at most `REJECTS_KEPT`."""
        self._rejects.extend(rejects[: REJECTS_KEPT - len(self._rejects)])

    async def summary(self) -> StageSummary:
        _, counts = await to_thread.run_sync(self._merged)
        seen = counts.updated + counts.unchanged
        return StageSummary(len(self._state.items), seen, counts.created, counts.updated, counts.unchanged, counts.duplicate)

    async def apply(self) -> Counts:
        """Write the new state beside the old one and put it in its place; nothing is written when nothing differs."""
        items, counts = await to_thread.run_sync(self._merged)
        if not self._dry and (counts.created or counts.updated):
            await to_thread.run_sync(write_state, self._path, items, self._state.signature)
        return counts

    async def discard(self) -> None:
        self._staged.clear()
        self._rows = 0

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Write the run's rejects beside the items; a file of an earlier run's goes when there are none."""
        if not self._dry:
            await to_thread.run_sync(write_rejects, self._path, self._rejects)

    def _merged(self) -> tuple[dict[str, Item], Counts]:
        items, created, updated = dict(self._state.items), 0, 0
        for key, (columns, clears, row) in self._staged.items():
            old = items.get(key)
            new = _merge(DEFAULTS if old is None else old, columns, clears, row)
            created += old is None
            updated += old is not None and new != old
            items[key] = new
        unchanged, duplicate = len(self._staged) - created - updated, self._rows - len(self._staged)
        return items, Counts(created=created, updated=updated, unchanged=unchanged, duplicate=duplicate)


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
        return self._session(dry=dry_run)

    @asynccontextmanager
    async def _session(self, *, dry: bool) -> AsyncIterator[SinkSession]:
        yield JsonlSession(self._path, await to_thread.run_sync(read_state, self._path), dry=dry)


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
