"""Bring a database to the newest schema. Everything here blocks and runs on a worker thread."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from sinks.sqlite.database import BUSY_SECONDS, Database
from sinks.sqlite.failures import explained, primary_code

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD: Final = "0010"
"""The newest revision of this package. Comparing it with the stored one spares every start the import of Alembic."""

MIGRATIONS: Final = Path(__file__).with_name("migrations")

NEWEST: Final = MIGRATIONS / "newest.sql"
"""What all the migrations make of an empty database, as SQL: a new one is spared Alembic, which takes half a second. A test proves
that it is the same."""

_ALEMBIC: Final = threading.Lock()
"""Alembic hands its migrations the connection in a global of the process: two at once would migrate each other's database."""


def migrate(database: Database) -> None:
    """Create or upgrade the schema; nothing happens when it is the newest.

    Any number of processes may do so at once: the first one migrates in one transaction, the others wait for it. Raises
    `ConfigError` when the directory is missing, the file is no database, or its schema is newer than this program.
    """
    if database.path is not None and not database.path.parent.is_dir():
        raise ConfigError(f"the directory {database.path.parent} of the database {database.name} does not exist; create it first")
    with explained(database.name), closing(database.open_blocking(create=True)) as connection:
        _use_wal(connection)
        if _stored_revision(connection) != HEAD and not create_newest(connection):
            upgrade(database)


def require_head(database: Database) -> None:
    """Raise `ConfigError` unless the database exists and has the newest schema; for readers, which create nothing."""
    if database.path is None or not database.path.exists():
        raise ConfigError(f"there is no database {database.name}; `feedmill sync SOURCE --to sqlite:///...` creates one")
    with explained(database.name), closing(database.open_blocking(create=False)) as connection:
        revision = _stored_revision(connection)
    if revision is None:
        raise ConfigError(f"{database.name} is a database, but not one of Feedmill's; give the one that was synced to")
    if revision != HEAD:
        raise ConfigError(
            f"the database {database.name} has schema {revision!r}, this Feedmill reads {HEAD!r};"
            " sync once to upgrade an older one, install the newer Feedmill to read a newer one"
        )


def create_newest(connection: sqlite3.Connection) -> bool:
    """Make the newest schema where there is none at all, in one transaction; return whether it stands now.

    The connection is in autocommit mode. Of two processes that create one database the second waits, and finds what the first made.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            for statement in _statements(NEWEST.read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return _stored_revision(connection) == HEAD


def _statements(script: str) -> Iterator[str]:
    """Cut a script into its statements: Python's own `executescript` commits what is open before it begins."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        # Not at every semicolon: a trigger has some within.
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def upgrade(database: Database) -> None:
    """Run the migrations that a database lacks, in one transaction; see `migrate`."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import NullPool, create_engine, event
    from sqlalchemy.exc import DBAPIError

    engine = create_engine("sqlite://", creator=lambda: database.open_blocking(create=True), poolclass=NullPool)
    event.listen(engine, "begin", _begin_immediate)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            # The lock is held from here on, so Alembic reads the revision that it migrates from, not one of a moment ago.
            # The other lock comes second: whoever holds it waits for no database.
            config.attributes["connection"] = connection
            with _ALEMBIC:
                command.upgrade(config, "head")
    except DBAPIError as error:
        raise (error.orig if isinstance(error.orig, sqlite3.Error) else error) from error
    except CommandError as error:
        raise ConfigError(
            f"the database {database.name} has a schema this Feedmill does not know ({error});"
            " it was written by a newer version: install that one, or give another file"
        ) from error


def _use_wal(connection: sqlite3.Connection) -> None:
    # Changing the journal mode of a new file is the one step for which SQLite does not wait: of two processes that create
    # the same database, one is told "locked" at once.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _stored_revision(connection: sqlite3.Connection) -> str | None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
