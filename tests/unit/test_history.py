"""What is told of an item and of a run: the history, newest first, and the diff of complete and held runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from engine.contracts import FeedDefinition
from engine.errors import ConfigError
from plugins.conformance.sink import FEED, batch
from sinks.sqlite.decisions import approve, reject
from sinks.sqlite.fence import Writer
from sinks.sqlite.history import diff as diff_module
from sinks.sqlite.history.diff import RunDiff, read_changes, read_diff
from sinks.sqlite.history.kinds import ItemChange
from sinks.sqlite.history.log import HistoryEntry, ItemHistory, read_history
from sinks.sqlite.history.summing import StockMoves, read_stock
from sinks.sqlite.history.undo import undo
from sinks.sqlite.landing.statements import DELETED, GONE
from tests.unit.history_parts import OPEN, Shop, delete, open_shop, zero

ALL = ("vendorSku", "name", "inventoryQuantity", "retailPrice", "tags")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop with three items of its first run."""
    async with open_shop(tmp_path) as opened:
        rows = (("a", "A-1", "Apple", 5, 1_500_000, '["red"]'), ("b", "B-1", "Pear", 50, None, None), ("c", "C-1", "Plum", 0, 0, None))
        await opened.run(batch(ALL, *rows))
        yield opened


@asynccontextmanager
async def reading(shop: Shop) -> AsyncIterator[Writer]:
    """Open a reader."""
    async with shop.database.connect() as connection:
        yield Writer(connection, None, "shop")


async def history(shop: Shop, named: str, feed: str | None = None) -> ItemHistory:
    """Return an item's history."""
    async with reading(shop) as reader:
        return await read_history(reader, named, feed)


async def diff(shop: Shop, run: int) -> RunDiff:
    """Return a run's diff."""
    async with reading(shop) as reader:
        return await read_diff(reader, run)


async def changes(shop: Shop, run: int) -> list[ItemChange]:
    """Return all changes of a run by key."""
    async with reading(shop) as reader:
        return sorted([change async for change in read_changes(reader, run)], key=lambda change: change.external_id)


def told(entries: tuple[HistoryEntry, ...]) -> list[tuple[object, ...]]:
    """Return entries without their times."""
    return [(each.run, each.call, each.action, {field.field: (field.before, field.after) for field in each.fields}) for each in entries]


async def test_a_history_begins_with_the_creation(shop: Shop) -> None:
    """The newest entry comes first, the creation last with the values of then; values are those of the API."""
    run = await shop.run(batch(ALL, ("a", "A-1", "Apfel", 2, 2_250_000, '["red"]')))
    await shop.write("UPDATE inventory_feed_variants SET missing_runs = 1, inventory_quantity = 7 WHERE id = 1", call="push:4")
    await shop.write("UPDATE inventory_feed_variants SET missing_runs = 2 WHERE id = 1", call="push:5")
    found = await history(shop, "a")
    assert (found.feed, found.item, found.external_id, found.exists) == (FEED.name, 1, "a", True)
    assert told(found.entries) == [
        (None, "push:4", "updated", {"inventoryQuantity": (2, 7)}),
        (
            run,
            None,
            "updated",
            {"name": ("Apple", "Apfel"), "inventoryQuantity": (5, 2), "retailPrice": (Decimal("1.5"), Decimal("2.25"))},
        ),
        (
            1,
            None,
            "created",
            {
                "vendorSku": (None, "A-1"),
                "name": (None, "Apple"),
                "tags": ([], ["red"]),
                "inventoryQuantity": (None, 5),
                "retailPrice": (None, Decimal("1.5")),
            },
        ),
    ]
    assert found.entries[0].at > found.entries[2].at


async def test_a_deleted_item_has_a_history_too(shop: Shop) -> None:
    """It is found by its key and by its id; deleted, brought back by an undo, and created stand in it."""
    run = await shop.run(batch(ALL, ("b", "B-1", "Pear", 50, None, None)))
    await shop.write(delete("a"), run=run)
    for named in ("a", "#1"):
        found = await history(shop, named)
        assert not found.exists
        assert [(each.run, each.action) for each in found.entries] == [(run, "deleted"), (1, "created")]
        fields = {each.field: each.after for each in found.entries[1].fields}
        assert (fields["name"], fields["inventoryQuantity"], fields["retailPrice"]) == ("Apple", 5, Decimal("1.5"))
    undone = (await undo(shop.database, run)).record.run
    entries = (await history(shop, "a", FEED.name)).entries
    assert [(each.run, each.action) for each in entries] == [(undone, "created"), (run, "deleted"), (1, "created")]
    assert {each.field: each.after for each in entries[2].fields} == fields


