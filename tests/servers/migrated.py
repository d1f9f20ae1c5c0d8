"""New databases without Alembic's third of a second: what it makes is made once a process, and repeated statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache

from sinks.sqlite import migrate as migrating
from sinks.sqlite.database import Database, locate

upgrade: Callable[[Database], None] = migrating.upgrade
"""What Feedmill itself does; tests of the migrations have it put back."""


def repeat_upgrade(database: Database) -> None:
    """Make the schema of an empty database as the migrations would; one that has tables is left to them."""
    with closing(database.open_blocking(create=True)) as connection:
        # As in the upgrade itself: under the lock, so that one of two who make a database finds what the other made.
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            for statement in statements():
                connection.execute(statement)
            connection.execute("COMMIT")
            return
    upgrade(database)


@cache
def statements() -> Sequence[str]:
    """Return what makes the newest schema: the text that SQLite keeps of it, and the rows that the migrations insert."""
    database = locate("sqlite://")
    with closing(database.open_blocking(create=True)) as connection:
        upgrade(database)
        return [statement for statement in connection.iterdump() if statement not in ("BEGIN TRANSACTION;", "COMMIT;")]
