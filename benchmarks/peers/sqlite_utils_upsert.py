"""sqlite-utils: `upsert_all` of converted rows into a table with a primary key, in WAL mode."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter

from sqlite_utils import Database

from benchmarks.peers.values import KEY, TABLE, read_items
from benchmarks.subject import hand_back


def main(source: str, database: str) -> None:
    """Upsert a path or an HTTP address."""
    begun = perf_counter()
    opened = Database(database)
    opened.enable_wal()
    rows = 0

    def counted() -> Iterator[dict[str, object]]:
        nonlocal rows
        for item in read_items(source):
            rows += 1
            yield item

    opened[TABLE].upsert_all(counted(), pk=KEY)
    opened.close()
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
