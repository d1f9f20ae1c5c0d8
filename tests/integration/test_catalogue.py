"""A catalogue out of files, and what runs connect to it: whole, once, and the same after a crash."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyio import Path as AsyncPath
from anyio import to_thread

from engine.batch import ItemBatch, JsonValue
from engine.contracts import FeedDefinition
from engine.errors import ConfigError, InternalError
from engine.run import RunStatus
from feedmill.catalogue import CatalogueLoad, connect_item, disconnect_item, list_catalogue, load_catalogue
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite.catalogue import connecting
from sinks.sqlite.single.calls import open_calls
from sinks.sqlite.sink import open_sqlite

SHOP = """\
Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Barcode,Image Src
ring,Ring,Size,52,R-52,4006381333931,https://img.example/1.jpg
ring,,Size,54,R-54,,
ring,,,,,,https://img.example/2.jpg
mug,Mug,Title,Default Title,,012345678905,
"""
PLAIN = "sku;ean;title;item group id\nR-52;4006381333931;Ring 52;ring\nR-54;;Ring;ring\nNEW;;New;\n"
STEADY: dict[str, JsonValue] = {"fetchCleanup": "disabled"}
ITEMS = "SELECT external_id, variant_id, status, connection_scope FROM inventory_feed_variants ORDER BY id"
AUDIT = "SELECT inventory_feed_variant_id, variant_id, action, scope FROM inventory_feed_variant_connections ORDER BY id"


@pytest.fixture
def db(tmp_path: Path) -> str:
    """Name a database that does not exist yet."""
    return str(tmp_path / "shop.db")


async def ask(db: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements on the database, behind Feedmill's back, and return the rows of the last."""

    def run() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(db)) as connection, connection:
            return [connection.execute(statement).fetchall() for statement in statements][-1]

    return await to_thread.run_sync(run)


async def load(db: str, text: str, name: str = "catalogue.csv", **options: Any) -> CatalogueLoad:
    """Load a catalogue of this text."""
    path = AsyncPath(db).parent / name
    await path.write_text(text)
    return await load_catalogue(str(path), db=db, **options)


async def run(db: str, *batches: ItemBatch, **settings: JsonValue) -> None:
    """Import items into the feed `f`."""
    async with open_sqlite(f"sqlite:///{db}") as sink:
        await import_items(sink, *batches, feed=FeedDefinition(FEED.name, {**STEADY, **settings}))


def skus(**items: str) -> ItemBatch:
    """Return items by their keys, with a SKU each."""
    return batch(("vendorSku",), *items.items())


async def test_a_shops_export_is_a_catalogue(db: str) -> None:
    """Its variants, also those without a SKU, have their product, options and barcode, and each has an id that stays."""
    first = await load(db, SHOP)
    assert (first.record.read, first.record.counts.created, first.record.skipped) == (4, 3, 1)
    listed = [variant async for variant in list_catalogue(db)]
    ring, *_ = [variant for variant in listed if variant["sku"] == "R-52"]
    assert (ring["productExternalId"], ring["name"], ring["barcode"]) == ("ring", "Ring", "4006381333931")
    assert ring["options"] == [{"name": "Size", "value": "52", "position": 1}]
    assert [(variant["barcode"], variant["options"]) for variant in listed if variant["sku"] is None] == [("012345678905", [])]
    again = await load(db, SHOP)
    assert (again.record.counts.unchanged, again.record.counts.updated) == (3, 0)
    other = await load(db, PLAIN, "other.csv")
    assert (other.record.counts.created, other.record.counts.updated, other.record.counts.removed) == (1, 2, 0)
    after = {variant["sku"]: variant["id"] async for variant in list_catalogue(db)}
    assert {variant["sku"]: variant["id"] for variant in listed}.items() <= after.items()


