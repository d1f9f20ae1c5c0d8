"""A group of pushes is the same pushes one by one: rows, history, audit, counts and answers."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import FeedmillError, InvalidItem
from sinks.sqlite.database import locate
from sinks.sqlite.migrate import migrate
from sinks.sqlite.single.group import Push, Pushed, push_all
from sinks.sqlite.single.inline import locked
from sinks.sqlite.single.plan import DAY
from sinks.sqlite.single.setwise import find_items

NOW: Final = 20_000 * DAY
_SEED: Final = f"""
INSERT INTO dropship_providers (id, name, status, created_at, updated_at)
    VALUES (1, 'p', 'accepted', {NOW}, {NOW}), (2, 'q', 'away', {NOW}, {NOW});
INSERT INTO inventory_feeds (id, name, dropship_provider_id, settings, hash, enabled, loading_run_id, created_at, updated_at) VALUES
    (1, 'one', 1, '{{"automaticallyConnectByBarcode":true}}', '', 1, NULL, {NOW}, {NOW}),
    (2, 'two', 1, '{{"skuExempt":true,"automaticallyConnect":false}}', '', 1, NULL, {NOW}, {NOW}),
    (3, 'paused', 2, '{{}}', '', 1, NULL, {NOW}, {NOW}),
    (4, 'loading', 1, '{{}}', '', 1, 9, {NOW}, {NOW});
INSERT INTO products (id, created_at, updated_at) VALUES (1, {NOW}, {NOW});
INSERT INTO variants (id, product_id, sku, sku_key, barcode, gtin, identity, option_key, created_at, updated_at)
    VALUES (1, 1, 'S', 's', '4006381333931', '04006381333931', 's', '', {NOW}, {NOW}), (2, 1, 'T', 't', NULL, NULL, 't', '', {NOW}, {NOW});
"""
_TABLES: Final = (
    "SELECT * FROM inventory_feed_variants ORDER BY inventory_feed_id, external_id",
    "SELECT c.inventory_feed_id, c.external_id, c.call, c.action, c.content_hash, f.* FROM inventory_feed_variant_changes AS c"
    " LEFT JOIN inventory_feed_variant_change_fields AS f ON f.change_id = c.id ORDER BY c.inventory_feed_id, c.item_id, c.id, f.field",
    "SELECT inventory_feed_variant_id, variant_id, action, scope FROM inventory_feed_variant_connections ORDER BY 1, id",
    "SELECT * FROM plan_usage ORDER BY 1, 2",
    "SELECT * FROM plan_days",
    "SELECT * FROM write_origin",
)
_NUMBERS_OF_CHANGES: Final = "change_id"

items = st.fixed_dictionaries(
    {"externalId": st.sampled_from(["a", "a", "b", "c", "ä\\"]), "vendorSku": st.sampled_from(["S", "S", "T", "U"])},
    optional={
        "barcode": st.sampled_from(["4006381333931", "x"]),
        "inventoryQuantity": st.sampled_from([0, 1, 2, 2.5, 0.1, -1]),
        "retailPrice": st.sampled_from(["9.90", 1, None]),
        "options": st.just([{"name": 'n"\\', "value": "v"}]),
        "sequence": st.integers(0, 2),
    },
)
removed = st.fixed_dictionaries({"externalId": st.sampled_from(["a", "b"]), "status": st.just("removed")})
faulty = st.fixed_dictionaries({"externalId": st.sampled_from(["a", "b"]), "inventoryQuantity": st.sampled_from(["x", 3])})
overrides = st.builds(
    lambda key, kind, figure: {"externalId": key, "inventoryQuantityOverride": kind, "manualInventoryQuantity": figure},
    st.sampled_from(["a", "b"]),
    st.sampled_from(["none", "manual"]),
    st.none() | st.integers(0, 1),
)
feeds = st.sampled_from([1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5])
pushes = st.lists(st.tuples(feeds, items | items | items | removed | faulty | overrides), min_size=2, max_size=8)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database of four feeds: one that connects, one that does not, one that is paused and one that is loaded."""
    path = tmp_path_factory.mktemp("group") / "seed.db"
    migrate(locate(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA journal_mode = DELETE; {_SEED}")
    return path


def told(result: Pushed | FeedmillError) -> object:
    """Return what a call is answered."""
    if isinstance(result, Pushed):
        return result.outcome, result.show()
    return type(result), dict(result.faults) if isinstance(result, InvalidItem) else None


def play(path: Path, groups: Sequence[Sequence[Push]], *, limit: int | None, catalogue: bool, held: bool) -> tuple[list[object], Any]:
    """Make pushes, a transaction a group, and return the answers and what the tables hold; an answer is what is stored."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if limit is not None:
            connection.execute("INSERT INTO plan (id, sku_limit) VALUES (1, ?)", (limit,))
        if catalogue:
            connection.execute("INSERT INTO catalogue_state (id, version) VALUES (1, 1)")
        if held:
            connection.execute("INSERT INTO data_imports (feed_id, status, epoch, started_at) VALUES (1, 'held', 1, 0)")
        answers: list[object] = []
        for group in groups:
            with locked(connection, "shop"):
                results = push_all(connection, "shop", group, now=NOW)
                for pushed in results if len(group) == 1 else ():
                    if isinstance(pushed, Pushed):
                        key = pushed.target.number, str(pushed.stored.values["externalId"])
                        assert pushed.show() == pushed._replace(stored=find_items(connection, [key])[key]).show()
                answers += map(told, results)
        return answers, [_rows(connection, sql) for sql in _TABLES]


def _rows(connection: sqlite3.Connection, sql: str) -> list[tuple[object, ...]]:
    found = connection.execute(sql)
    kept = [at for at, column in enumerate(found.description) if column[0] != _NUMBERS_OF_CHANGES]
    return [tuple(row[at] for at in kept) for row in found]


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pushes, st.none() | st.integers(0, 3), st.booleans(), st.booleans(), st.integers(0, 10))
def test_a_group_is_what_its_pushes_are_one_by_one(
    seeded: Path, tmp_path: Path, sent: list[tuple[int, dict[str, Any]]], limit: int | None, catalogue: bool, held: bool, cut: int
) -> None:
    """Every answer, row, change with its call, connection and counted item is that of the same pushes made alone, in their order."""
    made = [Push(feed, item, f"push:{number}") for number, (feed, item) in enumerate(sent)]
    whole, alone = shutil.copy(seeded, tmp_path / "whole.db"), shutil.copy(seeded, tmp_path / "alone.db")
    as_groups = play(Path(whole), [made[:cut], made[cut:]], limit=limit, catalogue=catalogue, held=held)
    assert as_groups == play(Path(alone), [[push] for push in made], limit=limit, catalogue=catalogue, held=held)
