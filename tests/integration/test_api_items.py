"""Items over the API: listed, written one by one, connected, exported, with their history."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import ClientPayloadError

from engine.contracts import FeedDefinition
from engine.errors import Retry
from feedmill.service.pushing import run_pushes
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.queries import ItemFeed, read_page
from tests.servers.feedmill_service import Running, make_token, run_service

ITEMS = "/api/inventory-feed-variants"


async def make_feed(running: Running, name: str = "acme", **attributes: Any) -> int:
    """Make a feed and return its id."""
    return await running.service.store.control.find_feed(FeedDefinition(name, attributes))


async def make_item(running: Running, feed: int, key: str, **attributes: Any) -> dict[str, Any]:
    """Create an item and return it."""
    sent = {"inventoryFeedId": feed, "externalId": key, "vendorSku": key, "inventoryQuantity": 5, **attributes}
    status, item = await running.call("POST", f"{ITEMS}.json", sent)
    assert status == 200, item
    made: dict[str, Any] = item
    return made


async def test_an_item_is_created_changed_and_deleted(tmp_path: Path) -> None:
    """POST, GET, PUT and DELETE answer the whole item; a PUT is a push: it validates, computes, and keeps what is not sent."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running, allocationBuffer=2)
        item = await make_item(running, feed, "a-1", retailPrice="12.50", tags=["x"])
        assert (item["availableQuantity"], item["retailPrice"], item["status"]) == (3, 12.5, "pending")
        one = f"{ITEMS}/{item['id']}.json"
        assert await running.call("GET", one) == (200, item)
        sent = {"inventoryFeedId": feed, "externalId": " a-1 ", "vendorSku": "a-1"}
        assert (await running.call("POST", f"{ITEMS}.json", sent))[0] == 409
        status, changed = await running.call("PUT", one, {"inventoryQuantityOverride": "manual", "manualInventoryQuantity": 40})
        assert (status, changed["availableQuantity"], changed["inventoryQuantity"], changed["tags"]) == (200, 40, 5, ["x"])
        status, problem = await running.call("PUT", one, {"inventoryQuantity": "many", "colour": "red"})
        assert status == 422
        assert sorted(fault["field"] for fault in problem["errors"]) == ["colour", "inventoryQuantity"]
        assert (await running.call("PUT", one, {"externalId": "other"}))[0] == 422
        assert (await running.call("POST", f"{ITEMS}.json", {"inventoryFeedId": 99, "externalId": "a"}))[0] == 404
        assert (await running.call("POST", f"{ITEMS}.json", {"inventoryFeedId": feed}))[0] == 422
        assert await running.call("DELETE", one) == (200, changed)
        assert (await running.call("GET", one))[0] == 404
        assert (await running.call("PUT", one, {"inventoryQuantity": 1}))[0] == 404


