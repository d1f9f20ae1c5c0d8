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

from engine.batch import ItemBatch, Value
from engine.contracts import FeedDefinition, Sink
from engine.errors import ConfigError, RefuseRun
from plugins.conformance.sink import FEED, batch, import_items
from sinks.jsonl import open_jsonl
from sinks.lines import read_state
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite

COLUMNS: Final = ("name", "inventoryQuantity", "grams", "tags")
DEFAULTS: Final[dict[str, Value]] = {"name": None, "inventoryQuantity": None, "grams": 0, "tags": "[]"}
VALUES: Final[dict[str, st.SearchStrategy[Value]]] = {
    "name": st.sampled_from(["x", "", "é\U0001f600", None]),
    "inventoryQuantity": st.sampled_from([0, 1, -(2**59), None]),
    "grams": st.sampled_from([0, 5, None]),
    "tags": st.sampled_from(["[]", '["a"]', None]),
}

Model = dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Run:
    """One run: what it brings and how it ends; `cut` is how many scheduling steps a cancelled one lives."""

    batches: list[ItemBatch]
    feed: FeedDefinition
    ending: Literal["apply", "discard", "leave", "dry", "superseded", "cancelled"]
    cut: int


@st.composite
def batches(draw: st.DrawFn) -> ItemBatch:
    """Draw a batch of any columns, with repeated keys and blank cells, some of which clear."""
    columns = tuple(draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=4)))
    keys = draw(st.lists(st.sampled_from(["1", "01", "a", "A", "ä'\"", " "]), max_size=7))
    rows = [(key, *(draw(VALUES[column]) for column in columns)) for key in keys]
    spoiled = draw(st.sampled_from([(), (), (), ("a",), ("1", "b")]))
    return replace(batch(columns, *rows, clears=tuple(draw(st.sets(st.sampled_from(COLUMNS))))), spoiled=frozenset(spoiled))


FEEDS: Final = st.builds(
    lambda mode, above: FeedDefinition(FEED.name, {"duplicateKeys": mode, **above}),
    st.sampled_from(["last", "last", "first", "sum", "error"]),
    st.sampled_from([{}, {}, {"restrictInventoryImport": True, "inventoryRestrictionLevel": 0}]),
)
RUNS: Final = st.lists(
    st.builds(
        Run,
        st.lists(batches(), max_size=3),
        FEEDS,
        st.sampled_from(["apply", "apply", "apply", "discard", "leave", "dry", "superseded", "cancelled"]),
        st.integers(0, 40),
    ),
    max_size=6,
)


def apply_to_model(model: Model, run: Run) -> Model:
    """Return what a dict would hold after the run."""
    rows: dict[str, list[tuple[dict[str, Value], frozenset[str]]]] = {}
    for each in run.batches:
        for key, row in zip(each.keys, each.rows, strict=True):
            rows.setdefault(key, []).append((dict(zip(each.columns, row, strict=True)), each.clears))
    after = {key: dict(item) for key, item in model.items()}
    for key, found in rows.items():
        values, clears = found[0 if run.feed.duplicate_keys == "first" else -1]
        if run.feed.duplicate_keys == "sum" and any("inventoryQuantity" in each for each, _ in found):
            known = [each["inventoryQuantity"] for each, _ in found if isinstance(each.get("inventoryQuantity"), int)]
            spoiled = any(key in each.spoiled for each in run.batches)
            clears = clears - {"inventoryQuantity"} if spoiled else clears
            values = {**values, "inventoryQuantity": sum(cast("list[int]", known)) if known and not spoiled else None}
        quantity, above = values.get("inventoryQuantity"), run.feed.creates_above
        if key not in model and above is not None and not (isinstance(quantity, int) and quantity > above):
            continue
        item = after.setdefault(key, {})
        for column, value in values.items():
            if value is not None:
                item[column] = value
            elif column in clears:
                item.pop(column, None)
    return after


def repeats(run: Run) -> bool:
    """Say whether a key occurs twice in the run."""
    keys = [key for each in run.batches for key in each.keys]
    return len(set(keys)) < len(keys)


async def check_complete(sink: Sink, run: Run, model: Model, *, dry_run: bool = False) -> Model:
    """Run it whole and check the accounting against the model; return the model after it."""
    after = apply_to_model(model, run)
    staged = {key for each in run.batches for key in each.keys}
    rows = sum(len(each) for each in run.batches)
    if run.feed.duplicate_keys == "error" and repeats(run):
        with pytest.raises(RefuseRun, match="duplicateKeys=error"):
            await import_items(sink, *run.batches, dry_run=dry_run, feed=run.feed)
        return model
    summary, counts = await import_items(sink, *run.batches, dry_run=dry_run, feed=run.feed)
    assert (summary.known, summary.seen) == (len(model), len(staged & model.keys()))
    assert summary.seen == counts.updated + counts.unchanged
    assert counts.created == summary.created == len(after) - len(model)
    # A default that is stored and one that is not look the same to a reader, so neither is a change.
    assert counts.updated == summary.updated == sum(shown(after[key]) != shown(model[key]) for key in staged & model.keys())
    assert counts.duplicate == summary.duplicate == rows - len(staged)
    assert counts.skipped == summary.skipped == len(staged - after.keys())
    assert counts.created + counts.updated + counts.unchanged + counts.duplicate + counts.skipped == rows
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
    return apply_to_model(model, run)


async def check_history(sink: Sink, runs: list[Run], read: Callable[[], Awaitable[Model]]) -> None:
    """Play a history of runs against the model."""
    model: Model = {}
    for run in runs:
        if run.ending in ("discard", "leave"):
            await leave(sink, run)
        elif run.ending == "superseded":
            # The crash of a process: the old session is still there when the new one begins, and never gets to clean up.
            async with sink.session(run.feed) as old:
                with suppress(RefuseRun):
                    for each in run.batches:
                        await old.stage(each)
                model = await check_complete(sink, run, model)
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
    return {str(item["externalId"]): {name: _held(item[name]) for name in COLUMNS} for item in items}


def _held(value: object) -> Value:
    if isinstance(value, list):
        return '["a"]' if value else "[]"
    assert value is None or isinstance(value, str | int)
    return value


@settings(max_examples=40, deadline=None)
@given(RUNS)
def test_sqlite_equals_a_dict(runs: list[Run]) -> None:
    """After any history of complete, discarded, abandoned, dry, superseded and cancelled runs the items are the model's."""

    async def play(folder: str) -> None:
        url = f"sqlite:///{folder}/shop.db"
        async with open_sqlite(url) as sink:
            await check_history(sink, runs, lambda: read_sqlite(url))

    with TemporaryDirectory() as folder:
        anyio.run(play, folder)


@settings(max_examples=40, deadline=None)
@given(RUNS.map(lambda runs: [run for run in runs if run.ending not in ("superseded", "cancelled")]))
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
