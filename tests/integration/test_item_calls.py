"""Pushes, edits and removals of one item, between and during runs."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group, to_thread

from engine.contracts import FeedDefinition
from engine.errors import ConfigError, InvalidItem, UnderWay
from engine.run import RunRecord, RunStatus
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite import clock
from sinks.sqlite.single.calls import ItemCalls, open_calls
from sinks.sqlite.sink import SqliteSink, open_sqlite

BOTH = ("vendorSku", "inventoryQuantity")
FUTURE = "9999-01-01T00:00:00Z"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
async def sink(url: str) -> AsyncIterator[SqliteSink]:
    """Open a database whose feed has the items a and b."""
    async with open_sqlite(url) as opened:
        await import_items(opened, batch(BOTH, ("a", "A", 5), ("b", "B", 6)))
        yield opened


@pytest.fixture
async def calls(url: str, sink: SqliteSink) -> AsyncIterator[ItemCalls]:
    """Open it for calls."""
    async with open_calls(url) as opened:
        yield opened


async def ask(url: str, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement on the database, behind Feedmill's back, and return its rows."""

    def run() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(sql, parameters).fetchall()

    return await to_thread.run_sync(run)


async def logged(url: str) -> list[tuple[Any, ...]]:
    """Return what the change log holds: call without its number, key, action, field, before, after."""
    return await ask(
        url,
        "SELECT substr(c.call, 1, instr(c.call, ':') - 1), c.external_id, c.action, f.field, f.before, f.after"
        " FROM inventory_feed_variant_changes AS c JOIN inventory_feed_variant_change_fields AS f ON f.change_id = c.id"
        " WHERE c.call IS NOT NULL AND c.action = 'updated' ORDER BY c.id, f.field",
    )


async def test_a_push_creates_updates_and_leaves_alone(calls: ItemCalls, url: str) -> None:
    """The first push of a key creates, one that says something else updates, one that says the same writes nothing."""
    made = await calls.push(FEED.name, {"externalId": "c", "vendorSku": "C", "inventoryQuantity": 3, "retailPrice": "9.90"})
    assert (made.outcome, made.item["status"], made.item["hash"]) == ("created", "pending", None)
    again = await calls.push(FEED.name, {"externalId": "c", "retailPrice": 9.9})
    assert (again.outcome, again.item) == ("unchanged", made.item)
    other = await calls.push(FEED.name, {"externalId": "c", "inventoryQuantity": 2})
    assert other.outcome == "updated"
    assert (other.item["vendorSku"], other.item["inventoryQuantity"], other.item["retailPrice"]) == ("C", 2, Decimal("9.9"))
    assert other.item["inventoryUpdatedAt"] == other.item["updatedAt"] != made.item["updatedAt"]
    assert await logged(url) == [("push", "c", "updated", "inventory_quantity", 3, 2)]


async def test_a_push_takes_the_digest_that_stands_for_another_row(sink: SqliteSink, calls: ItemCalls, url: str) -> None:
    """A run that brings again what a push has changed finds it changed, though the source is what it was; an override is no such change."""
    await calls.push(FEED.name, {"externalId": "a", "inventoryQuantity": 1})
    await calls.edit(FEED.name, "b", {"allocationBufferOverride": 2})
    assert await ask(url, "SELECT external_id FROM inventory_feed_variants WHERE content_hash IS NULL") == [("a",)]
    _, counts = await import_items(sink, batch(BOTH, ("a", "A", 5), ("b", "B", 6)))
    assert (counts.updated, counts.unchanged) == (1, 1)


async def test_null_clears_and_what_is_not_sent_stays(calls: ItemCalls) -> None:
    """Null is the attribute's default, absent is untouched."""
    await calls.push(FEED.name, {"externalId": "a", "name": "Apple", "grams": 100, "tags": ["x"]})
    item = (await calls.push(FEED.name, {"externalId": "a", "grams": None, "tags": None})).item
    assert (item["name"], item["grams"], item["tags"], item["inventoryQuantity"]) == ("Apple", 0, [], 5)


