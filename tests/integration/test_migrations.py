"""Creating, upgrading and refusing databases."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import Path as AsyncPath
from anyio import create_task_group, run_process, to_thread
from sqlalchemy import NullPool, create_engine

from engine.errors import ConfigError
from engine.run import Counts, RunRecord
from feedmill.library import sync
from feedmill.operations import undo
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite.database import locate
from sinks.sqlite.migrate import HEAD, MIGRATIONS, NEWEST, create_newest, migrate, upgrade
from sinks.sqlite.queries import open_queries
from sinks.sqlite.service.tables import METADATA
from sinks.sqlite.sink import open_sqlite
from tests.servers.migrated import newest_schema

OLD_TIME = 1_000_000_000
"""Long past: a source that was just written is read only once its time has settled."""

OPEN = """
import sys, anyio
from sinks.sqlite.sink import open_sqlite

async def main():
    async with open_sqlite(sys.argv[1]) as sink:
        assert await sink.feed("x") is None
    print("alembic" in sys.modules)

anyio.run(main)
"""


@pytest.fixture(autouse=True)
def migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the migrations themselves, which new databases are spared."""
    monkeypatch.setattr("sinks.sqlite.migrate.create_newest", lambda connection: False)


def table_names(path: Path) -> set[str]:
    """Return the tables of a database."""
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def execute(path: Path, statement: str) -> None:
    """Run one statement on a database, behind Feedmill's back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def test_head_constant_is_alembics_head() -> None:
    """The constant that spares the import of Alembic is the newest revision of the package, and there is one head."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrated_schema_is_the_tables(tmp_path: Path) -> None:
    """The migrations make exactly the tables that the program's own definitions describe."""
    migrate(locate(f"sqlite:///{tmp_path}/shop.db"))
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db", poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


def test_ids_are_never_used_again_and_stages_have_no_rowid(tmp_path: Path) -> None:
    """What Alembic's comparison does not see: AUTOINCREMENT and WITHOUT ROWID are as the tables say."""
    migrate(locate(f"sqlite:///{tmp_path}/shop.db"))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        ddl = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for table in METADATA.sorted_tables:
        options = table.dialect_options["sqlite"]
        assert ("AUTOINCREMENT" in ddl[table.name]) == bool(options.get("autoincrement"))
        assert ("WITHOUT ROWID" in ddl[table.name]) == (options.get("with_rowid") is False)


def downgrade(path: Path, revision: str) -> None:
    """Take the schema of a database back to an older revision."""
    from alembic import command

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_a_new_database_is_what_the_migrations_make(tmp_path: Path) -> None:
    """The statements that stand in for the migrations leave the same schema, rows and settings.

    After a new migration `python -m tests.servers.migrated` writes them anew.
    """
    upgrade(locate(f"sqlite:///{tmp_path}/migrated.db"))
    with closing(locate(f"sqlite:///{tmp_path}/made.db").open_blocking(create=True)) as connection:
        assert create_newest(connection)
    assert everything_in(tmp_path / "made.db") == everything_in(tmp_path / "migrated.db")
    assert newest_schema() == NEWEST.read_text(encoding="utf-8")


def test_only_an_empty_database_is_made_so(tmp_path: Path) -> None:
    """Where something stands already nothing is made: what is the newest schema stays, an older one and a stranger's are left alone."""
    for name, statement, newest in (
        ("newest", None, True),
        ("older", "UPDATE alembic_version SET version_num = '0001'", False),
        ("foreign", "DROP TABLE alembic_version", False),
    ):
        with closing(locate(f"sqlite:///{tmp_path}/{name}.db").open_blocking(create=True)) as connection:
            assert create_newest(connection)
            if statement is not None:
                connection.execute(statement)
            before = list(connection.iterdump())
            assert create_newest(connection) is newest
            assert list(connection.iterdump()) == before
            assert not connection.in_transaction


def everything_in(path: Path) -> object:
    """Return the text of a database's schema, the rows of all its tables, and what it is set to."""
    with closing(sqlite3.connect(path)) as connection:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        rows = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for kind, name, _ in schema if kind == "table"}
        pragmas = ("user_version", "application_id", "auto_vacuum", "page_size", "encoding")
        return schema, rows, [connection.execute(f"PRAGMA {pragma}").fetchone() for pragma in pragmas]


def test_downgrade_leaves_nothing(tmp_path: Path) -> None:
    """The revision can be taken back whole."""
    migrate(locate(f"sqlite:///{tmp_path}/shop.db"))
    downgrade(tmp_path / "shop.db", "base")
    assert table_names(tmp_path / "shop.db") <= {"alembic_version", "sqlite_sequence"}


