"""The rows of a custom mapping through the API, and the mapping that a run is given for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anyio import create_task_group, to_thread

from feedmill.service.definition.stored_feeds import StoredFeed, read_stored_feed
from tests.servers.feedmill_service import Running, run_service

FIELDS = "/api/inventory-feed-fields"
PARAMETERS = "/api/inventory-feed-parameters"


async def sent(running: Running, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Make a call that is answered."""
    status, answered = await running.call(method, path, body)
    assert status == 200, answered
    return dict(answered)


async def refused(running: Running, method: str, path: str, body: object = None, status: int = 422) -> set[str]:
    """Make a call that is refused and return the attributes it names."""
    answered, problem = await running.call(method, path, body)
    assert answered == status, problem
    return {fault["field"] for fault in problem.get("errors", ())}


async def build(running: Running, number: int = 1) -> StoredFeed:
    """Return a feed as a run is given it."""
    async with running.service.store.reading() as reader:
        return await read_stored_feed(reader, running.service.keys, number)


async def begin(running: Running, **attributes: Any) -> dict[str, Any]:
    """Create a provider and a feed of custom mapping."""
    await sent(running, "POST", "/api/dropship-providers.json", {"name": "Acme"})
    feed = {
        "name": "acme",
        "resourceType": "ftpCsv",
        "dropshipProviderId": 1,
        "resourceLocation": "http://127.0.0.1/x",
        "mapping": "custom",
    }
    return await sent(running, "POST", "/api/inventory-feeds.json", {**feed, **attributes})


async def test_rows_make_a_mapping_one_by_one(tmp_path: Path) -> None:
    """A feed becomes valid with its last row; each row keeps its id, whatever becomes of others; a run reads them in order."""
    async with run_service(tmp_path, loops=False) as running:
        feed = await begin(running)
        quantity = {"inventoryFeedId": 1, "name": "QTY", "purpose": "inventoryQuantity", "lookup": {"in stock": 5}}
        first = await sent(running, "POST", f"{FIELDS}.json", quantity)
        assert (first["lookup"], first["enabled"], first["strip"]) == ({"in stock": 5}, True, [])
        second = await sent(running, "POST", f"{FIELDS}.json", {"inventoryFeedId": 1, "name": "ART", "purpose": "sku", "strip": ["-"]})
        after = await sent(running, "GET", "/api/inventory-feeds/1.json")
        assert (feed["isValid"], after["isValid"], after["updatedAt"] > feed["updatedAt"]) == (False, True, True)

        price = {"inventoryFeedId": 1, "name": "PRICE", "purpose": "retailPrice", "priceOperator": "multiply", "priceOperatorValue": "1.2"}
        third = await sent(running, "POST", f"{FIELDS}.json", price)
        assert third["priceOperatorValue"] == 1.2
        assert await sent(running, "PUT", f"{FIELDS}/{third['id']}.json", third) == third
        moved = await sent(running, "PUT", f"{FIELDS}/{second['id']}.json", {"name": "SKU", "strip": None})
        assert (moved["name"], moved["strip"], moved["purpose"], moved["createdAt"]) == ("SKU", [], "sku", second["createdAt"])
        assert await sent(running, "DELETE", f"{FIELDS}/{first['id']}.json") == first
        built = (await build(running)).build()
        assert [(row.name, row.purpose) for row in built.fields] == [("SKU", "sku"), ("PRICE", "retailPrice")]
        _, listed = await running.call("GET", f"{FIELDS}.json?where[inventoryFeedId]=1")
        assert [row["id"] for row in listed] == [second["id"], third["id"]]

        inline = await sent(running, "PUT", "/api/inventory-feeds/1.json", {"fields": [{"name": "NR", "purpose": "sku"}]})
        assert [row["name"] for row in inline["fields"]] == ["NR"]
        _, listed = await running.call("GET", f"{FIELDS}.json?where[name]=NR&attributes[]=id")
        assert listed == [{"id": second["id"]}]