async def test_an_item_is_found_by_sku_and_an_ambiguous_name_is_refused(shop: Shop) -> None:
    """The externalId counts before the SKU; where several items are meant, each is named with its id; nothing is found by accident."""
    other = FeedDefinition("other", OPEN.attributes)
    await shop.run(batch(ALL, ("a", "B-1", "Apple", 5, None, None)), feed=other)
    assert (await history(shop, "C-1")).external_id == "c"
    with pytest.raises(
        ConfigError, match=r"'a' means several items: #1 .'a' of feed 'conformance'., #4 .'a' of feed 'other'.; give the id"
    ):
        await history(shop, "a")
    with pytest.raises(ConfigError, match="'B-1' means several items"):
        await history(shop, "B-1")
    assert (await history(shop, "B-1", "other")).item == 4
    assert (await history(shop, "#4")).feed == "other"
    for named, feed in (("x", None), ("#9", None), ("#x", None), ("#1", "other")):
        with pytest.raises(ConfigError, match=f"there is no item '{named}'"):
            await history(shop, named, feed)


async def test_what_an_item_began_with_is_not_guessed(shop: Shop) -> None:
    """Where the log of its creation's time is pruned, the creation is told without values."""
    await shop.write("UPDATE inventory_feed_variants SET name = 'x' WHERE id = 1", call="push:1")
    await shop.ask("UPDATE data_imports SET change_mark = NULL")
    last = (await history(shop, "a")).entries[-1]
    assert (last.action, last.known, last.fields) == ("created", False, ())


async def second(shop: Shop, *, hold: bool = False) -> int:
    """Run a day with a change of each kind that a run itself makes."""
    rows = (("a", "A-1", "Apple", 9, 1_500_000, None), ("b", "B-1", "Pears", 0, None, None), ("d", "D-1", "Fig", 4, None, None))
    return await shop.run(batch(ALL, *rows), hold=hold)


async def test_the_diff_of_a_complete_run(shop: Shop) -> None:
    """Each item is of one kind, with all its fields before and after, however often the run wrote to it; later writes do not show."""
    run = await second(shop)
    await shop.write("UPDATE inventory_feed_variants SET grams = 3 WHERE external_id IN ('a', 'd')", zero("c"), run=run)
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity = 77", call="push:1")
    await shop.write(delete("d"), call="push:2")
    found = await diff(shop, run)
    assert (found.feed, found.held) == (FEED.name, False)
    assert found.counts == {"created": 1, "updated": 1, "zeroed": 1, "removed": 1, "restored": 0, "deleted": 0}
    assert found.fields == {"inventoryQuantity": 2, "grams": 1, "name": 1, "status": 1}
    kinds = {each.external_id: (each.kind, each.item, each.stock) for each in await changes(shop, run)}
    assert kinds == {"a": ("updated", 1, 5), "b": ("zeroed", 2, 50), "c": ("removed", 3, 77), "d": ("created", 4, 4)}
    (created,) = found.samples["created"]
    began = {"vendorSku": "D-1", "name": "Fig", "inventoryQuantity": 4, "grams": 3}
    assert {each.field: each.after for each in created.fields} == began
    (updated,) = found.samples["updated"]
    assert [(each.field, each.before, each.after) for each in updated.fields] == [("inventoryQuantity", 5, 9), ("grams", 0, 3)]


async def test_the_diff_of_a_held_run_is_what_approving_it_does(shop: Shop) -> None:
    """What is told of the stage is what is told of the run once it is approved, ids of new items apart."""
    await shop.write(zero("c"), call="push:1")
    held = await second(shop, hold=True)
    before = await shop.rows()
    planned, told_before = await diff(shop, held), await changes(shop, held)
    assert (planned.held, await shop.rows()) == (True, before)
    await approve(shop.database, held)
    done = await diff(shop, held)
    assert (done.held, done.counts, done.fields) == (False, planned.counts, planned.fields)
    assert [(each.external_id, each.kind, each.stock, each.fields) for each in await changes(shop, held)] == [
        (each.external_id, each.kind, each.stock, each.fields) for each in told_before
    ]
    assert planned.counts == {"created": 1, "updated": 1, "zeroed": 1, "removed": 0, "restored": 0, "deleted": 0}
    assert (planned.total, planned.stock) == (55, StockMoves(emptied=1, moved=1, lost=50, gained=8))
    async with reading(shop) as reader:
        assert await read_stock(reader, 1) == 55 - 50 + 8


