"""Every row of the API's table of endpoints, on a running service with its loops and workers, in the order of the table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web

from feedmill.web.app import all_endpoints
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.web import serving

# What each resource shows of attributes that it was not given, as the tables of the API have it.
DEFAULTS: dict[str, dict[str, Any]] = orjson.loads(Path(__file__).with_name("api_defaults.json").read_bytes())

FIRST = b"sku;qty\nA-1;5\nA-2;7\nA-3;9\n"
SECOND = b"sku;qty\nA-1;6\nA-2;7\nA-3;9\n"


@dataclass
class World:
    """A running service, a supplier whose file a test may change, and a receiver of webhooks."""

    api: Running
    source: str
    receiver: str
    body: bytes = FIRST
    received: list[dict[str, Any]] = field(default_factory=list)
    gate: anyio.Event | None = None
    reached: anyio.Event = field(default_factory=anyio.Event)

    async def ok(self, method: str, path: str, body: object = None, *, status: int = 200, **options: Any) -> Any:
        """Return the JSON of an answer that has to have this status."""
        answered, document = await self.api.call(method, path, body, **options)
        assert answered == status, f"{method} {path}: {answered} {document}"
        return document

    async def provider(self) -> int:
        """Make a provider."""
        made = await self.ok("POST", "/api/dropship-providers.json", {"name": "Acme"})
        return int(made["id"])

    async def feed(self, name: str, **attributes: Any) -> int:
        """Make a feed that is pushed to, or another one."""
        base = {"name": name, "resourceType": "webhook", "dropshipProviderId": await self.provider(), "fetchFrequency": "never"}
        made = await self.ok("POST", "/api/inventory-feeds.json", {**base, **attributes})
        return int(made["id"])

    async def pulled(self, name: str, **attributes: Any) -> int:
        """Make a feed that is fetched from the supplier."""
        rows = [{"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"}]
        return await self.feed(name, resourceType="ftpCsv", resourceLocation=self.source, mapping="custom", fields=rows, **attributes)

    async def push(self, feed: int, key: str, quantity: int, **more: Any) -> Any:
        """Push an item."""
        item = {"externalId": key, "vendorSku": key, "inventoryQuantity": quantity, **more}
        return await self.ok("PUT", f"/api/inventory-feeds/{feed}/parse-webhook.json", item)

    async def ended(self, run: int, *statuses: str) -> Any:
        """Wait until a run has one of these statuses, and return it."""
        with anyio.fail_after(30):
            while True:
                shown = await self.ok("GET", f"/api/data-imports/{run}.json")
                if shown["status"] in statuses:
                    return shown
                assert shown["status"] in ("pending", "started"), shown
                await anyio.sleep(0.02)

    async def fetched(self, feed: int, status: str = "complete") -> Any:
        """Fetch a feed and return the run that came of it."""
        run = await self.ok("POST", f"/api/inventory-feeds/{feed}/fetch.json", status=202)
        return await self.ended(run["id"], status)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run the one service of this module on one loop."""
    return "asyncio"