async def test_all_faults_are_told_at_once_and_nothing_is_written(calls: ItemCalls, url: str) -> None:
    """A new item lacks its SKU, a price is none, a name is unknown: one error names them all, and there is no item."""
    with pytest.raises(InvalidItem) as told:
        await calls.push(FEED.name, {"externalId": "c", "retailPrice": "cheap", "color": "red", "occurredAt": FUTURE, "sequence": -1})
    assert set(told.value.faults) == {"vendorSku", "retailPrice", "color", "occurredAt", "sequence"}
    with pytest.raises(InvalidItem, match="externalId is mandatory"):
        await calls.push(FEED.name, {"externalId": " ", "vendorSku": "C"})
    with pytest.raises(InvalidItem, match="no such item"):
        await calls.push(FEED.name, {"externalId": "c", "vendorSku": "C", "status": "removed"})
    with pytest.raises(InvalidItem, match="inventoryQuantity is 3"):
        await calls.push(FEED.name, {"externalId": "a", "status": "removed", "inventoryQuantity": 3})
    with pytest.raises(ConfigError, match=r"no feed 'other'.*there are: conformance"):
        await calls.push("other", {"externalId": "c"})
    assert await ask(url, "SELECT count(*) FROM inventory_feed_variants") == [(2,)]
    assert await ask(url, "SELECT count(*) FROM write_origin") == [(0,)]


async def test_a_feed_says_what_a_new_item_needs(sink: SqliteSink, calls: ItemCalls) -> None:
    """`skuExempt` lets an item without SKU in, `requireBarcode` keeps one without barcode out, and neither may be taken away later."""
    lax, strict = FeedDefinition("lax", {"skuExempt": True}), FeedDefinition("strict", {"requireBarcode": True})
    for feed in (lax, strict):
        await import_items(sink, feed=feed)
    assert (await calls.push("lax", {"externalId": "x"})).outcome == "created"
    with pytest.raises(InvalidItem, match="barcode is mandatory"):
        await calls.push("strict", {"externalId": "x", "vendorSku": "X"})
    await calls.push("strict", {"externalId": "x", "vendorSku": "X", "barcode": "4006381333931"})
    with pytest.raises(InvalidItem, match="vendorSku is mandatory"):
        await calls.edit("strict", "x", {"vendorSku": None})


async def test_an_older_call_never_overwrites_a_newer_one(calls: ItemCalls) -> None:
    """The sequence counts first, then the time; a call that says neither is taken, and does not forget the last that did."""

    async def push(quantity: int, **place: object) -> tuple[str, object]:
        written = await calls.push(FEED.name, {"externalId": "a", "inventoryQuantity": quantity, **place})
        return written.outcome, written.item["inventoryQuantity"]

    assert await push(10, sequence=7) == ("updated", 10)
    assert await push(11, sequence=6) == ("stale", 10)
    assert await push(12, sequence=7) == ("updated", 12)
    assert await push(13) == ("updated", 13)
    assert await push(14, sequence=6) == ("stale", 13)
    assert await push(13, sequence=9) == ("unchanged", 13)
    assert await push(15, sequence=8) == ("stale", 13)
    assert await push(16, occurredAt="2026-07-19T10:00:00+02:00") == ("updated", 16)
    assert await push(17, occurredAt="2026-07-19T07:59:59.999999Z") == ("stale", 16)
    assert await push(18, sequence=10, occurredAt="2026-07-19T07:00:00Z") == ("updated", 18)
    assert await push(19, occurredAt="2026-07-19T07:30:00Z") == ("stale", 18)


async def test_a_removed_item_comes_back_as_what_it_was(calls: ItemCalls, url: str) -> None:
    """Removal by a push is status and no stock; the next push brings it back, connected if it was, its override as it was."""
    await ask(url, "UPDATE inventory_feed_variants SET variant_id = 9, status = 'connected', missing_runs = 1 WHERE external_id = 'a'")
    await calls.edit(FEED.name, "a", {"inventoryQuantityOverride": "manual", "manualInventoryQuantity": 4})
    gone = (await calls.push(FEED.name, {"externalId": "a", "status": "removed"})).item
    assert (gone["status"], gone["inventoryQuantity"], gone["availableQuantity"]) == ("removed", 0, 0)
    back = (await calls.push(FEED.name, {"externalId": "a", "inventoryQuantity": 8})).item
    assert (back["id"], back["status"], back["inventoryQuantity"], back["availableQuantity"]) == (gone["id"], "connected", 8, 4)
    assert await ask(url, "SELECT missing_runs FROM inventory_feed_variants WHERE external_id = 'a'") == [(0,)]


