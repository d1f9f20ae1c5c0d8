"""A process that is killed in mid-load or mid-apply, and the full run after it."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from anyio import create_task_group, run_process, to_thread

from engine.batch import ItemBatch
from engine.run import Counts
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite

CHILD = """
import os, signal, sys
import aiosqlite, anyio
from plugins.conformance.sink import import_items
from sinks.sqlite.sink import open_sqlite
from test_sqlite_killed import catalogue

async def main(url, quantity, commits):
    left, commit = int(commits), aiosqlite.Connection.commit

    async def commit_or_die(connection):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        await commit(connection)

    aiosqlite.Connection.commit = commit_or_die
    async with open_sqlite(url) as sink:
        await import_items(sink, *catalogue(int(quantity)))

anyio.run(main, *sys.argv[1:])
"""

SYNC = """
import sys, anyio
from engine.contracts import FeedDefinition
from engine.run import RunRecord, RunStatus
from sinks.sqlite.sink import open_sqlite
from test_sqlite_killed import catalogue

async def main(url, feed):
    async with open_sqlite(url) as sink:
        for quantity in (1, 2):
            async with sink.session(FeedDefinition(feed)) as session:
                for each in catalogue(quantity):
                    await session.stage(each)
                counts = await session.apply()
                await session.finish(RunRecord(feed, session.run, RunStatus.COMPLETE, counts=counts))

anyio.run(main, *sys.argv[1:])
"""

ITEMS = 12_000


def catalogue(quantity: int) -> list[ItemBatch]:
    """Return a catalogue whose whole stock is `quantity`, in batches."""
    columns, size = ("name", "inventoryQuantity"), 1_500
    return [
        batch(columns, *((f"k{number}", f"Item {number}", quantity) for number in range(start, start + size)))
        for start in range(0, ITEMS, size)
    ]


async def run_child(program: str, *arguments: str) -> int:
    """Run a program in a process of its own and return its exit code."""
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    return (await run_process([sys.executable, "-c", path + program, *arguments], check=False, stderr=None)).returncode


def lasting(path: Path) -> list[tuple[object, ...]]:
    """Return the items but for ids, times and run numbers; check that nothing is left of any dead run."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM inventory_feed_stage").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM inventory_feeds WHERE loading_run_id IS NOT NULL").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM data_imports WHERE status = 'started'").fetchone() == (0,)
        columns = "external_id, name, inventory_quantity, content_hash, status, grams"
        return connection.execute(f"SELECT {columns} FROM inventory_feed_variants ORDER BY external_id").fetchall()


async def clean_run(folder: Path) -> list[tuple[object, ...]]:
    """Return what runs that nothing disturbed leave."""
    async with open_sqlite(f"sqlite:///{folder}/clean.db") as sink:
        await import_items(sink, *catalogue(2))
    return await to_thread.run_sync(lasting, folder / "clean.db")


# A first load commits once to begin the run, once to hide the feed, and once a batch.
@pytest.mark.parametrize("commits", [1, 2, 3, 6])
async def test_full_run_after_a_kill_in_the_first_load(tmp_path: Path, commits: int) -> None:
    """Killed in any transaction of a first load, nothing shows, and the next full run ends as a clean one."""
    url = f"sqlite:///{tmp_path}/shop.db"
    assert await run_child(CHILD, url, "1", str(commits)) == -signal.SIGKILL
    async with open_queries(url) as queries:
        assert [item async for item in queries.items(FEED.name)] == []
    async with open_sqlite(url) as sink:
        _, counts = await import_items(sink, *catalogue(2))
    assert counts == Counts(created=ITEMS)
    assert await to_thread.run_sync(lasting, tmp_path / "shop.db") == await clean_run(tmp_path)


# One commit begins the run, eight stage the batches, three apply the chunks; the last one dies in the third of them.
@pytest.mark.parametrize(("commits", "applied"), [(3, 0), (9, 0), (10, 12_000)])
async def test_full_run_after_a_kill_in_mid_apply(tmp_path: Path, commits: int, applied: int) -> None:
    """Killed before the one commit of an apply nothing of it stands, after it everything; the next full run ends as a clean one."""
    url = f"sqlite:///{tmp_path}/shop.db"
    async with open_sqlite(url) as sink:
        await import_items(sink, *catalogue(1))
        assert await run_child(CHILD, url, "2", str(commits)) == -signal.SIGKILL
        async with open_queries(url) as queries:
            assert sum([item["inventoryQuantity"] == 2 async for item in queries.items(FEED.name)]) == applied
        _, counts = await import_items(sink, *catalogue(2))
    assert counts == Counts(updated=ITEMS - applied, unchanged=applied)
    assert await to_thread.run_sync(lasting, tmp_path / "shop.db") == await clean_run(tmp_path)


async def test_two_processes_write_two_feeds_at_once(tmp_path: Path) -> None:
    """Two feeds that are synced by two processes at the same time into one new database are both complete."""
    url = f"sqlite:///{tmp_path}/shop.db"
    codes: list[int] = []

    async def sync(feed: str) -> None:
        codes.append(await run_child(SYNC, url, feed))

    async with create_task_group() as tasks:
        tasks.start_soon(sync, "one")
        tasks.start_soon(sync, "two")
    assert codes == [0, 0]
    async with open_queries(url) as queries:
        for feed in ("one", "two"):
            assert [item["inventoryQuantity"] async for item in queries.items(feed)] == [2] * ITEMS
