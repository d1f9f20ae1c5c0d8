"""Runs that are decided, held, approved and rejected."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from engine.batch import Value
from engine.contracts import Checkpoint, Sink
from engine.errors import ConfigError, InternalError, UnderWay
from engine.run import Counts, Problem, RunRecord, RunStatus
from plugins.conformance.sink import FEED, batch, import_items, plan_record, settle
from sinks.sqlite.database import locate
from sinks.sqlite.decisions import approve, reject
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite

BOTH = ("name", "inventoryQuantity")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/shop.db"


async def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on the database, behind Feedmill's back, and return its rows."""

    def run() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(sql).fetchall()

    return await to_thread.run_sync(run)


async def test_a_decided_run_is_finished_by_the_next_session(url: str) -> None:
    """What was decided and not done, because its process died, is done before the feed's next run begins, and only once."""
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(BOTH, ("a", "old", 1), ("b", "old", 1)))
        left = Checkpoint("mark", {"a.csv": "v2"})
        async with sink.session(FEED) as session:
            await session.stage(batch(BOTH, ("a", "new", 2), ("b", "old", 1), ("c", "new", 2)))
            await session.apply(plan_record(session, await session.summary(), 3), left)
        assert await ask(url, "SELECT status, decided_at IS NULL FROM data_imports WHERE id = 2") == [("started", 0)]
        async with sink.session(FEED) as after:
            assert after.checkpoint == left
            await after.stage(batch(BOTH, ("a", "new", 2), ("b", "old", 1), ("c", "new", 2)))
            assert await settle(after, 3) == Counts(unchanged=3)
    async with open_queries(url) as queries:
        dead = (await queries.run(2)).record
    assert (dead.status, dead.counts) == (RunStatus.COMPLETE, Counts(created=1, updated=1, unchanged=1))
    assert dead.problems[0].code == "resumed"
    assert await ask(url, "SELECT count(*) FROM inventory_feed_stage") == [(0,)]
    assert await ask(url, "SELECT count(*) FROM write_origin") == [(0,)]


async def test_a_decided_run_cannot_fail(url: str) -> None:
    """After the decision there is no way back: half of it may be applied."""
    async with open_sqlite(url) as sink, sink.session(FEED) as session:
        await session.stage(batch(BOTH, ("a", "x", 1)))
        planned = plan_record(session, await session.summary(), 1)
        await session.apply(planned)
        with pytest.raises(InternalError, match="was decided"):
            await session.finish(replace(planned, status=RunStatus.ERROR))
        await session.finish(planned)
    assert await ask(url, "SELECT status FROM data_imports") == [("complete",)]


async def hold(sink: Sink, *items: tuple[Value, ...]) -> int:
    """Hold a run of these items and return its number."""
    async with sink.session(FEED) as session:
        await session.stage(batch(BOTH, *items))
        planned = plan_record(session, await session.summary(), len(items))
        await session.hold(replace(planned, status=RunStatus.HELD), Checkpoint("mark", {"a.csv": "v2"}))
        return session.run


async def test_a_held_run_waits_and_is_applied_when_approved(url: str) -> None:
    """Until it is approved nobody sees a difference; then it is as if it had been applied at once, and it is approved once."""
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(BOTH, ("a", "old", 1), ("b", "old", 1)))
        before = await ask(url, "SELECT * FROM inventory_feed_variants")
        run = await hold(sink, ("a", "new", 2), ("b", "old", 1), ("c", "new", 3))
        assert await ask(url, "SELECT * FROM inventory_feed_variants") == before
        assert await ask(url, f"SELECT status, created, updated FROM data_imports WHERE id = {run}") == [("held", 1, 1)]
        record = await approve(locate(url), run, comment="seen")
        assert (record.status, record.counts) == (RunStatus.COMPLETE, Counts(created=1, updated=1, unchanged=1))
        assert record.problems[0] == Problem("approved", "held, and approved: seen")
        with pytest.raises(ConfigError, match=f"run {run} is not held, it is complete"):
            await approve(locate(url), run)
        async with sink.session(FEED) as session:
            assert session.checkpoint == Checkpoint("mark", {"a.csv": "v2"})
            await settle(session)
    names = {item["externalId"]: (item["name"], item["inventoryQuantity"]) for item in await items_of(url)}
    assert {key: names[key] for key in "ac"} == {"a": ("new", 2), "c": ("new", 3)}


async def items_of(url: str) -> list[Mapping[str, Any]]:
    """Return the items of the feed as the API shows them."""
    async with open_queries(url) as queries:
        return [item async for item in queries.items(FEED.name)]


async def test_a_rejected_run_leaves_nothing(url: str) -> None:
    """Its stage goes, its items stay as they were, and its records count as skipped."""
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(BOTH, ("a", "old", 1)))
        before = await ask(url, "SELECT * FROM inventory_feed_variants")
        run = await hold(sink, ("a", "new", 2), ("c", "new", 3))
        record = await reject(locate(url), run, comment="half a file")
        assert (record.status, record.counts, record.skipped) == (RunStatus.CANCELLED, Counts(), 2)
        assert record.problems[0].message == "held, and rejected: half a file; nothing of it was applied"
        record.check_accounting()
    assert await ask(url, "SELECT * FROM inventory_feed_variants") == before
    assert await ask(url, "SELECT count(*) FROM inventory_feed_stage") == [(0,)]


async def test_a_held_run_gives_way_to_a_newer_one(url: str) -> None:
    """What a complete or held run leaves behind it is older stock: it cannot be approved any more, and says what came after.

    It is accounted for as what was not applied.
    """
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(BOTH, ("a", "old", 1)))
        first = await hold(sink, ("a", "first", 2))
        second = await hold(sink, ("a", "second", 3))
        with pytest.raises(
            ConfigError, match=rf"run {first} is not held, it is cancelled \(run {second} came after it.*; run {second} of the"
        ):
            await approve(locate(url), first)
        async with open_queries(url) as queries:
            passed = (await queries.run(first)).record
        passed.check_accounting()
        assert (passed.read, passed.skipped, passed.counts) == (1, 1, Counts())
        assert [(each.code, each.value) for each in passed.problems][-1] == ("superseded", str(second))
        await import_items(sink, batch(BOTH, ("a", "third", 4)))
        with pytest.raises(ConfigError, match=f"run {second} is not held"):
            await approve(locate(url), second)
    assert [item["name"] for item in await items_of(url)] == ["third"]
    assert await ask(url, "SELECT count(*) FROM inventory_feed_stage") == [(0,)]


async def test_a_failed_run_leaves_a_held_one_waiting(url: str) -> None:
    """A supplier that cannot be reached says nothing of what was held."""
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(BOTH, ("a", "old", 1)))
        run = await hold(sink, ("a", "new", 2))
        async with sink.session(FEED) as session:
            await session.discard()
            await session.finish(RunRecord(FEED.name, session.run, RunStatus.ERROR))
        assert (await approve(locate(url), run)).counts == Counts(updated=1)
    assert [item["name"] for item in await items_of(url)] == ["new"]


async def test_nobody_decides_while_a_run_is_under_way(url: str) -> None:
    """A decision about a feed waits for its run, and says which."""
    async with open_sqlite(url) as sink:
        run = await hold(sink, ("a", "new", 2))
        async with sink.session(FEED) as session:
            for decide in (approve, reject):
                with pytest.raises(UnderWay, match=f"run {session.run} of feed"):
                    await decide(locate(url), run)
            await session.discard()
            await session.finish(RunRecord(FEED.name, session.run, RunStatus.ERROR))
