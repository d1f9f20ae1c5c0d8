"""The processes of a service: started when they are needed, replaced when they are worn, ended when nobody needs them."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NoReturn

import anyio
import pytest

from engine.errors import NotFound, Superseded, UnderWay
from engine.run import RunRecord, RunStatus
from feedmill.service.context import Service
from feedmill.service.operations.claim import claim_database
from feedmill.service.workers import lane as lane_module
from feedmill.service.workers import pool
from feedmill.service.workers.lane import Lane
from feedmill.service.workers.messages import WorkerDied
from plugins.conformance.sink import batch, settle
from sinks.sqlite import session as session_module
from sinks.sqlite.database import locate
from sinks.sqlite.fence import Writer
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.service.runs import enqueue_run, read_asked_run
from sinks.sqlite.sink import SqliteSink
from tests.servers.feedmill_service import run_service
from tests.servers.supplier import store_feed


async def test_workers_are_there_as_long_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at first; a worn one gives way to another; one that nobody used for a while ends. An error stays what it is.

    A run that somebody decided and did not apply is finished from what is stored, though the feed cannot be fetched.
    """
    monkeypatch.setattr(pool, "CALLS_EACH", 1)
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.2)
    async with run_service(tmp_path, loops=False) as api:
        workers = api.service.workers
        run = await _decide_and_die(api.service, monkeypatch)
        assert not workers.pids
        async with workers.lane() as lane:
            assert await lane.call("run", {"run": run}) == "{}"
            first = lane.pid
        _, done = await api.call("GET", f"/api/data-imports/{run}.json")
        assert (done["status"], done["created"], done["messages"][0]["code"]) == ("complete", 2, "resumed")
        with pytest.raises(NotFound, match="no run 9"):
            await workers.call_within(60, "diff", {"run": 9})
        assert workers.pids - {first}
        with anyio.fail_after(60):
            while True:
                if not workers.pids:
                    break
                await anyio.sleep(0.02)


async def test_a_worker_that_is_lent_while_others_are_closed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a worker that nobody used takes a moment, in which others are lent; neither the pool nor a loan suffers from that."""
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(lane_module, "_COMMAND", (sys.executable, "-S", "-c", "import sys; sys.stdin.read()"))
    closed: list[Lane] = []
    lent: list[Lane] = []
    close = Lane.close

    async with pool.open_workers({}, 10.0) as workers, AsyncExitStack() as loans:

        async def close_slowly(lane: Lane) -> None:
            closed.append(lane)
            if len(closed) == 1:
                lent.append(await loans.enter_async_context(workers.lane()))
            await close(lane)

        async with workers.lane() as first, workers.lane() as second:
            both = {first.pid, second.pid}
            first.idle_since = second.idle_since = 0.0
        monkeypatch.setattr(Lane, "close", close_slowly)
        with anyio.fail_after(20):
            while len(both & workers.pids) > 1:
                await anyio.sleep(0.01)
        await anyio.wait_all_tasks_blocked()
        monkeypatch.setattr(Lane, "close", close)
        assert not set(lent) & set(closed)


HANGING = """
import time
from feedmill.service.workers import calls, process
process.HANGING_SECONDS = 2.0
async def hang(*_):
    time.sleep(60)
calls.CALLS["diff"] = hang
process.main()
"""


async def test_a_worker_that_hangs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose loop does not turn any more ends itself, so that its run is taken over."""
    monkeypatch.setattr(lane_module, "_COMMAND", (sys.executable, "-c", HANGING))
    async with run_service(tmp_path, loops=False) as api, api.service.workers.lane() as lane:
        with pytest.raises(NotFound):
            await lane.call("reject", {"run": 9})
        with anyio.fail_after(30), pytest.raises(WorkerDied):
            await lane.call("diff", {"run": 9})


async def test_a_database_is_one_by_whatever_name(tmp_path: Path) -> None:
    """Who comes by a symbolic link finds the service that runs on the database, and the feed that is in work."""
    real, other = tmp_path / "real" / "shop.db", tmp_path / "shop.db"
    await anyio.Path(real.parent).mkdir()
    await anyio.Path(other).symlink_to(real)
    async with run_service(real.parent, loops=False) as api, claim_database(real):
        feed = await store_feed(api.service, "shop", "http://127.0.0.1:9/never")
        database = api.service.store.database
        async with api.service.store.reading() as reader, hold_feed(database, reader, feed, "shop"):
            with pytest.raises(UnderWay):
                await hold_feed(locate(f"sqlite:///{other}"), reader, feed, "shop").__aenter__()
        with pytest.raises(UnderWay):
            await claim_database(other).__aenter__()