@asynccontextmanager
async def _world(directory: Path) -> AsyncIterator[World]:
    worlds: list[World] = []

    async def supply(request: web.Request) -> web.StreamResponse:
        world = worlds[0]
        if request.method == "POST":
            world.received.append(await request.json())
            return web.Response()
        if world.gate is not None:
            world.reached.set()
            await world.gate.wait()
        return web.Response(body=world.body, content_type="text/csv")

    async with serving(supply) as port, run_service(directory) as api:
        worlds.append(World(api, f"http://127.0.0.1:{port}/stock.csv", f"http://127.0.0.1:{port}/hook"))
        yield worlds[0]


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Run a service for all tests of this module."""
    async with _world(tmp_path_factory.mktemp("service")) as made:
        yield made


async def test_providers(world: World) -> None:
    """Providers are made, listed, changed and deleted; one that has feeds is not."""
    number = await world.provider()
    path = f"/api/dropship-providers/{number}.json"
    assert (await world.ok("GET", path))["status"] == "accepted"
    assert (await world.ok("PUT", path, {"status": "archived"}))["name"] == "Acme"
    assert [each["id"] for each in await world.ok("GET", "/api/dropship-providers.json?where[status]=archived")] == [number]
    assert (await world.ok("DELETE", path))["id"] == number
    await world.ok("GET", path, status=404)
    feed = await world.feed("of a provider")
    keeper = (await world.ok("GET", f"/api/inventory-feeds/{feed}.json"))["dropshipProviderId"]
    await world.ok("DELETE", f"/api/dropship-providers/{keeper}.json", status=409)


async def test_what_was_just_made_shows_every_attribute(world: World) -> None:
    """A feed, an item, a provider and a mapping row show all of their attributes, those that were not given with their defaults."""

    def differs(shown: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
        return {name: shown.get(name, "is absent") for name, value in defaults.items() if shown.get(name, "is absent") != value}

    provider = await world.provider()
    shown = await world.ok("GET", f"/api/dropship-providers/{provider}.json")
    assert not differs(shown, DEFAULTS["dropship-providers"])
    given = {"name": "bare", "resourceType": "webhook", "dropshipProviderId": provider}
    feed = await world.ok("POST", "/api/inventory-feed.json", given)
    assert not differs(feed, {**DEFAULTS["inventory-feeds"], **given})
    assert feed["hash"]
    item = await world.push(feed["id"], "D", 1)
    assert not differs(
        item, {**DEFAULTS["inventory-feed-variants"], "inventoryFeedId": feed["id"], "vendorSku": "D", "availableQuantity": 1}
    )
    custom = {"inventoryFeedId": await world.feed("custom", resourceType="ftpCsv", resourceLocation=world.source, mapping="custom")}
    row = await world.ok("POST", "/api/inventory-feed-fields.json", {**custom, "name": "sku", "purpose": "sku"})
    assert not differs(row, DEFAULTS["inventory-feed-fields"])
    for shown in (feed, item, row):
        assert all(shown[name] for name in ("id", "createdAt", "updatedAt"))


async def test_what_a_beginner_gets_wrong(world: World) -> None:
    """A wrong path, verb, kind of body, attribute or number of items is answered with a problem that says what to do instead."""
    problem = await world.ok("GET", "/api/inventory-feeds", status=404)
    assert (
        problem["detail"] == "there is nothing at /api/inventory-feeds; paths are case-sensitive and end in .json, and /api/docs lists them"
    )
    await world.ok("GET", "/%ff%00", status=404)
    assert "it takes GET" in (await world.ok("PATCH", "/api/plan.json", {}, status=405))["detail"]
    assert (
        "send application/json" in (await world.ok("POST", "/api/products.json", {}, status=415, headers={"Content-Type": "a/b"}))["detail"]
    )
    for resource, attribute in (("inventory-feeds", "resourceTyp"), ("inventory-feed-fields", "nme"), ("products", "nam")):
        faults = (await world.ok("POST", f"/api/{resource}.json", {attribute: "x"}, status=422))["errors"]
        (unknown,) = [fault for fault in faults if fault["field"] == attribute]
        assert unknown["message"].startswith("unknown attribute")
        assert any(fault["message"].startswith("is mandatory") for fault in faults)
    faults = (await world.ok("POST", "/api/api-tokens.json", {"name": "x", "scopes": ["root"]}, status=422))["errors"]
    assert [fault["field"] for fault in faults] == ["scopes.0"]


def test_every_call_of_a_feed_has_the_singular_path() -> None:
    """`/api/inventory-feed`, which the reference's clients call too, is an alias of every path below the plural."""
    plural = [endpoint for endpoint in all_endpoints() if re.match(r"/api/inventory-feeds[./]", endpoint.path)]
    assert len(plural) >= 12
    assert [endpoint.path for endpoint in plural if endpoint.path.replace("feeds", "feed", 1) not in endpoint.aliases] == []


async def test_lists_are_paged(world: World) -> None:
    """`from` counts pages, `after` ids; both are told where the next one is and how many there are."""
    for name in ("one", "two", "three"):
        await world.feed(name)
    url = (
        f"{world.api.url}/api/inventory-feeds.json?attributes[]=name&where[name][$in][]=one&where[name][$in][]=two&where[name][$in][]=three"
    )
    headers = {"Authorization": f"Bearer {world.api.token}"}
    for start in ("from=0", "after=0"):
        names, page = [], f"{url}&limit=2&{start}"
        while page:
            async with world.api.client.get(page, headers=headers) as response:
                assert response.headers["X-Total-Count"] == "3"
                names.append([each["name"] for each in await response.json()])
                page = str(response.links["next"]["url"]) if "next" in response.links else ""
        assert names == [["one", "two"], ["three"]], start


