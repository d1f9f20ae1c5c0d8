"""Runs that are asked for: the row a worker begins, takes over, puts back, and finds ended."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread

from engine.batch import Reject
from engine.contracts import FeedDefinition
from engine.errors import RefuseRun, Superseded, UnderWay
from engine.run import Problem, RunRecord, RunStatus
from plugins.conformance.sink import FEED, batch, import_items, plan_record, settle
from sinks.sqlite import clock
from sinks.sqlite.control import Control
from sinks.sqlite.decisions import approve
from sinks.sqlite.queries import open_queries
from sinks.sqlite.service.runs import end_undecided, enqueue_run, list_unfinished, read_asked_run
from sinks.sqlite.service.store import Store, open_store
from sinks.sqlite.sink import SqliteSink

BOTH = ("name", "inventoryQuantity")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a database that has the feed, without a run."""
    async with open_store(f"sqlite:///{tmp_path}/shop.db") as store:
        await Control(store.database).find_feed(FEED)
        yield store


async def ask_for_run(store: Store) -> int:
    """Ask for a run of the feed."""
    async with store.writing() as writer:
        return await enqueue_run(writer, 1, trigger="call")


async def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """Return rows, behind Feedmill's back."""

    def run() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(str(store.database.path))) as connection:
            return connection.execute(sql).fetchall()

    return await to_thread.run_sync(run)


async def names(store: Store) -> list[object]:
    """Return what readers see of the feed."""
    async with open_queries(f"sqlite:///{store.database.path}") as queries:
        return [item["name"] async for item in queries.items(FEED.name)]


async def test_a_run_is_a_row_with_a_job_at_once(store: Store) -> None:
    """Asking stores run and job together, or neither; a second one is told the first; a lost job is found."""
    with suppress(RuntimeError):
        async with store.writing() as writer:
            await enqueue_run(writer, 1, trigger="call")
            raise RuntimeError
    assert await rows(store, "SELECT (SELECT count(*) FROM data_imports), (SELECT count(*) FROM jobs)") == [(0, 0)]
    run = await ask_for_run(store)
    with pytest.raises(UnderWay) as caught:
        await ask_for_run(store)
    assert caught.value.run == run
    assert await rows(store, "SELECT kind, dedupe_key FROM jobs") == [("run", f"run:{run}")]
    async with store.writing() as writer:
        assert await list_unfinished(writer) == []
        await writer.execute("DELETE FROM main.jobs")
        assert [job.key for job in await list_unfinished(writer)] == [f"run:{run}"]


async def copy(store: Store, name: str) -> str:
    """Return the URL of a copy of the database as it is: what is left of it when the process is killed now."""
    path = Path(str(store.database.path))

    def run() -> None:
        with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path.with_name(name))) as other:
            one.backup(other)

    await to_thread.run_sync(run)
    return f"sqlite:///{path.with_name(name)}"


@pytest.mark.parametrize("first", [True, False], ids=["straight", "staged"])
async def test_a_dead_run_is_taken_over_as_the_same(store: Store, first: bool) -> None:
    """Whoever takes a run over begins it anew under its number; what the dead one staged, kept or hid is gone."""
    if not first:
        await import_items(SqliteSink(store.database), batch(BOTH, ("old", "x", 1)))
    run = await ask_for_run(store)
    async with SqliteSink(store.database, run=run).session(FEED) as dead:
        assert dead.run == run
        await dead.stage(batch(BOTH, ("a", "dead", 1), ("b", "dead", 1)))
        await dead.keep([Reject(1, 1, None, None, "bad", "", "d")])
        url = await copy(store, "left.db")
        await dead.discard()
        await dead.finish(RunRecord(FEED.name, run, RunStatus.ERROR))
    async with open_store(url) as left:
        async with SqliteSink(left.database, run=run).session(FEED) as new:
            assert new.run == run
            await new.stage(batch(BOTH, ("a", "new", 2)))
            counts = await settle(new, 1)
        assert (counts.created, counts.duplicate) == (1, 0)
        assert await names(left) == (["new"] if first else ["x", "new"])
        assert await rows(left, f"SELECT status, epoch, created FROM data_imports WHERE id = {run}") == [("complete", 2, 1)]
        assert await rows(left, "SELECT count(*) FROM data_import_rejects") == [(0,)]
        assert await rows(left, "SELECT count(*) FROM inventory_feed_stage") == [(0,)]


