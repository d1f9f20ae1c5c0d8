"""Items in a browser: found, opened, decided by hand, connected through the catalogue."""

from __future__ import annotations

from playwright.async_api import expect

from tests.integration.test_api_items import make_feed, make_item
from tests.servers.browser import Seat, check_accessible
from tests.servers.feedmill_service import Running


async def test_an_item_is_found_and_decided_by_hand(running: Running, ada: Seat) -> None:
    """`/` leads to the search; what is saved by hand is in the list and the history; a variant is found, connected, taken off."""
    feed = await make_feed(running, "acme", allocationBuffer=2)
    made = [await make_item(running, feed, f"KW-{number:03}", name=f"Lamp {number}", retailPrice="12.5") for number in range(60)]
    for sku, name in (("SHOP-1", "Lamp, brass"), ("SHOP-2", "Lamp, steel")):
        assert (await running.call("POST", "/api/variants.json", {"sku": sku, "name": name}))[0] == 200
    page = ada.page
    await ada.open("/items")
    await expect(page.locator("#items-list tbody tr")).to_have_count(50)
    await check_accessible(page)
    await page.keyboard.press("/")
    await page.keyboard.type("KW-007")
    await expect(page.locator("#items-list tbody tr")).to_have_count(1)
    await page.wait_for_url("**/items?*q=KW-007*")
    await page.get_by_role("link", name="Lamp 7").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Lamp 7")
    await check_accessible(page)
    await page.get_by_label("What may be sold").select_option("manual")
    await page.get_by_label("How many").fill("40")
    await expect(page.locator("#outcome")).to_contain_text("3 now, 40 after")
    await page.get_by_role("button", name="Save the quantity").click()
    await expect(page.locator("#notices")).to_contain_text("May be sold now: 40")
    await expect(page.locator(".timeline li").first).to_contain_text("By hand")
    await expect(page.locator(".steps tfoot")).to_contain_text("40")
    await page.get_by_label("Connect to a variant").press_sequentially("steel")
    await page.get_by_role("button", name="Connect to SHOP-2").press("Enter")
    await expect(page.get_by_role("region", name="Catalogue")).to_contain_text("Connected to SHOP-2")
    await ada.open("/items?q=KW-007")
    await expect(page.locator("#items-list tbody tr")).to_contain_text(["40"])
    await expect(page.locator("#items-list .chip", has_text="connected")).to_be_visible()
    # Another admin decides while this page stands open: nothing is overruled unseen.
    await ada.open(f"/items/{made[7]['id']}")
    assert (await running.call("PUT", f"/api/inventory-feed-variants/{made[7]['id']}.json", {"manualInventoryQuantity": 9}))[0] == 200
    await expect(page.locator(".steps tfoot")).to_contain_text("9")
    ada.complaints.expect_status(409)
    await page.get_by_label("How many").fill("50")
    await page.get_by_role("button", name="Save the quantity").click()
    await expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this")
    await expect(page.get_by_text("Is now: 9.")).to_be_visible()
    await page.get_by_role("button", name="Disconnect").click()
    await expect(page.get_by_text("Not connected: no variant")).to_be_visible()
    await page.get_by_role("button", name="Follow the supplier again").click()
    await expect(page.locator(".steps tfoot")).to_contain_text("3")
