"""The mapper in a process of its own: what it raises, how it dies, that it never outlives its run, and how much waits for it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from engine.contracts import DocumentFacts
from engine.decode import Opened, Part
from engine.errors import ConfigError, FeedmillError, InternalError, PluginError, Retry
from engine.flow.channel import Budget
from engine.flow.lanes import Lane, Order
from engine.flow.pipeline import run_feed
from engine.flow.reading import Advance
from engine.flow.transform import Recipe
from feedmill.lanes.process import open_process_lane
from tests.fault.acting_mapper import ERRORS, acting_recipe, install
from tests.integration.pipeline_parts import HEADER, MemoryConnector, MemorySink, job

ROOT = Path(__file__).parents[2]
MANY = b"k,1,1\n" * 20_000


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recipe:
    """Install the plugin whose mapper does what a document says, and return the recipe of a feed that it reads."""
    install(monkeypatch, tmp_path)
    return acting_recipe()


@asynccontextmanager
async def reading(recipe: Recipe) -> AsyncIterator[tuple[Lane, int]]:
    """Open a lane that reads `items.csv`, and tell the process that does."""
    facts = DocumentFacts("items.csv", 10**9)
    async with open_process_lane(Order(recipe, "items.csv", {}, None, facts)) as lane:
        dialect = (await told(lane, Opened(facts), HEADER))[-1].dialect
        yield lane, int(str(dialect["pid"]))


async def told(lane: Lane, *parts: Part) -> list[Advance]:
    """Return all that comes of parts: any call may return it, that of the part itself included."""
    advances = [await lane.take(part) for part in parts]
    while (advance := await lane.drain()) is not None:
        advances.append(advance)
    return advances


async def fate_of(recipe: Recipe, act: bytes) -> FeedmillError:
    """Return the error with which a lane ends whose mapper meets `act`."""

    async def read_on() -> None:
        async with reading(recipe) as (lane, _):
            await lane.take(act)
            while True:
                # Goes on for as long as the child does, which is not for long.
                await lane.take(MANY)
                await lane.drain()

    with pytest.raises(FeedmillError) as raised:
        await read_on()
    return raised.value


async def gone(pid: int) -> None:
    """Wait until a process is there no more."""
    with anyio.fail_after(30):
        while await to_thread.run_sync(is_there, pid):
            await anyio.sleep(0.01)


def is_there(pid: int) -> bool:
    """Return whether a process runs: one that nobody has waited for yet runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def has_children() -> bool:
    """Return whether this process has a child that runs, or one that it has not waited for."""
    return any(task.joinpath("children").read_text() for task in Path("/proc/self/task").iterdir())


async def test_what_the_mapper_raises_arrives_as_it_was(recipe: Recipe) -> None:
    """Of the same class and with the same message, also of a plugin; what is nobody's error is ours, and names feed and document."""
    found: dict[str, FeedmillError] = {}

    async def find(name: str) -> None:
        found[name] = await fate_of(recipe, b"!" + name.encode())

    async with anyio.create_task_group() as group:
        for name in ("config", "plugin", "value"):
            group.start_soon(find, name)
    assert {name: type(error) for name, error in found.items()} == {
        "config": ConfigError,
        "plugin": PluginError,
        "value": InternalError,
    }
    config, plugin = found["config"], found["plugin"]
    assert isinstance(config, ConfigError)
    assert isinstance(plugin, PluginError)
    assert (str(config), config.problems) == (str(ERRORS["config"]), ("delimiter: is none", "quote: is two"))
    assert str(plugin) == "plugin 'acting' (distribution 'acting 1.0'), mapper act: broke \\ud800"
    assert (plugin.plugin, plugin.distribution, plugin.hook) == ("acting", "acting 1.0", "mapper act")
    for part in ("feed 'shop'", "items.csv", "ValueError: not of our making"):
        assert part in str(found["value"])


async def test_a_process_that_dies_ends_the_run_and_says_how(recipe: Recipe) -> None:
    """Killed from outside the run can be tried again; a crash is a fault. Feed, document and signal are named."""
    found: dict[bytes, FeedmillError] = {}

    async def find(act: bytes) -> None:
        found[act] = await fate_of(recipe, act)

    async with anyio.create_task_group() as group:
        for act in (b"!killed", b"!crash"):
            group.start_soon(find, act)
    for act, kind, said in ((b"!killed", Retry, "SIGKILL"), (b"!crash", InternalError, "SIGSEGV")):
        assert type(found[act]) is kind
        for part in ("feed 'shop'", "items.csv", said):
            assert part in str(found[act])