@pytest.mark.parametrize("first", [True, False], ids=["straight", "staged"])
async def test_a_run_whose_worker_stops_waits_again(store: Store, first: bool) -> None:
    """A cancelled run that was asked for is pending, counts as no death, shows nothing, and begins again as the same."""
    if not first:
        await import_items(SqliteSink(store.database), batch(BOTH, ("old", "x", 1)))
    run = await ask_for_run(store)
    sink = SqliteSink(store.database, run=run)
    with anyio.CancelScope() as scope:
        async with sink.session(FEED) as session:
            await session.stage(batch(BOTH, ("a", "left", 1)))
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    async with store.reading() as reader:
        asked = await read_asked_run(reader, run)
    assert asked is not None
    assert (asked.status, asked.deaths, asked.decided) == ("pending", 0, False)
    assert await names(store) == ([] if first else ["x"])
    async with sink.session(FEED) as session:
        await session.stage(batch(BOTH, ("b", "new", 2)))
        await settle(session, 1)
    assert await names(store) == (["new"] if first else ["x", "new"])


async def test_a_run_that_fails_says_why(store: Store) -> None:
    """An error that leaves the session ends the run at once, and its message is among the problems; it does not wait again."""
    run = await ask_for_run(store)
    with pytest.raises(RefuseRun):
        async with SqliteSink(store.database, run=run).session(FEED):
            raise RefuseRun("the supplier is closed")
    ((status, problems),) = await rows(store, f"SELECT status, problems FROM data_imports WHERE id = {run}")
    assert status == "error"
    assert "the supplier is closed" in problems


async def test_a_run_that_was_ended_writes_and_begins_no_more(store: Store) -> None:
    """Ending a run from outside takes its fence; nobody begins it again, and the feed is free for another."""
    run = await ask_for_run(store)
    sink = SqliteSink(store.database, run=run)
    cancelled = Problem("cancelled", "by a test")
    async with sink.session(FEED) as session:
        async with store.writing() as writer:
            assert await end_undecided(writer, run, "cancelled", cancelled)
            assert not await end_undecided(writer, run, "cancelled", cancelled)
        with pytest.raises(Superseded):
            await session.stage(batch(BOTH, ("a", "late", 1)))
    with pytest.raises(Superseded):
        await sink.session(FEED).__aenter__()
    assert await rows(store, f"SELECT status FROM data_imports WHERE id = {run}") == [("cancelled",)]
    assert await ask_for_run(store) == run + 1


async def test_a_run_that_was_asked_for_leaves_the_definition(store: Store) -> None:
    """The service read it from the store: what a call stored of the feed meanwhile, or stores differently, stays."""
    run = await ask_for_run(store)
    async with SqliteSink(store.database, run=run).session(FeedDefinition(FEED.name, {**FEED.attributes, "skuPrefix": "x"})) as session:
        await session.stage(batch(BOTH, ("a", "new", 1)))
        await settle(session, 1)
    assert await Control(store.database).definition(FEED.name) == FEED


async def test_a_definition_that_was_changed_while_a_run_was_held_stays(store: Store) -> None:
    """Approving a run applies it as it was read; what somebody set of the feed since is the later write."""
    asked = FeedDefinition(FEED.name, {**FEED.attributes, "skuPrefix": "asked"})
    async with SqliteSink(store.database).session(asked) as session:
        await session.stage(batch(BOTH, ("a", "held", 1)))
        await session.hold(replace(plan_record(session, await session.summary(), 1), status=RunStatus.HELD))
        run = session.run
    async with store.writing() as writer:
        changed = "UPDATE main.inventory_feeds SET settings = json_set(settings, '$.skuPrefix', 'later'), updated_at = ?"
        await writer.execute(changed, clock.now())
    assert (await approve(store.database, run)).counts.created == 1
    definition = await Control(store.database).definition(FEED.name)
    assert definition is not None
    assert definition.attributes["skuPrefix"] == "later"
