"""How long a reader waits while a million rows load in a worker, beside an idle server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.catalogue import FIELDS, SETTINGS, CatalogueFile
from benchmarks.measure import SubjectFailed
from benchmarks.promise import Promise, write_promises
from benchmarks.service.daemon import Daemon, run_daemon

PATH: Final = "/api/inventory-feeds.json"
LIMIT: Final = 5.0
PROMISED_ROWS: Final = 1_000_000
IDLE_REQUESTS: Final = 1_000
PAUSE_SECONDS: Final = 0.005
"""Between two requests of the reader: somebody who looks, not a load of its own."""

_PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests took, in seconds."""

    requests: int
    median: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        """Return the figures of single requests."""
        ordered = sorted(seconds)
        return cls(len(ordered), median(ordered), ordered[int(len(ordered) * 0.99)])


@dataclass(frozen=True, slots=True)
class Reads:
    """What a reader waited, idle and while `rows` rows were loaded in `seconds`."""

    path: str
    rows: int
    seconds: float
    idle: Latency
    loading: Latency

    @property
    def ratio(self) -> float:
        """Return by what p99 grows."""
        return self.loading.p99 / self.idle.p99


def measure_reads(file: CatalogueFile, directory: Path, source: str, say: Callable[[str], None], requests: int = IDLE_REQUESTS) -> Reads:
    """Measure a reader: first of an idle service, then while that loads `source`. Raises `SubjectFailed` when either fails."""
    with run_daemon(directory) as daemon:
        feed = daemon.add_feed({"resourceType": "ftpCsv", "resourceLocation": source, **SETTINGS}, FIELDS)
        _read(daemon, lambda done: done == requests // 5)
        idle = Latency.of(_read(daemon, lambda done: done == requests))
        say(f"reads, idle: p99 {idle.p99 * 1000:.2f} ms")
        run, begun = int(daemon.call("POST", f"/api/inventory-feeds/{feed}/fetch.json")["id"]), time.monotonic()
        # Asked of the reader too now and again, which is one request in a hundred.
        loading = Latency.of(_read(daemon, lambda done: done % 100 == 0 and has_ended(daemon, run, file.rows, begun)))
        say(f"reads, loading: p99 {loading.p99 * 1000:.2f} ms")
        return Reads(PATH, file.rows, time.monotonic() - begun, idle, loading)


def has_ended(daemon: Daemon, run: int, rows: int, begun: float) -> bool:
    """Return whether a run has ended. Raises `SubjectFailed` when it did not load so many rows, or takes too long."""
    found = daemon.call("GET", f"/api/data-imports/{run}.json")
    if found["status"] in ("pending", "started"):
        if time.monotonic() - begun > _PATIENCE:
            raise SubjectFailed(f"{rows:,} rows were not loaded in {_PATIENCE:g} s")
        return False
    if (found["status"], found["created"]) != ("complete", rows):
        raise SubjectFailed(f"the load did not end well: {found}")
    return True


def _read(daemon: Daemon, is_enough: Callable[[int], bool]) -> list[float]:
    """Get the page again and again and return how long each took."""
    seconds: list[float] = []
    while not seconds or not is_enough(len(seconds)):
        begun = time.perf_counter()
        daemon.call("GET", PATH)
        seconds.append(time.perf_counter() - begun)
        time.sleep(PAUSE_SECONDS)
    return seconds


def check_reads(found: Reads) -> list[Promise]:
    """Compare with what is promised of a load of `PROMISED_ROWS`."""
    if found.rows < PROMISED_ROWS:
        return []
    text = f"while {found.rows:,} rows load, p99 of `GET {found.path}` is at most {LIMIT:g} times its idle value"
    return [Promise(text, f"{found.ratio:.1f} times", found.ratio <= LIMIT)]


def write_reads(found: Reads) -> Iterator[str]:
    """Yield the lines."""
    yield from ("", "### Reading while a run loads", "", "| `GET` | requests | median | p99 |", "| --- | ---: | ---: | ---: |")
    for title, latency in (("idle", found.idle), (f"{found.rows:,} rows loading, {found.seconds:.1f} s", found.loading)):
        yield f"| {title} | {latency.requests:,} | {latency.median * 1000:.2f} ms | {latency.p99 * 1000:.2f} ms |"
    yield from write_promises(check_reads(found))