async def test_a_put_counts_against_the_daily_limit_and_an_older_one_is_stale(tmp_path: Path) -> None:
    """A PUT spends the plan's limit as a push does; one that is older than the last says stale and changes nothing."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        first, second = await make_item(running, feed, "a", sequence=7), await make_item(running, feed, "b")
        async with running.client.put(
            f"{running.url}{ITEMS}/{first['id']}.json",
            json={"inventoryQuantity": 9, "sequence": 3},
            headers={"Authorization": f"Bearer {running.token}"},
        ) as response:
            assert (response.status, response.headers["Feedmill-Outcome"]) == (200, "stale")
            assert (await response.json())["inventoryQuantity"] == 5
        status, plan = await running.call("PUT", "/api/plan.json", {"skuLimit": 1})
        assert (status, plan["skuLimit"], plan["usedToday"]) == (200, 1, 0)
        assert (await running.call("PUT", f"{ITEMS}/{first['id']}.json", {"inventoryQuantity": 9}))[0] == 200
        assert (await running.call("PUT", f"{ITEMS}/{second['id']}.json", {"inventoryQuantity": 9}))[0] == 429
        assert (await running.call("GET", "/api/plan.json"))[1]["usedToday"] == 1
        assert (await running.call("PUT", "/api/plan.json", {}))[1]["skuLimit"] == 1
        assert (await running.call("PUT", "/api/plan.json", {"skuLimit": None}))[1]["skuLimit"] is None
        assert (await running.call("PUT", "/api/plan.json", {"skuLimit": -1}))[0] == 422


async def test_a_list_is_queried_and_hides_what_is_loaded(tmp_path: Path) -> None:
    """Lists take conditions, order, attributes and pages; what is computed is refused; a first load shows nothing of its feed."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed, other = await make_feed(running), await make_feed(running, "other")
        made = [await make_item(running, feed, f"a-{n}", inventoryQuantity=n) for n in range(4)]
        made.append(await make_item(running, other, "b", retailPrice="9.99"))

        async def ids(query: str) -> list[int]:
            status, items = await running.call("GET", f"{ITEMS}.json{query}")
            assert status == 200, items
            return [item["id"] for item in items]

        everything = [item["id"] for item in made]
        assert await ids("") == everything
        assert await ids(f"?where[inventoryFeedId]={feed}&where[inventoryQuantity][$gte]=2") == everything[2:4]
        assert await ids("?where[retailPrice]=9.99") == everything[4:]
        assert await ids("?order[attribute]=inventoryQuantity&order[descending]=true&limit=2") == [everything[4], everything[3]]
        assert await running.call("GET", f"{ITEMS}.json?attributes[]=externalId&attributes[]=hash&limit=1") == (
            200,
            [{"externalId": "a-0", "hash": None}],
        )
        for query in ("where[availableQuantity]=3", "order[attribute]=lastFetchedAt", "attributes[]=colour", "where[images]=x"):
            assert (await running.call("GET", f"{ITEMS}.json?{query}"))[0] == 422
        headers = {"Authorization": f"Bearer {running.token}"}
        seen, path = [], f"{ITEMS}.json?after=0&limit=2"
        totals = []
        for _ in range(3):
            async with running.client.get(f"{running.url}{path}", headers=headers) as response:
                seen += [item["id"] for item in await response.json()]
                totals.append(response.headers.get("X-Total-Count"))
                path = response.headers.get("Link", "<>").partition(">")[0].removeprefix("<")
        assert (seen, path, totals) == (everything, "", ["5", None, None])
        async with running.service.store.writing() as writer:
            await writer.execute("UPDATE main.inventory_feeds SET loading_run_id = 1 WHERE id = ?", feed)
            await writer.execute("INSERT INTO main.write_origin (at) VALUES (1)")
            await writer.execute("UPDATE main.inventory_feed_variants SET created_run_id = 1 WHERE inventory_feed_id = ?", feed)
            await writer.execute("DELETE FROM main.write_origin")
        assert await ids("") == everything[4:]
        assert (await running.call("GET", f"{ITEMS}/{everything[0]}.json"))[0] == 404
        assert (await running.call("GET", f"{ITEMS}/{everything[0]}/history.json"))[0] == 404