async def test_mapping_rows_and_other_formats(db: str) -> None:
    """Columns of other names are mapped as a feed's are, and JSON is read by its ending."""
    await load(db, "Artikel|Strichcode\nA|4006381333931\n", fields=[{"purpose": "sku", "name": "Artikel"}], settings={"delimiter": "|"})
    await load(db, '[{"vendorSku": "B", "barcode": "012345678905"}]', "catalogue.json")
    assert [(each["sku"], each["barcode"]) async for each in list_catalogue(db)] == [("A", None), ("B", "012345678905")]


async def test_a_load_that_cannot_be_trusted_changes_nothing(db: str) -> None:
    """A source without a valid row is refused, and so is one whose unreadable rows would delete variants."""
    await load(db, PLAIN)
    assert (await load(db, "<html><body>login</body></html>")).record.status is RunStatus.ERROR
    broken = PLAIN + ";;blank;\n"
    refused = await load(db, broken, replace=True)
    assert refused.record.status is RunStatus.ERROR
    assert any("--replace" in problem.message for problem in refused.record.problems)
    assert (await load(db, broken)).record.rejected == 1
    dry = await load(db, "sku\nR-52\n", replace=True, dry_run=True)
    assert (dry.record.counts.removed, dry.record.dry_run) == (2, True)
    assert await ask(db, "SELECT count(*) FROM variants") == [(3,)]


async def test_loading_connects_what_is_there(db: str) -> None:
    """Items that came before the catalogue are connected by its load; those of a variant that is deleted are not connected any more."""
    await run(db, skus(a="R-52", b="?"))
    loaded = await load(db, PLAIN)
    assert [(each.connected, each.disconnected) for each in loaded.feeds] == [(1, 0)]
    await connect_item("b", feed=FEED.name, db=db, sku="NEW")
    ids = dict(await ask(db, "SELECT sku, id FROM variants"))
    assert await ask(db, ITEMS) == [("a", ids["R-52"], "connected", "automated"), ("b", ids["NEW"], "connected", "manual")]
    await load(db, "sku\nR-54\n", replace=True)
    assert await ask(db, ITEMS) == [("a", None, "pending", None), ("b", None, "pending", None)]
    assert [row[2:] for row in await ask(db, AUDIT)] == [
        ("connected", "automated"),
        ("connected", "manual"),
        ("disconnected", "automated"),
        ("disconnected", "manual"),
    ]


async def test_another_sku_is_another_article(db: str) -> None:
    """An item whose SKU changes leaves the variant it does not fit any more, in the log of the run that changed it."""
    await load(db, PLAIN)
    await run(db, skus(a="R-52", b="R-54"))
    await run(db, skus(a="R-54", b="R-52"))
    ids = dict(await ask(db, "SELECT sku, id FROM variants"))
    assert await ask(db, ITEMS) == [("a", ids["R-54"], "connected", "automated"), ("b", ids["R-52"], "connected", "automated")]
    await run(db, skus(a="none"))
    assert (await ask(db, ITEMS))[0] == ("a", None, "pending", None)
    logged = await ask(
        db,
        "SELECT f.field, f.before, f.after FROM inventory_feed_variant_changes AS c"
        " JOIN inventory_feed_variant_change_fields AS f ON f.change_id = c.id WHERE c.run_id = 3 ORDER BY f.field",
    )
    assert ("variant_id", ids["R-54"], None) in logged
    assert ("status", "connected", "pending") in logged


async def test_ambiguity_is_a_problem_of_the_run(db: str) -> None:
    """Of two items that fit one variant none is connected; the run and both items say so, until one of them is another article."""
    await load(db, PLAIN)
    await run(db, skus(a="R-52", b="R-52", c="R-54"))
    assert [row[1] is None for row in await ask(db, ITEMS)] == [True, True, False]
    ((problems, messages),) = await ask(
        db,
        "SELECT (SELECT json_extract(problems, '$[0].message') FROM data_imports),"
        " (SELECT group_concat(messages) FROM inventory_feed_variants)",
    )
    assert problems.startswith("2 items were not connected, for it is not clear to what: 'a' other items of the feed fit variant ")
    assert messages.count("ambiguous") == 2
    await run(db, skus(b="other"))
    assert [row[2] for row in await ask(db, ITEMS)] == ["connected", "pending", "connected"]
    assert await ask(db, "SELECT count(*) FROM inventory_feed_variants WHERE messages IS NOT NULL") == [(0,)]
    assert await ask(db, "SELECT problems FROM data_imports WHERE id = 2") == [("[]",)]


