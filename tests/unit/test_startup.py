"""What a command imports: nothing that only another command, format, protocol or database needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from engine.contracts import DocumentFacts, MapperSettings, MapperSpec
from mappers import csv, feedmill_mappers, json, xpath
from sinks.sqlite.history.effects import IMAGE, LOGGED
from sinks.sqlite.tables import VARIANTS

LIST: Final = """
import atexit, sys
atexit.register(lambda: print("\\n".join(sys.modules), file=sys.stderr))
from feedmill.cli import main
main()
"""
"""The command line, which tells what it has imported by its end."""

OF_OTHERS: Final = (
    *("sqlalchemy", "alembic", "greenlet", "rich", "numpy", "aiohttp", "asyncssh", "aioftp", "lxml", "ijson", "re2", "cryptography"),
    *("charset_normalizer", "prometheus_client", "jsonpath", "pydantic_settings"),
    *("mappers.json", "mappers.xpath", "mappers.guessing", "connectors.http", "connectors.rest", "sinks.jsonl", "sinks.sqlite.tables"),
    *("sinks.sqlite.history.undoing", "engine.flow.preview", "feedmill.commands.preview", "feedmill.commands.service.serve"),
)
"""What a sync of a CSV file into SQLite has no use for."""


def imported(*arguments: str) -> set[str]:
    """Run a command in a fresh process and return the modules it imports."""
    done = subprocess.run([sys.executable, "-c", LIST, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines())


def test_a_sync_imports_what_it_uses(tmp_path: Path) -> None:
    """A CSV file becomes a new database, and comes again, without the libraries of other formats, protocols, stores and commands."""
    source, shop = tmp_path / "feed.csv", tmp_path / "shop.db"
    for stock in ("1", "2"):
        source.write_text(f"sku,qty\na,{stock}\n")
        fields = ("--field", "sku=sku", "--field", "inventoryQuantity=qty")
        modules = imported("sync", str(source), "--to", str(shop), "--feed", "acme", *fields)
        assert {"mappers.csv", "connectors.file", "sinks.sqlite.control", "structlog", "cyclopts"} <= modules
        assert [name for name in OF_OTHERS if name in modules] == []


def test_the_version_imports_next_to_nothing() -> None:
    """`--version` reads what is installed, and neither parses a command line nor sets up a log."""
    modules = imported("--version")
    assert "importlib.metadata" in modules
    assert [name for name in ("cyclopts", "pydantic", "structlog", "asyncio", "orjson", "anyio", *OF_OTHERS) if name in modules] == []


def test_rich_can_be_had_after_the_log_is_set_up() -> None:
    """What is hidden from the import of the log is there for whoever asks for it afterwards."""
    code = "import feedmill.logs; feedmill.logs.configure_logging(); import rich.console; print(rich.console.Console.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "Console"


@pytest.mark.parametrize(("spec", "own"), list(zip(feedmill_mappers(), (csv.SPEC, json.SPEC, xpath.SPEC), strict=True)))
def test_a_registered_mapper_is_the_one_of_its_format(spec: MapperSpec, own: MapperSpec) -> None:
    """What is registered without importing a parser makes the same mapper, with the same presets, as the parser's own module."""
    assert (spec.format, spec.presets) == (own.format, own.presets)
    made = [each.create(MapperSettings((("sku",),)), DocumentFacts("feed")) for each in (spec, own)]
    assert type(made[0]) is type(made[1])


def test_the_log_keeps_every_column_of_an_item() -> None:
    """The columns that the change log keeps, which are listed without SQLAlchemy, are those of the table."""
    assert set(LOGGED) == {each.name for each in VARIANTS.columns} - {"id", "inventory_feed_id", "external_id", *IMAGE}
