"""What somebody else writes between the stage of a run and its application is the later write, and stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import to_thread

from engine.contracts import FeedDefinition
from engine.run import Counts, RunRecord, RunStatus
from plugins.conformance.sink import FEED, batch
from plugins.conformance.sink_case import import_items, plan_record, settle
from sinks.sqlite.database import locate
from sinks.sqlite.decisions import approve
from sinks.sqlite.single.calls import open_calls
from sinks.sqlite.sink import open_sqlite

BOTH = ("name", "inventoryQuantity")
FIRST = batch(BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("c", "Plum", 3))
LATER = batch(BOTH, ("a", "Apricot", 10), ("b", "Peach", 20), ("d", "Date", 4))
FULL = replace(FEED, attributes={**FEED.attributes, "feedKind": "full"})

Write = Callable[[sqlite3.Connection], object]


def pushing(statement: str) -> Write:
    """Return a write as a call makes it: in one transaction, with its origin, so that it is logged."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO write_origin (call, at) VALUES ('push:1', 1)")
        connection.execute(statement)
        connection.execute("DELETE FROM write_origin")
        connection.execute("COMMIT")

    return write


STOCK = pushing("UPDATE inventory_feed_variants SET inventory_quantity = 7, content_hash = NULL WHERE external_id IN ('a', 'c')")
NAME = pushing("UPDATE inventory_feed_variants SET name = 'Fig', content_hash = NULL WHERE external_id IN ('a', 'c')")
BOTH_OF_THEM = pushing(
    "UPDATE inventory_feed_variants SET name = 'Fig', inventory_quantity = 7, content_hash = NULL WHERE external_id = 'a'"
)
CONNECT = pushing("UPDATE inventory_feed_variants SET variant_id = 5, status = 'connected' WHERE external_id IN ('a', 'c')")
REMOVE = pushing("UPDATE inventory_feed_variants SET status = 'removed' WHERE external_id = 'a'")
DELETE = pushing("DELETE FROM inventory_feed_variants WHERE external_id IN ('a', 'c')")
CREATE = pushing(
    "INSERT INTO inventory_feed_variants (inventory_feed_id, external_id, inventory_quantity, created_at, updated_at)"
    " VALUES (1, 'd', 9, 1, 1), (1, 'e', 9, 1, 1)"
)

APPLIED = {"a": ("Apricot", 10, "pending"), "b": ("Peach", 20, "pending"), "c": ("Plum", 0, "removed"), "d": ("Date", 4, "pending")}


async def between(path: Path, write: Write) -> None:
    """Write as another process does."""

    def work() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            write(connection)
        finally:
            connection.close()

    await to_thread.run_sync(work)


async def read(path: Path) -> dict[str, tuple[object, ...]]:
    """Return name, stock and status of every item."""
    rows: list[tuple[object, ...]] = []
    select = "SELECT external_id, name, inventory_quantity, status FROM inventory_feed_variants"
    await between(path, lambda connection: rows.extend(connection.execute(select)))
    return {str(key): tuple(rest) for key, *rest in rows}


async def stage_write_apply(path: Path, write: Write, feed: FeedDefinition, *, held: bool) -> Counts:
    """Stage `LATER` over `FIRST`, write, then apply it, at once or by approving it; return what was done, skipped ones among it."""
    url = f"sqlite:///{path}"
    async with open_sqlite(url) as sink:
        await import_items(sink, FIRST, feed=feed)
        async with sink.session(feed) as session:
            await session.stage(LATER)
            summary = await session.summary()
            if held:
                await session.hold(replace(plan_record(session, summary, len(LATER)), status=RunStatus.HELD))
            else:
                await between(path, write)
                return await settle(session, len(LATER))
    await between(path, write)
    record: RunRecord = await approve(locate(url), session.run)
    return replace(record.counts, skipped=record.skipped)


@pytest.mark.parametrize("held", [False, True], ids=["applied", "approved"])
@pytest.mark.parametrize(
    ("write", "counts", "differs"),
    [
        (STOCK, Counts(created=1, updated=2), {"a": ("Apricot", 7, "pending"), "c": ("Plum", 7, "pending")}),
        (BOTH_OF_THEM, Counts(created=1, updated=1, removed=1, skipped=1), {"a": ("Fig", 7, "pending")}),
        (NAME, Counts(created=1, updated=2, removed=1), {"a": ("Fig", 10, "pending"), "c": ("Fig", 0, "removed")}),
        (CONNECT, Counts(created=1, updated=2, removed=1), {"a": ("Apricot", 10, "connected")}),
        (REMOVE, Counts(created=1, updated=1, removed=1, skipped=1), {"a": ("Apple", 1, "removed")}),
        (DELETE, Counts(created=1, updated=1, skipped=1), {"a": None, "c": None}),
        (CREATE, Counts(updated=2, removed=1, skipped=1), {"d": (None, 9, "pending"), "e": (None, 9, "pending")}),
    ],
    ids=["stock", "name and stock", "name", "connected", "removed", "deleted", "created"],
)
async def test_a_later_write_stays(
    tmp_path: Path, write: Write, counts: Counts, differs: dict[str, tuple[object, ...] | None], *, held: bool
) -> None:
    """A field that a feed writes too, written by another since the run began, stays; the item's other fields follow the source.

    Where nothing is left to apply the record is skipped. A missing item that was given a stock is not removed. An item that was
    merely connected follows its source.
    """
    path = tmp_path / "shop.db"
    assert await stage_write_apply(path, write, FULL, held=held) == counts
    assert await read(path) == {key: item for key, item in {**APPLIED, **differs}.items() if item is not None}


