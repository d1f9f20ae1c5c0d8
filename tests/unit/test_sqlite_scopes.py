"""A run touches the items of its own feed, and of its own load, and knows what it read, whatever else there is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import to_thread

import feedmill
from engine.contracts import FeedDefinition
from engine.run import RunStatus
from plugins.conformance.sink import batch, import_items
from sinks.sqlite.database import locate
from sinks.sqlite.history.undo import undo
from sinks.sqlite.sink import SqliteSink, open_sqlite

ONE, TWO = FeedDefinition("one"), FeedDefinition("two")
COLUMNS = ("inventoryQuantity",)


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[SqliteSink]:
    """Open a new database."""
    async with open_sqlite(f"sqlite:///{tmp_path}/shop.db") as opened:
        yield opened


async def stock(folder: Path) -> list[tuple[str, str, int, str]]:
    """Return feed, key, stock and status of every item, of loads under way too."""

    def read() -> list[tuple[str, str, int, str]]:
        with closing(sqlite3.connect(folder / "shop.db")) as connection:
            return connection.execute(
                "SELECT f.name, v.external_id, v.inventory_quantity, v.status FROM inventory_feed_variants AS v"
                " JOIN inventory_feeds AS f ON f.id = v.inventory_feed_id ORDER BY 1, 2"
            ).fetchall()

    return await to_thread.run_sync(read)


@pytest.mark.parametrize("policy", ["zero", "remove"])
async def test_what_one_feed_misses_stays_in_another(sink: SqliteSink, tmp_path: Path, policy: str) -> None:
    """An item that is missing in one feed is taken out there, and an item of that key in another feed stays as it is."""
    feed = replace(ONE, attributes={"missingPolicy": policy})
    for each in (feed, TWO):
        await import_items(sink, batch(COLUMNS, ("a", 1), ("b", 2)), feed=each)
    summary, counts = await import_items(sink, batch(COLUMNS, ("a", 1)), feed=feed)
    assert (summary.known, summary.missing, counts.removed) == (2, 1, 1)
    gone = [("one", "b", 0, "removed")] if policy == "zero" else []
    assert await stock(tmp_path) == [
        *[("one", "a", 1, "pending"), *gone],
        *[("two", "a", 1, "pending"), ("two", "b", 2, "pending")],
    ]


async def test_a_load_that_is_given_up_takes_nothing_of_another_feed(sink: SqliteSink, tmp_path: Path) -> None:
    """Of a first load that is left unfinished every item goes, and none of those that another feed stored in between."""
    async with sink.session(ONE) as session:
        await session.stage(batch(COLUMNS, ("a", 1)))
        await import_items(sink, batch(COLUMNS, ("a", 1)), feed=TWO)
        await session.stage(batch(COLUMNS, ("b", 1)))
        assert len(await stock(tmp_path)) == 3
    assert await stock(tmp_path) == [("two", "a", 1, "pending")]


async def test_a_stage_of_another_run_is_not_applied(sink: SqliteSink, tmp_path: Path) -> None:
    """What one feed has staged stays out of the items when another feed's run is applied."""
    for each in (ONE, TWO):
        await import_items(sink, batch(COLUMNS, ("a", 1)), feed=each)
    async with sink.session(ONE) as session:
        await session.stage(batch(COLUMNS, ("a", 5)))
        await import_items(sink, batch(COLUMNS, ("a", 2)), feed=TWO)
        assert await stock(tmp_path) == [("one", "a", 1, "pending"), ("two", "a", 2, "pending")]


@pytest.fixture
def sources(tmp_path: Path) -> tuple[str, str]:
    """Return a source, and the same with most of its records unreadable and the rest of them gone."""
    whole, broken = tmp_path / "whole.csv", tmp_path / "broken.csv"
    whole.write_text("sku,qty\n" + "".join(f"k{number},1\n" for number in range(30)))
    broken.write_text("sku,qty\n" + "".join(f"k{number},{'1' if number < 2 else 'many'}\n" for number in range(20)))
    for path in (whole, broken):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return str(whole), str(broken)


async def test_what_a_refused_run_did_not_read_is_not_missing(sources: tuple[str, str], tmp_path: Path) -> None:
    """A run that is refused, here for its rejects, takes no item out of stock."""
    fields, database = {"sku": "sku", "inventoryQuantity": "qty"}, str(tmp_path / "shop.db")
    first, second = [await feedmill.sync(source, to=database, feed="one", fields=fields, refetch=True) for source in sources]
    assert (first.status, second.status) == (RunStatus.COMPLETE, RunStatus.ERROR)
    assert [(quantity, status) for _, _, quantity, status in await stock(tmp_path)] == [(1, "pending")] * 30


async def test_the_source_has_the_last_word_after_a_push(sink: SqliteSink, tmp_path: Path) -> None:
    """After a push the next run of the same records brings the source's figure again: the digest stood for another row."""
    await import_items(sink, batch(COLUMNS, ("a", 1)), feed=ONE)
    await feedmill.push(str(tmp_path / "shop.db"), "one", {"externalId": "a", "vendorSku": "a", "inventoryQuantity": 7})
    assert await stock(tmp_path) == [("one", "a", 7, "pending")]
    _, counts = await import_items(sink, batch(COLUMNS, ("a", 1)), feed=ONE)
    assert counts.updated == 1
    assert await stock(tmp_path) == [("one", "a", 1, "pending")]


async def test_an_item_that_comes_back_by_an_undo_takes_no_older_call(sink: SqliteSink, tmp_path: Path) -> None:
    """Where its sender's calls stood comes back with a deleted item: what was older before it went is older still."""
    feed, database = replace(ONE, attributes={"missingPolicy": "remove"}), tmp_path / "shop.db"
    await import_items(sink, batch(COLUMNS, ("a", 1), ("b", 1)), feed=feed)
    sent = {"externalId": "a", "vendorSku": "a"}
    await feedmill.push(str(database), "one", {**sent, "inventoryQuantity": 5, "sequence": 10})
    await import_items(sink, batch(COLUMNS, ("b", 1)), feed=feed)
    assert await stock(tmp_path) == [("one", "b", 1, "pending")]
    await undo(locate(f"sqlite:///{database}"), 2)
    late = await feedmill.push(str(database), "one", {**sent, "inventoryQuantity": 9, "sequence": 9})
    assert (late.outcome, (await stock(tmp_path))[0]) == ("stale", ("one", "a", 5, "pending"))
