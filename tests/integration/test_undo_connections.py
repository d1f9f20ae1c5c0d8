"""Undo beside what a person, a push or the catalogue did since: an item's stock, status and connection still say one thing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio import Path as AsyncPath
from anyio import to_thread

from engine.errors import ConfigError
from feedmill import sync
from feedmill.catalogue import connect_item, disconnect_item, load_catalogue
from feedmill.items import push, remove
from feedmill.operations import approve, diff, undo

FIELDS = {"externalId": "id", "sku": "sku", "inventoryQuantity": "stock"}
ITEMS = "SELECT external_id, status, inventory_quantity, variant_id, connection_scope FROM inventory_feed_variants ORDER BY external_id"
AUDIT = (
    "SELECT inventory_feed_variant_id, variant_id, action, scope, run_id FROM inventory_feed_variant_connections WHERE id > ? ORDER BY id"
)
OTHER = "z,ZAP,3"


@dataclass(frozen=True)
class Shop:
    """A database, its feed `a` and its catalogue."""

    folder: Path

    @property
    def db(self) -> str:
        """Return the path of the database."""
        return str(self.folder / "shop.db")

    async def run(self, *lines: str, **settings: object) -> int:
        """Sync a file of these lines, beside one of an item that is always there, and return the run."""
        source = AsyncPath(self.folder / "feed.csv")
        await source.write_text("\n".join(("id,sku,stock", *lines, OTHER, "")))
        record = await sync(str(source), to=self.db, feed="a", settings={"delimiter": ",", **settings}, fields=FIELDS, refetch=True)
        return record.run

    async def stock(self, *skus: str) -> None:
        """Make these SKUs the catalogue; the variants of others go."""
        source = AsyncPath(self.folder / "catalogue.csv")
        await source.write_text("sku,name\n" + "".join(f"{sku},{sku}\n" for sku in skus))
        loaded = await load_catalogue(
            str(source),
            db=self.db,
            settings={"delimiter": ","},
            fields=[{"purpose": "sku", "name": "sku"}, {"purpose": "name", "name": "name"}],
            replace=True,
        )
        assert loaded.record.problems == ()

    async def ask(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query behind Feedmill's back."""

        def ask() -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(self.db)) as connection:
                return connection.execute(sql, parameters).fetchall()

        return await to_thread.run_sync(ask)

    async def item(self, key: str) -> tuple[Any, ...]:
        """Return status, stock, variant and scope of an item."""
        return next(row[1:] for row in await self.ask(ITEMS) if row[0] == key)


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    """Return a shop whose catalogue has the SKUs X and Y, as the variants 1 and 2."""
    made = Shop(tmp_path)
    await made.stock("X", "Y")
    return made


async def test_what_a_person_confirmed_stays_connected(shop: Shop) -> None:
    """A connection that a run made and a person then made by hand is the person's: undoing the run leaves all of it."""
    await shop.run("1,FOO,5")
    run = await shop.run("1,X,5")
    await connect_item("1", db=shop.db, sku="X")
    outcome = await undo(run, db=shop.db)
    assert await shop.item("1") == ("connected", 5, 1, "manual")
    assert [(each.name, each.call is not None) for each in outcome.conflicts] == [("variantId", True)]


async def test_an_item_that_lost_its_variant_while_it_was_gone_comes_back_without(shop: Shop) -> None:
    """Removed items that a person took off, or whose variant went, are pending after the undo of their removal."""
    await shop.run("1,X,5", "2,Y,6")
    run = await shop.run()
    await disconnect_item("1", db=shop.db)
    await shop.stock("X")
    await undo(run, db=shop.db)
    assert [await shop.item(key) for key in ("1", "2")] == [("pending", 5, None, "off"), ("pending", 6, None, None)]


async def test_a_variant_that_another_item_has_now_is_not_given_back(shop: Shop) -> None:
    """One variant gets the stock of one item: the one that has it keeps it, the other one says why, and the audit has both."""
    await shop.run("1,X,5")
    run = await shop.run()
    await shop.run("2,X,6")
    undone = (await undo(run, db=shop.db)).record.run
    assert [await shop.item(key) for key in ("1", "2")] == [("pending", 5, None, None), ("connected", 6, 1, "automated")]
    told = await shop.ask("SELECT messages FROM inventory_feed_variants WHERE external_id = '1'")
    assert "other items of the feed fit variant 1" in told[0][0]
    assert await shop.ask(AUDIT, 2) == [(1, 1, "disconnected", "automated", undone)]
    again = (await undo(undone, db=shop.db)).record.run
    assert await shop.item("1") == ("removed", 0, 1, "automated")
    assert await shop.ask(AUDIT, 3) == [(1, 1, "connected", "automated", again)]


