"""A process that is killed between any two transactions of a run or an approval, and what the feed comes to after it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any, Final, Literal

import anyio
import pytest
from anyio import create_task_group, run_process, to_thread

from engine.errors import ConfigError, UnderWay
from engine.run import RunRecord, RunStatus
from feedmill.assembly import load_plugins
from feedmill.exits import Exit
from feedmill.library import sync
from plugins.manager import Registry
from sinks.sqlite.control import Control
from sinks.sqlite.database import locate
from sinks.sqlite.decisions import approve
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite
from tests.fault.doomed import FEED, FIELDS, Doomed, End, Job, doomed

OLD_TIME: Final = 1_000_000_000
"""Long past: a source that was just written is read only once its time has settled."""

MANY: Final = 60_000

REVIEWED: Final[dict[str, object]] = {"reviewChanges": True}
_DIFFERENT_EACH_TIME: Final = {"id", "created_run_id", "inventory_updated_at", "created_at", "updated_at"}
_LOG: Final = (
    "SELECT external_id, action, field, before, after FROM inventory_feed_variant_changes AS c"
    " LEFT JOIN inventory_feed_variant_change_fields AS f ON f.change_id = c.id ORDER BY 1, 2, 3, 4"
)

Row = tuple[object, ...]


@pytest.fixture(scope="module")
def doom() -> Iterator[Doomed]:
    """Return the process that forks the doomed ones."""
    with doomed() as process:
        yield process


@pytest.fixture
def pair() -> Iterator[tuple[Doomed, Doomed]]:
    """Return two such processes, which work at the same time."""
    with doomed() as one, doomed() as two:
        yield one, two


@pytest.fixture
async def registry() -> Registry:
    """Return the plugins."""
    return await load_plugins()


def write(path: Path, rows: dict[str, tuple[object, object]]) -> str:
    """Write a source."""
    path.write_text("sku,qty,price\n" + "".join(f"{key},{quantity},{price}\n" for key, (quantity, price) in rows.items()))
    os.utime(path, (OLD_TIME, OLD_TIME))
    return str(path)


@pytest.fixture
def wholes(tmp_path: Path) -> list[str]:
    """Return two sources of so many items that runs of two feeds overlap, the second with other stock throughout."""
    return [write(tmp_path / f"{stock}.csv", {f"k{number:06}": (stock, "1.50") for number in range(MANY)}) for stock in (1, 2)]


@pytest.fixture
def first(tmp_path: Path) -> str:
    """Return what the feed has at first."""
    return write(tmp_path / "first.csv", {f"k{number:03}": (number, "1.50") for number in range(300)})


@pytest.fixture
def second(tmp_path: Path) -> str:
    """Return what the feed has later: of 300 items 90 with other stock, 30 gone and one that cannot be read, and 40 new ones."""
    rows: dict[str, tuple[object, object]] = {f"k{number:03}": (number + (number % 3 == 0), "1.50") for number in range(270)}
    return write(tmp_path / "second.csv", {**rows, "k001": ("many", "1.50"), **{f"n{number:03}": (number, "2") for number in range(40)}})


def state(path: Path, *, ids: bool) -> tuple[list[dict[str, Any]], list[Row], Row]:
    """Return the items, the change log and what all complete runs did; check that nothing is left of any dead run.

    Without times and the numbers of runs, which are other ones each time. Ids are left out where a killed process has used some up:
    one that was given once is never given again.
    """
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for table in ("inventory_feed_stage", "write_origin"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM inventory_feeds WHERE loading_run_id IS NOT NULL").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM data_imports WHERE status IN ('started', 'held')").fetchone() == (0,)
        log = connection.execute(_LOG).fetchall()
        done = "SELECT sum(created), sum(updated), sum(removed) FROM data_imports WHERE status = 'complete'"
        effects: Row = connection.execute(done).fetchone()
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM inventory_feed_variants ORDER BY external_id")]
    left_out = _DIFFERENT_EACH_TIME - {"id"} if ids else _DIFFERENT_EACH_TIME
    return [{name: value for name, value in row.items() if name not in left_out} for row in rows], log, effects


async def shown(database: Path) -> dict[str, tuple[object, object]]:
    """Return what a reader sees of every item."""
    async with open_queries(f"sqlite:///{database}") as queries:
        with suppress(ConfigError):  # Where the feed was not even made.
            return {str(item["externalId"]): (item["inventoryQuantity"], item["status"]) async for item in queries.items(FEED)}
    return {}


async def run(source: str, database: Path, registry: Registry, settings: dict[str, object] | None = None) -> RunRecord:
    """Run the feed to its end, approving what is held."""
    record = await sync(source, to=str(database), feed=FEED, settings=settings, fields=FIELDS, refetch=True, registry=registry)
    return await approve(locate(f"sqlite:///{database}"), record.run) if record.status is RunStatus.HELD else record


async def check_accounting(database: Path) -> list[RunStatus]:
    """Check that every run adds up, dead ones too; return what became of them, oldest first."""
    async with open_queries(f"sqlite:///{database}") as queries:
        runs = await queries.runs()
    for each in runs:
        each.record.check_accounting()
    return [each.record.status for each in reversed(runs)]


async def kill_everywhere(doom: Doomed, job: Job, template: Path, *, twice: bool = False) -> AsyncIterator[Path]:
    """Kill a job before each of its commits, the first, the second and so on, each time on a copy of a database, until it survives.

    `twice` kills it after each of them too, which is another moment only where something is written outside of any transaction.
    """
    for commit in count():
        for when in ("before", "after") if twice else ("before",):
            database = template.with_name(f"killed-{when}-{commit}.db")
            await to_thread.run_sync(copyfile, template, database)
            end = await doom.run(replace(job, database=str(database), fate="killed", commit=commit, when=when))
            yield database
            if end.how == "exited":
                assert end.code in (Exit.COMPLETE, Exit.HELD) or job.call == "reject", end.said
                assert commit > 0
                return
            assert (end.how, end.code) == ("killed", signal.SIGKILL), end.said


async def make_template(folder: Path, registry: Registry, *sources: str) -> Path:
    """Return a database into which these sources were read, one after the other; with none it has the tables only."""
    template = folder / "template.db"
    async with open_sqlite(f"sqlite:///{template}"):
        pass
    for source in sources:
        await run(source, template, registry)
    return template


async def clean(template: Path, source: str, registry: Registry, settings: dict[str, object] | None = None) -> Path:
    """Return a copy of a database into which one more source was read, undisturbed."""
    database = template.with_name("clean.db")
    await to_thread.run_sync(copyfile, template, database)
    await run(source, database, registry, settings)
    return database


async def test_run_after_a_kill_in_the_first_load(tmp_path: Path, doom: Doomed, registry: Registry, first: str) -> None:
    """Killed in any transaction of a first load, nothing shows until all of it does, and the next run ends as a clean one."""
    template = await make_template(tmp_path, registry)
    undisturbed = await clean(template, first, registry)
    expected, whole = await to_thread.run_sync(partial(state, undisturbed, ids=False)), await shown(undisturbed)
    async for database in kill_everywhere(doom, Job("sync", "", first), template):
        assert await shown(database) in ({}, whole)
        await run(first, database, registry)
        assert await to_thread.run_sync(partial(state, database, ids=False)) == expected
        await check_accounting(database)


@pytest.mark.parametrize("settings", [None, REVIEWED], ids=["applied", "held"])
async def test_run_after_a_kill_in_a_later_run(
    tmp_path: Path, doom: Doomed, registry: Registry, first: str, second: str, settings: dict[str, object] | None
) -> None:
    """Killed in any transaction of a later run, applied or held, the next run ends as a clean one, ids and change log included.

    A run that was decided is finished by the next; one that was not has changed nothing.
    """
    template = await make_template(tmp_path, registry, first)
    before = await shown(template)
    undisturbed = await clean(template, second, registry, settings)
    expected, after = await to_thread.run_sync(partial(state, undisturbed, ids=True)), await shown(undisturbed)
    ends = set()
    async for database in kill_everywhere(doom, Job("sync", "", second, settings=settings), template, twice=settings is None):
        seen = await shown(database)
        assert all(seen.get(key) in (before.get(key), after.get(key)) for key in before.keys() | after.keys())
        assert await to_thread.run_sync(checkpoint_of, database) in ({1} if seen != after else {1, 2})
        ends.add("before" if seen == before else "after" if seen == after else "between")
        await run(second, database, registry, settings)
        assert await to_thread.run_sync(partial(state, database, ids=True)) == expected
        await check_accounting(database)
    assert ends == ({"before", "between", "after"} if settings is None else {"before"})


async def test_run_after_a_kill_in_an_approval(tmp_path: Path, doom: Doomed, registry: Registry, first: str, second: str) -> None:
    """Killed in any transaction of an approval, the held run is finished or still held; the next run ends as a clean one."""
    template = await make_template(tmp_path, registry, first)
    undisturbed = await clean(template, second, registry, REVIEWED)
    expected = await to_thread.run_sync(partial(state, undisturbed, ids=True))
    held = await sync(second, to=str(template), feed=FEED, settings=REVIEWED, fields=FIELDS, refetch=True, registry=registry)
    assert held.status is RunStatus.HELD
    ends = set()
    async for database in kill_everywhere(doom, Job("approve", "", run=held.run), template):
        # The settings that the run was read under are stored with its end, not after it.
        status, settings = await to_thread.run_sync(status_and_settings, database, held.run)
        assert settings == (REVIEWED if status == "complete" else {})
        await run(second, database, registry)
        assert await to_thread.run_sync(partial(state, database, ids=True)) == expected
        ends.add(tuple((await check_accounting(database))[1:]))
    # Killed before it took the run over, the next run is held in its stead, and the first one gives way.
    assert ends == {(RunStatus.CANCELLED, RunStatus.COMPLETE), (RunStatus.COMPLETE, RunStatus.COMPLETE)}


async def test_run_after_a_kill_in_a_rejection(tmp_path: Path, doom: Doomed, registry: Registry, first: str, second: str) -> None:
    """Killed in any transaction of a rejection, nothing of the held run is ever applied; the run after it is as any other."""
    template = await make_template(tmp_path, registry, first)
    expected = await to_thread.run_sync(partial(state, template, ids=True))
    held = await sync(second, to=str(template), feed=FEED, settings=REVIEWED, fields=FIELDS, refetch=True, registry=registry)
    async for database in kill_everywhere(doom, Job("reject", "", run=held.run), template):
        await run(first, database, registry)
        assert await to_thread.run_sync(partial(state, database, ids=True)) == expected
        assert await check_accounting(database) == [RunStatus.COMPLETE, RunStatus.CANCELLED, RunStatus.COMPLETE]


@pytest.mark.parametrize("how", ["taken over", "ended by a newer run"])
@pytest.mark.parametrize("call", ["sync", "approve"])
async def test_refuses_the_writes_of_a_process_that_lost_its_run(
    tmp_path: Path, doom: Doomed, registry: Registry, first: str, second: str, call: Literal["sync", "approve"], how: str
) -> None:
    """Stopped after any transaction, and woken when somebody else has the run, a process is refused and changes nothing at all.

    The lock on the feed is taken away too, as where two machines do not see each other's: what refuses it is the database.
    """
    template = await make_template(tmp_path, registry, first)
    expected = await to_thread.run_sync(partial(state, await clean(template, second, registry), ids=True))
    job = Job(call, "", second)
    if call == "approve":
        held = await sync(second, to=str(template), feed=FEED, settings=REVIEWED, fields=FIELDS, refetch=True, registry=registry)
        job = Job(call, "", run=held.run)
    refused = 0
    for commit in count():
        database = tmp_path / f"stopped-{commit}.db"
        await to_thread.run_sync(copyfile, template, database)
        end = await doom.run(replace(job, database=str(database), fate="stopped", commit=commit))
        if end.how == "exited":
            break
        number, started = await to_thread.run_sync(newest, database)
        if started and how == "taken over":
            assert await Control(locate(f"sqlite:///{database}")).take_over(number, RunStatus.STARTED) is not None
        elif started:
            await anyio.Path(f"{database}-feed-1.lock").unlink()
            await run(second, database, registry, {"reviewChanges": False})
        before = await to_thread.run_sync(dump, database)
        end = await doom.wake()
        if started:
            assert (end.code, f"Superseded: run {number} of feed" in end.said) == (Exit.FAILED, True), end
            assert await to_thread.run_sync(dump, database) == before
            assert how == "taken over" or await to_thread.run_sync(partial(state, database, ids=True)) == expected
            refused += 1
    assert refused > 3


async def test_a_second_process_is_told_of_the_run_under_way(tmp_path: Path, doom: Doomed, registry: Registry, first: str) -> None:
    """While one process syncs a feed another one begins nothing, names the run that is under way, and ends with code 4."""
    database = tmp_path / "shop.db"
    job = Job("sync", str(database), first, fate="stopped", commit=4)
    assert (await doom.run(job)).how == "stopped"
    with pytest.raises(UnderWay, match="run 1 of feed 'shop' is under way") as told:
        await run(first, database, registry)
    assert told.value.run == 1
    arguments = ["sync", first, "--to", str(database), "--feed", FEED, "--field", "sku=sku", "--field", "inventoryQuantity=qty"]
    second = await run_process([sys.executable, "-c", "from feedmill.cli import main; main()", *arguments], check=False)
    assert second.returncode == Exit.FAILED
    assert b"run 1 of feed 'shop' is under way" in second.stderr
    assert (await doom.wake()).code == Exit.COMPLETE
    assert await check_accounting(database) == [RunStatus.COMPLETE]
    assert len(await shown(database)) == 300


async def test_two_processes_write_two_feeds_at_once(tmp_path: Path, pair: tuple[Doomed, Doomed], wholes: list[str]) -> None:
    """Two feeds that two processes sync at the same time, twice each, into one new database are both complete; neither waits in vain."""
    database = tmp_path / "shop.db"
    ends: list[End] = []

    async def sync_twice(process: Doomed, feed: str) -> None:
        ends.extend([await process.run(Job("sync", str(database), source, feed=feed, whole=True)) for source in wholes])

    async with create_task_group() as tasks:
        tasks.start_soon(sync_twice, pair[0], "one")
        tasks.start_soon(sync_twice, pair[1], "two")
    assert ends == [End("exited", Exit.COMPLETE, "")] * 4
    async with open_queries(f"sqlite:///{database}") as queries:
        for feed in ("one", "two"):
            assert [item["inventoryQuantity"] async for item in queries.items(feed)] == [2] * MANY
        runs = await queries.runs()
    assert sorted((each.record.counts.created, each.record.counts.updated) for each in runs) == [(0, MANY)] * 2 + [(MANY, 0)] * 2
    spans = {each.record.feed: (each.started_at, each.finished_at) for each in runs if each.record.counts.updated}
    assert max(begun for begun, _ in spans.values()) < min(ended for _, ended in spans.values() if ended), "they did not overlap"


def newest(path: Path) -> tuple[int, bool]:
    """Return the number of the newest run, and whether it is under way."""
    with closing(sqlite3.connect(path)) as connection:
        number, status = connection.execute("SELECT id, status FROM data_imports ORDER BY id DESC LIMIT 1").fetchone()
    return number, status == RunStatus.STARTED.value


def status_and_settings(path: Path, run: int) -> tuple[str, dict[str, object]]:
    """Return where a run stands, and what is stored of the settings that it was read under."""
    with closing(sqlite3.connect(path)) as connection:
        ((status, text),) = connection.execute(
            "SELECT r.status, f.settings FROM data_imports AS r JOIN inventory_feeds AS f ON f.id = r.feed_id WHERE r.id = ?", (run,)
        )
    settings = json.loads(text)
    return status, {name: settings[name] for name in REVIEWED if name in settings}


def checkpoint_of(path: Path) -> int:
    """Return the run that left the feed's checkpoint, which has to be the last complete one."""
    with closing(sqlite3.connect(path)) as connection:
        ((checkpoint, complete),) = connection.execute(
            "SELECT checkpoint, (SELECT max(id) FROM data_imports WHERE status = 'complete') FROM inventory_feeds"
        )
    run: int = json.loads(checkpoint)["run"]
    assert run == complete
    return run


def dump(path: Path) -> list[str]:
    """Return everything that a database holds."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())
