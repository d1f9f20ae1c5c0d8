"""A service with something of everything in it, and the putting back of what calls have taken away or changed."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio

from feedmill.service.settings import Limits, Outgoing
from sinks.sqlite import clock
from sinks.sqlite.fence import Origin
from sinks.sqlite.service.alerts import raise_alert
from sinks.sqlite.service.tables import METADATA
from tests.servers.feedmill_service import Running, run_service
from tests.servers.supplier import supplying

ROWS: Final = [{"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"}]
PULLED: Final = {"resourceType": "ftpCsv", "mapping": "custom", "fields": ROWS, "dropshipProviderId": 1, "fetchFrequency": "never"}
JSON: Final = {"resourceType": "json", "jsonMapping": "custom"}
REWRITE: Final = {"field": "optionName", "matchType": "matches", "transformFrom": ["Groesse"], "transformTo": "Size"}


@dataclass(frozen=True, slots=True)
class Seeded:
    """Runs that are there, and the secret of feed 1, which is pushed to, and has the items A (connected to variant 1) and B."""

    running: Running
    location: str
    secret: str
    complete: int
    held: int

    async def restore(self) -> None:
        """Put every row back that is not as it was at the beginning; what was added stays where it harms nothing."""
        origin = Origin(clock.now(), call=f"restore:{secrets.token_hex(8)}")
        async with self.running.service.store.changing(origin) as writer:
            await writer.execute("PRAGMA defer_foreign_keys = ON")
            found = await writer.query("SELECT name, sql FROM seeded.sqlite_master WHERE type = 'table'")
            made_by = {str(name): str(sql) for name, sql in found}
            there = {name for (name,) in await writer.query("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
            # A row that is replaced takes the rows that hang on it along: they come after it.
            tables = [table.name for table in METADATA.sorted_tables]
            for name in (*tables, *sorted(name for name in made_by.keys() - tables if not name.startswith("sqlite_"))):
                if name not in there:  # The stage of a held run.
                    await writer.execute(made_by[name])
                await writer.execute(f'INSERT OR REPLACE INTO main."{name}" SELECT * FROM seeded."{name}"')


async def _begin(running: Running, location: str) -> Seeded:
    async def make(path: str, status: int = 200, method: str = "POST", /, **body: Any) -> Any:
        answered, document = await running.call(method, f"/api/{path}.json", body or None)
        assert answered == status, f"{path}: {answered} {document}"
        return document

    async def fetch(feed: int, status: str) -> int:
        run = (await make(f"inventory-feeds/{feed}/fetch", 202))["id"]
        with anyio.fail_after(60):
            while (await make(f"data-imports/{run}", 200, "GET"))["status"] != status:
                await anyio.sleep(0.02)
        return int(run)

    await make("dropship-providers", name="Acme")
    await make("inventory-feeds", name="seeded", resourceType="webhook", dropshipProviderId=1)
    secret = (await make("inventory-feeds/1/rotate-hash"))["hash"]
    pulled = await make("inventory-feeds", name="pulled", **PULLED, resourceLocation=location)
    held = await make("inventory-feeds", name="held", **PULLED, resourceLocation=location, reviewChanges=True)
    rest = (await make("inventory-feeds", name="rest", **{**PULLED, **JSON, "fields": ROWS[:1]}, resourceLocation=location))["id"]
    await make("inventory-feed-fields", inventoryFeedId=rest, name="title", purpose="name")
    await make("inventory-feed-json-fields", inventoryFeedId=rest, path="stock.qty", purpose="inventoryQuantity")
    await make("inventory-feed-mappings", inventoryFeedId=rest, **REWRITE)
    await make("inventory-feed-parameters", inventoryFeedId=rest, name="lang", value="de")
    await make("products", name="Lamp")
    await make("variants", sku="V-1")
    await make("variants", sku="V-2")
    await make("webhooks", location=location)
    await make("webhooks/1/test", 202)
    await make("api-tokens", name="shop", scopes=["read"])
    item = await make("inventory-feed-variants", inventoryFeedId=1, externalId="A", vendorSku="A", inventoryQuantity=3)
    await make("inventory-feed-variants", inventoryFeedId=1, externalId="B", vendorSku="B")
    await make(f"inventory-feed-variants/{item['id']}/connect", 200, "PUT", variantId=1)
    async with running.service.store.writing() as writer:
        await raise_alert(writer, key="feed:1:failing", kind="failing", message="nothing comes from it", feed=1)
    await running.call("PUT", "/api/inventory-feeds/1/parse-webhooks.json", [{"externalId": "C", "vendorSku": "C"}])
    return Seeded(running, location, secret, await fetch(pulled["id"], "complete"), await fetch(held["id"], "held"))


@asynccontextmanager
async def run_seeded_service(directory: Path, **settings: Any) -> AsyncIterator[Seeded]:
    """Run a service that has all this, a supplier and receiver of webhooks on loopback, and may reach nothing else."""
    async with supplying() as supplier:
        port = int(supplier.url.split(":")[2].partition("/")[0])
        chosen = {"egress": Outgoing(allow_private=True, ports=(port,)), "limits": Limits(failures_per_second=None), **settings}
        async with run_service(directory, **chosen) as running:
            seeded = await _begin(running, supplier.url)
            # Attached to the connection that writes, which `restore` works on; none of both can be done in a transaction.
            async with running.service.store.writing() as writer:
                connection = writer.connection
            await connection.execute("VACUUM INTO ?", (f"{directory}/seeded.db",))
            await connection.execute("ATTACH ? AS seeded", (f"{directory}/seeded.db",))
            yield seeded