async def test_feeds(world: World) -> None:
    """Feeds are validated at once, their credentials are taken and never returned, and PUT changes only what it says."""
    location = "ftp://shop:s%2Fcret@files.example/stock.csv"
    number = await world.feed("north", resourceType="ftpCsv", resourceLocation=location, mapping="inventory")
    path = f"/api/inventory-feeds/{number}.json"
    shown = await world.ok("GET", path)
    assert "***" in shown["resourceLocation"]
    assert "s%2Fcret" not in str(shown)
    assert "s/cret" not in str(shown)
    assert (await world.ok("PUT", path, {"delimiter": ";"}))["resourceLocation"] == shown["resourceLocation"]
    assert (await world.ok("PUT", path, {"resourceLocation": "gopher://x/"}, status=422))["errors"]
    assert "nonsense" in str(await world.ok("PUT", path, {"nonsense": 1}, status=422))
    assert number in [each["id"] for each in await world.ok("GET", "/api/inventory-feed.json")]
    rotated = await world.ok("POST", f"/api/inventory-feeds/{number}/rotate-hash.json")
    assert rotated["hash"] != shown["hash"]
    assert (await world.ok("DELETE", path))["name"] == "north"
    await world.ok("GET", path, status=404)


@pytest.mark.parametrize(
    ("resource", "row", "changed"),
    [
        ("inventory-feed-fields", {"name": "Lager", "purpose": "inventoryQuantity"}, {"parseNumber": True}),
        ("inventory-feed-json-fields", {"path": "stock.qty", "purpose": "inventoryQuantity"}, {"path": "stock"}),
        (
            "inventory-feed-mappings",
            {"field": "optionName", "matchType": "matches", "transformFrom": ["Grösse"], "transformTo": "Size"},
            {"transformTo": "size"},
        ),
        ("inventory-feed-parameters", {"name": "lang", "value": "de"}, {"type": "header"}),
    ],
)
async def test_mapping_rows(world: World, resource: str, row: dict[str, Any], changed: dict[str, Any]) -> None:
    """The rows of a mapping are resources of their own, each of one feed."""
    kind = {"resourceType": "json", "resourceLocation": "https://rest.example/items", "jsonMapping": "custom"}
    feed = await world.feed(resource, **kind, fields=[{"name": "sku", "purpose": "sku"}])
    made = await world.ok("POST", f"/api/{resource}.json", {"inventoryFeedId": feed, **row})
    path = f"/api/{resource}/{made['id']}.json"
    assert made["createdAt"]
    name, value = next(iter(changed.items()))
    assert (await world.ok("PUT", path, changed))[name] == value
    listed = await world.ok("GET", f"/api/{resource}.json?where[inventoryFeedId]={feed}")
    assert made["id"] in [each["id"] for each in listed]
    assert (await world.ok("DELETE", path))["id"] == made["id"]
    await world.ok("GET", path, status=404)


async def test_items(world: World) -> None:
    """Items are listed by what they are, made, changed by the same rules as pushed ones, and deleted."""
    feed = await world.feed("items", allocationBuffer=2)
    made = await world.ok("POST", "/api/inventory-feed-variants.json", {"inventoryFeedId": feed, "externalId": "X", "vendorSku": "X"})
    path = f"/api/inventory-feed-variants/{made['id']}.json"
    assert (await world.ok("PUT", path, {"inventoryQuantity": 5}))["availableQuantity"] == 3
    assert (await world.ok("PUT", path, {"retailPrice": "9.90"}))["retailPrice"] == 9.9
    await world.ok("PUT", path, {"inventoryQuantity": "many"}, status=422)
    query = f"/api/inventory-feed-variants.json?where[inventoryFeedId]={feed}&where[inventoryQuantity][$gt]=4&attributes[]=externalId"
    assert [each["externalId"] for each in await world.ok("GET", query)] == ["X"]
    assert (await world.ok("DELETE", path))["externalId"] == "X"
    await world.ok("GET", path, status=404)


async def test_one_item_is_pushed(world: World) -> None:
    """A push answers the whole item, touches nothing that it does not say, and the older of two never wins."""
    feed = await world.feed("pushed")
    first = await world.push(feed, "00123", 4, name="Lamp", sequence=7)
    assert (first["inventoryQuantity"], first["status"], first["externalId"]) == (4, "pending", "00123")
    assert (await world.push(feed, "00123", 3, sequence=8))["name"] == "Lamp"
    assert (await world.push(feed, "00123", 9, sequence=6))["inventoryQuantity"] == 3