async def test_an_override_and_its_figure_go_together(calls: ItemCalls) -> None:
    """Neither is taken without the other; `none` takes the figure away, and an edit of something else asks for neither."""
    for lone in ({"inventoryQuantityOverride": "manual"}, {"manualInventoryQuantity": 3}):
        with pytest.raises(InvalidItem):
            await calls.edit(FEED.name, "a", lone)
    item = (await calls.edit(FEED.name, "a", {"inventoryQuantityOverride": "maximum", "manualInventoryQuantity": 3})).item
    assert item["availableQuantity"] == 3
    with pytest.raises(InvalidItem, match="set that to none"):
        await calls.edit(FEED.name, "a", {"manualInventoryQuantity": None})
    item = (await calls.edit(FEED.name, "a", {"allocationBufferOverride": 3, "inventoryPolicy": "deny"})).item
    assert (item["availableQuantity"], item["inventoryPolicy"], item["inventoryQuantityOverride"]) == (2, "deny", "maximum")
    item = (await calls.edit(FEED.name, "a", {"inventoryQuantityOverride": "none"})).item
    assert (item["manualInventoryQuantity"], item["availableQuantity"]) == (None, 2)


async def test_an_override_outlives_imports(sink: SqliteSink, calls: ItemCalls) -> None:
    """A run changes what its feed brings, and what a person said of the item stays."""
    await calls.edit(FEED.name, "a", {"inventoryQuantityOverride": "manual", "manualInventoryQuantity": 1})
    await import_items(sink, batch(BOTH, ("a", "A", 50), ("b", "B", 6)))
    item = (await calls.push(FEED.name, {"externalId": "a"})).item
    assert (item["inventoryQuantity"], item["availableQuantity"]) == (50, 1)


async def test_the_feeds_policy_goes_before_the_items(sink: SqliteSink, calls: ItemCalls) -> None:
    """Under a feed that ignores stock there is no figure; under one that says nothing the item's policy counts."""
    await import_items(sink, feed=FeedDefinition("ignoring", {"inventoryPolicy": "ignore"}))
    sent = {"externalId": "x", "vendorSku": "X", "inventoryQuantity": 5}
    assert (await calls.push("ignoring", sent)).item["availableQuantity"] is None
    assert (await calls.edit(FEED.name, "a", {"inventoryPolicy": "ignore"})).item["availableQuantity"] is None


async def test_removing_deletes_answers_and_is_kept_in_the_history(calls: ItemCalls, url: str) -> None:
    """The item is answered as it was; the log keeps all its values under the call; one that is not there is said not to be."""
    item = await calls.remove(FEED.name, " a ")
    assert (item["externalId"], item["inventoryQuantity"]) == ("a", 5)
    assert await ask(url, "SELECT external_id FROM inventory_feed_variants") == [("b",)]
    assert await ask(
        url,
        "SELECT c.action, f.before FROM inventory_feed_variant_changes AS c JOIN inventory_feed_variant_change_fields AS f"
        " ON f.change_id = c.id WHERE f.field = 'inventory_quantity' AND c.call LIKE 'remove:%'",
    ) == [("deleted", 5)]
    for key in ("a", "", "\ud800"):
        with pytest.raises(ConfigError, match="there is no item"):
            await calls.remove(FEED.name, key)


async def test_an_item_is_found_without_its_feed_where_one_only_has_it(sink: SqliteSink, calls: ItemCalls) -> None:
    """The one feed is found; of several none is chosen."""
    assert await calls.only_feed_with("a") == FEED.name
    await import_items(sink, batch(BOTH, ("a", "A", 1)), feed=FeedDefinition("other"))
    with pytest.raises(ConfigError, match="several feeds have an item 'a': conformance, other"):
        await calls.only_feed_with("a")
    with pytest.raises(ConfigError, match="no feed has"):
        await calls.only_feed_with("q")


