"""Whatever the runs of a feed bring, the items equal a plain dict's and every row is accounted for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, cast

import anyio
import pytest
from anyio import CancelScope, to_thread
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import ItemBatch, JsonValue, Value
from engine.contracts import FeedDefinition, Sink
from engine.errors import ConfigError, RefuseRun
from engine.run import Counts
from plugins.conformance.sink import FEED, batch, import_items
from sinks.jsonl import open_jsonl
from sinks.lines import read_state
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite

COLUMNS: Final = ("name", "inventoryQuantity", "grams", "tags")
DEFAULTS: Final[dict[str, Value]] = {"name": None, "inventoryQuantity": None, "grams": 0, "tags": "[]", "status": "pending"}
VALUES: Final[dict[str, st.SearchStrategy[Value]]] = {
    "name": st.sampled_from(["x", "", "é\U0001f600", None]),
    "inventoryQuantity": st.sampled_from([0, 1, -(2**59), None]),
    "grams": st.sampled_from([0, 5, 7, None]),
    "tags": st.sampled_from(["[]", '["a"]', None]),
    "status": st.sampled_from([None, None, "removed"]),
}
_MISSING: Final = "missing runs"

Model = dict[str, dict[str, Value]]
Ending = Literal["apply", "discard", "leave", "dry", "cancelled"]


@dataclass(frozen=True)
class Record:
    """A record of a source: its key, and its values with those that a blank clears, None where it was rejected."""

    key: str
    values: dict[str, Value] | None
    clears: frozenset[str]


@dataclass(frozen=True)
class Run:
    """One run: what it brings, record by record and as batches, and how it ends; a cancelled one lives `cut` scheduling steps."""

    records: list[Record]
    batches: list[ItemBatch]
    feed: FeedDefinition
    ending: Ending
    cut: int


def _settings() -> st.SearchStrategy[dict[str, JsonValue]]:
    drawn: dict[str, list[JsonValue]] = {
        "duplicateKeys": ["last", "last", "first", "sum", "error"],
        "restrictInventoryImport": [False, False, True],
        "feedKind": ["full", "full", "full", "delta"],
        "missingPolicy": ["zero", "zero", "remove", "keep"],
        "missingGraceRuns": [0, 0, 1, 2],
        "syncName": [True, True, False],
        "syncWeight": [True, True, False],
        "syncTags": [True, True, False],
        "syncWeightZero": [True, False],
    }
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in drawn.items()})


@st.composite
def batches(draw: st.DrawFn, first: int, mode: str) -> tuple[list[Record], ItemBatch]:
    """Draw a batch of any columns whose records begin at number `first`: with repeated keys, rejects, and blanks, some of which clear."""
    columns = tuple(draw(st.lists(st.sampled_from([*COLUMNS, "status"]), unique=True, max_size=5)))
    clears = frozenset(draw(st.sets(st.sampled_from(COLUMNS)))).intersection(columns)
    keys = draw(st.lists(st.sampled_from(["1", "01", "a", "A", "ä'\"", " "]), max_size=7))
    records, rows, numbers, spoiled = [], [], [], dict[str, int]()
    for number, key in enumerate(keys, start=first):
        if draw(st.integers(0, 5)) == 0:
            records.append(Record(key, None, clears))
            if mode != "first" or key not in spoiled:
                spoiled[key] = number
            continue
        row = tuple(draw(VALUES[column]) for column in columns)
        records.append(Record(key, dict(zip(columns, row, strict=True)), clears))
        rows.append((key, *row))
        numbers.append(number)
    return records, replace(batch(columns, *rows, clears=tuple(clears)), records=numbers, spoiled=spoiled)


@st.composite
def runs_of_a_feed(draw: st.DrawFn) -> Run:
    """Draw a run under any settings."""
    ending: Ending = draw(st.sampled_from(["apply", "apply", "apply", "apply", "discard", "leave", "dry", "cancelled"]))
    settings_ = draw(_settings())
    if ending == "cancelled":
        # It may have been whole before it was cut, and is then run twice: all but the count of missing runs is as after one.
        settings_["missingGraceRuns"] = 0
    records: list[Record] = []
    made: list[ItemBatch] = []
    for _ in range(draw(st.integers(0, 3))):
        told, each = draw(batches(len(records) + 1, str(settings_["duplicateKeys"])))
        records += told
        made.append(each)
    return Run(records, made, FeedDefinition(FEED.name, settings_), ending, draw(st.integers(0, 40)))


RUNS: Final = st.lists(runs_of_a_feed(), max_size=6)


def counting(run: Run) -> dict[str, Record]:
    """Return of each key the record that counts, as `duplicateKeys` says."""
    found: dict[str, Record] = {}
    sums: dict[str, list[int]] = {}
    mode = run.feed.duplicate_keys
    for record in run.records:
        known = found.get(record.key)
        if known is None or (mode != "first" and not (mode == "sum" and record.values is None)):
            found[record.key] = record
        if record.values is not None and record.values.get("status") is None:
            quantity = record.values.get("inventoryQuantity")
            sums.setdefault(record.key, []).extend([quantity] if isinstance(quantity, int) else [])
    if mode == "sum":
        spoiled = {record.key for record in run.records if record.values is None}
        told = {record.key for record in run.records if record.values is not None and "inventoryQuantity" in record.values}
        for key, record in found.items():
            if record.values is None or key not in told:
                continue
            total = sum(sums[key]) if sums.get(key) and key not in spoiled else None
            clears = record.clears - {"inventoryQuantity"} if key in spoiled else record.clears
            found[key] = Record(key, {**record.values, "inventoryQuantity": total}, clears)
    return found


def apply_to_model(model: Model, run: Run) -> tuple[Model, Counts]:
    """Return what a dict would hold after the run, and what became of the records that count."""
    after = {key: dict(item) for key, item in model.items()}
    counts, feed, found = Counts(), run.feed, counting(run)
    for key, record in found.items():
        old = after.get(key)
        if old is not None:
            old.pop(_MISSING, None)
        if record.values is None:
            continue
        if record.values.get("status") == "removed":
            counts += _give_up(after, key, feed)
        elif old is None:
            counts += _create(after, record, feed)
        else:
            before = shown(old)
            _update(old, record, feed)
            counts += Counts(unchanged=1) if shown(old) == before else Counts(updated=1)
    if feed.missing_policy != "keep":
        for key in [key for key, item in model.items() if key not in found and item.get("status") != "removed"]:
            missed = cast("int", after[key].get(_MISSING, 0))
            if missed < feed.missing_grace:
                after[key][_MISSING] = missed + 1
            else:
                _remove(after, key, feed.missing_policy)
                counts += Counts(removed=1)
    return after, counts


def _give_up(items: Model, key: str, feed: FeedDefinition) -> Counts:
    if key not in items:
        return Counts(skipped=1)
    return Counts(updated=1, removed=1) if _remove(items, key, feed.removal) else Counts(unchanged=1)


def _remove(items: Model, key: str, policy: str) -> bool:
    if items[key].get("status") == "removed":
        return False
    if policy == "remove":
        del items[key]
    else:
        items[key] = {**items[key], "status": "removed", "inventoryQuantity": 0}
        items[key].pop(_MISSING, None)
    return True


def _create(items: Model, record: Record, feed: FeedDefinition) -> Counts:
    values: dict[str, Value] = {name: value for name, value in (record.values or {}).items() if value is not None}
    quantity = values.get("inventoryQuantity")
    if feed.creates_above is not None and not (isinstance(quantity, int) and quantity > feed.creates_above):
        return Counts(skipped=1)
    items[record.key] = values
    return Counts(created=1)


def _update(item: dict[str, Value], record: Record, feed: FeedDefinition) -> None:
    item.pop("status", None)
    for column, value in (record.values or {}).items():
        if column == "status" or (column in feed.settled and shown(item)[column] != DEFAULTS[column]):
            continue
        if column == "grams" and value == 0 and not feed.takes_weight_zero:
            continue
        if value is not None:
            item[column] = value
        elif column in record.clears:
            item.pop(column, None)


def repeats(run: Run) -> bool:
    """Say whether a key occurs twice in the run."""
    keys = [key for each in run.batches for key in each.keys]
    return len(set(keys)) < len(keys)


async def check_complete(sink: Sink, run: Run, model: Model, *, dry_run: bool = False) -> Model:
    """Run it whole and check the accounting against the model; return the model after it."""
    after, expected = apply_to_model(model, run)
    rows = sum(len(each) for each in run.batches)
    if run.feed.duplicate_keys == "error" and repeats(run):
        with pytest.raises(RefuseRun, match="duplicateKeys=error"):
            await import_items(sink, *run.batches, dry_run=dry_run, feed=run.feed)
        return model
    summary, counts = await import_items(sink, *run.batches, dry_run=dry_run, feed=run.feed)
    standing = {key for key, item in model.items() if item.get("status") != "removed"}
    seen = standing.intersection(record.key for record in run.records)
    assert (summary.known, summary.seen, summary.missing) == (len(standing), len(seen), len(standing) - len(seen))
    told = expected.created + expected.updated + expected.unchanged + expected.skipped
    assert counts == replace(expected, duplicate=rows - told)
    foreseen = Counts(summary.created, summary.updated, summary.unchanged, summary.duplicate, summary.removed, summary.skipped)
    assert foreseen == counts
    return after


def shown(item: dict[str, Value]) -> dict[str, Value]:
    """Return an item of the model with its defaults, as a store keeps it."""
    return {name: item.get(name, default) for name, default in DEFAULTS.items()}


async def leave(sink: Sink, run: Run) -> None:
    """Stage everything, then fail or discard."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(sink.session(run.feed))
        with suppress(RefuseRun):
            for each in run.batches:
                await session.stage(each)
            await session.summary()
        if run.ending == "discard":
            await session.discard()