async def test_a_batch_is_durable_before_it_is_answered(world: World) -> None:
    """A batch of 50 is answered with its number, and later with what became of each; 51 are too many."""
    feed = await world.feed("batched")
    items = [{"externalId": f"B-{number}", "vendorSku": f"B-{number}", "inventoryQuantity": number} for number in range(50)]
    path = f"/api/inventory-feeds/{feed}/parse-webhooks.json"
    batch = (await world.ok("PUT", path, [*items[:49], {"externalId": "B-49"}], status=202))["batchId"]
    with anyio.fail_after(20):
        while (shown := await world.ok("GET", f"/api/batches/{batch}.json"))["status"] == "pending":
            await anyio.sleep(0.02)
    assert [each["outcome"] for each in shown["results"]] == ["created"] * 49 + ["invalid"]
    assert "50" in (await world.ok("PUT", path, [*items, items[0]], status=413))["detail"]


async def test_a_supplier_pushes_with_the_hash_of_the_feed(world: World) -> None:
    """The inbound twin takes the hash in place of a token, by both names of the header; another one opens nothing."""
    feed = await world.feed("inbound")
    secret = (await world.ok("GET", f"/api/inventory-feeds/{feed}.json"))["hash"]
    item = [{"externalId": "I", "vendorSku": "I", "inventoryQuantity": 1}]
    path = "/webhooks/inventory-feeds/parse-webhooks.json"
    for name in ("jetti-webhook-hash", "feedmill-webhook-hash"):
        await world.ok("POST", path, item, status=202, headers={name: secret, "Authorization": ""})
    await world.ok("POST", path, item, status=401, headers={"jetti-webhook-hash": "wrong", "Authorization": ""})


async def test_an_idempotency_key_answers_the_first_result(world: World) -> None:
    """The same key with the same body writes once; with another body it is a conflict."""
    feed = await world.feed("keyed")
    path = f"/api/inventory-feeds/{feed}/parse-webhook.json"
    item = {"externalId": "K", "vendorSku": "K", "inventoryQuantity": 1}
    first = await world.ok("PUT", path, item, headers={"Idempotency-Key": "one"})
    await world.push(feed, "K", 2)
    assert await world.ok("PUT", path, item, headers={"Idempotency-Key": "one"}) == first
    await world.ok("PUT", path, {**item, "inventoryQuantity": 5}, status=409, headers={"Idempotency-Key": "one"})
    shown = await world.ok("GET", f"/api/inventory-feed-variants/{first['id']}.json")
    assert shown["inventoryQuantity"] == 2


async def test_an_item_is_removed_by_its_external_id(world: World) -> None:
    """The item that is removed is answered, and is gone."""
    feed = await world.feed("emptied")
    item = await world.push(feed, "R", 1)
    path = f"/api/inventory-feeds/{feed}/remove-by-external-id.json"
    assert (await world.ok("DELETE", path, {"externalId": "R"}))["id"] == item["id"]
    await world.ok("DELETE", path, {"externalId": "R"}, status=404)


async def test_runs_are_fetched_foreseen_and_cancelled(world: World) -> None:
    """A fetch answers with its run; while that is under way another is a conflict that names it; a dry run changes nothing."""
    feed = await world.pulled("fetched")
    path = f"/api/inventory-feeds/{feed}/fetch.json"
    plan = await world.ok("POST", f"{path}?dryRun=true")
    assert (plan["created"], plan["status"]) == (3, "complete")
    assert await world.ok("GET", f"/api/inventory-feed-variants.json?where[inventoryFeedId]={feed}") == []
    assert "dryRun" in str(await world.ok("POST", f"{path}?dryrun=true", status=422))
    assert await world.ok("GET", f"/api/data-imports.json?where[inventoryFeedId]={feed}") == []
    world.gate = anyio.Event()
    run = (await world.ok("POST", path, status=202))["id"]
    with anyio.fail_after(20):
        await world.reached.wait()
    assert str(run) in str(await world.ok("POST", path, status=409))
    await world.ok("POST", f"/api/data-imports/{run}/cancel.json")
    assert (await world.ended(run, "cancelled"))["created"] == 0
    world.gate.set()
    world.gate, world.reached = None, anyio.Event()
    run = await world.fetched(feed)
    assert (run["read"], run["created"]) == (3, 3)


async def test_a_feed_is_looked_at_before_it_is_fetched(world: World) -> None:
    """A preview shows how the source is read: dialect, raw records, mapped ones, problems."""
    feed = await world.pulled("previewed")
    shown = await world.ok("POST", f"/api/inventory-feeds/{feed}/preview.json")
    assert shown["dialect"]["delimiter"] == ";"
    assert shown["records"][0]["raw"] == {"sku": "A-1", "qty": "5"}
    assert shown["records"][0]["item"]["inventoryQuantity"] == 5