async def test_calls_of_many_tasks_over_one_connection_all_count(calls: ItemCalls, url: str) -> None:
    """Each is a transaction of its own, one after the other."""

    async def push(number: int) -> None:
        await calls.push(FEED.name, {"externalId": f"n{number}", "vendorSku": "N", "inventoryQuantity": number})

    async with create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(push, number)
    assert await ask(url, "SELECT count(*) FROM inventory_feed_variants WHERE vendor_sku = 'N'") == [(20,)]


async def test_a_feed_that_is_loaded_for_the_first_time_takes_no_calls(sink: SqliteSink, url: str) -> None:
    """Half of its items are there, unseen: a call is told which run is under way, and is taken when it has ended."""
    feed = FeedDefinition("fresh")
    async with open_calls(url) as calls:
        async with sink.session(feed) as session:
            await session.stage(batch(BOTH, ("a", "A", 5)))
            with pytest.raises(UnderWay, match=f"run {session.run} of feed 'fresh'"):
                await calls.push("fresh", {"externalId": "a", "inventoryQuantity": 1})
            counts = await session.apply(RunRecord("fresh", session.run, RunStatus.COMPLETE, read=1))
            await session.finish(RunRecord("fresh", session.run, RunStatus.COMPLETE, read=1, counts=counts))
        assert (await calls.push("fresh", {"externalId": "a", "inventoryQuantity": 1})).outcome == "updated"


async def test_what_a_dead_first_load_left_goes_before_a_call(sink: SqliteSink, calls: ItemCalls, url: str) -> None:
    """Nobody works on the feed any more: its hidden rows go, and the call finds an empty feed."""
    await import_items(sink, feed=FeedDefinition("fresh"))
    ((feed, run),) = await ask(
        url, "SELECT f.id, max(r.id) FROM inventory_feeds f JOIN data_imports r ON r.feed_id = f.id WHERE f.name = 'fresh'"
    )
    await ask(url, "UPDATE data_imports SET status = 'started', decided_at = NULL WHERE id = ?", run)
    await ask(url, "UPDATE inventory_feeds SET loading_run_id = ? WHERE id = ?", run, feed)
    columns = "inventory_feed_id, external_id, created_run_id, created_at, updated_at"
    await ask(url, f"INSERT INTO inventory_feed_variants ({columns}) VALUES (?, 'a', ?, 0, 0)", feed, run)
    assert (await calls.push("fresh", {"externalId": "a", "vendorSku": "A"})).outcome == "created"
    assert await ask(url, "SELECT loading_run_id FROM inventory_feeds WHERE id = ?", feed) == [(None,)]


async def test_a_call_that_comes_before_a_first_load_is_not_lost(sink: SqliteSink, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that found its feed empty, but no longer when it begins to load, is staged like any other: the later write stays."""
    from sinks.sqlite.landing.straight import StraightLoad

    feed, hide = FeedDefinition("fresh"), StraightLoad.hide

    async def hide_too_late(load: StraightLoad) -> bool:
        async with open_calls(url) as calls:
            await calls.push("fresh", {"externalId": "p", "vendorSku": "P", "inventoryQuantity": 1})
        return await hide(load)

    monkeypatch.setattr(StraightLoad, "hide", hide_too_late)
    _, counts = await import_items(sink, batch(BOTH, ("a", "A", 5), ("p", "P", 3)), feed=feed)
    assert (counts.created, counts.updated, counts.skipped) == (1, 0, 1)
    assert await ask(url, "SELECT external_id, inventory_quantity FROM inventory_feed_variants WHERE vendor_sku = 'P'") == [("p", 1)]


async def test_times_are_those_of_the_calls_transaction(calls: ItemCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Created and changed when the clock says so."""
    monkeypatch.setattr(clock, "now", lambda: 1_800_000_000_000_000)
    item = (await calls.push(FEED.name, {"externalId": "c", "vendorSku": "C"})).item
    assert item["createdAt"] == item["updatedAt"] == "2027-01-15T08:00:00.000000Z"
