"""Looking for items and variants over the API: by index first, then as far as a moment allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from feedmill.service.pushing import run_pushes
from feedmill.web.resources.items import search
from sinks.sqlite.service.browsing import catalogue, items, walking
from tests.integration.test_api_items import ITEMS, make_feed, make_item
from tests.servers.feedmill_service import run_service

SEARCH = f"{ITEMS}/search.json"


async def test_what_takes_longer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that runs out of time says how far it looked; a sort that would have to be waited for is answered as not ready."""
    monkeypatch.setattr(walking, "_FIRST_STEP", 1)
    monkeypatch.setattr(items, "SECONDS", -1.0)
    monkeypatch.setattr(search, "FEW", 3)
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        for number in range(6):
            await make_item(running, feed, f"k-{number}", barcode=f"{number}00", name=f"Lamp {number}", inventoryQuantity=9 - number)
        pages, looked, met = 0, 0, list[str]()
        cursor: str | None = ""
        while cursor is not None:
            status, page = await running.call("GET", f"{SEARCH}?q=500&cursor={cursor}")
            assert (status, page["cut"]) == (200, page["next"] is not None)
            pages, looked, cursor = pages + 1, page["looked"], page["next"]
            met += [item["externalId"] for item in page["items"]]
        assert (met, looked) == (["k-5"], 6)
        assert pages > 2
        sort = "order[attribute]=inventoryQuantity&limit=2"
        assert (await running.call("GET", f"{SEARCH}?{sort}&wait=false"))[1]["ready"] is False
        first = (await running.call("GET", f"{SEARCH}?{sort}"))[1]
        assert ([item["externalId"] for item in first["items"]], first["total"], first["ready"]) == (["k-5", "k-4"], 6, True)
        # What was sorted stays as it is for whoever goes on in it: a change moves no item to a page that was seen already.
        assert (await running.call("PUT", f"{ITEMS}/{first['items'][0]['id']}.json", {"inventoryQuantity": 99}))[0] == 200
        second = (await running.call("GET", f"{SEARCH}?{sort}&wait=false&cursor={first['next']}"))[1]
        assert [item["externalId"] for item in second["items"]] == ["k-3", "k-2"]
        assert (await running.call("GET", f"{SEARCH}?{sort}&cursor={second['previous']}"))[1]["items"][0]["inventoryQuantity"] == 99


async def test_a_first_load_is_not_seen(tmp_path: Path) -> None:
    """Items of a feed that is loaded for the first time are in no list, whichever way that comes about, until it is loaded."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        seen, hidden = [await make_feed(running, name) for name in ("seen", "hidden")]
        await make_item(running, seen, "k-seen", name="Lamp")
        await make_item(running, hidden, "k-hidden", name="Lamp")
        async with running.service.store.writing() as writer:
            await writer.execute("UPDATE main.inventory_feeds SET loading_run_id = 7 WHERE id = ?", hidden)
        orders = ("id", "externalId", "name")
        for query in ("", "q=k", "q=Lamp", "status=pending", f"inventoryFeedId={hidden}"):
            for order in orders:
                found = (await running.call("GET", f"{SEARCH}?{query}&order[attribute]={order}"))[1]["items"]
                assert {item["inventoryFeedId"] for item in found} == ({seen} if "Feed" not in query else set()), (query, order)


async def test_variants_are_found_while_somebody_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SKU in any case, by how a SKU begins, by barcode, by words of the name; where the catalogue is long, it is looked further."""
    monkeypatch.setattr(walking, "_FIRST_STEP", 2)
    async with run_service(tmp_path, loops=()) as running:
        for number in range(6):
            sent = {"sku": f"Shop-{number}", "name": f"Brass lamp {number}", **({"barcode": "4006381333931"} if number == 4 else {})}
            assert (await running.call("POST", "/api/variants.json", sent))[0] == 200

        async def find(query: str) -> tuple[list[str], int | None]:
            status, found = await running.call("GET", f"/api/variants/search.json?{query}")
            assert status == 200, found
            return [variant["sku"] for variant in found["variants"]], found["after"]

        assert await find("q=SHOP-3") == (["Shop-3"], None)
        assert (await find("q=Shop-"))[0] == [f"Shop-{number}" for number in range(6)]
        assert await find("q=4006381333931") == (["Shop-4"], None)
        assert await find("q=lamp 5 brass") == (["Shop-5"], None)
        assert await find("q=100%25") == ([], None)
        names, after = await find("q=lamp&limit=4")
        assert (names, await find(f"q=lamp&limit=4&after={after}")) == (
            ["Shop-0", "Shop-1", "Shop-2", "Shop-3"],
            (["Shop-4", "Shop-5"], None),
        )
        monkeypatch.setattr(catalogue, "SECONDS", -1.0)
        names, after = await find("q=lamp 5")
        while after is not None and not names:
            names, after = await find(f"q=lamp 5&after={after}")
        assert names == ["Shop-5"]
        for wrong in ("", "q=", f"q={'x' * 201}", "q=a&limit=99", "q=a&after=-1", "q=a&colour=red"):
            assert (await running.call("GET", f"/api/variants/search.json?{wrong}"))[0] == 422