async def test_a_feed_is_exported(world: World) -> None:
    """The export is a CSV of all items of the feed."""
    feed = await world.feed("exported")
    await world.push(feed, "00001", 4, name='semicolon; "quoted"')
    _, body = await world.api.call("GET", f"/api/inventory-feeds/{feed}/export.json")
    (row,) = csv.DictReader(io.StringIO(body.decode()))
    assert (row["externalId"], row["inventoryQuantity"], row["name"]) == ("00001", "4", 'semicolon; "quoted"')


async def test_runs_are_judged_and_undone(world: World) -> None:
    """A held run is approved or rejected, a complete one undone; what was refused can be downloaded."""
    feed = await world.pulled("judged", reviewChanges=True)
    held = await world.fetched(feed, "held")
    assert (await world.ok("POST", f"/api/data-imports/{held['id']}/reject.json"))["status"] == "cancelled"
    held = await world.fetched(feed, "held")
    await world.api.call("POST", f"/api/data-imports/{held['id']}/approve.json", {"comment": "checked"})
    assert (await world.ended(held["id"], "complete"))["created"] == 3
    await world.ok("PUT", f"/api/inventory-feeds/{feed}.json", {"reviewChanges": False, "guard": {"maxRejectRatio": 0.5}})
    world.body = SECOND + b"A-4;none\n"
    run = await world.fetched(feed)
    assert (run["updated"], run["unchanged"], run["rejected"]) == (1, 2, 1)
    _, body = await world.api.call("GET", run["errorUri"].removeprefix(world.api.url))
    assert b"A-4" in body
    await world.ok("POST", f"/api/data-imports/{run['id']}/undo.json?dryRun=true", status=422)
    status, undone = await world.api.call("POST", f"/api/data-imports/{run['id']}/undo.json")
    assert status in (200, 202), undone
    await world.ended(undone["id"], "complete")
    world.body = FIRST
    (item,) = await world.ok("GET", f"/api/inventory-feed-variants.json?where[inventoryFeedId]={feed}&where[externalId]=A-1")
    assert item["inventoryQuantity"] == 5
    changes = await world.ok("GET", f"/api/inventory-feed-variants/{item['id']}/history.json")
    assert {"field": "inventoryQuantity", "before": 6, "after": 5} in [field for entry in changes for field in entry["fields"]]


async def test_what_a_run_leaves_out_can_be_downloaded(world: World) -> None:
    """Each record that is skipped is kept with its number, its item and the reason, also where the store itself leaves it out."""
    feed = await world.pulled("choosy", restrictInventoryImport=True, inventoryRestrictionLevel=6)
    run = await world.fetched(feed)
    assert (run["read"], run["created"], run["skipped"], run["errorUri"]) == (3, 2, 1, None)
    _, body = await world.api.call("GET", run["skippedUri"])
    (row,) = csv.DictReader(io.StringIO(body.decode()))
    assert (row["record"], row["value"], row["fate"]) == ("1", "A-1", "skipped")
    assert "inventoryRestrictionLevel 6" in row["reason"]


