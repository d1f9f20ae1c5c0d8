"""SQLite's own command line: the same file into the same table, with a staging table and one upsert."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.measure import Measurement, measure_command
from benchmarks.peers.values import KEY, VALUES
from examples.catalogue import COLUMNS
from feedmill.assembly import as_sink_url, load_plugins, open_sink

TABLE: Final = "inventory_feed_variants"

_PRAGMAS: Final = ("synchronous = NORMAL", "cache_size = -32768", "wal_autocheckpoint = 4000")
"""As the sink has them, beside WAL."""


def find_command() -> str | None:
    """Return the path of the `sqlite3` command line, None where it is not installed."""
    return shutil.which("sqlite3")


def command_version(command: str) -> str:
    """Return the version the command line tells."""
    return subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.split()[0]


async def read_schema(database: Path) -> tuple[str, ...]:
    """Let Feedmill create a database and return the DDL of the table of items and of its indices."""
    async with open_sink(await load_plugins(), as_sink_url(str(database))):
        pass
    return _statements(database)


def _statements(database: Path) -> tuple[str, ...]:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type <> 'trigger' AND sql IS NOT NULL", (TABLE,))
        return tuple(str(row[0]) for row in found)


def measure_upsert(command: str, source: str, database: Path, schema: tuple[str, ...], *, rows: int) -> Measurement:
    """Import a path, or what `curl` fetches from an HTTP address, and upsert it. The table is made where there is none yet."""
    made = () if database.exists() else schema
    return measure_command([command, "-batch", "-bail", str(database)], _script(source, made), rows=rows)


def _script(source: str, schema: tuple[str, ...]) -> str:
    fixed = dict.fromkeys(("inventory_feed_id", "created_run_id"), "1") | dict.fromkeys(
        ("inventory_updated_at", "created_at", "updated_at"), "1"
    )
    # A constant stands where Feedmill keeps its content hash: the rows are as long, only the hashing is spared.
    values = {**fixed, "content_hash": "4611686018427387904", **VALUES}
    overwritten = (name for name in values if name not in ("inventory_feed_id", KEY, "created_at"))
    staged = ", ".join(f'"{column}" TEXT' for column in COLUMNS)
    given = f"|curl --silent --show-error --fail {source}" if "://" in source else source
    lines = [
        # The shell prints the mode it has set; nobody reads it.
        "PRAGMA journal_mode = WAL;",
        *(f"PRAGMA {pragma};" for pragma in _PRAGMAS),
        *(f"{statement};" for statement in schema),
        f"CREATE TEMP TABLE staging ({staged});",
        f'.import --csv --skip 1 --schema temp "{given}" staging',
        f"INSERT INTO {TABLE} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM staging WHERE true"
        f" ON CONFLICT (inventory_feed_id, {KEY}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in overwritten)};",
    ]
    return "\n".join((*lines, ""))