async def test_what_a_mapper_prints_and_a_refusal(recipe: Recipe) -> None:
    """What a mapper prints is no answer; a refused document ends the process, and nothing that comes behind it is read."""
    async with reading(recipe) as (lane, pid):
        batches = [batch for advance in await told(lane, b"!print", b"a,1,1\n") for batch in advance.batches]
        assert [key for batch in batches for key in batch.items.keys] == ["a"]
        facts = DocumentFacts("page.csv")
        advance = await lane.take(Opened(facts))
        refusals = [advance.refusal, *[(await lane.take(chunk)).refusal for chunk in (b"<html>", MANY, MANY)]]
        while (late := await lane.drain()) is not None:
            assert not late.batches
            refusals.append(late.refusal)
        assert "page.csv is a page, not a table" in refusals
        await gone(pid)


async def test_a_mapper_that_hangs_is_ended_with_its_run(recipe: Recipe, tmp_path: Path) -> None:
    """A run that is broken off while its mapper is in code that does not end leaves no process, and applies nothing."""
    begun, sink = anyio.Path(tmp_path / "begun"), MemorySink()
    connector = MemoryConnector([[HEADER, b"a,1,1\n", f"!hang {begun}".encode()]])
    made = replace(job(connector, sink, made=recipe), lane=open_process_lane)
    async with anyio.create_task_group() as group:
        group.start_soon(run_feed, made)
        with anyio.fail_after(60):
            while not await begun.exists():
                await anyio.sleep(0.01)
        assert await to_thread.run_sync(has_children)
        group.cancel_scope.cancel()
    assert not await to_thread.run_sync(has_children)
    assert sink.items == {}


async def test_a_slow_sink_holds_the_source_back(recipe: Recipe) -> None:
    """So many bytes are read ahead as fit into the budget and the pipes, of a source that is many times as long."""
    gate = anyio.Event()
    connector = MemoryConnector([[HEADER, *[MANY] * 500]])
    made = job(connector, MemorySink(gate=gate), made=recipe)
    made = replace(made, lane=open_process_lane, budget=Budget(1_000_000))
    async with anyio.create_task_group() as group:
        group.start_soon(run_feed, made)
        with anyio.fail_after(60):
            # The fetching and the mapping stage wait for room, and the sink for its gate.
            while not (gate.statistics().tasks_waiting and len(made.budget._waiting) >= 2):
                await anyio.sleep(0.01)
        assert connector.offered < 6_000_000
        group.cancel_scope.cancel()
    assert not await to_thread.run_sync(has_children)
    assert made.budget.buffered_bytes == 0


async def test_narrow_pipes_are_slow_and_no_more(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither a part nor what comes of it fits into its pipe, neither side waits for the other for ever."""
    monkeypatch.setattr("feedmill.lanes.starting.PIPE_BYTES", 4096)
    read = 0
    with anyio.fail_after(30):
        async with reading(recipe) as (lane, _):
            for _ in range(5):
                read += sum(batch.read for batch in (await lane.take(MANY)).batches)
            while (advance := await lane.drain()) is not None:
                read += sum(batch.read for batch in advance.batches)
            assert (await lane.judge()).refusal is None
    assert read == 5 * 20_000


async def test_the_process_loads_nothing_that_reading_does_not_need(recipe: Recipe) -> None:
    """Neither the clients of connectors nor what a database needs: they take more time and memory than all the rest of it."""
    async with reading(recipe) as (lane, _):
        advance: Advance | None = await lane.take(b"!modules")
        while advance is not None and "modules" not in advance.dialect:
            advance = await lane.drain()
        assert advance is not None
        loaded = advance.dialect["modules"]
    assert isinstance(loaded, list)
    assert "pydantic" in loaded
    assert not {"sqlalchemy", "alembic", "aiohttp", "aiosqlite", "asyncssh", "typer", "structlog", "numpy"} & {*map(str, loaded)}


PARENT = """
import sys
import anyio
from tests.fault.acting_mapper import acting_recipe
from tests.fault.test_mapper_process import reading

recipe = acting_recipe()

async def main():
    async with reading(recipe) as (lane, pid):
        await lane.take(b"!hang " + sys.argv[1].encode())
        while not await anyio.Path(sys.argv[1]).exists():
            await anyio.sleep(0.01)
        print(pid, flush=True)
        while await lane.drain() is not None:
            pass

anyio.run(main)
"""


@pytest.mark.usefixtures("recipe")
async def test_who_starts_it_may_be_killed(tmp_path: Path) -> None:
    """The process ends with its parent, however that ends, though its interpreter is held by C code that does not end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)}
    async with await anyio.open_process(
        (sys.executable, "-c", PARENT, str(tmp_path / "begun")), stderr=None, env=environment, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        with anyio.fail_after(60):
            pid = int(await parent.stdout.receive())
        assert await to_thread.run_sync(is_there, pid)
        parent.send_signal(signal.SIGKILL)
        await parent.wait()
    await gone(pid)
