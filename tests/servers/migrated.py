"""The newest schema as the migrations make it: `python -m tests.servers.migrated` writes it down for databases that are new."""

from __future__ import annotations

from contextlib import closing

from sinks.sqlite.database import locate
from sinks.sqlite.migrate import NEWEST, upgrade


def newest_schema() -> str:
    """Return what makes the newest schema: the text that SQLite keeps of it, and the rows that the migrations insert."""
    database = locate("sqlite://")
    with closing(database.open_blocking(create=True)) as connection:
        upgrade(database)
        lines = [statement for statement in connection.iterdump() if statement not in ("BEGIN TRANSACTION;", "COMMIT;")]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    NEWEST.write_text(newest_schema(), encoding="utf-8")
