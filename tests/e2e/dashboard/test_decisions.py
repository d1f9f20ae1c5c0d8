"""Held runs and undo in a browser: what is said before a button is what happens, and whoever else watches sees it."""

from __future__ import annotations

import re
from typing import Any

import anyio
from playwright.async_api import Browser, Page

from tests.servers.browser import Seat, check_accessible, seat, sign_in_as
from tests.servers.feedmill_service import Running
from tests.servers.supplier import Supplier, supplying

ROWS = [
    {"name": "sku", "purpose": "sku"},
    {"name": "name", "purpose": "name"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
]
FEED = {"resourceType": "ftpCsv", "mapping": "custom", "fields": ROWS, "dropshipProviderId": 1, "fetchFrequency": "never"}
EVIL = "<img src=x onerror=alert(1)>Lamp"


def offer(supplier: Supplier, stock: dict[str, int]) -> None:
    """Have a supplier offer items at 9.90."""
    supplier.body = "sku,name,qty,price\n" + "".join(f"{sku},{EVIL} {sku},{quantity},9.90\n" for sku, quantity in stock.items())


async def fetch(running: Running, feed: int, status: str) -> int:
    """Fetch a feed and return the run once it has come to its status."""
    answered, run = await running.call("POST", f"/api/inventory-feeds/{feed}/fetch.json")
    assert answered == 202, run
    with anyio.fail_after(30):
        while (found := await read(running, f"data-imports/{run['id']}"))["status"] in ("pending", "started"):
            await anyio.sleep(0.02)
    assert found["status"] == status, found
    return int(run["id"])


async def read(running: Running, path: str) -> Any:
    """Return what the API says."""
    answered, document = await running.call("GET", f"/api/{path}.json")
    assert answered == 200, document
    return document


async def stock_of(running: Running) -> dict[str, int]:
    """Return the stock of every item by its key."""
    _, items = await running.call("GET", "/api/inventory-feed-variants.json?limit=1000")
    return {item["externalId"]: item["inventoryQuantity"] for item in items}


async def said(page: Page, name: str) -> list[str]:
    """Return the outcomes that a card announces, without the spaces between thousands."""
    card = page.get_by_role("region", name=name, exact=True)
    await card.locator(".outcome li").first.wait_for()
    return [re.sub(r"\s+", " ", text).strip() for text in await card.locator(".outcome li").all_inner_texts()]


async def test_a_supplier_halves_his_file(running: Running, ada: Seat, browser: Browser) -> None:
    """What the page says before approving happens after it, another browser sees it, an undo restores, a reject changes nothing."""
    before = {f"A-{number:02}": 10 for number in range(40)}
    after = {key: (12 if number < 5 else 10) for number, key in enumerate(list(before)[:18])} | {"B-1": 7, "B-2": 3}
    async with supplying() as supplier, seat(browser, running.url, await sign_in_as(running.service, "Bob", "viewer")) as bob:
        await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        _, feed = await running.call("POST", "/api/inventory-feeds.json", {**FEED, "name": "acme", "resourceLocation": supplier.url})
        offer(supplier, before)
        await fetch(running, feed["id"], "complete")
        offer(supplier, after)
        held = await fetch(running, feed["id"], "held")

        await ada.open("/held")
        await check_accessible(ada.page)
        await ada.page.get_by_role("link", name="Look and decide").click()
        outcomes = await said(ada.page, "Approve")
        assert outcomes == [
            "2 items are created",
            "5 items get another stock",
            "22 items get no stock",
            "total stock falls from 400 to 200",
        ]
        assert await ada.page.locator(".samples").get_by_text(EVIL).first.is_visible()
        assert await ada.page.locator(".uplot").count() == 2
        await check_accessible(ada.page)
        await bob.open(f"/runs/{held}/held")
        assert await said(bob.page, "Approve") == outcomes
        assert await bob.page.get_by_role("button", name="Approve").count() == 0

        await ada.page.get_by_label("Comment").first.fill("season is over")
        await ada.page.get_by_role("button", name="Approve this run").click()
        await ada.page.get_by_role("heading", name="Approved and applied").wait_for()
        await bob.page.get_by_role("heading", name="Approved and applied").wait_for()
        assert await bob.page.get_by_text("season is over (by Ada)").is_visible()
        assert await stock_of(running) == {**dict.fromkeys(before, 0), **after}

        await ada.page.get_by_role("link", name="Undo it").click()
        assert await said(ada.page, "What undoing will do") == [
            "27 items are set back to what they were",
            "2 items that the run created are deleted",
            "total stock rises from 200 to 400",
        ]
        await check_accessible(ada.page)
        ada.complaints.expect_status(404)
        await ada.page.get_by_role("button", name=f"Undo run {held}").click()
        await ada.page.wait_for_url(f"**/runs/{held + 1}")
        assert await stock_of(running) == before
        await ada.open(f"/runs/{held}/undo")
        await ada.page.get_by_role("heading", name=f"Run {held} is undone already").wait_for()

        await ada.open("/held")
        await ada.page.get_by_role("heading", name="Nothing waits for you").wait_for()
        again = await fetch(running, feed["id"], "held")
        await ada.page.get_by_role("link", name="Look and decide").click()
        await ada.page.get_by_label("Comment").last.fill("half a file")
        await ada.page.get_by_role("button", name="Reject this run").click()
        await ada.page.get_by_role("heading", name="Rejected").wait_for()
        assert (await read(running, f"data-imports/{again}"))["status"] == "cancelled"
        assert await stock_of(running) == before
