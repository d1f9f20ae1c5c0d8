"""The figures a run is judged on are the same by SQL over a stage, over two states in memory, and counted out one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Final, Literal

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import JsonValue, Value
from engine.contracts import FeedDefinition
from engine.figures import Figures
from engine.schema import ATTRIBUTES
from sinks.figures import measure
from sinks.sqlite.database import Database, locate
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.figures import Standing, measure_stage
from sinks.sqlite.landing.statements import DELETED, GONE, GRACE, Layout, StageTable, create_temporary_stage
from sinks.sqlite.migrate import migrate

FEED: Final = 7
RUN: Final = 3
NAMES: Final = ("inventoryQuantity", "retailPrice", "compareAtPrice", "costPrice")
KEYS: Final = [f"k{number}" for number in range(8)]
STOCK: Final = st.sampled_from([None, -2, 0, 1, 40, 2.5, 2**62])
PRICE: Final = st.sampled_from([None, 0, 1_000_000, 2_500_000, 2_500_001, 3_000_000, 3_000_001, 9_000_000])

Item = dict[str, Value]
Fate = Literal["absent", "same", "row", "gone"]


@dataclass(frozen=True)
class Scene:
    """Items as they stand, and what a run says of them: for each key its fate, with a row of one of the layouts."""

    items: dict[str, Item]
    fates: dict[str, tuple[Fate, int, Item]]
    layouts: list[Layout]
    feed: FeedDefinition
    schema: Literal["main", "temp"]


@st.composite
def held(draw: st.DrawFn) -> Item:
    """Draw an item that is stored."""
    status = draw(st.sampled_from(["pending", "pending", "connected", "removed"]))
    prices = {name: draw(PRICE) for name in NAMES[1:]}
    stock = 0 if status == "removed" else draw(STOCK)
    return {"status": status, "missingRuns": draw(st.sampled_from([0, 0, 1])), "inventoryQuantity": stock, **prices}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw a scene; removed items are never met unchanged, for they have no digest."""
    columns = st.lists(st.sampled_from(NAMES), unique=True, max_size=4).map(tuple)
    layouts = draw(st.lists(st.builds(Layout, columns, st.frozensets(st.sampled_from(NAMES))), min_size=1, max_size=3, unique=True))
    items = {key: draw(held()) for key in draw(st.lists(st.sampled_from(KEYS), unique=True))}
    fates: dict[str, tuple[Fate, int, Item]] = {}
    for key in KEYS:
        fate: Fate = draw(st.sampled_from(["absent", "row", "row", "gone", "same"]))
        if fate == "same" and (key not in items or items[key]["status"] == "removed"):
            fate = "absent"
        number = draw(st.integers(0, len(layouts) - 1))
        fates[key] = fate, number, {name: draw(STOCK if name == NAMES[0] else PRICE) for name in layouts[number].columns}
    flags: dict[str, JsonValue] = draw(st.dictionaries(st.sampled_from(["syncPricing", "syncSalePrices", "syncCostPrices"]), st.booleans()))
    missing = draw(st.sampled_from(["zero", "remove", "keep"]))
    attributes: dict[str, JsonValue] = {**flags, "missingPolicy": missing, "missingGraceRuns": draw(st.integers(0, 1))}
    if draw(st.booleans()):
        attributes["guard"] = {"maxPriceFactor": 2.5}
    if draw(st.booleans()):
        attributes |= {"restrictInventoryImport": True, "inventoryRestrictionLevel": draw(st.sampled_from([-3, 0, 1]))}
    return Scene(items, fates, layouts, FeedDefinition("shop", attributes), draw(st.sampled_from(["main", "temp"])))


def play(scene: Scene) -> dict[str, Item]:
    """Return the items as a run leaves them."""
    after: dict[str, Item] = {}
    for key, (fate, number, row) in scene.fates.items():
        old = scene.items.get(key)
        if fate == "absent" and old is not None and scene.feed.missing_policy != "keep" and old["status"] != "removed":
            old = overlook(old, scene.feed)
        elif fate == "gone" and old is not None:
            old = None if scene.feed.removal == "remove" else {**old, "status": "removed", "inventoryQuantity": 0}
        elif fate == "row":
            old = merge(old, scene.layouts[number], row, scene.feed)
        if old is not None:
            after[key] = old
    return after


def overlook(old: Item, feed: FeedDefinition) -> Item | None:
    """Return what a missing item becomes."""
    runs = int(str(old["missingRuns"]))
    if runs < feed.missing_grace:
        return {**old, "missingRuns": runs + 1}
    return None if feed.missing_policy == "remove" else {**old, "status": "removed", "inventoryQuantity": 0}


def merge(old: Item | None, layout: Layout, row: Item, feed: FeedDefinition) -> Item | None:
    """Return what a row makes of an item, None where it makes none."""
    level = feed.creates_above
    quantity = row.get("inventoryQuantity")
    if old is None and level is not None and not (isinstance(quantity, int | float) and quantity > level):
        return None
    new: Item = {} if old is None else dict(old)
    for name, value in row.items():
        if name in feed.settled and new.get(name) is not None:
            continue
        if value is not None or name in layout.clears:
            new[name] = value
    return {**new, "status": "pending", "missingRuns": 0}


def amount(item: Item, name: str) -> float:
    """Return a figure of an item, 0 where it has none."""
    value = item.get(name)
    return value if isinstance(value, int | float) else 0


