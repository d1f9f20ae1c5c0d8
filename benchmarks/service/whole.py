"""All that is measured of the service, in the order of the page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.promise import Promise
from benchmarks.server import serve
from benchmarks.service.items import ItemPages, check_items, measure_items, write_items
from benchmarks.service.push import Pushes, measure_pushes
from benchmarks.service.reads import IDLE_REQUESTS, Reads, check_reads, measure_reads, write_reads
from benchmarks.service.report import check_pushes, write_pushes
from benchmarks.service.schedule import FEEDS, Schedule, check_schedule, measure_schedule, write_schedule

SERVICE: Final = "service"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: pushes of each connection, requests of an idle service, feeds, and seconds of an idle one."""

    pushes: int = 400
    reads: int = IDLE_REQUESTS
    feeds: int = FEEDS
    seconds: float = 30.0


SMOKE: Final = Extent(pushes=5, reads=20, feeds=20, seconds=0.1)


@dataclass(frozen=True, slots=True)
class ServiceResults:
    """What was measured."""

    pushes: Pushes
    reads: Reads
    items: ItemPages
    schedule: Schedule


def measure_service(extent: Extent, rows: int, times: int, say: Callable[[str], None]) -> ServiceResults:
    """Measure pushes in so many pairs, reads and pages of items while so many rows load, and the schedule."""
    pushes = measure_pushes(extent.pushes, times, say)
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as name:
        directory = Path(name)
        file = write_catalogue(directory, rows)
        with serve(directory) as url:
            reads = measure_reads(file, directory, f"{url}{file.name}", say, extent.reads)
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as database, serve(directory) as url:
            items = measure_items(file, Path(database), f"{url}{file.name}", say)
    return ServiceResults(pushes, reads, items, measure_schedule(extent.feeds, extent.seconds, say))


def check_service(found: ServiceResults) -> list[Promise]:
    """Compare with what is promised."""
    return [*check_pushes(found.pushes), *check_reads(found.reads), *check_items(found.items), *check_schedule(found.schedule)]


def write_service(found: ServiceResults) -> Iterator[str]:
    """Yield the lines of the section, which has a part for each subject."""
    yield from ("", "## The service")
    yield from write_pushes(found.pushes)
    yield from write_reads(found.reads)
    yield from write_items(found.items)
    yield from write_schedule(found.schedule)
