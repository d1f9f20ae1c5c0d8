"""What a feed's mapping was: kept whichever way it changes, with who changed it; and previews that do not ask the supplier again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio import Path as AsyncPath
from anyio import to_thread

from feedmill.library import sync
from feedmill.service.declared.apply import apply_feeds, plan_feeds
from feedmill.service.declared.reading import load_declared
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.mappings import MOST, read_mapping, read_versions
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.supplier import supplying

ROWS = [{"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"}]
TAGS = {"name": "c", "purpose": "tags"}
DECLARED = """
[[feeds]]
name = "declared"
source = "http://127.0.0.1/stock.csv"
provider = "Acme"
mapping = "custom"

[[feeds.fields]]
name = "{column}"
purpose = "sku"
"""
PULLED = {"resourceType": "ftpCsv", "mapping": "custom", "fields": ROWS, "dropshipProviderId": 1, "fetchFrequency": "never"}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service without loops that has a supplier."""
    async with run_service(tmp_path, loops=False) as running:
        await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        yield running


async def make_feed(running: Running, **attributes: Any) -> dict[str, Any]:
    """Make a feed over the API."""
    status, feed = await running.call("POST", "/api/inventory-feeds.json", {"name": "acme", **PULLED, **attributes})
    assert status == 200, feed
    return dict(feed)


async def history(running: Running, feed: int = 1, query: str = "", **options: Any) -> list[dict[str, Any]]:
    """Return the versions of a feed's mapping."""
    status, versions = await running.call("GET", f"/api/inventory-feeds/{feed}/mapping-history.json{query}", **options)
    assert status == 200, versions
    return list(versions)


async def is_whole(running: Running, feed: int = 1) -> bool:
    """Return whether the newest version is what the mapping is now."""
    async with running.service.store.reading() as reader:
        present = await read_mapping(reader, feed)
        newest = (await reader.query("SELECT mapping FROM inventory_feed_mapping_versions WHERE feed_id = ? ORDER BY id DESC", feed))[0][0]
    return present == newest


async def test_every_way_of_changing_is_kept(running: Running) -> None:
    """A PUT of the feed and each call of a row make a version, by the token's name; what changes nothing of the mapping makes none."""
    await make_feed(running, resourceLocation="http://user:s3cret@127.0.0.1/a.csv", parameters=[{"name": "key", "value": "s3cret"}])
    assert [(len(each["changes"]), each["by"], each["name"]) for each in await history(running)] == [(3, "token", "test")]
    for method, path, body in (
        ("PUT", "inventory-feeds/1", {"fetchSchedule": "every: 1h", "fetchFrequency": "custom"}),
        ("PUT", "inventory-feeds/1", {"fields": ROWS}),
        ("POST", "inventory-feed-parameters", {"inventoryFeedId": 1, "name": "more", "value": "s3cret"}),
    ):
        assert (await running.call(method, f"/api/{path}.json", body))[0] == 200
    assert len(await history(running)) == 1
    changes: tuple[tuple[str, str, Any, Any], ...] = (
        ("PUT", "inventory-feeds/1", {"fields": [ROWS[1], ROWS[0]]}, (True, ROWS, ROWS[::-1])),
        ("PUT", "inventory-feeds/1", {"mapping": "inventory"}, (False, "custom", "inventory")),
        (
            "POST",
            "inventory-feed-fields",
            {"inventoryFeedId": 1, **TAGS},
            (False, None, {"name": "c", "purpose": "tags"}),
        ),
        ("PUT", "inventory-feed-fields/1", {"parseNumber": True}, (False, ROWS[1], {**ROWS[1], "parseNumber": True})),
        ("DELETE", "inventory-feed-fields/2", None, (False, ROWS[0], None)),
    )
    for method, path, body, change in changes:
        status, answer = await running.call(method, f"/api/{path}.json", body)
        assert status == 200, answer
        newest = (await history(running))[0]
        assert [(each["moved"], each["before"], each["after"]) for each in newest["changes"]] == [change], path
        assert await is_whole(running), path
    assert "s3cret" not in str(await history(running))
    assert len(await history(running, query="?limit=2&from=1")) == 2
    assert (await running.call("GET", "/api/inventory-feeds/1/mapping-history.json?where[id]=1"))[0] == 422
    assert (await running.call("GET", "/api/inventory-feeds/9/mapping-history.json"))[0] == 404
    reader = await make_token(running.service, "read")
    assert len(await history(running, token=reader)) == len(await history(running))