async def test_a_variant_that_is_gone_is_not_given_back(shop: Shop) -> None:
    """An item whose old variant the catalogue has no more is not connected to its number."""
    await shop.run("1,X,5")
    run = await shop.run("1,FOO,5")
    await shop.stock("Y")
    await undo(run, db=shop.db)
    assert await shop.item("1") == ("pending", 5, None, None)


async def test_an_undo_is_in_the_audit(shop: Shop) -> None:
    """What an undo takes off its variant, deleted items too, and what it gives back is kept, with the undo as the run."""
    await shop.run("1,X,5")
    run = await shop.run("1,FOO,5", "2,Y,1")
    seen = (await shop.ask("SELECT max(id) FROM inventory_feed_variant_connections"))[0][0]
    undone = (await undo(run, db=shop.db)).record.run
    assert await shop.ask(AUDIT, seen) == [
        (3, 2, "disconnected", "automated", undone),
        (1, 1, "connected", "automated", undone),
    ]


async def test_what_is_removed_has_no_stock(shop: Shop) -> None:
    """The undo of a run that emptied an item gives it no stock once a later run took it out."""
    await shop.run("1,X,5")
    run = await shop.run("1,X,0")
    await shop.run()
    await undo(run, db=shop.db)
    assert (await shop.item("1"))[:2] == ("removed", 0)


async def test_what_was_given_stock_stands(shop: Shop) -> None:
    """The undo of a run that brought an item back leaves it there once a push gave it another stock."""
    await shop.run("1,FOO,5")
    await shop.run()
    run = await shop.run("1,FOO,5")
    await push(shop.db, "a", {"externalId": "1", "inventoryQuantity": 6})
    await undo(run, db=shop.db)
    assert (await shop.item("1"))[:2] == ("pending", 6)


async def test_a_deleted_item_comes_back_with_its_place(shop: Shop) -> None:
    """An older push than the last before the deletion is as stale after its undo as it was before."""
    await shop.run("1,X,5", missingPolicy="remove")
    await push(shop.db, "a", {"externalId": "1", "inventoryQuantity": 9, "sequence": 10})
    await undo(await shop.run(), db=shop.db)
    stale = await push(shop.db, "a", {"externalId": "1", "inventoryQuantity": 77, "sequence": 5})
    assert (stale.outcome, stale.item["inventoryQuantity"]) == ("stale", 9)


async def test_a_held_run_shows_what_approving_it_would_do(shop: Shop) -> None:
    """What was pushed, made or removed since a run was held is not in its diff, as it is not in what its approval does."""
    await shop.run("1,X,5", "2,Y,5", "3,ONE,1")
    run = await shop.run("1,X,7", "2,Y,8", "3,ONE,2", "4,NEW,1", reviewChanges=True)
    await push(shop.db, "a", {"externalId": "1", "inventoryQuantity": 6})
    await push(shop.db, "a", {"externalId": "4", "vendorSku": "NEW", "inventoryQuantity": 6})
    await remove(shop.db, "a", "2")
    held = await diff(run, db=shop.db)
    assert (held.held, held.counts["created"], held.counts["updated"], held.counts["deleted"]) == (True, 0, 1, 0)
    done = await approve(run, db=shop.db)
    assert (done.counts.created, done.counts.updated, done.skipped) == (0, 1, 3)


async def test_a_variant_is_not_connected_by_hand_twice(shop: Shop) -> None:
    """An item that is gone keeps what a person connected it to, so that no other one of its feed gets it by hand as well."""
    await shop.run("1,FOO,5", "2,BAR,6")
    await connect_item("1", db=shop.db, sku="X")
    await shop.run("2,BAR,6")
    with pytest.raises(ConfigError, match="by hand: disconnect that one first"):
        await connect_item("2", db=shop.db, sku="X")
    await disconnect_item("1", db=shop.db)
    await connect_item("2", db=shop.db, sku="X")
    await shop.run("1,FOO,5", "2,BAR,6")
    assert [await shop.item(key) for key in ("1", "2")] == [("pending", 5, None, "off"), ("connected", 6, 1, "manual")]


@pytest.mark.parametrize("undone", [True, False])
async def test_what_a_person_connected_gets_its_variant_back(shop: Shop, undone: bool) -> None:
    """An item that was connected by hand and is back, by an undo or its source, has its variant; one that got it meanwhile yields."""
    await shop.run("1,FOO,5")
    await connect_item("1", db=shop.db, sku="X")
    run = await shop.run()
    await shop.run("2,X,6")
    assert (await shop.item("2"))[2] == 1
    await undo(run, db=shop.db) if undone else await shop.run("1,FOO,5", "2,X,6")
    assert [await shop.item(key) for key in ("1", "2")] == [("connected", 5, 1, "manual"), ("pending", 6, None, None)]
