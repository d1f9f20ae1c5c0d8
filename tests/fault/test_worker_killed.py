"""Workers that are killed or told to stop, and servers that die: every run is taken over under its number, and has its effect once."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import open_process, to_thread

from feedmill.exits import Exit
from feedmill.service.settings import Server, Workers
from feedmill.service.workers.messages import as_line
from tests.servers.feedmill_service import Running, run_service
from tests.servers.supplier import Supplier, store_feed, supplying

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Run a supplier that keeps the rest of its answer back."""
    async with supplying() as supplier:
        supplier.close_gate()
        yield supplier


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    with anyio.fail_after(60):
        while True:
            if holds():
                return
            await anyio.sleep(0.01)


async def fetch(api: Running, feed: int) -> int:
    """Ask for a run of a feed and return its number."""
    status, run = await api.call("POST", f"/api/inventory-feeds/{feed}/fetch.json")
    assert status == 202, run
    return int(run["id"])


async def ended(api: Running, run: int) -> Any:
    """Wait for the end of a run, and return it."""
    with anyio.fail_after(60):
        while True:
            _, found = await api.call("GET", f"/api/data-imports/{run}.json")
            if found["status"] not in ("pending", "started"):
                return found
            await anyio.sleep(0.02)


async def kill_in_mid_run(api: Running, supplier: Supplier, how: signal.Signals) -> None:
    """End the one worker once it has begun to read, and wait until it is gone."""
    with anyio.fail_after(60):
        await supplier.reached.wait()
    supplier.reached = anyio.Event()
    (pid,) = api.service.workers.pids
    os.kill(pid, how)
    await until(lambda: pid not in api.service.workers.pids)


async def until_no_job_is_left(api: Running) -> None:
    """Wait until the job of a run that has ended is gone too, which is a moment later."""
    with anyio.fail_after(60):
        while True:
            stats = await api.service.jobs.stats()
            if not stats.waiting and not stats.running:
                return
            await anyio.sleep(0.01)


def is_there(pid: int) -> bool:
    """Return whether a process is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return rows."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


EFFECTS = (
    "SELECT (SELECT count(*) FROM inventory_feed_variants), (SELECT count(*) FROM data_imports), (SELECT count(*) FROM jobs),"
    " (SELECT count(*) FROM inventory_feed_stage), (SELECT loading_run_id FROM inventory_feeds)"
)


async def test_workers_that_end_leave_their_run_to_others_until_it_is_poison(tmp_path: Path, supplier: Supplier) -> None:
    """After `kill -9` and after SIGTERM, which does not count, another worker begins the same run anew, and nothing is there twice.

    A run whose workers died as often as the settings allow ends as an error, its job is gone, an event tells it, the feed is free.
    The service that ends in order tells its worker: the run waits, its attempt uncounted, and no process is left.
    """
    async with run_service(tmp_path, workers=Workers(max_epochs=2)) as api:
        feed = await store_feed(api.service, "shop", supplier.url)
        run = await fetch(api, feed)
        await kill_in_mid_run(api, supplier, signal.SIGTERM)
        await kill_in_mid_run(api, supplier, signal.SIGKILL)
        with anyio.fail_after(60):
            await supplier.reached.wait()
        supplier.open_gate()
        done = await ended(api, run)
        assert (done["status"], done["read"], done["created"]) == ("complete", 3, 3)
        await until_no_job_is_left(api)
        effects = await to_thread.run_sync(ask, tmp_path / "shop.db", EFFECTS)
        assert effects == [(3, 1, 0, 0, None)]
        (row,) = await to_thread.run_sync(ask, tmp_path / "shop.db", "SELECT epoch, requested ->> '$.stops' FROM data_imports")
        assert (row, supplier.asked) == ((3, 1), 3)
        supplier.offer(a=10)
        supplier.close_gate()
        bad = await fetch(api, feed)
        await kill_in_mid_run(api, supplier, signal.SIGKILL)
        await kill_in_mid_run(api, supplier, signal.SIGKILL)
        poisoned = await ended(api, bad)
        assert (poisoned["status"], [message["code"] for message in poisoned["messages"]]) == ("error", ["poison"])
        events = await to_thread.run_sync(ask, tmp_path / "shop.db", "SELECT run_id, status FROM data_import_events")
        assert events == [(run, "complete"), (bad, "error")]
        supplier.open_gate()
        assert (await ended(api, await fetch(api, feed)))["updated"] == 1
        await until_no_job_is_left(api)
        supplier.close_gate()
        last = await fetch(api, feed)
        with anyio.fail_after(60):
            await supplier.reached.wait()
        (worker,) = api.service.workers.pids
    assert (supplier.asked, is_there(worker)) == (7, False)
    rows = "SELECT r.id, r.status, j.attempts, j.owner FROM data_imports AS r JOIN jobs AS j ON j.dedupe_key = 'run:' || r.id"
    assert await to_thread.run_sync(ask, tmp_path / "shop.db", rows) == [(last, "pending", 0, None)]


async def test_a_worker_that_hangs_when_the_service_stops_has_not_died_of_its_run(tmp_path: Path, supplier: Supplier) -> None:
    """It is killed when its grace is over, which begins when the service is told to stop; its run waits, and that is no death of it."""
    async with run_service(tmp_path, server=Server(port=0, shutdown_seconds=0.2)) as api:
        run = await fetch(api, await store_feed(api.service, "shop", supplier.url))
        with anyio.fail_after(60):
            await supplier.reached.wait()
        (worker,) = api.service.workers.pids
        os.kill(worker, signal.SIGSTOP)
        # As the daemon does while calls that are under way are still being answered.
        api.service.stopping = True
        api.service.bells.stop.ring()
        await until(lambda: not api.service.workers.pids)
        asked = "SELECT id, status, epoch - (requested ->> '$.stops') FROM data_imports"
        with anyio.fail_after(60):
            while await to_thread.run_sync(ask, tmp_path / "shop.db", asked) != [(run, "pending", 0)]:
                await anyio.sleep(0.01)


SERVE = """
import sys
from pathlib import Path
import anyio
from feedmill.service.settings import Server
from tests.servers.feedmill_service import run_service
from tests.servers.supplier import store_feed

