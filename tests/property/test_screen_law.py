"""The law of the screen: with and without it every table ends the same.

Two shops live through the same history, a feed that is edited and run, calls, undone runs and settings in between. One of them keeps
what its screen knows, the other forgets it before every run. Blocks and pieces are some dozens of bytes, so that all of it happens.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from errno import EIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from engine.contracts import StageSummary
from engine.errors import Conflict, FeedmillError, NotFound
from engine.feed import build_feed
from engine.flow.channel import Budget
from engine.flow.lanes import inline
from engine.flow.pipeline import Job, run_feed
from engine.flow.transform import Recipe, preset_rows
from engine.run import RunRecord
from engine.screen import blocks, scratch, settling, sifting
from engine.screen.settling import Settled
from engine.source import parse_location
from sinks.sqlite.control import Control
from sinks.sqlite.database import Database, locate
from sinks.sqlite.decisions import approve
from sinks.sqlite.history.undo import undo
from sinks.sqlite.landing import applying
from sinks.sqlite.landing.applying import Application
from sinks.sqlite.landing.staged import StagedRun
from sinks.sqlite.migrate import migrate
from sinks.sqlite.single.calls import open_calls
from sinks.sqlite.single.plan import set_limit
from sinks.sqlite.sink import open_sqlite
from tests.integration.pipeline_parts import MemoryConnector
from tests.property.screened import FORMATS

pytestmark = pytest.mark.timeout(300)

FIELDS: Final = (
    {"name": "sku", "purpose": "sku"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
    {"name": "name", "purpose": "name", "blank": "clear"},
)
SETTINGS: Final = {"mapping": "custom", "syncPricing": True, "syncName": True, "guard": {"enabled": False, "maxRejectRatio": 1.0}}
TIMES: Final = ("_at", "call", "seconds", "stages", "screened", "plan", "checkpoint", "dialect", "raw")
LEFT: Final = ("inventory_feed_screens", "inventory_feed_screen_parts", "sqlite_stat1", "alembic_version")

PLAIN: Final = ["", "bolt", "nut", "washer"]
NAMES: Final = st.sampled_from([*PLAIN * 4, 'five" pipe', "a, b", "two\nlines", "ä", "x" * 40, "<b>", "]]>", '{"a": 1}'])
QUANTITIES: Final = ["0", "1", "7", "40"]
PRICES: Final = ["1.50", "2", ""]
# What speaks for another notation or currency refuses a run, so only edits bring it.
ODD_QUANTITIES: Final = st.sampled_from([*QUANTITIES * 2, "", "many", "8,00"])
ODD_PRICES: Final = st.sampled_from([*PRICES * 3, "1.234", "12.00 EUR", "12.00 USD"])


@dataclass(frozen=True)
class Row:
    """A record as its supplier writes it."""

    sku: str
    qty: str
    price: str
    name: str


KEYS: Final = st.integers(0, 400).map(lambda number: f"K{number:03}")
CLEAN: Final = st.builds(Row, KEYS, st.sampled_from(QUANTITIES), st.sampled_from(PRICES), NAMES)
ROWS: Final = st.builds(Row, KEYS, ODD_QUANTITIES, ODD_PRICES, NAMES)


@dataclass(frozen=True)
class Step:
    """What happens next: the rows are edited and the feed is run, or somebody else does something."""

    kind: str
    places: tuple[int, ...] = ()
    rows: tuple[Row, ...] = ()
    quantity: int = 0


_PLACES: Final = st.lists(st.integers(0, 99), max_size=3).map(tuple)
_NEW: Final = st.lists(ROWS, min_size=3, max_size=3).map(tuple)
_TWO: Final = st.tuples(st.integers(0, 99), st.integers(0, 99))
STEPS: Final = st.one_of(
    st.builds(Step, st.sampled_from(["change", "change", "insert"]), _PLACES, _NEW),
    st.builds(Step, st.just("delete"), st.lists(st.integers(0, 99), min_size=1, max_size=4).map(tuple)),
    st.builds(Step, st.sampled_from(["move", "repeat"]), _TWO),
    st.builds(Step, st.sampled_from(["same", "undo", "policy", "header", "hold", "approve", "limit"])),
    st.builds(Step, st.sampled_from(["die staging", "die applying", "die finishing"]), _PLACES, _NEW, quantity=st.integers(0, 3)),
    st.builds(Step, st.sampled_from(["no room", "unreadable", "torn"]), _PLACES, _NEW),
    st.builds(Step, st.sampled_from(["push", "remove", "edit"]), st.tuples(st.integers(0, 99)), quantity=st.integers(0, 3)),
)


class Killed(Exception):
    """What stands in for the death of a process: nothing behind it is done, as nothing before it was prepared for it."""


@contextmanager
def dying(step: Step) -> Iterator[None]:
    """Die within the run: before anything is decided, in the middle of applying, or before the run is complete."""
    places = {"die staging": (StagedRun, "summary"), "die applying": (Application, "step"), "die finishing": (Control, "finish")}
    if step.kind not in places:
        yield
        return
    owner, name = places[step.kind]
    work, left = getattr(owner, name), [step.quantity if step.kind == "die applying" else 0]

    async def die(*arguments: object, **named: object) -> object:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return await work(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(owner, name, die)
        yield


@contextmanager
def failing(kind: str) -> Iterator[None]:
    """Have no place for what is gathered and remembered, or a disk that does not give it back, all of it or when half is stored."""

    def unreadable(*arguments: object) -> bytes:
        raise OSError(EIO, "unreadable")

    def torn(settled: Settled) -> Iterator[tuple[str, int, bytes]]:
        yield next(pieces(settled))
        raise OSError(EIO, "torn")

    pieces = Settled.pieces
    with pytest.MonkeyPatch.context() as patch:
        if kind == "no room":
            patch.setattr(tempfile, "tempdir", "/nowhere")
        elif kind == "unreadable":
            patch.setattr(scratch.Scratch, "read", unreadable)
        elif kind == "torn":
            patch.setattr(Settled, "pieces", torn)
        yield


class Shop:
    """A database, and what its feed is set to."""

    def __init__(self, folder: Path, kind: str, *, forgets: bool) -> None:
        self.path = folder / f"{'forgets' if forgets else 'keeps'}.db"
        self.database: Database = locate(f"sqlite:///{self.path}")
        migrate(self.database)
        self.kind = kind
        self.forgets = forgets
        self.settings: dict[str, Any] = dict(SETTINGS)
        self.last: RunRecord | None = None
        self.limit: int | None = None

    def forget(self) -> None:
        if self.forgets:
            with closing(sqlite3.connect(self.path)) as connection, connection:
                connection.execute("DELETE FROM inventory_feed_screens")

    async def run(self, document: bytes) -> RunRecord:
        await anyio.to_thread.run_sync(self.forget)
        written = FORMATS[self.kind]
        feed = build_feed("shop", {**self.settings, **written.settings}, FIELDS)

        recipe = Recipe(feed, preset_rows(feed, lambda _: ()), written.make, {})
        async with open_sqlite(f"sqlite:///{self.path}") as sink:
            connector = MemoryConnector([[document]])
            job = Job(recipe, parse_location("memory://shop/items"), connector, sink, lane=inline, budget=Budget())
            self.last = await run_feed(job)
        return self.last

    async def call(self, step: Step, rows: Sequence[Row]) -> None:
        if not rows:
            return
        sku = rows[step.places[0] % len(rows)].sku
        async with open_calls(f"sqlite:///{self.path}") as calls:
            if step.kind == "push":
                await calls.push("shop", {"externalId": sku, "vendorSku": sku, "inventoryQuantity": step.quantity})
            elif step.kind == "edit":
                await calls.edit("shop", sku, {"inventoryQuantity": step.quantity})
            else:
                await calls.remove("shop", sku)

    async def decide(self, step: Step) -> None:
        if self.last is None:
            return
        if step.kind == "approve":
            await approve(self.database, self.last.run)
        else:
            await undo(self.database, self.last.run)

    def stock(self) -> dict[str, int]:
        """Return the stock by SKU."""
        with closing(sqlite3.connect(self.path)) as connection:
            return dict(connection.execute("SELECT external_id, inventory_quantity FROM inventory_feed_variants"))

    def facts(self) -> dict[str, list[tuple[object, ...]]]:
        """Return every row of every table, but for when things were and how long they took."""
        with closing(sqlite3.connect(self.path)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            return {table: _rows(connection, table) for table in tables if table not in LEFT}


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    # How far a run had come when it was refused is a matter of which stage was quicker.
    shown: dict[str, str] = {}
    if table == "data_imports":
        shown = {name: f"CASE WHEN status <> 'error' THEN {name} END" for name in ("read", "skipped", "rejected")}
        others = "(SELECT json_group_array(value) FROM json_each(problems) WHERE json_extract(value, '$.code') <> 'rejected')"
        shown["problems"] = f"CASE WHEN status <> 'error' THEN problems ELSE {others} END"
    kept = [
        shown.get(name, f'"{name}"')
        for name in columns
        if name != "at" and not any(name.endswith(mark) or name.startswith(mark) for mark in TIMES)
    ]
    which = f"{table} WHERE run_id IN (SELECT id FROM data_imports WHERE status <> 'error')" if table == "data_import_rejects" else table
    return sorted(connection.execute(f"SELECT {', '.join(kept)} FROM {which}").fetchall(), key=repr) if kept else []


def edited(rows: list[Row], step: Step) -> list[Row]:
    """Return the supplier's rows after a step."""
    rows = list(rows)
    for number, place in enumerate(step.places):
        if not rows:
            break
        at = place % len(rows)
        if step.kind in ("change", "no room", "unreadable", "torn") or step.kind.startswith("die"):
            rows[at] = replace(step.rows[number], sku=rows[at].sku)
        elif step.kind == "insert":
            rows.insert(at, step.rows[number])
        elif step.kind == "delete":
            del rows[at]
    if step.kind == "move" and rows:
        rows.insert(step.places[1] % len(rows), rows.pop(step.places[0] % len(rows)))
    if step.kind == "repeat" and rows:
        rows.insert(step.places[1] % len(rows), replace(rows[step.places[0] % len(rows)], qty="3"))
    return rows


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Make blocks of some dozens of bytes, and all that is big as small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "SHORTEST", 24)
        patch.setattr(blocks, "LONGEST", 160)
        patch.setattr(sifting, "UNIT_BYTES", 256)
        patch.setattr(applying, "CHUNK_ROWS", 3)
        # What is remembered and what is gathered lie in files, and are settled a few records at a time.
        patch.setattr(scratch, "_IN_MEMORY", 150)
        patch.setattr(settling, "PIECE", 100)
        patch.setattr(settling, "_RECORDS", 7)
        patch.setattr(settling, "_AWAITED", 3)
        yield