async def test_by_hand_stays(db: str) -> None:
    """What was connected or taken off by hand stays so over runs and loads, and what cannot be meant is refused with a cure."""
    await load(db, PLAIN)
    await run(db, skus(a="R-52", b="R-54", c="?"))
    taken = await connect_item(3, db=db, sku="R-52")
    assert (taken.external_id, taken.released) == ("c", ("a",))
    await disconnect_item("b", feed=FEED.name, db=db)
    await run(db, skus(a="R-52", b="R-54", c="x"), caseInsensitiveSkus=True)
    await load(db, PLAIN + "MORE;;;\n")
    assert [row[2:] for row in await ask(db, ITEMS)] == [("pending", None), ("pending", "off"), ("connected", "manual")]
    for item, sku, says in ((1, "R-52", "by hand"), (9, "R-52", "no item '#9'"), ("3", "R-52", "no item '3'"), (1, "?", "no variant")):
        with pytest.raises(ConfigError, match=says):
            await connect_item(item, db=db, sku=sku)


@pytest.mark.parametrize("after", range(7))
async def test_connecting_that_breaks_off_is_gone_on_with(db: str, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Wherever connecting breaks off, the next run of the feed finishes it: items, audit and log are those of a clean run."""
    monkeypatch.setattr(connecting, "_PAGE_ROWS", 1)
    first, second = skus(a="R-52", b="R-54", c="?", d="NEW"), skus(a="R-54", b="R-52", c="NEW", d="?", e="new")
    await load(db, PLAIN)
    await run(db, first)
    clean = str(Path(db).with_name("clean.db"))
    await ask(db, f"VACUUM INTO '{clean}'")
    await run(clean, second)
    full = f"(SELECT count(*) FROM inventory_feed_variant_connections WHERE run_id = 2) >= {after}"
    raised = "BEGIN SELECT RAISE(ABORT, 'broken'); END"
    await ask(db, f"CREATE TRIGGER broken BEFORE INSERT ON inventory_feed_variant_connections WHEN {full} {raised}")
    if after < len(await ask(clean, AUDIT)) - len(await ask(db, AUDIT)):
        with pytest.raises(InternalError, match="broken"):
            await run(db, second)
    else:
        await run(db, second)
    await ask(db, "DROP TRIGGER broken")
    await run(db, second)
    counted = "SELECT run_id, count(*) FROM inventory_feed_variant_changes GROUP BY run_id"
    for what in (ITEMS, AUDIT, counted):
        assert await ask(db, what) == await ask(clean, what)


async def test_a_pushed_item_is_connected_at_once(db: str) -> None:
    """The answer of a push shows the connection; another item of the feed that fits the same variant is not connected, and says so."""
    await run(db, skus(a="OTHER"))
    await load(db, PLAIN)
    async with open_calls(f"sqlite:///{db}") as calls:
        made = (await calls.push(FEED.name, {"externalId": "x", "vendorSku": "NEW", "inventoryQuantity": 1})).item
        assert (made["status"], made["variantId"]) == ("connected", (await ask(db, "SELECT id FROM variants WHERE sku = 'NEW'"))[0][0])
        rival = (await calls.push(FEED.name, {"externalId": "y", "vendorSku": "NEW", "inventoryQuantity": 1})).item
        assert (rival["status"], rival["variantId"]) == ("pending", None)
        assert "ambiguous" in str(rival["messages"])
        moved = (await calls.push(FEED.name, {"externalId": "x", "vendorSku": "R-54"})).item
        assert moved["variantId"] == (await ask(db, "SELECT id FROM variants WHERE sku = 'R-54'"))[0][0]
    origins = await ask(db, "SELECT DISTINCT substr(call, 1, 5) FROM inventory_feed_variant_changes WHERE item_id = 2")
    assert origins == [("push:",)]