async def cancel(sink: Sink, run: Run) -> bool:
    """Cancel a run after some steps of the loop; return whether it was complete before that."""
    done = False

    async def work() -> None:
        nonlocal done
        with scope:
            with suppress(RefuseRun):
                await import_items(sink, *run.batches, feed=run.feed)
            done = True

    scope = CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        for _ in range(run.cut * run.cut):
            await anyio.lowlevel.checkpoint()
        scope.cancel()
    return done


async def settle(sink: Sink, run: Run, model: Model) -> Model:
    """Run it whole after it was cut; return the model after it."""
    if run.feed.duplicate_keys == "error" and repeats(run):
        return model
    await import_items(sink, *run.batches, feed=run.feed)
    return apply_to_model(model, run)[0]


async def check_history(sink: Sink, runs: list[Run], read: Callable[[], Awaitable[Model]]) -> None:
    """Play a history of runs against the model."""
    model: Model = {}
    for run in runs:
        if run.ending in ("discard", "leave"):
            await leave(sink, run)
        elif run.ending == "cancelled":
            await cancel(sink, run)
            # It may have been cut in mid-apply, and what is left is idempotent: the full run ends as if it had not been.
            model = await settle(sink, run, model)
        else:
            after = await check_complete(sink, run, model, dry_run=run.ending == "dry")
            model = model if run.ending == "dry" else after
        assert await read() == {key: shown(item) for key, item in model.items()}