async def live(kind: str, rows: list[Row], history: Sequence[Step], shops: tuple[Shop, Shop]) -> int:
    """Lead both shops through a history, compare them after each step, and return how many records were known."""
    known = 0
    header = False
    for step in (Step("same"), Step("same"), *history):
        rows = edited(rows, step)
        if step.kind == "header":
            header = not header
        for shop in shops:
            if step.kind == "policy":
                shop.settings["missingPolicy"] = "remove" if shop.settings.get("missingPolicy") != "remove" else "zero"
            if step.kind in ("hold", "approve"):
                shop.settings["reviewChanges"] = step.kind == "hold"
            if step.kind in ("push", "remove", "edit"):
                with suppress(FeedmillError):
                    await shop.call(step, rows)
            elif step.kind == "limit":
                shop.limit = None if shop.limit else 2
                await set_limit(f"sqlite:///{shop.path}", shop.limit)
            elif step.kind in ("undo", "approve"):
                with suppress(Conflict, NotFound):
                    await shop.decide(step)
            else:
                with dying(step), failing(step.kind):
                    record = await shop.run(FORMATS[kind].write(rows, header))
                    known += record.screened
        kept, forgetful = [await anyio.to_thread.run_sync(shop.facts) for shop in shops]
        for table in kept.keys() | forgetful.keys():
            assert kept[table] == forgetful[table], (step, table)
    return known


