"""Any calls and runs, one after the other, against a dictionary: items, digests, history and the day's count."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import InvalidItem, LimitReached
from engine.quantity import available_quantity
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite import clock
from sinks.sqlite.database import locate
from sinks.sqlite.migrate import migrate
from sinks.sqlite.queries import open_queries
from sinks.sqlite.single.calls import ItemCalls, open_calls
from sinks.sqlite.single.plan import DAY, read_plan, set_limit
from sinks.sqlite.sink import open_sqlite

KEYS = ("a", "b", "c", "d")
BOTH = ("vendorSku", "inventoryQuantity")
MANUAL, OVERRIDE, QUANTITY = "manualInventoryQuantity", "inventoryQuantityOverride", "inventoryQuantity"
NEW = {QUANTITY: None, "name": None, "status": "pending", OVERRIDE: "none", MANUAL: None, "allocationBufferOverride": None}

small = st.integers(-1, 3)
attributes = st.fixed_dictionaries(
    {},
    optional={
        QUANTITY: small,
        "name": st.sampled_from(["x", "y", None]),
        OVERRIDE: st.sampled_from(["none", "manual", "maximum"]),
        MANUAL: st.none() | st.integers(0, 2),
        "allocationBufferOverride": st.none() | st.integers(0, 2),
    },
)
pushes = st.tuples(
    st.just("push"), st.sampled_from(KEYS), attributes, st.none() | st.integers(0, 3), st.sampled_from([True, True, True, False])
)
edits = st.tuples(st.just("edit"), st.sampled_from(KEYS), attributes)
removals = st.tuples(st.just("remove"), st.sampled_from(KEYS))
runs = st.tuples(st.just("run"), st.lists(st.tuples(st.sampled_from(KEYS), small), unique_by=lambda row: row[0], max_size=4))
days = st.tuples(st.just("midnight"))


@dataclass
class Model:
    """What the tables have to say."""

    limit: int | None
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    counted: set[int] = field(default_factory=set)
    born: int = 0

    def allows(self, key: str) -> bool:
        """Count an item, unless the day is over."""
        number = self.items[key]["#"] if key in self.items else self.born + 1
        if self.limit is None or number in self.counted:
            return True
        if len(self.counted) >= self.limit:
            return False
        self.counted.add(number)
        return True

    def create(self, key: str, values: dict[str, Any]) -> None:
        """Take a new item."""
        self.born += 1
        self.items[key] = {**NEW, "vendorSku": "S", "#": self.born, **values}

    def settled(self, key: str, sent: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is to be stored of an override, None where it cannot be."""
        held = {**NEW, **self.items.get(key, {}), **sent}
        if not sent.keys() & {OVERRIDE, MANUAL}:
            return sent
        if (held[OVERRIDE] == "none") != (held[MANUAL] is None) and not (held[OVERRIDE] == "none" and sent.get(MANUAL) is None):
            return None
        return {**sent, MANUAL: None} if held[OVERRIDE] == "none" else sent

    def push(self, key: str, sent: dict[str, Any], sequence: int | None, stays: bool) -> str:
        """Return what becomes of a push."""
        values = self.settled(key, sent)
        if values is None or (key not in self.items and not stays) or (not stays and sent.get(QUANTITY, 0) > 0):
            return "invalid"
        if not stays:
            values = {**values, "status": "removed", QUANTITY: 0}
        old = self.items.get(key)
        if old is not None and sequence is not None and sequence < self.sequences.get(key, -1):
            return "stale"
        if old is None:
            if not self.allows(key):
                return "limited"
            self.create(key, values)
        else:
            new = {**old, **({"status": "pending"} if stays else {}), **values}
            falls = (new[QUANTITY] or 0) <= 0 and new[QUANTITY] is not None and not (old[QUANTITY] is not None and old[QUANTITY] <= 0)
            back, gone = new["status"] != old["status"] and stays, new["status"] != old["status"] and not stays
            if new != old and not gone and (back or not falls) and not self.allows(key):
                return "limited"
            self.items[key] = new
            if sequence is not None:
                self.sequences[key] = sequence
            return "unchanged" if new == old else "updated"
        if sequence is not None:
            self.sequences[key] = sequence
        return "created"

    def edit(self, key: str, sent: dict[str, Any]) -> str:
        """Return what becomes of an edit."""
        values = self.settled(key, sent)
        if values is None:
            return "invalid"
        old, new = self.items[key], {**self.items[key], **values}
        self.items[key] = new
        return "unchanged" if new == old else "updated"


async def call(calls: ItemCalls, model: Model, step: tuple[Any, ...]) -> None:
    """Make a call on the tables and on the model, and compare what each says became of it."""
    kind, key, *rest = step
    if kind == "remove":
        if key in model.items:
            assert (await calls.remove(FEED.name, key))["vendorSku"] == "S"
            del model.items[key]
            model.sequences.pop(key, None)
        return
    if kind == "edit" and key not in model.items:
        return
    expected = model.edit(key, rest[0]) if kind == "edit" else model.push(key, *rest)
    try:
        if kind == "edit":
            written = await calls.edit(FEED.name, key, rest[0])
        else:
            sent, sequence, stays = rest
            status = {} if stays else {"status": "removed"}
            written = await calls.push(FEED.name, {"externalId": key, "vendorSku": "S", **sent, "sequence": sequence, **status})
        assert written.outcome == expected
    except LimitReached:
        assert expected == "limited"
    except InvalidItem:
        assert expected == "invalid"