async def test_stock_in_fractions_adds_up(tmp_path: Path) -> None:
    """Metres of cable and pieces of lamps have one sum, exact to its last digit; whole figures stay whole."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        for name, stock in (("lamp", 3), ("cable", 0.1), ("wire", 0.2)):
            await make_item(running, feed, name, inventoryQuantity=stock)
        assert (await running.call("GET", "/api/totals.json"))[1] == {"feeds": 1, "items": 3, "connected": 0, "inStock": 3, "stock": 3.3}


async def test_the_count_of_all_items_reads_an_index_alone(tmp_path: Path) -> None:
    """Counting all items, or those of a feed, never reads their rows, and pages by id or of a feed never sort."""
    from sinks.sqlite.service.resources.items import _SEEN
    from sinks.sqlite.service.resources.items import ITEMS as LISTED

    async with run_service(tmp_path, loops=(run_pushes,)) as running, running.service.store.reading() as reader:

        async def plan(what: str, more: str = "") -> str:
            sql = f"EXPLAIN QUERY PLAN SELECT {what} FROM {LISTED.source} WHERE ({_SEEN.sql}){more}"
            return "; ".join(str(row[3]) for row in await reader.query(sql))

        assert "COVERING INDEX" in await plan("count(*)")
        assert "COVERING INDEX" not in await plan("count(*)", " AND v.status IS 'pending'")
        assert "COVERING INDEX" in await plan("count(*)", " AND v.inventory_feed_id IS 7")
        for more in ("", " AND v.inventory_feed_id IS 7"):
            assert "TEMP B-TREE" not in await plan("v.id", f"{more} AND v.id > 5 ORDER BY v.id LIMIT 10")


async def test_the_history_tells_what_calls_did(tmp_path: Path) -> None:
    """The history is newest first, paged, names the call, and survives the item's deletion."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        item = await make_item(running, feed, "#1")
        one = f"{ITEMS}/{item['id']}"
        for quantity in (6, 7):
            assert (await running.call("PUT", f"{one}.json", {"inventoryQuantity": quantity}))[0] == 200
        assert (await running.call("DELETE", f"{one}.json"))[0] == 200
        status, history = await running.call("GET", f"{one}/history.json")
        assert (status, [entry["action"] for entry in history]) == (200, ["deleted", "updated", "updated", "created"])
        assert history[1]["fields"] == [{"field": "inventoryQuantity", "before": 6, "after": 7}]
        assert history[1]["call"].startswith("push:")
        assert await running.call("GET", f"{one}/history.json?limit=1&from=1") == (200, history[1:2])
        assert (await running.call("GET", f"{one}/history.json?order[attribute]=at"))[0] == 422


async def test_items_are_connected_by_hand_and_by_channels(tmp_path: Path) -> None:
    """Connect and disconnect answer the item, channels an outcome an item; the audit keeps both; a batch has at most 50."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running, automaticallyConnect=False)
        items = [await make_item(running, feed, f"a-{n}") for n in range(2)]
        status, variant = await running.call("POST", "/api/variants.json", {"sku": "S-1"})
        assert status == 200
        one = f"{ITEMS}/{items[0]['id']}"
        status, item = await running.call("PUT", f"{one}/connect.json", {"sku": "S-1"})
        assert (status, item["status"], item["variantId"]) == (200, "connected", variant["id"])
        assert (await running.call("PUT", f"{one}/connect.json", {}))[0] == 422
        assert (await running.call("PUT", f"{one}/connect.json", {"variantId": 999}))[0] == 422
        assert (await running.call("PUT", f"{ITEMS}/{items[1]['id']}/connect.json", {"sku": "S-1"}))[0] == 409
        status, item = await running.call("PUT", f"{one}/disconnect.json")
        assert (status, item["status"], item["variantId"]) == (200, "pending", None)
        channel = "/api/channels/shop/{}-inventory-feed-variants{}.json"
        sent = {"inventoryFeedVariantId": items[1]["id"], "variantId": variant["id"]}
        status, outcome = await running.call("PUT", channel.format("acknowledge", ""), sent)
        assert (status, outcome["outcome"], outcome["variantId"]) == (200, "connected", variant["id"])
        batch = [{"id": items[1]["id"]}, {"id": items[0]["id"]}, {"id": 999, "sku": "S-1"}]
        status, outcomes = await running.call("PUT", channel.format("acknowledge", "-batches"), batch)
        assert (status, [each["outcome"] for each in outcomes]) == (200, ["connected", "error", "error"])
        status, outcomes = await running.call("PUT", channel.format("disconnect", "-batches"), batch[:1])
        assert (status, outcomes[0]["outcome"]) == (200, "disconnected")
        status, problem = await running.call("PUT", channel.format("disconnect", "-batches"), [{"id": 1}] * 51)
        assert (status, problem["type"]) == (413, "urn:feedmill:problem:batch-too-large")
        assert "50" in problem["detail"]
        status, audit = await running.call("GET", f"/api/inventory-feed-variant-connections.json?where[variantId]={variant['id']}")
        assert [(each["inventoryFeedVariantId"], each["action"], each["scope"]) for each in audit] == [
            (items[0]["id"], "connected", "manual"),
            (items[0]["id"], "disconnected", "manual"),
            (items[1]["id"], "connected", "manual"),
            (items[1]["id"], "disconnected", "manual"),
        ]
        assert await running.call("GET", f"/api/inventory-feed-variant-connections/{audit[0]['id']}.json") == (200, audit[0])


async def test_the_export_is_the_feed_and_no_transaction_stays_open(tmp_path: Path) -> None:
    """The export has every item of the feed, more than a page of them, cells as they are stored unless a spreadsheet asks."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed, other = await make_feed(running, allocationBuffer=1), await make_feed(running, "other")
        await make_item(running, other, "elsewhere")
        await make_item(running, feed, "=1+1", name='"quoted", and\r\nlines', retailPrice="0.1", tags=["a", "b"])
        async with running.service.store.changing(Origin(1, call="test")) as writer:
            await writer.execute(
                "INSERT INTO main.inventory_feed_variants (inventory_feed_id, external_id, created_at, updated_at, inventory_quantity)"
                " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) SELECT ?, 'k' || i, 1, 1, i FROM n",
                feed,
            )

        async def export(query: str = "") -> list[dict[str, str]]:
            status, raw = await running.call("GET", f"/api/inventory-feeds/{feed}/export.json{query}", token=reader)
            assert status == 200
            return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))

        reader = await make_token(running.service, "read")
        rows = await export()
        assert len(rows) == 1201
        assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
        assert (rows[0]["externalId"], rows[0]["name"]) == ("=1+1", '"quoted", and\r\nlines')
        assert (rows[0]["availableQuantity"], rows[0]["retailPrice"], rows[0]["tags"]) == ("4", "0.1", '["a","b"]')
        assert (rows[1]["externalId"], rows[1]["barcode"]) == ("k1", "")
        assert (await export("?spreadsheet=true"))[0]["externalId"] == "'=1+1"
        assert (await running.call("GET", "/api/inventory-feeds/99/export.json"))[0] == 404
        assert (await running.call("GET", f"/api/inventory-feeds/{feed}/export.json?spreadsheet=perhaps"))[0] == 422


