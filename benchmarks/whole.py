"""Whole syncs over HTTP, from one address at which the file changes: first load, unchanged, changed, and what the change log costs."""

from __future__ import annotations

import shutil
import sqlite3
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.catalogue import CatalogueFile, write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle
from benchmarks.promise import Promise, write_promises

SYNC: Final = "sync"
"""The name of whole syncs, over every transport, on the command line."""

Say = Callable[[str], None]

FIRST: Final = "first load into an empty database"
AGAIN: Final = "again, nothing changed"
CHANGED: Final = "again, 1 % changed"
UNLOGGED: Final = "again, 1 % changed, without change log"

_SOURCE: Final = "supplier.csv"
_PROMISED_COST: Final = 1.3


@dataclass(frozen=True, slots=True)
class Whole:
    """The medians by subject; `log_costs` are of each pair how many times as long a sync with 1 % changes takes for its change log."""

    runs: dict[str, Measurement]
    log_costs: tuple[float, ...] = ()


@dataclass(slots=True)
class _Bench:
    """One benchmark under way: where the files are served, and what was measured so far."""

    url: str
    say: Say
    runs: dict[str, list[Measurement]] = field(default_factory=dict)
    log_costs: list[float] = field(default_factory=list)

    def sync(self, title: str, file: CatalogueFile, database: Path, **expected: int) -> Measurement:
        """Sync once and compare what the run counted with what it must have."""
        serve_as(_SOURCE, file.path)
        run = measure_module("sync", self.url + _SOURCE, str(database))
        counted = {name: run.facts[name] for name in expected}
        if counted != expected:
            raise SubjectFailed(f"{title}: expected {expected}, but the run counted {counted}")
        self.runs.setdefault(title, []).append(run)
        self.say(f"{title}: {run.wall:.2f} s, {run.peak_rss / 1e6:.0f} MB")
        return run

    def change(self, file: CatalogueFile, database: Path, *, logged_first: bool) -> None:
        """Sync 1 % of changes into the database and into a copy that keeps no change log."""
        twin = database.with_suffix(".unlogged.db")
        shutil.copy(database, twin)
        stop_logging(twin)
        expected = {"updated": file.rows // 100, "unchanged": file.rows - file.rows // 100}
        if logged_first:
            logged = self.sync(CHANGED, file, database, **expected)
            unlogged = self.sync(UNLOGGED, file, twin, **expected)
        else:
            unlogged = self.sync(UNLOGGED, file, twin, **expected)
            logged = self.sync(CHANGED, file, database, **expected)
        if (found := (count_changes(database), count_changes(twin))) != (file.rows // 100, 0):
            raise SubjectFailed(f"expected {file.rows // 100} changes in the log and none without it, found {found}")
        self.log_costs.append(logged.wall / unlogged.wall)
        remove_database(twin)


def serve_as(name: str, file: Path) -> None:
    """Have a name beside a file stand for it from now on: a supplier's file changes where it is, and the screen is of one address."""
    source = file.with_name(name)
    source.unlink(missing_ok=True)
    source.symlink_to(file)


def stop_logging(database: Path) -> None:
    """Take the triggers of the change log off a database."""
    with closing(sqlite3.connect(database)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")


def count_changes(database: Path) -> int:
    """Return how many changes of items are in the log."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM inventory_feed_variant_changes").fetchone()[0])


def measure_whole(directory: Path, file: CatalogueFile, pairs: int, url: str, say: Say) -> Whole:
    """Measure first load, unchanged and changed runs; `url` is where the files of the directory are served."""
    changed = write_catalogue(directory, file.rows, version=1)
    bench = _Bench(url, say)
    for pair in range(pairs):
        database = directory / f"pair-{pair}.db"
        bench.sync(FIRST, file, database, created=file.rows)
        bench.sync(AGAIN, file, database, unchanged=file.rows)
        bench.change(changed, database, logged_first=pair % 2 == 0)
        remove_database(database)
    changed.path.unlink()
    return Whole({title: middle(runs) for title, runs in bench.runs.items()}, tuple(bench.log_costs))


def remove_database(database: Path) -> None:
    """Remove a database: three pairs of a million rows would take gigabytes."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def check_whole(whole: Whole) -> list[Promise]:
    """Compare with what is promised."""
    found = f"{median(whole.log_costs) - 1:+.0%}; pairs: {', '.join(f'{cost - 1:+.0%}' for cost in whole.log_costs)}"
    return [Promise("the change log adds at most 30 % to a sync with 1 % changed", found, median(whole.log_costs) <= _PROMISED_COST)]


def write_whole(whole: Whole, *, promised: bool) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## Whole syncs", "")
    yield from textwrap.wrap(
        "Over HTTP from a supplier on loopback, who names no version and whose file changes where it is, into SQLite, each in a fresh "
        "process. Seconds are from the start of the process to its exit; CPU and peak RSS are of the process and all its children "
        "together, without the supplier.",
        118,
    )
    yield from ("", "| run | rows | seconds | rows/s | CPU seconds | peak RSS | seconds at work, by stage |")
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for title, run in whole.runs.items():
        figures = f"{run.rows:,} | {run.wall:.2f} | {run.rows / run.wall:,.0f} | {run.cpu:.2f} | {run.peak_rss / 1e6:.0f} MB"
        yield f"| {title} | {figures} | {_at_work(run)} |"
    yield from write_promises(check_whole(whole) if promised else [])


def _at_work(run: Measurement) -> str:
    busy = run.facts.get("busy")
    return ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in busy.items()) if isinstance(busy, dict) else ""
