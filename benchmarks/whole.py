"""Whole syncs over HTTP, in pairs with SQLite's own command line, and what has to be true of both."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import anyio

from benchmarks.catalogue import CatalogueFile, write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle
from benchmarks.peers.command_line import count_equal, find_command, measure_import, read_schema

Say = Callable[[str], None]

FIRST: Final = "first load into an empty database"
AGAIN: Final = "again, nothing changed"
CHANGED: Final = "again, 1 % changed"
UNLOGGED: Final = "again, 1 % changed, without change log"
SMALL: Final = "first load of a tenth"
PEER: Final = "sqlite3: .import, then INSERT ... ON CONFLICT"


@dataclass(frozen=True, slots=True)
class Whole:
    """The medians by subject, and of each pair how many times as fast as the command line Feedmill was.

    `log_costs` are how many times as long a sync with 1 % changes takes as the same one without change log, `change_costs` as one
    that finds nothing changed: what staging, judging, logging and applying the changes costs.
    """

    runs: dict[str, Measurement]
    ratios: tuple[float, ...] = ()
    log_costs: tuple[float, ...] = ()
    change_costs: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Return the median ratio, None when there was nothing to compare with."""
        return median(self.ratios) if self.ratios else None


@dataclass(slots=True)
class _Bench:
    """One benchmark under way: files, server, and what was measured so far."""

    url: str
    say: Say
    schema: tuple[str, ...]
    runs: dict[str, list[Measurement]] = field(default_factory=dict)
    ratios: list[float] = field(default_factory=list)
    log_costs: list[float] = field(default_factory=list)
    change_costs: list[float] = field(default_factory=list)

    def note(self, title: str, run: Measurement) -> Measurement:
        self.runs.setdefault(title, []).append(run)
        self.say(f"{title}: {run.wall:.2f} s, {run.peak_rss / 1e6:.0f} MB")
        return run

    def sync(self, title: str, file: CatalogueFile, database: Path, **expected: int) -> Measurement:
        """Sync once and compare what the run counted with what it must have."""
        run = measure_module("sync", self.url + file.name, str(database))
        counted = {name: run.facts[name] for name in expected}
        if counted != expected:
            raise SubjectFailed(f"{title}: expected {expected}, but the run counted {counted}")
        return self.note(title, run)

    def load(self, file: CatalogueFile, database: Path) -> Measurement:
        return self.sync(FIRST, file, database, created=file.rows)

    def load_with(self, command: str, file: CatalogueFile, database: Path) -> Measurement:
        return self.note(PEER, measure_import(command, file, database, self.schema))

    def compare(self, command: str, file: CatalogueFile, database: Path, *, ours_first: bool) -> None:
        """Load the file with both and check that the tables are equal. Who goes first changes from pair to pair."""
        peer = database.with_suffix(".peer.db")
        if ours_first:
            run, theirs = self.load(file, database), self.load_with(command, file, peer)
        else:
            theirs, run = self.load_with(command, file, peer), self.load(file, database)
        self.ratios.append(theirs.wall / run.wall)
        found = count_equal(database, peer)
        if found != (file.rows,) * 3:
            raise SubjectFailed(f"the tables differ: {found[0]} items of Feedmill's, {found[1]} of sqlite3's, {found[2]} equal")
        remove_database(peer)

    def change(self, file: CatalogueFile, database: Path, unchanged: Measurement, *, logged_first: bool) -> None:
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
        self.change_costs.append(logged.wall / unchanged.wall)
        remove_database(twin)


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
    """Measure first load, unchanged and changed runs, the command line, and a first load of a tenth for its memory."""
    rows = file.rows
    changed, small = write_catalogue(directory, rows, version=1), write_catalogue(directory, rows // 10)
    command = find_command()
    bench = _Bench(url, say, anyio.run(read_schema, directory / "schema.db"))
    for pair in range(pairs):
        database = directory / f"pair-{pair}.db"
        if command is None:
            bench.load(file, database)
        else:
            bench.compare(command, file, database, ours_first=pair % 2 == 0)
        unchanged = bench.sync(AGAIN, file, database, unchanged=rows)
        bench.change(changed, database, unchanged, logged_first=pair % 2 == 0)
        remove_database(database)
        bench.sync(SMALL, small, directory / f"small-{pair}.db", created=small.rows)
    medians = {title: middle(runs) for title, runs in bench.runs.items()}
    return Whole(medians, tuple(bench.ratios), tuple(bench.log_costs), tuple(bench.change_costs))


def remove_database(database: Path) -> None:
    """Remove a database: three pairs of a million rows would take gigabytes."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
