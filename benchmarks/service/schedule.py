"""`python -m benchmarks.service.schedule`: 2,000 hourly feeds: how long a tick takes, and what an idle server takes of the machine."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from feedmill.service import alerts, scheduler
from feedmill.service.context import Service
from feedmill.service.opening import open_service
from feedmill.service.scheduler import run_tick
from feedmill.service.settings import ServiceSettings
from sinks.sqlite import clock

FEEDS, PROVIDERS, PAST_RUNS = 2_000, 200, 50
TICK_LIMIT, CPU_LIMIT, MEMORY_LIMIT = 0.050, 0.02, 150e6
HOUR = 3_600_000_000

IDLE = """
import sys
import anyio
from aiohttp import web
from feedmill.service.opening import LOOPS, open_service
from feedmill.service.settings import ServiceSettings
from feedmill.web.app import build_app

async def main():
    async with open_service(ServiceSettings(database=sys.argv[1])) as service, anyio.create_task_group() as group:
        for loop in LOOPS:
            group.start_soon(loop, service)
        runner = web.AppRunner(build_app(service))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print("ready", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Seconds of each tick in which so many feeds were planned, so many were due, and none was."""

    planning: list[float]
    asking: list[float]
    resting: list[float]


@dataclass(frozen=True, slots=True)
class Idle:
    """What a server without work takes: of a core, and of memory in bytes, all its processes together."""

    core: float
    memory: int
    processes: int


async def measure_ticks(url: str, feeds: int) -> Ticks:
    """Plan new feeds, let all of them be due in one hour, and look when none is."""
    async with open_service(ServiceSettings(database=url)) as service:
        await _fill(service, feeds)
        start = clock.now() // HOUR * HOUR + HOUR // 10
        planning = await _drain(service, start)
        asking = await _drain(service, start + 2 * HOUR)
        resting = [await _time(service, start + 2 * HOUR) for _ in range(20)]
    return Ticks(planning, asking, resting)


async def _fill(service: Service, feeds: int) -> None:
    settings = '{"resourceLocation":"https://feeds.example/stock.csv","resourceType":"ftpCsv","transport":{"idleTimeout":30.0}}'
    async with service.store.writing() as writer:
        many = writer.connection.executemany
        await many("INSERT INTO dropship_providers (name, created_at, updated_at) VALUES (?, 0, 0)", [(f"p{n}",) for n in range(PROVIDERS)])
        await many(
            "INSERT INTO inventory_feeds (name, dropship_provider_id, settings, hash, enabled, next_fetch_at, created_at, updated_at)"
            " VALUES (?, ?, ?, '', 1, 0, 0, 0)",
            [(f"feed {number}", number % PROVIDERS + 1, settings) for number in range(feeds)],
        )
        # Feeds have a past, which is not to be read at each tick.
        past = "INSERT INTO data_imports (feed_id, status, epoch, started_at, finished_at) VALUES (?, 'complete', 1, 0, 0)"
        await many(past, [(feed,) for _ in range(PAST_RUNS) for feed in range(1, feeds + 1)])
        newest = "INSERT OR REPLACE INTO service_state (name, value) SELECT ?, max(id) FROM data_import_events"
        for loop in (scheduler.MARK, alerts.MARK):
            await writer.execute(newest, loop)
    # What filling has left in the log is not to be paid for by the first ticks.
    async with service.store.database.connect() as connection:
        await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _drain(service: Service, now: int) -> list[float]:
    times = []
    while True:
        begun = time.perf_counter()
        tick = await run_tick(service, now)
        times.append(time.perf_counter() - begun)
        if tick.wait > 0:
            return times


async def _time(service: Service, now: int) -> float:
    begun = time.perf_counter()
    await run_tick(service, now)
    return time.perf_counter() - begun


def measure_idle(url: str, seconds: float) -> Idle:
    """Run a server on a database, leave it alone, and look at it and at every process that it started."""
    with subprocess.Popen([sys.executable, "-c", IDLE, url], stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or server.stdout.readline() != "ready\n":
                raise RuntimeError("the server did not start")
            time.sleep(2.0)
            before, begun = _cpu(family(server.pid)), time.monotonic()
            time.sleep(seconds)
            passed, processes = time.monotonic() - begun, family(server.pid)
            return Idle((_cpu(processes) - before) / passed, sum(map(_memory, processes)), len(processes))
        finally:
            server.terminate()


def family(process: int) -> list[int]:
    """Return a process and all that it started, and they, by their ids."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        found += (each for child in (task / "children").read_text("ascii").split() for each in family(int(child)))
    return found


def _cpu(processes: list[int]) -> float:
    # Behind the name, which may hold blanks: fields 14 and 15 count ticks in user and in system mode.
    fields = [Path(f"/proc/{each}/stat").read_text("utf-8").rpartition(")")[2].split() for each in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(arguments: list[str]) -> int:
    """Measure, print, and return 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service.schedule", description="Measure the schedule and an idle server.")
    parser.add_argument("--feeds", type=int, default=FEEDS)
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long the idle server is watched (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
        url = f"sqlite:///{Path(directory)}/shop.db"
        ticks = anyio.run(measure_ticks, url, chosen.feeds)
        idle = measure_idle(url, chosen.seconds)
    for name, times in (("planned", ticks.planning), ("due", ticks.asking), ("at rest", ticks.resting)):
        middle, worst = statistics.median(times) * 1e3, max(times) * 1e3
        print(f"{chosen.feeds:,} hourly feeds, {name}: {len(times)} ticks, median {middle:.1f} ms, worst {worst:.1f} ms")
    print(f"idle server: {idle.core:.2%} of a core, {idle.memory / 1e6:.0f} MB in {idle.processes} processes")
    kept = (
        max(map(max, (ticks.planning, ticks.asking, ticks.resting))) < TICK_LIMIT and idle.core < CPU_LIMIT and idle.memory < MEMORY_LIMIT
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
