"""DuckDB: `read_csv`, and an upsert into a table with a primary key in a database of its own.

Its extension for HTTP is a download that is not installed with it, so what comes over HTTP is fetched to disk first, on the clock.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final
from urllib.request import urlopen

import duckdb

from benchmarks.peers.values import KEY, TABLE, VALUES
from benchmarks.subject import hand_back

_INTEGERS: Final = {"retail_price": "BIGINT", "cost_price": "BIGINT", "inventory_quantity": "INTEGER", "grams": "INTEGER"}
_TYPES: Final = "{'price': 'DOUBLE', 'cost': 'DOUBLE', 'stock': 'INTEGER', 'grams': 'INTEGER'}"


def upsert(path: Path, database: str) -> int:
    """Upsert the file's records and return how many there were."""
    columns = ", ".join(f"{name} {_INTEGERS.get(name, 'VARCHAR')}{' PRIMARY KEY' if name == KEY else ''}" for name in VALUES)
    overwritten = ", ".join(f"{name} = excluded.{name}" for name in VALUES if name != KEY)
    with duckdb.connect(database) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")
        done = connection.execute(
            f"INSERT INTO {TABLE} SELECT {', '.join(VALUES.values())}"
            f" FROM read_csv(?, header = true, types = {_TYPES}, auto_type_candidates = ['VARCHAR'])"
            f" ON CONFLICT ({KEY}) DO UPDATE SET {overwritten}",
            [str(path)],
        ).fetchone()
        return int(done[0]) if done is not None else 0


def main(source: str, database: str) -> None:
    """Upsert a path or an HTTP address."""
    begun = perf_counter()
    if "://" in source:
        with tempfile.NamedTemporaryFile(suffix=".csv", dir=Path(database).parent) as fetched, urlopen(source) as response:
            shutil.copyfileobj(response, fetched, 1 << 20)
            fetched.flush()
            rows = upsert(Path(fetched.name), database)
    else:
        rows = upsert(Path(source), database)
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