async def test_an_export_that_ends_early_looks_like_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database fails behind the first page, the body is broken off: nobody takes half a feed for all of it."""
    pages = 0

    async def fail_later(reader: Writer, feed: ItemFeed, after: int) -> Any:
        nonlocal pages
        pages += 1
        if pages > 1:
            raise Retry("the database is locked")
        return await read_page(reader, feed, after)

    monkeypatch.setattr("feedmill.web.resources.items.export.read_page", fail_later)
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        await make_item(running, feed, "a")
        with pytest.raises(ClientPayloadError):
            await running.call("GET", f"/api/inventory-feeds/{feed}/export.json")


async def test_the_api_describes_itself_to_anybody(tmp_path: Path) -> None:
    """Document and page need no token; the page may run nothing and load nothing."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        status, document = await running.call("GET", "/api/openapi.json", token="")
        assert (status, document["openapi"]) == (200, "3.1.0")
        async with running.client.get(f"{running.url}/api/docs") as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "inventoryQuantityOverride" in await response.text()


async def test_a_feed_connects_what_fits_the_catalogue(tmp_path: Path) -> None:
    """A variant that comes, changes or goes connects and disconnects items, soon after the answer."""
    async with run_service(tmp_path) as running:
        feed = await make_feed(running)
        item = await make_item(running, feed, "S-1")

        async def wait_for(variant: int | None) -> None:
            with anyio.fail_after(10):
                while (await running.call("GET", f"{ITEMS}/{item['id']}.json"))[1]["variantId"] != variant:
                    await anyio.sleep(0.01)

        _, variant = await running.call("POST", "/api/variants.json", {"sku": "S-1"})
        await wait_for(variant["id"])
        assert (await running.call("PUT", f"/api/variants/{variant['id']}.json", {"sku": "S-2"}))[0] == 200
        await wait_for(None)
        assert (await running.call("PUT", "/api/variants/upsert.json", [{"sku": "S-1"}]))[1][0]["outcome"] == "created"
        await wait_for(variant["id"] + 1)
        assert (await running.call("DELETE", f"/api/variants/{variant['id'] + 1}.json"))[0] == 200
        _, gone = await running.call("GET", f"{ITEMS}/{item['id']}.json")
        assert (gone["variantId"], gone["status"]) == (None, "pending")