async def test_missing_items_of_a_held_run_are_told(shop: Shop) -> None:
    """Staged rows of missing items are removals or deletions, as their layout says."""
    held = await second(shop, hold=True)
    for item, key, layout in ((3, "c", GONE), (2, "b", DELETED)):
        staged = "INSERT OR REPLACE INTO inventory_feed_stage (run_id, external_id, item_id, content_hash, layout) VALUES (?, ?, ?, 0, ?)"
        await shop.ask(staged, held, key, item, layout)
    assert [(each.external_id, each.kind) for each in await changes(shop, held)] == [
        ("a", "updated"),
        ("b", "deleted"),
        ("c", "removed"),
        ("d", "created"),
    ]


@pytest.mark.parametrize(
    ("policy", "kind", "after"),
    [("zero", "removed", [("inventoryQuantity", 50, 0), ("status", "pending", "removed")]), ("remove", "deleted", None)],
)
async def test_what_the_source_says_is_gone_is_told(shop: Shop, policy: str, kind: str, after: list[tuple[object, ...]] | None) -> None:
    """A row of status `removed` takes the item out of stock, or deletes it; of an item that is not there it is nothing."""
    feed = FeedDefinition(FEED.name, {"missingPolicy": policy, "feedKind": "delta"})
    held = await shop.run(batch(("status",), ("b", "removed"), ("x", "removed"), ("a", None)), feed=feed, hold=True)
    (change,) = await changes(shop, held)
    assert (change.external_id, change.kind) == ("b", kind)
    if after is not None:
        assert [(each.field, each.before, each.after) for each in change.fields] == after


async def test_new_items_that_are_kept_out_are_not_told(shop: Shop) -> None:
    """A new item without more stock than the feed asks for would not be created."""
    feed = FeedDefinition(FEED.name, {**OPEN.attributes, "restrictInventoryImport": True, "inventoryRestrictionLevel": 3})
    rows = (("d", "D-1", "Fig", 4, None, None), ("e", "E-1", "Kiwi", 3, None, None))
    held = await shop.run(batch(ALL, *rows), feed=feed, hold=True)
    assert [each.external_id for each in await changes(shop, held)] == ["d"]


async def test_samples_are_those_with_most_stock(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many items of a kind the ones with most stock are shown, in that order; pages of any size come to the same."""
    await shop.run(batch(("inventoryQuantity",), *((f"k{n:02}", n) for n in range(40))))
    monkeypatch.setattr(diff_module, "PAGE_ITEMS", 7)
    run = await shop.run(batch(("inventoryQuantity",), *((f"k{n:02}", 0) for n in range(40))))
    found = await diff(shop, run)
    assert found.counts["zeroed"] == 39
    assert [each.external_id for each in found.samples["zeroed"]] == [f"k{n}" for n in range(39, 19, -1)]


async def test_a_run_of_which_nothing_is_known_has_no_diff(shop: Shop) -> None:
    """Rejected, unknown and forgotten runs are refused with the reason."""
    held = await second(shop, hold=True)
    await reject(shop.database, held)
    with pytest.raises(ConfigError, match=f"run {held} is cancelled: it has changed nothing"):
        await diff(shop, held)
    with pytest.raises(ConfigError, match="there is no run 99"):
        await diff(shop, 99)
    await shop.ask("UPDATE data_imports SET change_mark = NULL")
    with pytest.raises(ConfigError, match="what run 1 changed is not known any more"):
        await diff(shop, 1)


async def test_the_diff_of_an_undo(shop: Shop) -> None:
    """An undo's own diff shows what it restored, brought back and deleted."""
    run = await second(shop)
    await shop.write(delete("c"), run=run)
    done = await undo(shop.database, run)
    kinds = {each.external_id: each.kind for each in await changes(shop, done.record.run)}
    assert kinds == {"a": "updated", "b": "updated", "c": "created", "d": "deleted"}
    assert (await diff(shop, run)).counts["created"] == 1
