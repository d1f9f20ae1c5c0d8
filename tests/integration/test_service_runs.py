"""Runs through the API: asked for, foreseen, cancelled, decided, undone; each in a worker process."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
import pytest
from anyio import to_thread

from feedmill.service.context import Service
from feedmill.service.security.rotation import rotate_keys
from sinks.sqlite import clock
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.supplier import Supplier, store_feed, supplying


@dataclass(frozen=True, slots=True)
class Shop:
    """A service, its supplier, and a feed of its."""

    api: Running
    supplier: Supplier
    feed: int

    async def fetch(self, query: str = "", status: int = 202) -> Any:
        """Ask for a run."""
        found, document = await self.api.call("POST", f"/api/inventory-feeds/{self.feed}/fetch.json{query}")
        assert found == status, document
        return document

    async def run(self, run: int) -> Any:
        """Return a run."""
        status, document = await self.api.call("GET", f"/api/data-imports/{run}.json")
        assert status == 200, document
        return document

    async def ended(self, run: int, *statuses: str) -> Any:
        """Wait for the end of a run, and return it."""
        with anyio.fail_after(30):
            while True:
                found = await self.run(run)
                if found["status"] not in ("pending", "started"):
                    assert found["status"] in statuses, found
                    return found
                await anyio.sleep(0.02)

    async def fetched(self, status: str = "complete") -> Any:
        """Fetch the feed, and return the run."""
        return await self.ended((await self.fetch())["id"], status)

    async def post(self, run: int, verb: str, body: object = None, status: int = 200) -> Any:
        """Do something with a run."""
        found, document = await self.api.call("POST", f"/api/data-imports/{run}/{verb}.json", body)
        assert found == status, document
        return document

    async def stock(self) -> dict[str, object]:
        """Return the stock by key."""
        async with self.api.service.store.reading() as reader:
            rows = await reader.query(
                "SELECT external_id, inventory_quantity FROM main.inventory_feed_variants WHERE inventory_feed_id = ?", self.feed
            )
        return {str(key): quantity for key, quantity in rows}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run the one service of this module on one loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, Supplier]]:
    """Run a service with one worker, and a supplier."""
    async with supplying() as supplier, run_service(tmp_path_factory.mktemp("service")) as api:
        yield api, supplier


@pytest.fixture
async def shop(world: tuple[Running, Supplier], request: pytest.FixtureRequest) -> Shop:
    """Make a feed for one test."""
    api, supplier = world
    supplier.offer(a=1, b=2, c=3)
    return Shop(api, supplier, await store_feed(api.service, request.node.name, supplier.url, **getattr(request, "param", {})))


async def test_a_run_is_asked_for_and_done_in_a_worker(shop: Shop) -> None:
    """Fetch answers the run at once; it is listed, complete with all its figures, and its rejects are a file."""
    shop.supplier.body = "sku,qty\na,1\nb,2\nc,many\n" + "".join(f"d{n},1\n" for n in range(20))
    asked = await shop.fetch()
    assert (asked["status"], asked["trigger"], asked["startedAt"], asked["inventoryFeedId"]) == ("pending", "call", None, shop.feed)
    run = await shop.ended(asked["id"], "complete")
    assert [run[name] for name in ("read", "created", "rejected", "skipped", "unchanged")] == [23, 22, 1, 0, 0]
    assert run["enqueuedAt"] <= run["startedAt"] <= run["finishedAt"] == run["updatedAt"]
    assert run["bytes"] == len(shop.supplier.body)
    assert run["stages"].keys() == {"fetch", "decode", "map", "stage", "apply"}
    assert run["skippedUri"] is None
    status, body = await shop.api.call("GET", run["errorUri"])
    assert status == 200
    (reject,) = csv.DictReader(io.StringIO(body.decode()))
    assert (reject["line"], reject["column"], reject["value"], reject["raw"]) == ("4", "qty", "many", "c,many")
    _, listed = await shop.api.call("GET", f"/api/data-imports.json?where[inventoryFeedId]={shop.feed}&attributes[]=read&attributes[]=id")
    assert listed == [{"id": run["id"], "read": 23}]
    async with shop.api.service.store.reading() as reader:
        settings = await reader.query("SELECT updated_at = created_at FROM main.inventory_feeds WHERE id = ?", shop.feed)
    assert settings == [(1,)]


async def test_workers_open_what_new_keys_sealed(shop: Shop) -> None:
    """A worker that began before the keys were changed does its next run all the same, and so does a trial."""
    await shop.fetched()
    await rotate_keys(shop.api.service.url, settle=0)
    await to_thread.run_sync(shop.api.service.keys.reload)
    shop.supplier.offer(a=9, b=2, c=3)
    await shop.fetched()
    assert await shop.stock() == {"a": 9, "b": 2, "c": 3}
    await rotate_keys(shop.api.service.url, settle=0)
    await to_thread.run_sync(shop.api.service.keys.reload)
    assert (await shop.api.call("POST", f"/api/inventory-feeds/{shop.feed}/preview.json"))[0] == 200


async def test_a_run_under_way_is_alone_and_can_be_cancelled(shop: Shop) -> None:
    """A second fetch is told the first; what waits and what is read is cancelled at once, nothing of it applied; then it is free."""
    shop.supplier.close_gate()
    first = (await shop.fetch())["id"]
    with anyio.fail_after(20):
        await shop.supplier.reached.wait()
    refused = await shop.fetch(status=409)
    assert (refused["type"], refused["run"]) == ("urn:feedmill:problem:under-way", first)
    for verb in ("approve", "reject", "undo"):
        await shop.post(first, verb, status=409)
    # The one worker is taken: the run of another feed waits.
    other = await store_feed(shop.api.service, "other", shop.supplier.url)
    waiting = (await Shop(shop.api, shop.supplier, other).fetch())["id"]
    assert (await shop.post(waiting, "cancel"))["status"] == "cancelled"
    # One whose feed is disabled while it waits is not begun.
    unwanted = (await Shop(shop.api, shop.supplier, other).fetch())["id"]
    async with shop.api.service.store.writing() as writer:
        await writer.execute("UPDATE main.inventory_feeds SET enabled = 0 WHERE id = ?", other)
    cancelled = await shop.post(first, "cancel")
    assert (cancelled["status"], [message["code"] for message in cancelled["messages"]]) == ("cancelled", ["cancelled"])
    await shop.post(first, "cancel", status=409)
    # The first one's answer is still kept back: only a worker that was told can do another run.
    kept_back, shop.supplier.gate = shop.supplier.gate, None
    done = await shop.fetched()
    assert kept_back is not None
    kept_back.set()
    assert (done["created"], await shop.stock()) == (3, {"a": 1, "b": 2, "c": 3})
    assert "disabled before it was done" in (await shop.ended(unwanted, "cancelled"))["messages"][0]["message"]
    assert (await shop.run(first))["status"] == (await shop.run(waiting))["status"] == "cancelled"
    assert (await shop.run(waiting))["startedAt"] is None
    await shop.post(done["id"], "cancel", status=409)
    status, _ = await shop.api.call("POST", "/api/data-imports/999/cancel.json")
    assert status == 404


async def test_a_run_is_foreseen_and_its_source_looked_at(shop: Shop) -> None:
    """A dry run answers its figures and leaves nothing; a preview tries settings, and shows no secret to another host."""
    plan = await shop.fetch("?dryRun=true", status=200)
    assert (plan["run"], plan["status"], plan["created"]) == (None, "complete", 3)
    listed = await shop.api.call("GET", f"/api/data-imports.json?where[inventoryFeedId]={shop.feed}")
    assert (await shop.stock(), listed) == ({}, (200, []))
    path = f"/api/inventory-feeds/{shop.feed}/preview.json"
    status, seen = await shop.api.call("POST", path)
    assert status == 200, seen
    assert (seen["dialect"]["delimiter"], len(seen["records"])) == (",", 3)
    status, seen = await shop.api.call("POST", path, {"limit": 1, "settings": {"allocationBuffer": 1, "skuPrefix": "X", "prefixSku": True}})
    assert status == 200, seen
    assert [record["item"]["vendorSku"] for record in seen["records"]] == ["Xa"]
    status, seen = await shop.api.call("POST", path, {"settings": {"fields": [{"name": "qty", "purpose": "name"}]}})
    assert (status, [record["item"]["name"] for record in seen["records"]]) == (200, ["1", "2", "3"])
    assert (await shop.api.call("POST", path, {"settings": {"fields": [1]}}))[0] == 422
    for body, field in (({"limit": 0}, "limit"), ({"settings": {"skuPrefx": 1}}, "skuPrefx")):
        status, refused = await shop.api.call("POST", path, body)
        assert (status, refused["errors"][0]["field"]) == (422, field)
    asked = shop.supplier.asked
    async with shop.api.service.store.writing() as writer:
        (((sealed,)),) = await writer.connection.execute_fetchall("SELECT sealed FROM main.inventory_feeds WHERE id = ?", (shop.feed,))
        known = {**shop.api.service.keys.open(sealed), "authenticationToken": "joe", "authenticationSecret": "pa55"}
        await writer.connection.execute(
            "UPDATE main.inventory_feeds SET sealed = ? WHERE id = ?", (shop.api.service.keys.seal(known), shop.feed)
        )
    for settings in ({"resourceLocation": shop.supplier.url.replace("127.0.0.1", "localhost")}, {"proxyUrl": shop.supplier.url}):
        status, refused = await shop.api.call("POST", path, {"settings": settings})
        assert (status, [each["field"] for each in refused["errors"]]) == (422, ["authenticationToken", "authenticationSecret"])
    assert shop.supplier.asked == asked
    status, refused = await shop.api.call("POST", path, {"settings": {"mapping": "shopify"}})
    assert (status, "joe" in str(refused), "***:***@" in str(refused)) == (422, False, True)
    assert (await shop.api.call("POST", path, {"settings": {"authenticationSecret": "***"}}))[0] == 200
    assert (await shop.api.call("POST", f"/api/inventory-feeds/{shop.feed}/fetch.json?dryRun=perhaps"))[0] == 422
    assert (await shop.api.call("POST", path, token=await make_token(shop.api.service, "read")))[0] == 403


async def test_what_cannot_be_fetched_is_refused(shop: Shop) -> None:
    """A feed that is pushed to or not enabled, and one whose provider is away, is not fetched, and says why."""
    pushed = await store_feed(shop.api.service, "pushed", "", resourceType="webhook", resourceLocation=None)
    for query in ("", "?dryRun=true"):
        refused = await Shop(shop.api, shop.supplier, pushed).fetch(query, status=409)
        assert "pushed to" in refused["detail"]
    await Shop(shop.api, shop.supplier, 999).fetch(status=404)
    for change, why in (
        ("UPDATE main.dropship_providers SET status = 'away' WHERE id = (SELECT dropship_provider_id FROM main.inventory_feeds", "away"),
        ("UPDATE main.inventory_feeds SET enabled = 0 WHERE id = (SELECT id FROM main.inventory_feeds", "not enabled"),
    ):
        async with shop.api.service.store.writing() as writer:
            await writer.execute(f"{change} WHERE id = ?)", shop.feed)
        assert why in (await shop.fetch(status=409))["detail"]


async def test_a_feed_that_cannot_work_ends_its_run(shop: Shop) -> None:
    """A run whose settings cannot work ends as an error that says so, and does not come back."""
    async with shop.api.service.store.writing() as writer:
        broken = "UPDATE main.inventory_feeds SET settings = json_set(settings, '$.resourceType', 'carrier-pigeon') WHERE id = ?"
        await writer.execute(broken, shop.feed)
    run = await shop.fetched("error")
    assert [message["code"] for message in run["messages"]] == ["failed"]
    assert "carrier-pigeon" in run["messages"][0]["message"]


@pytest.mark.parametrize("shop", [{"reviewChanges": True}], indirect=True, ids=["reviewed"])
async def test_a_held_run_is_decided_and_undone(shop: Shop) -> None:
    """A held run shows what it would do, is rejected or approved with a word on it, and is undone once it is complete."""
    held = await shop.fetched("held")
    assert len(held["guard"]) == 1
    _, diff = await shop.api.call("GET", f"/api/data-imports/{held['id']}/diff.json")
    assert (diff["held"], diff["counts"]["created"]) == (True, 3)
    assert (await shop.post(held["id"], "reject", {"comment": "too early"}))["status"] == "cancelled"
    assert (await shop.api.call("GET", f"/api/data-imports/{held['id']}/diff.json"))[0] == 409
    held = await shop.fetched("held")
    await shop.post(held["id"], "cancel")
    assert (await shop.run(held["id"]))["status"] == "cancelled"
    held = await shop.fetched("held")
    await shop.post(held["id"], "undo", status=409)
    done = await shop.post(held["id"], "approve", {"comment": "looks right"})
    assert (done["status"], done["created"]) == ("complete", 3)
    assert "looks right" in done["messages"][0]["message"]
    await shop.post(held["id"], "approve", status=409)
    status, body = await shop.api.call("GET", f"/api/data-imports/{held['id']}/changes.csv")
    assert status == 200
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert {row["after"] for row in rows if row["field"] == "inventoryQuantity"} == {"1", "2", "3"}
    foreseen = await shop.post(held["id"], "undo", {"dryRun": True})
    assert (foreseen["removed"], foreseen["conflicts"], await shop.stock()) == (3, [], {"a": 1, "b": 2, "c": 3})
    undone = await shop.post(held["id"], "undo")
    assert (undone["kind"], undone["undoes"], undone["status"], undone["removed"]) == ("undo", held["id"], "complete", 3)
    assert await shop.stock() == {}
    await shop.post(held["id"], "undo", status=409)
    status, refused = await shop.api.call("POST", f"/api/data-imports/{held['id']}/approve.json", {"coment": "x"})
    assert (status, refused["errors"][0]["field"]) == (422, "coment")


async def test_a_run_waits_for_the_batches_that_came_before_it(shop: Shop) -> None:
    """What a batch said before the run was asked for is older than what the run reads, whenever it is applied."""
    service = shop.api.service
    body = orjson.dumps([{"externalId": "a", "vendorSku": "a", "inventoryQuantity": 9}])
    now = clock.now()
    async with service.pushing.lock:
        async with service.store.writing() as writer:
            await writer.connection.execute(
                "INSERT INTO main.batches (feed_id, origin, status, body, bytes, items, available_at, created_at, updated_at)"
                " VALUES (?, 'api', 'pending', ?, ?, 1, ?, ?, ?)",
                (shop.feed, body, len(body), now, now, now),
            )
        run = (await shop.fetch())["id"]
        with anyio.fail_after(30):
            while not await _was_put_off(service, run) and (await shop.run(run))["status"] in ("pending", "started"):
                await anyio.sleep(0.01)
    service.bells.inbox.ring()
    await shop.ended(run, "complete")
    with anyio.fail_after(30):
        while not (await shop.api.call("GET", "/api/batches/1.json"))[1]["finishedAt"]:
            await anyio.sleep(0.01)
    assert await shop.stock() == {"a": 1, "b": 2, "c": 3}


async def _was_put_off(service: Service, run: int) -> bool:
    """Return whether the job of a run was taken once and waits again."""
    async with service.store.reading() as reader:
        tried = "SELECT 1 FROM main.jobs WHERE dedupe_key = ? AND owner IS NULL AND attempts > 0"
        return bool(await reader.query(tried, f"run:{run}"))