async def test_what_an_older_version_left_in_stock_is_looked_for_once_more(tmp_path: Path) -> None:
    """Before schema 0003 missing items stayed as they were: after the upgrade a source that has not changed is read all the same."""
    shop, source = tmp_path / "shop.db", AsyncPath(tmp_path / "feed.csv")
    await source.write_text("sku,qty\na,1\n")
    await to_thread.run_sync(os.utime, source, (OLD_TIME, OLD_TIME))

    async def run() -> RunRecord:
        return await sync(str(source), to=str(shop), feed="acme", fields={"sku": "sku", "inventoryQuantity": "qty"})

    await run()
    await to_thread.run_sync(downgrade, shop, "0002")
    columns = "inventory_feed_id, external_id, inventory_quantity, created_at, updated_at"
    await to_thread.run_sync(execute, shop, f"INSERT INTO inventory_feed_variants ({columns}) VALUES (1, 'gone', 9, 0, 0)")
    assert (await run()).counts == Counts(unchanged=1, removed=1)
    async with open_queries(f"sqlite:///{shop}") as queries:
        stock = {item["externalId"]: (item["status"], item["inventoryQuantity"]) async for item in queries.items("acme")}
    assert stock == {"a": ("pending", 1), "gone": ("removed", 0)}
    assert [problem.code for problem in (await run()).problems] == ["not-modified"]
    with pytest.raises(ConfigError, match="run 1 cannot be undone"):
        await undo(1, db=str(shop))


async def test_two_processes_may_create_one_database_at_once(tmp_path: Path) -> None:
    """Of processes that open the same new database at the same time all succeed, and the schema is made once."""
    url = f"sqlite:///{tmp_path}/shop.db"

    async def start() -> None:
        await run_process([sys.executable, "-W", "error", "-c", OPEN, url], stderr=None)

    async with create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(start)
    assert await to_thread.run_sync(table_names, tmp_path / "shop.db") >= {"inventory_feeds", "alembic_version"}


async def test_many_tasks_may_create_one_database_at_once(tmp_path: Path) -> None:
    """The same holds for tasks of one process."""

    async def start() -> None:
        async with open_sqlite(f"sqlite:///{tmp_path}/shop.db") as sink:
            assert await sink.feed("x") is None

    async with create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(start)


async def test_many_tasks_may_create_databases_of_their_own_at_once(tmp_path: Path) -> None:
    """Each database gets its own schema: what the migration library keeps for the whole process is not shared by two of them."""
    names = [f"shop{number}.db" for number in range(8)]

    async def create(name: str) -> None:
        async with open_sqlite(f"sqlite:///{tmp_path / name}") as sink:
            assert await sink.feed("x") is None

    async with create_task_group() as tasks:
        for name in names:
            tasks.start_soon(create, name)
    expected = await to_thread.run_sync(table_names, tmp_path / names[0])
    assert "inventory_feeds" in expected
    for name in names:
        assert await to_thread.run_sync(table_names, tmp_path / name) == expected


def test_alembic_stays_unimported_at_head(tmp_path: Path) -> None:
    """Making a database, and opening one of the newest schema, costs no import of Alembic."""
    command = [sys.executable, "-c", OPEN, f"sqlite:///{tmp_path}/shop.db"]
    for _ in range(2):
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "False"


async def test_migration_leaves_logging_alone(tmp_path: Path) -> None:
    """Migrating configures no handler, sets no level and disables no logger."""
    root, mine = logging.getLogger(), logging.getLogger("a.logger.of.the.program")
    before = (root.level, list(root.handlers), mine.disabled)
    async with open_sqlite(f"sqlite:///{tmp_path}/shop.db"):
        assert (root.level, list(root.handlers), mine.disabled) == before


async def test_newer_schema_is_refused(tmp_path: Path) -> None:
    """A database that a newer version wrote is refused with the cure, for writing and for reading, and stays as it is."""
    url = f"sqlite:///{tmp_path}/shop.db"
    await to_thread.run_sync(migrate, locate(url))
    await to_thread.run_sync(execute, tmp_path / "shop.db", "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"'9999'.*newer version: install that one"):
        async with open_sqlite(url):
            pass
    with pytest.raises(ConfigError, match="has schema '9999'"):
        async with open_queries(url):
            pass


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of another kind, a directory, and a file in a missing directory are each refused with the cure."""
    await AsyncPath(tmp_path / "notes.txt").write_text("these are notes, not a database; " * 40)
    for name, says in (("notes.txt", "is no SQLite database"), ("", "cannot be opened"), ("no/shop.db", "does not exist; create it first")):
        with pytest.raises(ConfigError, match=says):
            async with open_sqlite(f"sqlite:///{tmp_path}/{name}"):
                pass


async def test_readers_create_nothing(tmp_path: Path) -> None:
    """Reading a database that is not there, or that is not Feedmill's, is an error and makes no file and no table."""
    with pytest.raises(ConfigError, match="there is no database"):
        async with open_queries(f"sqlite:///{tmp_path}/shop.db"):
            pass
    await to_thread.run_sync(execute, tmp_path / "other.db", "CREATE TABLE mine (id INTEGER)")
    with pytest.raises(ConfigError, match="not one of Feedmill's"):
        async with open_queries(f"sqlite:///{tmp_path}/other.db"):
            pass
    assert [path.name async for path in AsyncPath(tmp_path).iterdir()] == ["other.db"]


async def test_memory_database_serves_runs() -> None:
    """A database in memory is shared by the connections of its sink, and each opening has its own."""
    for url in ("sqlite://", "sqlite:///:memory:"):
        async with open_sqlite(url) as sink:
            assert (await import_items(sink, batch(("name",), ("a", "x"))))[1].created == 1
            assert (await import_items(sink, batch(("name",), ("a", "y"))))[1].updated == 1
            assert await sink.feed(FEED.name) == FEED