async def test_what_the_command_line_left_is_ended(tmp_path: Path) -> None:
    """A run whose process died, and which nobody asked the service for, ends as abandoned; one whose process lives is left alone."""
    async with run_service(tmp_path, loops=False) as api:
        dead, alive = [await store_feed(api.service, name, "http://127.0.0.1:9/never") for name in ("dead", "alive")]
        async with api.service.store.writing() as writer:
            started = "INSERT INTO main.data_imports (feed_id, status, epoch, started_at) VALUES (?, 'started', 1, 1), (?, 'started', 1, 1)"
            await writer.execute(started, dead, alive)
        database = api.service.store.database
    async with (
        database.connect() as connection,
        hold_feed(database, Writer(connection, None, ""), alive, "alive"),
        run_service(tmp_path) as api,
    ):
        with anyio.fail_after(30):
            while True:
                _, runs = await api.call("GET", "/api/data-imports.json")
                if runs[0]["status"] != "started":
                    break
                await anyio.sleep(0.02)
        assert [(run["inventoryFeedId"], run["status"]) for run in runs] == [(dead, "error"), (alive, "started")]
        assert runs[0]["messages"][0]["code"] == "abandoned"
        assert not api.service.workers.pids


async def test_the_command_line_ends_no_run_that_was_asked_for(tmp_path: Path) -> None:
    """Whose worker has died, and which waits to be taken over, outlives a run that the command line begins in that moment."""
    async with run_service(tmp_path, loops=False) as api:
        feed = await store_feed(api.service, "shop", "http://127.0.0.1:9/never")
        async with api.service.store.writing() as writer:
            run = await enqueue_run(writer, feed, trigger="call")
        stored = await api.service.store.control.definition("shop")
        assert stored is not None
        dead = await api.service.store.control.begin(stored, feed, run=run)
        async with SqliteSink(api.service.store.database).session(stored) as session:
            await session.stage(batch(("name",), ("a", "x")))
            await settle(session, 1)
        async with api.service.store.reading() as reader:
            asked = await read_asked_run(reader, run)
            assert [row[0] for row in await reader.query("SELECT status FROM main.data_import_events")] == ["complete"]
        assert asked is not None
        assert (asked.status, asked.deaths) == ("pending", 1)
        with pytest.raises(Superseded):
            await api.service.store.control.fail(dead.fence, RunRecord("shop", run, RunStatus.ERROR))


async def _decide_and_die(service: Service, monkeypatch: pytest.MonkeyPatch) -> int:
    """Ask for a run and decide it, but apply nothing, as if the process had died then; return its number."""

    async def die(*_: object, **__: object) -> NoReturn:
        raise ConnectionAbortedError

    feed = await store_feed(service, "shop", "http://127.0.0.1:9/never")
    async with service.store.writing() as writer:
        run = await enqueue_run(writer, feed, trigger="call")
    stored = await service.store.control.definition("shop")
    assert stored is not None
    with monkeypatch.context() as patch, suppress(ConnectionAbortedError):
        patch.setattr(session_module, "carry_out", die)
        async with SqliteSink(service.store.database, run=run).session(stored) as session:
            await session.stage(batch(("name",), ("a", "x"), ("b", "y")))
            await settle(session, 2)
    async with service.store.writing() as writer:
        assert await writer.number("SELECT decided_at IS NOT NULL AND status = 'started' FROM main.data_imports") == 1
        await writer.execute("UPDATE main.inventory_feeds SET settings = json_set(settings, '$.resourceType', 'carrier-pigeon')")
    return run


async def test_a_worker_is_as_large_as_it_is_itself(tmp_path: Path) -> None:
    """What is told of a worker's memory is its own, however large the process is that has started it: it is kept, with what it keeps."""
    large = bytearray(b"x" * pool.LARGEST_RSS)
    async with run_service(tmp_path, loops=False) as api:
        workers = api.service.workers
        async with workers.lane() as lane:
            await lane.call("run", {"run": 1})
            assert 20_000_000 < lane.peak_rss < pool.LARGEST_RSS
            first = lane.pid
        async with workers.lane() as lane:
            assert lane.pid == first
    assert len(large) == pool.LARGEST_RSS
