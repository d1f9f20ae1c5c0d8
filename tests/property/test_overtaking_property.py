"""Batches that wait while calls go on leave what they would have left if they had been applied at once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from feedmill.service.batch_group import apply_batches
from feedmill.service.push_group import Reply, Request, commit_group
from feedmill.service.settings import Push as Limits
from sinks.sqlite.database import locate
from sinks.sqlite.migrate import migrate
from sinks.sqlite.service.inbox import NewBatch
from sinks.sqlite.single.group import Push
from sinks.sqlite.single.removal import Removal

Item: TypeAlias = "dict[str, Any]"
Step: TypeAlias = "tuple[str, list[Item]]"

_STOCK = "SELECT external_id, inventory_quantity, retail_price, name, status FROM inventory_feed_variants ORDER BY 1"
_LEFT = "SELECT (SELECT count(*) FROM batches WHERE status = 'pending') + count(*) FROM batch_later_fields"

keys = st.sampled_from(["a", "b"])
values = st.fixed_dictionaries(
    {"externalId": keys},
    optional={"inventoryQuantity": st.integers(0, 3), "retailPrice": st.integers(1, 3), "name": st.sampled_from(["x", "y"])},
)
gone = st.fixed_dictionaries({"externalId": keys, "status": st.just("removed")})
batches = st.tuples(st.just("batch"), st.lists(values, min_size=1, max_size=3))
singles = st.tuples(st.just("push"), st.lists(values | values | gone, min_size=1, max_size=1))
removals = st.tuples(st.just("remove"), st.lists(st.fixed_dictionaries({"externalId": keys}), min_size=1, max_size=1))
applied = st.tuples(st.just("apply"), st.just(list[Item]()))
steps = st.lists(batches | batches | singles | singles | removals | applied, min_size=2, max_size=10)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database with a feed that demands nothing of its items."""
    path = tmp_path_factory.mktemp("overtaking") / "seed.db"
    migrate(locate(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = DELETE;"
            "INSERT INTO dropship_providers (id, name, status, created_at, updated_at) VALUES (1, 'p', 'accepted', 1, 1);"
            "INSERT INTO inventory_feeds (id, name, dropship_provider_id, settings, hash, enabled, created_at, updated_at)"
            " VALUES (1, 'one', 1, '{\"skuExempt\":true}', '', 1, 1, 1);"
        )
    return path


def play(path: Path, made: Sequence[Step], *, at_once: bool) -> list[tuple[object, ...]]:
    """Make calls, apply the batches at once or when it is their turn, and return what the feed has."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for kind, items in (*made, ("apply", [])):
            if kind == "batch":
                commit_group(connection, "shop", [Request(NewBatch(1, "api", orjson.dumps(items), len(items)))], Limits())
            elif kind == "push":
                (answer,) = commit_group(connection, "shop", [Request(Push(1, items[0]))], Limits())
                # Of an item that only a batch brings nobody can say yet that it is gone: that is refused, and not acknowledged.
                assume(isinstance(answer, Reply))
            elif kind == "remove":
                commit_group(connection, "shop", [Request(Removal(1, items[0]["externalId"]))], Limits())
            if kind == "apply" or at_once:
                apply_batches(connection, "shop", [number for (number,) in connection.execute("SELECT id FROM batches ORDER BY id")])
        assert connection.execute(_LEFT).fetchall() == [(0,)]
        return connection.execute(_STOCK).fetchall()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(steps)
def test_a_batch_that_waits_is_older_than_what_is_pushed_meanwhile(seeded: Path, tmp_path: Path, made: list[Step]) -> None:
    """Every item ends as if all calls had been carried out in the order in which they were acknowledged."""
    waiting, at_once = shutil.copy(seeded, tmp_path / "waiting.db"), shutil.copy(seeded, tmp_path / "at_once.db")
    assert play(Path(waiting), made, at_once=False) == play(Path(at_once), made, at_once=True)