async def test_items_connect_to_the_catalogue(world: World) -> None:
    """A variant is connected by its SKU by itself and by hand, and every connection is in the audit."""
    product = await world.ok("POST", "/api/products.json", {"name": "Lamp"})
    variant = await world.ok("POST", "/api/variants.json", {"sku": "CAT-1", "productId": product["id"]})
    assert (await world.ok("PUT", f"/api/variants/{variant['id']}.json", {"name": "Lamp, red"}))["sku"] == "CAT-1"
    feed = await world.feed("connecting")
    item = await world.push(feed, "CAT-1", 3)
    assert (item["status"], item["variantId"]) == ("connected", variant["id"])
    path = f"/api/inventory-feed-variants/{item['id']}"
    assert (await world.ok("PUT", f"{path}/disconnect.json"))["variantId"] is None
    assert (await world.ok("PUT", f"{path}/connect.json", {"sku": "CAT-1"}))["variantId"] == variant["id"]
    channel = "/api/channels/5"
    one = {"inventoryFeedVariantId": item["id"], "variantId": variant["id"]}
    await world.ok("PUT", f"{channel}/disconnect-inventory-feed-variants.json", one)
    await world.ok("PUT", f"{channel}/acknowledge-inventory-feed-variants.json", one)
    await world.ok("PUT", f"{channel}/disconnect-inventory-feed-variants-batches.json", [one])
    await world.ok("PUT", f"{channel}/acknowledge-inventory-feed-variants-batches.json", [one])
    await world.ok("PUT", f"{channel}/acknowledge-inventory-feed-variants-batches.json", [one] * 51, status=413)
    audit = await world.ok("GET", f"/api/inventory-feed-variant-connections.json?where[inventoryFeedVariantId]={item['id']}")
    assert {(each["action"], each["scope"]) for each in audit} >= {("connected", "automated"), ("disconnected", "manual")}
    upserted = await world.ok("PUT", "/api/variants/upsert.json", [{"sku": "CAT-1", "name": "Lamp"}, {"sku": "CAT-2"}])
    assert len(upserted) == 2
    csv_body = b"sku,name\nCAT-3,Shade\n"
    async with world.api.client.post(
        f"{world.api.url}/api/variants/upload.json",
        data=csv_body,
        headers={"Authorization": f"Bearer {world.api.token}", "Content-Type": "text/csv"},
    ) as response:
        assert response.status == 200, await response.text()
    assert len(await world.ok("GET", "/api/variants.json?where[sku][$like]=CAT-%25")) == 3
    await world.ok("DELETE", f"/api/products/{product['id']}.json", status=409)


async def test_webhooks_tell_of_items_and_runs(world: World) -> None:
    """A webhook is told of an item that is made, and its payloads can be looked at."""
    hook = await world.ok("POST", "/api/webhooks.json", {"location": world.receiver})
    feed = await world.feed("told")
    await world.push(feed, "W", 1)
    with anyio.fail_after(20):
        while not any(each["topic"] == "inventoryFeedVariant.created" for each in world.received):
            await anyio.sleep(0.02)
        while not await world.ok("GET", f"/api/webhook-payloads.json?where[webhookId]={hook['id']}&where[status]=delivered"):
            await anyio.sleep(0.02)
    assert (await world.ok("PUT", f"/api/webhooks/{hook['id']}.json", {"enabled": False}))["enabled"] is False
    assert (await world.ok("DELETE", f"/api/webhooks/{hook['id']}.json"))["id"] == hook["id"]


async def test_tokens_and_plan(world: World) -> None:
    """A token is shown once, does what its scopes admit until it is revoked; the plan says what is left of the day."""
    feed = await world.feed("scoped")
    made = await world.ok("POST", "/api/api-tokens.json", {"name": "shop", "scopes": [f"feed:{feed}:push"]})
    path = f"/api/api-tokens/{made['id']}.json"
    assert "token" not in await world.ok("GET", path)
    item = {"externalId": "T", "vendorSku": "T", "inventoryQuantity": 1}
    await world.ok("PUT", f"/api/inventory-feeds/{feed}/parse-webhook.json", item, token=made["token"])
    await world.ok("GET", "/api/inventory-feeds.json", token=made["token"], status=403)
    await world.ok("DELETE", path)
    await world.ok("PUT", f"/api/inventory-feeds/{feed}/parse-webhook.json", item, token=made["token"], status=401)
    assert (await world.ok("GET", "/api/plan.json", token=await make_token(world.api.service, "read")))["skuLimit"] is None


async def test_the_service_describes_and_watches_itself(world: World) -> None:
    """Liveness, readiness, figures and the description of the API need no token on loopback."""
    for path in ("/healthz", "/readyz", "/metrics", "/api/openapi.json", "/api/docs"):
        async with world.api.client.get(f"{world.api.url}{path}") as response:
            assert response.status == 200, path
            assert await response.read()


async def test_the_daily_limit(world: World) -> None:
    """Over the limit a push is told when to come back, and an item that was counted may change again."""
    feed = await world.feed("limited")
    used = (await world.ok("GET", "/api/plan.json"))["usedToday"]
    await world.ok("PUT", "/api/plan.json", {"skuLimit": used + 1})
    try:
        await world.push(feed, "L-1", 1)
        await world.push(feed, "L-1", 2)
        item = {"externalId": "L-2", "vendorSku": "L-2", "inventoryQuantity": 1}
        problem = await world.ok("PUT", f"/api/inventory-feeds/{feed}/parse-webhook.json", item, status=429)
        assert problem["type"].endswith("daily-limit")
    finally:
        await world.ok("PUT", "/api/plan.json", {"skuLimit": None})