@pytest.mark.parametrize(
    ("write", "known", "stock"),
    [(STOCK, 3, 16), (NAME, 3, 6), (REMOVE, 2, 5), (DELETE, 1, 2), (CREATE, 3, 6)],
    ids=["stock", "name", "removed", "deleted", "created"],
)
async def test_a_run_is_judged_on_the_items_as_they_are_at_its_end(tmp_path: Path, write: Write, known: int, stock: int) -> None:
    """What somebody writes while the source is read moves the figures, though they were summed up when the reading began."""
    path = tmp_path / "shop.db"
    async with open_sqlite(f"sqlite:///{path}") as sink:
        await import_items(sink, FIRST)
        async with sink.session(FEED) as session:
            await session.stage(LATER)
            await between(path, write)
            summary = await session.summary()
            await session.discard()
    assert (summary.known, summary.figures.known, summary.figures.stock_before) == (known, known, stock)


async def test_a_later_write_of_what_is_given_up_stays(tmp_path: Path) -> None:
    """A tombstone does not take out what was written since either; in the next run it does."""
    url, path = f"sqlite:///{tmp_path}/shop.db", tmp_path / "shop.db"
    gone = batch(("status",), ("a", "removed"), ("b", "removed"))
    async with open_sqlite(url) as sink:
        await import_items(sink, FIRST)
        async with sink.session(FEED) as session:
            await session.stage(gone)
            await session.summary()
            await between(path, STOCK)
            assert await settle(session, len(gone)) == Counts(updated=1, removed=1, skipped=1)
        assert {key: item[1:] for key, item in (await read(path)).items()} == {
            "a": (7, "pending"),
            "b": (0, "removed"),
            "c": (7, "pending"),
        }
        _, counts = await import_items(sink, gone)
        assert counts == Counts(updated=1, unchanged=1, removed=1)


async def test_what_a_run_writes_itself_is_no_later_write(tmp_path: Path) -> None:
    """A run that is applied again after an earlier one changed the same items leaves nothing out: its mark lies behind those changes."""
    async with open_sqlite(f"sqlite:///{tmp_path}/shop.db") as sink:
        for rows, counts in (
            (FIRST, Counts(created=3)),
            (LATER, Counts(created=1, updated=2, removed=1)),
            (FIRST, Counts(updated=3, removed=1)),
        ):
            assert (await import_items(sink, rows, feed=FULL))[1] == counts


async def test_a_call_that_says_the_stock_that_is_stored_is_a_later_write_too(tmp_path: Path) -> None:
    """It is newer than the file that was read before it, though it changes nothing; where no run waits it leaves no trace."""
    url, path = f"sqlite:///{tmp_path}/shop.db", tmp_path / "shop.db"
    logged: list[tuple[object, ...]] = []

    async def say() -> None:
        async with open_calls(url) as calls:
            for key, stock in (("a", 1), ("c", 3)):
                assert (await calls.push(FEED.name, {"externalId": key, "inventoryQuantity": stock})).outcome == "unchanged"

    async with open_sqlite(url) as sink:
        await import_items(sink, FIRST, feed=FULL)
        await say()
        await between(path, lambda connection: logged.extend(connection.execute("SELECT * FROM inventory_feed_variant_changes")))
        assert logged == []
        async with sink.session(FULL) as session:
            await session.stage(LATER)
            summary = await session.summary()
            await session.hold(replace(plan_record(session, summary, len(LATER)), status=RunStatus.HELD))
    await say()
    async with open_calls(url) as calls:
        # Beside another change too: the stock was said all the same.
        await calls.push(FEED.name, {"externalId": "b", "name": "Quince", "inventoryQuantity": 2})
    record = await approve(locate(url), session.run)
    assert (record.counts, record.skipped) == (Counts(created=1, updated=1), 1)
    later = {"a": ("Apricot", 1, "pending"), "b": ("Quince", 2, "pending"), "c": ("Plum", 3, "pending")}
    assert await read(path) == {**APPLIED, **later}