async def main():
    async with run_service(Path(sys.argv[1]), server=Server(shutdown_seconds=10)) as api:
        feed = await store_feed(api.service, "shop", sys.argv[2])
        await api.call("POST", f"/api/inventory-feeds/{feed}/fetch.json")
        while not api.service.workers.pids:
            await anyio.sleep(0.01)
        print(*api.service.workers.pids, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


async def test_a_server_that_dies_ends_its_workers(tmp_path: Path, supplier: Supplier) -> None:
    """The workers of a killed server end by themselves and leave the run waiting; the next server has it done under its number."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    async with await open_process([sys.executable, "-c", SERVE, str(tmp_path), supplier.url], env=environment, stderr=None) as server:
        assert server.stdout is not None
        with anyio.fail_after(60):
            worker = int(await server.stdout.receive())
            await supplier.reached.wait()
        server.kill()
        await server.wait()
        await until(lambda: not is_there(worker))
    rows = await to_thread.run_sync(ask, tmp_path / "shop.db", "SELECT id, status FROM data_imports")
    assert rows == [(1, "pending")]
    supplier.open_gate()
    async with run_service(tmp_path) as api:
        assert (await ended(api, 1))["created"] == 3
        await until_no_job_is_left(api)
    assert await to_thread.run_sync(ask, tmp_path / "shop.db", EFFECTS) == [(3, 1, 0, 0, None)]


async def test_a_worker_that_meets_a_bug_ends(tmp_path: Path) -> None:
    """An error that is none of the engine's ends the process at once, though the server still has the pipe: it waits for nobody."""
    async with run_service(tmp_path, loops=False) as api:
        told = {
            "database": api.service.url,
            "keys": str(tmp_path / "shop.db.keys"),
            "egress": api.service.settings.egress.model_dump(mode="json"),
            "level": "info",
            "lane": "auto",
        }
        lines = b"".join(as_line(line) for line in (told, {"id": 1, "op": "nothing that there is", "arguments": {}}))
        async with await open_process((sys.executable, "-m", "feedmill.service.workers.process"), cwd=ROOT) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            await process.stdin.send(lines)
            with anyio.fail_after(30):
                said = b"".join([piece async for piece in process.stderr])
            assert await process.wait() == Exit.INTERNAL
        assert b"KeyError: 'nothing that there is'" in said