async def read_sqlite(url: str) -> Model:
    """Return the items as the model has them."""
    async with open_queries(url) as queries:
        try:
            items = [item async for item in queries.items(FEED.name)]
        except ConfigError:
            return {}
    return {str(item["externalId"]): {name: _held(item[name]) for name in DEFAULTS} for item in items}


def _held(value: object) -> Value:
    if isinstance(value, list):
        return '["a"]' if value else "[]"
    assert value is None or isinstance(value, str | int)
    return value


@settings(max_examples=40, deadline=None)
@given(RUNS)
def test_sqlite_equals_a_dict(runs: list[Run]) -> None:
    """After any history of complete, discarded, abandoned, dry and cancelled runs the items are the model's."""

    async def play(folder: str) -> None:
        url = f"sqlite:///{folder}/shop.db"
        async with open_sqlite(url) as sink:
            await check_history(sink, runs, lambda: read_sqlite(url))

    with TemporaryDirectory() as folder:
        anyio.run(play, folder)


@settings(max_examples=40, deadline=None)
@given(RUNS.map(lambda runs: [run for run in runs if run.ending != "cancelled"]))
def test_jsonl_equals_a_dict(runs: list[Run]) -> None:
    """The same holds for the file."""

    async def play(folder: str) -> None:
        path = Path(folder) / "items.jsonl"

        async def read() -> Model:
            state = await to_thread.run_sync(read_state, path)
            return {key: shown(item) for key, item in state.items.items()}

        async with open_jsonl(f"jsonl:///{path}") as sink:
            await check_history(sink, runs, read)

    with TemporaryDirectory() as folder:
        anyio.run(play, folder)