def shown(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader is to see of an item of the model."""
    known = {"status": item["status"], "override": item[OVERRIDE], "manual": item[MANUAL], "buffer": item["allocationBufferOverride"]}
    visible = {name: value for name, value in item.items() if name != "#"}
    return {**visible, "availableQuantity": available_quantity(item[QUANTITY], **known)}


async def check(url: str, model: Model) -> None:
    """Compare all that readers see."""
    async with open_queries(url) as queries:
        items = {str(item["externalId"]): item async for item in queries.items(FEED.name)}
    expected = {key: shown(item) for key, item in model.items.items()}
    assert {key: {name: items[key][name] for name in expected[key]} for key in items} == expected
    assert (await read_plan(url)).used_today == len(model.counted)


UNLOGGED = """
WITH log AS (
    SELECT c.id, c.item_id, c.action, f.before, f.after, lead(f.before) OVER (PARTITION BY c.item_id ORDER BY c.id) AS next,
        lead(c.id) OVER (PARTITION BY c.item_id ORDER BY c.id) AS later
    FROM inventory_feed_variant_changes AS c JOIN inventory_feed_variant_change_fields AS f ON f.change_id = c.id
    WHERE f.field = 'inventory_quantity'
)
SELECT log.* FROM log LEFT JOIN inventory_feed_variants AS v ON v.id = log.item_id
WHERE log.action = 'updated' AND CASE WHEN log.later IS NULL THEN log.after IS NOT v.inventory_quantity ELSE log.after IS NOT log.next END
"""
"""The changes of stock whose end is not the beginning of the item's next one, or what the item has now."""


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return what a statement yields."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database of no feed, once."""
    path = tmp_path_factory.mktemp("empty") / "shop.db"
    migrate(locate(f"sqlite:///{path}"))
    return path


@contextmanager
def copied(empty: Path) -> Iterator[Path]:
    """Yield a copy of it."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(shutil.copy(empty, directory))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.none() | st.integers(0, 3), st.lists(pushes | pushes | edits | removals | days, max_size=12))
def test_calls_do_what_a_dictionary_does(
    empty: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, steps: list[tuple[Any, ...]]
) -> None:
    """Items, outcomes, faults, what is available, the day's count and an unbroken history are those of the model after every step."""

    async def play(path: Path) -> None:
        now = 20_000 * DAY
        monkeypatch.setattr(clock, "now", lambda: now)
        url, model = f"sqlite:///{path}", Model(limit)
        async with open_sqlite(url) as sink:
            await import_items(sink)
        await set_limit(url, limit)
        async with open_calls(url) as calls:
            for step in steps:
                if step[0] == "midnight":
                    now += DAY
                    model.counted.clear()
                else:
                    await call(calls, model, step)
        await check(url, model)
        assert await to_thread.run_sync(ask, path, UNLOGGED) == []

    with copied(empty) as path:
        anyio.run(play, path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3), st.lists(runs | runs | days, min_size=1, max_size=6))
def test_limited_runs_catch_up(empty: Path, monkeypatch: pytest.MonkeyPatch, limit: int, steps: list[tuple[Any, ...]]) -> None:
    """What a run leaves out is what is over the limit, in the order of the feed; the feed's last state stands once the days allow it."""

    async def play(path: Path) -> None:
        now = 20_000 * DAY
        monkeypatch.setattr(clock, "now", lambda: now)
        url, model, last = f"sqlite:///{path}", Model(limit), list[tuple[str, int]]()
        await set_limit(url, limit)
        async with open_sqlite(url) as sink:
            for step in steps:
                if step[0] == "midnight":
                    now += DAY
                    model.counted.clear()
                    continue
                last = step[1]
                _, counts = await import_items(sink, batch(BOTH, *((key, "S", quantity) for key, quantity in last)))
                assert counts.limited == counts.skipped == take(model, last)
                assert (await read_plan(url)).used_today == len(model.counted) <= limit
            await set_limit(url, None)
            _, counts = await import_items(sink, batch(BOTH, *((key, "S", quantity) for key, quantity in last)))
        assert counts.limited == 0
        async with open_queries(url) as queries:
            stock = {item["externalId"]: item[QUANTITY] async for item in queries.items(FEED.name)}
        assert {key: stock[key] for key, _ in last} == dict(last)

    with copied(empty) as path:
        anyio.run(play, path)


def take(model: Model, rows: list[tuple[str, int]]) -> int:
    """Apply a run to the model and return how many of its records are over the limit."""
    limited = 0
    ids = {key: item["#"] for key, item in model.items.items()}
    for key, quantity in rows:
        old = model.items.get(key)
        if old is not None and (old[QUANTITY] == quantity or quantity <= 0 < old[QUANTITY]):
            old[QUANTITY] = quantity
        elif not model.allows(key):
            limited += 1
        elif old is None:
            model.create(key, {QUANTITY: quantity})
        else:
            old[QUANTITY] = quantity
    assert ids.items() <= {key: item["#"] for key, item in model.items.items()}.items()
    return limited