async def test_declared_feeds_and_the_command_line(running: Running, tmp_path: Path) -> None:
    """A file of declared feeds, and a sync of the command line, are told as who they are."""
    source = tmp_path / "stock.csv"
    await AsyncPath(source).write_text("sku,qty,name\nA,1,Lamp\n")
    declared = tmp_path / "feeds.toml"
    for column in ("sku", "id"):
        await AsyncPath(declared).write_text(DECLARED.format(column=column))
        known = await to_thread.run_sync(lambda: load_declared([str(declared)], environment={}))
        await apply_feeds(running.service, await plan_feeds(running.service, known, prune=False))
    versions = await history(running)
    assert [each["by"] for each in versions] == ["declared", "declared"]
    assert [(each["before"]["name"], each["after"]["name"]) for each in versions[0]["changes"]] == [("sku", "id")]
    url = f"sqlite:///{tmp_path}/shop.db"
    for fields in ({"sku": "sku"}, {"sku": "sku", "name": "name"}):
        rows = [{"purpose": purpose, "name": column} for purpose, column in fields.items()]
        await sync(str(source), to=url, feed="line", fields=rows)
    versions = await history(running, 2)
    assert [each["by"] for each in versions] == ["command", "command"]
    assert versions[0]["changes"] == [{"kind": "fields", "before": None, "after": {"name": "name", "purpose": "name"}, "moved": False}]
    assert await is_whole(running, 2)


async def test_what_was_before_the_history_is_kept_too(running: Running) -> None:
    """The first change of a feed that is older than its history keeps what stood before; and of very many the newest are kept."""
    await make_feed(running)
    async with running.service.store.writing() as writer:
        await writer.execute("DELETE FROM inventory_feed_mapping_versions")
    await running.call("PUT", "/api/inventory-feeds/1.json", {"fields": ROWS[:1]})
    new, old = await history(running)
    assert (old["by"], old["mapping"]["fields"], new["changes"]) == (
        "unknown",
        ROWS,
        [{"kind": "fields", "before": ROWS[1], "after": None, "moved": False}],
    )
    async with running.service.store.writing() as writer:
        await fill_versions(writer, 2 * MOST)
    await running.call("PUT", "/api/inventory-feeds/1.json", {"fields": ROWS})
    async with running.service.store.reading() as reader:
        assert len(await read_versions(reader, 1)) == MOST
    assert await is_whole(running)


async def fill_versions(writer: Writer, count: int) -> None:
    """Store versions behind the back of everybody."""
    for at in range(count):
        await writer.execute(
            "INSERT INTO inventory_feed_mapping_versions (feed_id, at, author_kind, mapping) VALUES (1, ?, 'unknown', '{}')", at
        )


async def test_a_kept_beginning_is_enough(tmp_path: Path) -> None:
    """Whoever tries one mapping after another asks the supplier once; who reads further than what was kept asks again, as who must."""
    async with supplying() as supplier, run_service(tmp_path, loops=False) as running:
        supplier.body = "sku,qty,EAN\n" + "".join(f"A{at},{at},400638133393{at}\n" for at in range(9))
        await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        await make_feed(running, resourceLocation=supplier.url)
        path = "/api/inventory-feeds/1"
        for row in ({"name": "sku", "purpose": "sku"}, {"name": "EAN", "purpose": "sku"}):
            tried = {"settings": {"fields": [row]}, "replace": True, "reuse": True, "limit": 2}
            status, found = await running.call("POST", f"{path}/preview.json", tried)
            assert status == 200, found
            assert [record["item"] for record in found["records"]] == [
                {"externalId": record["raw"][row["name"]], "vendorSku": record["raw"][row["name"]]} for record in found["records"]
            ]
        status, columns = await running.call("POST", f"{path}/columns.json", {"reuse": True})
        assert [(each["name"], each["row"]["purpose"], len(each["values"])) for each in columns] == [
            *(("sku", "sku", 3), ("qty", "inventoryQuantity", 3), ("EAN", "barcode", 3))
        ]
        assert supplier.asked == 1
        supplier.body = "sku,qty\nB,1\n"
        fresh = (await running.call("POST", f"{path}/preview.json", {}))[1]
        assert ([record["raw"]["sku"] for record in fresh["records"]], supplier.asked) == (["B"], 2)
        await running.call("PUT", f"{path}.json", {"authenticationToken": "other", "authenticationSecret": "s3cret"})
        other = (await running.call("POST", f"{path}/preview.json", {"reuse": True}))[1]
        assert ([record["raw"]["sku"] for record in other["records"]], supplier.asked) == (["B"], 3)
        supplier.body = "sku,qty,EAN\n" + "".join(f"C{at},1,{'x' * 20_000}\n" for at in range(200))
        await running.call("PUT", f"{path}.json", {"authenticationSecret": "another"})
        for limit, asked in ((1, 4), (1, 4), (200, 5), (200, 5), (1, 5)):
            whole = (await running.call("POST", f"{path}/preview.json", {"reuse": True, "limit": limit}))[1]
            assert (len(whole["records"]), supplier.asked) == (limit, asked)
