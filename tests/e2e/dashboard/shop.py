"""The service of the demonstration, with a run that is held, and the addresses of its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
from playwright.async_api import Page, expect

from examples.shop.suppliers import Supplier, open_suppliers
from tests.servers.feedmill_service import Running
from tests.servers.supplier import Supplier as File
from tests.servers.supplier import supplying

FIELDS: Final = [
    {"name": name, "purpose": purpose}
    for name, purpose in (("sku", "sku"), ("name", "name"), ("qty", "inventoryQuantity"), ("price", "retailPrice"))
]
PAGES: Final = {
    "overview": "/",
    "suppliers": "/suppliers",
    "add-a-feed": "/feeds/new",
    "feed": "/feeds/1",
    "mapping": "/feeds/1/mapping",
    "settings": "/feeds/1/settings?group=Guard",
    "requests": "/feeds/1/settings/requests",
    "runs": "/runs",
    "run": "/runs/1",
    "held": "/held",
    "items": "/items",
    "item": "/items/7",
    "undo": "/runs/1/undo",
    "schedule": "/schedule",
    "webhooks": "/webhooks",
    "tokens": "/tokens",
    "plan": "/plan",
    "people": "/people",
    "system": "/system",
}


async def set_up(running: Running, suppliers: list[Supplier]) -> None:
    """Make a feed of each supplier and fetch it."""
    for supplier in suppliers:
        await make_feed(running, supplier.name, dict(supplier.feed))


async def make_feed(running: Running, name: str, attributes: dict[str, object]) -> int:
    """Make a supplier with a feed, fetch that, and return its id."""
    _, provider = await running.call("POST", "/api/dropship-providers.json", {"name": name})
    body = {"name": name, "dropshipProviderId": provider["id"], "fetchFrequency": "never", **attributes}
    status, feed = await running.call("POST", "/api/inventory-feeds.json", body)
    assert status == 200, feed
    assert await fetch(running, feed["id"]) == "complete"
    return int(feed["id"])


async def hold_a_run(running: Running, supplier: File) -> int:
    """Have a supplier sell for some days and then lose half of its file; return the run that is held."""
    supplier.body = offer(400, 12)
    feed = await make_feed(
        running, "Lumen Lamps", {"resourceType": "ftpCsv", "mapping": "custom", "fields": FIELDS, "resourceLocation": supplier.url}
    )
    for stock in (11, 13, 10):
        supplier.body = offer(400, stock)
        assert await fetch(running, feed) == "complete"
    supplier.body = offer(190, 10)
    assert await fetch(running, feed) == "held"
    _, runs = await running.call("GET", "/api/data-imports.json?where[status]=held")
    return int(runs[0]["id"])


def offer(items: int, stock: int) -> str:
    """Return a file of lamps."""
    rows = (f"LL-{number:04},Pendant lamp {number},{(stock * 7 + number * 3) % 40 + stock},{number % 90 + 9}.90" for number in range(items))
    return "\n".join(("sku,name,qty,price", *rows, ""))


async def fetch(running: Running, feed: int) -> str:
    """Fetch a feed and return how that ended."""
    status, run = await running.call("POST", f"/api/inventory-feeds/{feed}/fetch.json")
    assert status == 202, run
    with anyio.fail_after(30):
        while (found := (await running.call("GET", f"/api/data-imports/{run['id']}.json"))[1])["status"] in ("pending", "started"):
            await anyio.sleep(0.05)
    return str(found["status"])


@asynccontextmanager
async def stocked(running: Running) -> AsyncIterator[int]:
    """Give a service three suppliers, and a fourth one of whose runs is held; yield that run. The suppliers run as long as the block."""
    async with open_suppliers() as suppliers, supplying() as lamps:
        await set_up(running, list(suppliers))
        yield await hold_a_run(running, lamps)


async def settle(page: Page) -> None:
    """Wait until nothing is loaded any more."""
    await page.wait_for_load_state("load")
    for waiting in ('[hx-trigger="load"]', ".htmx-request", "[data-busy]"):
        await expect(page.locator(waiting)).to_have_count(0)