def count_out(scene: Scene, after: dict[str, Item]) -> Figures:
    """Count what the docstring of `Figures` says, item by item."""
    factor = 2.5 if scene.feed.guard else 3
    followed = [name for name in NAMES[1:] if name not in scene.feed.settled]
    counted = dict.fromkeys(Figures.__dataclass_fields__, 0.0)
    counted["stock_after"] = sum(max(0, amount(item, NAMES[0])) for item in after.values())
    for key, old in scene.items.items():
        if old["status"] == "removed":
            continue
        new = after.get(key, {"status": "removed"})
        stock, left = (max(0, amount(each, NAMES[0])) for each in (old, new))
        counted["known"] += 1
        counted["stock_before"] += stock
        counted["in_stock"] += stock > 0
        counted["emptied"] += stock > 0 and left == 0
        if scene.fates[key][0] == "absent":
            missing = scene.feed.missing_policy != "keep" and old["missingRuns"] == 0
            counted["missing"] += missing
            counted["missing_in_stock"] += missing and stock > 0
        elif new["status"] != "removed":
            sides = [(amount(old, name), amount(new, name)) for name in followed if amount(old, name) > 0 and amount(new, name) > 0]
            counted["compared"] += bool(sides)
            counted["price_moved"] += any(max(side) > factor * min(side) for side in sides)
            priced = "retailPrice" in followed and amount(old, "retailPrice") > 0
            counted["priced"] += priced
            counted["price_zeroed"] += priced and amount(new, "retailPrice") <= 0
    return Figures(**counted)  # type: ignore[arg-type]  # most are whole


def by_column(item: Item) -> dict[str, Value]:
    """Return an item by the names of a table's columns."""
    own = {"missingRuns": "missing_runs"}
    return {own.get(name) or ATTRIBUTES[name].column: value for name, value in item.items()}


def put(scene: Scene, database: Database) -> None:
    """Store the items, and items of another feed."""
    with closing(database.open_blocking(create=False)) as connection:
        connection.execute("DELETE FROM inventory_feed_variants")
        connection.execute("DELETE FROM inventory_feed_stage")
        for feed in (FEED, FEED + 1):
            for key, item in scene.items.items():
                stored = {"inventory_feed_id": feed, "external_id": key, "created_at": 0, "updated_at": 0, **by_column(item)}
                names, marks = ", ".join(stored), ", ".join("?" * len(stored))
                connection.execute(f"INSERT INTO inventory_feed_variants ({names}) VALUES ({marks})", tuple(stored.values()))


def staged(scene: Scene) -> Iterator[tuple[str, int, Item]]:
    """Yield what lies in the stage: key, layout, values."""
    grace, policy = scene.feed.missing_grace, scene.feed.missing_policy
    for key, (fate, number, row) in scene.fates.items():
        old = scene.items.get(key)
        if fate in ("row", "gone"):
            yield key, number, {**row, **({"status": "removed"} if fate == "gone" else {})}
        elif fate == "absent" and old is not None and old["status"] != "removed" and policy != "keep":
            yield key, GRACE if int(str(old["missingRuns"])) < grace else GONE if policy == "zero" else DELETED, {}


async def by_sql(scene: Scene, database: Database) -> Figures:
    """Stage the scene and measure it."""
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name)
        if scene.schema == "temp":
            await writer.execute(create_temporary_stage())
        rows = await writer.query("SELECT external_id, id FROM main.inventory_feed_variants WHERE inventory_feed_id = ?", FEED)
        numbers = {str(key): int(str(number)) for key, number in rows}
        for key, layout, row in staged(scene):
            cells: dict[str, Value] = {"run_id": RUN, "external_id": key, "item_id": numbers.get(key), "content_hash": 1, "layout": layout}
            cells |= by_column(row)
            names, marks = ", ".join(cells), ", ".join("?" * len(cells))
            await writer.execute(f"INSERT INTO {scene.schema}.inventory_feed_stage ({names}) VALUES ({marks})", *cells.values())
        standing = [key for key, item in scene.items.items() if item["status"] != "removed"]
        seen = sum(scene.fates[key][0] != "absent" for key in standing)
        stage = StageTable(scene.schema, FEED, RUN, scene.feed.creates_above)
        sums = Standing(writer, stage, scene.feed)
        figures, _ = await measure_stage(writer, stage, scene.layouts, scene.feed, sums, known=len(standing), seen=seen)
        return figures


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Make an empty database."""
    made = locate(f"sqlite:///{tmp_path_factory.mktemp('figures')}/shop.db")
    migrate(made)
    return made


def check(found: dict[str, float], expected: dict[str, float]) -> None:
    """Hold figures against those expected; of the biggest stock that a store takes, sums are as exact as a float is."""
    stock = {name: found[name] for name in ("stock_before", "stock_after")}
    size = max(stock.values())
    assert stock == pytest.approx({name: expected[name] for name in stock}, abs=1e-6 + 1e-12 * size)
    assert {**found, **stock} == {**expected, **stock}


@settings(max_examples=80, deadline=None)
@given(scene=scenes())
def test_figures_are_what_counting_says(database: Database, scene: Scene) -> None:
    """Over any items and any stage; only where silence means nothing may SQL take more unchanged items for priced than there are."""
    after = play(scene)
    expected = asdict(count_out(scene, after))
    met = {key for key, (fate, _, _) in scene.fates.items() if fate != "absent"}
    check(asdict(measure(scene.items, after, met, scene.feed)), expected)
    put(scene, database)
    found = asdict(anyio.run(by_sql, scene, database))
    if not list(staged(scene)):
        expected = asdict(Figures(known=int(expected["known"])))
    if scene.feed.missing_policy == "keep":
        absent = len(scene.items.keys() - met)
        for name in ("compared", "priced"):
            assert expected.pop(name) <= found[name] <= asdict(count_out(scene, after))[name] + absent
            del found[name]
    check(found, expected)