async def test_rows_that_cannot_work_are_refused(tmp_path: Path) -> None:
    """A row is validated by itself and with the others; it stays with its feed, and is found as what it is."""
    async with run_service(tmp_path, loops=False) as running:
        await begin(running, fields=[{"name": "SKU", "purpose": "sku"}])
        row = {"inventoryFeedId": 1, "name": "A", "purpose": "name"}
        assert await refused(running, "POST", f"{FIELDS}.json", {**row, "inventoryFeedId": 9}) == {"inventoryFeedId"}
        assert await refused(running, "POST", f"{FIELDS}.json", {"name": "A", "purpose": "name"}) == {"inventoryFeedId"}
        assert await refused(running, "POST", f"{FIELDS}.json", {**row, "purpose": "colour", "stripp": []}) == {"purpose", "stripp"}
        assert await refused(running, "POST", f"{FIELDS}.json", {**row, "purpose": "sku"}) == {"mapping"}
        assert await refused(running, "POST", f"{FIELDS}.json", {**row, "rules": ["nobody's"]}) == {"fields.1.rules"}
        assert await refused(running, "PUT", f"{FIELDS}/1.json", {"inventoryFeedId": 2}) == {"inventoryFeedId"}
        assert await refused(running, "PUT", f"{FIELDS}/1.json", {"name": None}) == {"name"}
        path = {"inventoryFeedId": 1, "path": "stock", "purpose": "inventoryQuantity"}
        assert await refused(running, "POST", "/api/inventory-feed-json-fields.json", path) == {"jsonFields"}
        rewrite = {"inventoryFeedId": 1, "field": "optionName", "matchType": "matches", "transformFrom": ["Größe"], "transformTo": "Size"}
        made = await sent(running, "POST", "/api/inventory-feed-mappings.json", rewrite)
        assert made["transformFrom"] == ["Größe"]
        await refused(running, "GET", f"{PARAMETERS}/{made['id']}.json", status=404)
        await refused(running, "DELETE", f"/api/inventory-feed-json-fields/{made['id']}.json", status=404)
        await refused(running, "GET", f"{FIELDS}/x.json", status=404)


async def test_values_of_parameters_are_secret(tmp_path: Path) -> None:
    """A value is shown masked, stays when the mask is sent back, and lies in the database only sealed."""
    async with run_service(tmp_path, loops=False) as running:
        await begin(running, mapping="inventory", parameters=[{"name": "old", "value": "0ld-key"}])
        made = await sent(
            running, "POST", f"{PARAMETERS}.json", {"inventoryFeedId": 1, "name": "token", "value": "t0p-secret", "type": "header"}
        )
        assert made["value"] == "***"
        assert await sent(running, "PUT", f"{PARAMETERS}/{made['id']}.json", {**made, "name": "X-Token"}) != made
        assert await refused(running, "POST", f"{PARAMETERS}.json", {"inventoryFeedId": 1, "name": "a", "value": "***"}) == {"value"}
        feed = await sent(running, "GET", "/api/inventory-feeds/1.json")
        swapped = await sent(running, "PUT", "/api/inventory-feeds/1.json", {"parameters": feed["parameters"][::-1]})
        assert [row["name"] for row in swapped["parameters"]] == ["X-Token", "old"]
        values = [(row.name, row.value, row.type) for row in (await build(running)).build().parameters]
        assert values == [("X-Token", "t0p-secret", "header"), ("old", "0ld-key", "query")]
        files = await to_thread.run_sync(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
        assert [secret for secret in (b"t0p-secret", b"0ld-key") if secret in files] == []


async def test_rows_that_are_added_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """Calls that change one mapping at once each answer with their own row, and none is lost."""
    async with run_service(tmp_path, loops=False) as running:
        await begin(running)
        answers: dict[str, int] = {}

        async def add(name: str) -> None:
            row = await sent(running, "POST", f"{FIELDS}.json", {"inventoryFeedId": 1, "name": name, "purpose": "tags"})
            answers[row["name"]] = row["id"]

        async with create_task_group() as group:
            for name in "abcdef":
                group.start_soon(add, name)
        _, listed = await running.call("GET", f"{FIELDS}.json?attributes[]=id&attributes[]=name")
        assert {row["name"]: row["id"] for row in listed} == answers
        assert sorted(answers) == list("abcdef")