@pytest.mark.parametrize("kind", sorted(FORMATS))
# A step is a whole run, and to make a failing history shorter takes minutes: it is short enough.
@settings(
    max_examples=11,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_with_and_without_the_screen_every_table_ends_the_same(kind: str, data: st.DataObject) -> None:
    """Items, ids, digests, the change log, rejects and the figures of runs are equal after every step of every history."""
    rows = data.draw(st.lists(CLEAN, min_size=25, max_size=50, unique_by=lambda row: row.sku))
    history = data.draw(st.lists(STEPS, min_size=1, max_size=7))
    with TemporaryDirectory() as folder:
        shops = (Shop(Path(folder), kind, forgets=False), Shop(Path(folder), kind, forgets=True))
        known = anyio.run(live, kind, rows, history, shops)
    event(f"{kind}: {'some' if known else 'no'} records were known")


MANY: Final = [Row(f"K{number:03}", "7", "1.50", "bolt") for number in range(60)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a shop that keeps what its screen knows."""
    return Shop(tmp_path, "csv", forgets=False)


async def fetch(shop: Shop, rows: Sequence[Row], *, most: int = 0) -> dict[str, int]:
    """Run the feed, require that more than `most` records were known, and return the stock by SKU."""
    record = await shop.run(FORMATS["csv"].write(rows, False))
    assert record.screened > most
    return await anyio.to_thread.run_sync(shop.stock)


async def test_of_a_key_that_stood_twice_the_record_that_is_left_counts(shop: Shop) -> None:
    """The one that was unchanged and lost is applied when the other one goes."""
    await fetch(shop, MANY, most=-1)
    twice = [*MANY[:40], replace(MANY[5], qty="99"), *MANY[40:]]
    assert (await fetch(shop, twice))["K005"] == 99
    assert (await fetch(shop, MANY))["K005"] == 7


async def test_what_was_over_the_daily_limit_is_applied_when_it_may(shop: Shop) -> None:
    """A record that was left out is not known, though the run that read it was complete."""
    await fetch(shop, MANY, most=-1)
    await set_limit(f"sqlite:///{shop.path}", 1)
    more = [replace(row, qty="9") if number in (3, 4, 5) else row for number, row in enumerate(MANY)]
    limited = await fetch(shop, more)
    assert sorted(limited[f"K{number:03}"] for number in (3, 4, 5)) == [7, 7, 9]
    await set_limit(f"sqlite:///{shop.path}", None)
    whole = await fetch(shop, more)
    assert [whole[f"K{number:03}"] for number in (3, 4, 5)] == [9, 9, 9]


async def test_what_was_undone_is_applied_again(shop: Shop) -> None:
    """An undo gives items the digests that they had: what the undone run knew is not true any more."""
    await fetch(shop, MANY, most=-1)
    changed = [replace(MANY[0], qty="9"), *MANY[1:]]
    assert (await fetch(shop, changed))["K000"] == 9
    await shop.decide(Step("undo"))
    assert (await fetch(shop, changed, most=-1))["K000"] == 9


async def test_what_was_overtaken_in_part_is_applied_by_the_next_run(shop: Shop) -> None:
    """A field that a call wrote while the run was under way stays for that run; the record is read again by the next."""
    await fetch(shop, MANY, most=-1)
    changed = [replace(MANY[0], qty="9", name="nut"), *MANY[1:]]
    summary = StagedRun.summary

    async def push_meanwhile(landing: StagedRun) -> StageSummary:
        async with open_calls(f"sqlite:///{shop.path}") as calls:
            await calls.push("shop", {"externalId": "K000", "inventoryQuantity": 3})
        return await summary(landing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StagedRun, "summary", push_meanwhile)
        assert (await fetch(shop, changed))["K000"] == 3
    assert (await fetch(shop, [*changed, Row("K999", "1", "2", "bolt")]))["K000"] == 9


@pytest.mark.parametrize("failure", ["no room", "unreadable", "torn"])
async def test_a_disk_that_keeps_nothing_costs_the_screen_and_not_the_run(shop: Shop, failure: str) -> None:
    """The run is complete with all that changed; the next one knows nothing, and the one after that what it always did."""
    await fetch(shop, MANY, most=-1)
    changed = [replace(MANY[0], qty="9"), *MANY[1:]]
    with failing(failure):
        assert (await fetch(shop, changed, most=-1))["K000"] == 9
    assert (await shop.run(FORMATS["csv"].write([*changed, Row("K998", "1", "2", "nut")], False))).screened == 0
    assert (await fetch(shop, [*changed, Row("K999", "1", "2", "nut")]))["K000"] == 9
