"""dlt: a resource of converted rows with `write_disposition="merge"`, into SQLite or into DuckDB.

Into SQLite, through its SQLAlchemy destination, dlt only knows how to delete and insert; into DuckDB it upserts.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

# Read when the package is imported: nothing is to be sent anywhere, and its log is not the result.
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}

import dlt

from benchmarks.peers.values import KEY, TABLE, read_items
from benchmarks.subject import hand_back


def make_pipeline(database: str, *, duckdb: bool) -> Any:
    """Return the pipeline into a database. What it keeps between its runs lies beside it."""
    destination = dlt.destinations.duckdb(database) if duckdb else dlt.destinations.sqlalchemy(f"sqlite:///{database}")
    kept = Path(database).with_suffix(".pipelines")
    return dlt.pipeline(TABLE, pipelines_dir=str(kept), destination=destination, dataset_name="main", progress=None)


def main(source: str, database: str, *, duckdb: bool) -> None:
    """Merge a path or an HTTP address."""
    warnings.simplefilter("ignore")  # of SQLAlchemy, about how dlt writes its statements
    begun = perf_counter()
    rows = 0

    def counted() -> Iterator[dict[str, object]]:
        nonlocal rows
        for item in read_items(source):
            rows += 1
            yield item

    disposition = {"disposition": "merge", "strategy": "upsert" if duckdb else "delete-insert"}
    resource = dlt.resource(counted, name=TABLE, write_disposition=disposition, primary_key=KEY)
    make_pipeline(database, duckdb=duckdb).run(resource)
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3], duckdb=sys.argv[1] == "duckdb")
