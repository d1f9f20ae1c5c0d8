"""2,000 hourly feeds: how long a tick takes, and what an idle server takes of the machine."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.promise import Promise, write_promises
from benchmarks.service.daemon import DATABASE, run_daemon
from benchmarks.service.processes import family, memory, spent
from feedmill.service.alerting import alerts
from feedmill.service.context import Service
from feedmill.service.opening import open_service
from feedmill.service.scheduling import scheduler
from feedmill.service.scheduling.scheduler import run_tick
from feedmill.service.settings import ServiceSettings
from sinks.sqlite import clock
from sinks.sqlite.fence import Writer

FEEDS, PROVIDERS, PAST_RUNS = 2_000, 200, 50
TICK_LIMIT, CPU_LIMIT, MEMORY_LIMIT = 0.050, 0.02, 150e6
HOUR = 3_600_000_000
SETTLE_SECONDS = 2.0
"""For which a service that has just started is left alone before it is called idle."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Seconds of each tick in which so many feeds were planned, so many were due, and none was."""

    planning: list[float]
    asking: list[float]
    resting: list[float]

    @property
    def worst(self) -> float:
        """Return the seconds of the longest one."""
        return max(map(max, (self.planning, self.asking, self.resting)))


@dataclass(frozen=True, slots=True)
class Idle:
    """What a server without work takes: of a core, and of memory in bytes, all its processes together."""

    core: float
    memory: int
    processes: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Both, of `feeds` feeds."""

    feeds: int
    ticks: Ticks
    idle: Idle


async def measure_ticks(url: str, feeds: int) -> Ticks:
    """Plan new feeds, let all of them be due in one hour, and look when none is."""
    async with open_service(ServiceSettings(database=url)) as service:
        await _fill(service, feeds)
        start = clock.now() // HOUR * HOUR + HOUR // 10
        planning = await _drain(service, start)
        asking = await _drain(service, start + 2 * HOUR)
        resting = [await _time(service, start + 2 * HOUR) for _ in range(20)]
        await _finish(service)
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
        await _pass_events(writer)
    # What filling has left in the log is not to be paid for by the first ticks.
    async with service.store.database.connect() as connection:
        await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _pass_events(writer: Writer) -> None:
    """Let the loops take all that has happened for known."""
    newest = "INSERT OR REPLACE INTO service_state (name, value) SELECT ?, max(id) FROM data_import_events"
    for loop in (scheduler.MARK, alerts.MARK):
        await writer.execute(newest, loop)


async def _finish(service: Service) -> None:
    """End the runs that were asked for, as if they had been made: a service that still has them to make is not idle."""
    async with service.store.writing() as writer:
        await writer.execute("DELETE FROM jobs WHERE kind = 'run'")
        await writer.execute("UPDATE data_imports SET status = 'complete', started_at = 0, finished_at = 0 WHERE status = 'pending'")
        await _pass_events(writer)


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


def measure_idle(directory: Path, seconds: float) -> Idle:
    """Run the service on the database in a directory, leave it alone, and look at it and at every process that it started."""
    with run_daemon(directory) as daemon:
        time.sleep(min(SETTLE_SECONDS, seconds))
        before, begun = spent(family(daemon.process)), time.monotonic()
        time.sleep(seconds)
        passed, processes = time.monotonic() - begun, family(daemon.process)
        return Idle((spent(processes) - before) / passed, sum(map(memory, processes)), len(processes))


def measure_schedule(feeds: int, seconds: float, say: Callable[[str], None]) -> Schedule:
    """Measure ticks of so many feeds, then a service that has them and nothing to do for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
        ticks = anyio.run(measure_ticks, f"sqlite:///{Path(directory) / DATABASE}", feeds)
        idle = measure_idle(Path(directory), seconds)
    say(f"{feeds:,} feeds: worst tick {ticks.worst * 1e3:.1f} ms; idle: {idle.core:.2%} of a core, {idle.memory / 1e6:.0f} MB")
    return Schedule(feeds, ticks, idle)


def check_schedule(found: Schedule) -> list[Promise]:
    """Compare with what is promised, of `FEEDS` feeds."""
    if found.feeds < FEEDS:
        return []
    ticks, idle = found.ticks, found.idle
    return [
        Promise(f"a tick of {found.feeds:,} hourly feeds takes less than 50 ms", f"{ticks.worst * 1e3:.1f} ms", ticks.worst < TICK_LIMIT),
        Promise("an idle service takes less than 2 % of a core", f"{idle.core:.2%}", idle.core < CPU_LIMIT),
        Promise("and less than 150 MB, all its processes together", f"{idle.memory / 1e6:.0f} MB", idle.memory < MEMORY_LIMIT),
    ]


def write_schedule(found: Schedule) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "### The schedule", "", f"| {found.feeds:,} hourly feeds | ticks | median | worst |", "| --- | ---: | ---: | ---: |")
    ticks = found.ticks
    rows = {"planned for the first time": ticks.planning, "all due within an hour": ticks.asking, "none due": ticks.resting}
    for name, times in rows.items():
        yield f"| {name} | {len(times)} | {statistics.median(times) * 1e3:.1f} ms | {max(times) * 1e3:.1f} ms |"
    idle = found.idle
    yield from ("", f"With them and nothing to do, `feedmill serve` takes {idle.core:.2%} of a core, and {idle.memory / 1e6:.0f} MB")
    yield f"in {idle.processes} processes."
    yield from write_promises(check_schedule(found))
