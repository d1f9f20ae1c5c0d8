"""Who takes part: each peer as something that can be measured on a source and a database, and whose table can be read."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from benchmarks.measure import Measurement, measure_module
from benchmarks.peers.command_line import TABLE as TABLE_OF_ITEMS
from benchmarks.peers.command_line import command_version, find_command, measure_upsert
from benchmarks.peers.sling import find_sling, measure_sling
from benchmarks.peers.values import TABLE, VALUES, select_values

FIRST: Final = "first load"
AGAIN: Final = "again, nothing changed"
CHANGED: Final = "again, 1 % changed"
STEPS: Final = (FIRST, AGAIN, CHANGED)

FEEDMILL: Final = "Feedmill"
SQLITE3: Final = "sqlite3 command line"
DUCKDB: Final = "DuckDB"
SQLITE_UTILS: Final = "sqlite-utils"
DLT: Final = "dlt into SQLite"
DLT_DUCKDB: Final = "dlt into DuckDB"
SLING: Final = "Sling"

Measure = Callable[[str, Path, int], Measurement]
"""Measures a source, a path or an HTTP address of so many rows, into a database."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that does the job.

    `clock` says which seconds a ratio is made of: a Python peer's own, so that nobody is charged for imports, and the wall seconds
    of a program in C, for both sides. A `slow` one is given a tenth of the rows. `steps` leaves out what would take too long.
    """

    name: str
    version: str
    measure: Measure
    query: str
    store: Literal["sqlite", "duckdb"] = "sqlite"
    clock: Literal["own", "wall"] = "own"
    slow: bool = False
    steps: tuple[str, ...] = STEPS


def find_peers(schema: tuple[str, ...]) -> tuple[list[Peer], list[str]]:
    """Return the peers that are installed, the fast ones first, and the names of those that are not.

    `schema` is the DDL of Feedmill's own table, which SQLite's command line fills.
    """
    of_items, own = select_values(VALUES, TABLE_OF_ITEMS), select_values(VALUES, TABLE)
    peers, missing = [], []
    if (command := find_command()) and shutil.which("curl"):
        peers.append(Peer(SQLITE3, command_version(command), _sqlite3(command, schema), of_items, clock="wall"))
    else:
        missing.append(f"{SQLITE3} and curl")
    for name, package, measure, slow in (
        (DUCKDB, "duckdb", partial(_module, "duckdb_upsert"), False),
        (SQLITE_UTILS, "sqlite_utils", partial(_module, "sqlite_utils_upsert"), False),
        (DLT, "dlt", partial(_module, "dlt_merge", "sqlite"), True),
        (DLT_DUCKDB, "dlt", partial(_module, "dlt_merge", "duckdb"), True),
    ):
        if importlib.util.find_spec(package) is None:
            missing.append(name)
            continue
        steps = (FIRST,) if name == DLT else STEPS
        store: Literal["sqlite", "duckdb"] = "duckdb" if name in (DUCKDB, DLT_DUCKDB) else "sqlite"
        peers.append(Peer(name, version(package.replace("_", "-")), measure, own, store=store, slow=slow, steps=steps))
    if sling := find_sling():
        peers.append(Peer(SLING, "", _sling(sling), select_values(VALUES.values(), TABLE), clock="wall", slow=True))
    else:
        missing.append(SLING)
    return peers, missing


def make_feedmill() -> Peer:
    """Return ourselves as one who takes part."""

    def measure(source: str, database: Path, rows: int) -> Measurement:
        return measure_module("sync", source if "://" in source else Path(source).as_uri(), str(database))

    return Peer(FEEDMILL, "", measure, select_values(VALUES, TABLE_OF_ITEMS))


def _module(name: str, *arguments: object) -> Measurement:
    *given, source, database, _ = arguments
    return measure_module(f"peers.{name}", *map(str, (*given, source, database)))


def _sqlite3(command: str, schema: tuple[str, ...]) -> Measure:
    return lambda source, database, rows: measure_upsert(command, source, database, schema, rows=rows)


def _sling(command: str) -> Measure:
    return lambda source, database, rows: measure_sling(command, source, database, rows=rows)
