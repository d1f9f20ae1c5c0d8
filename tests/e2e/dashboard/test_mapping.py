"""The mapping editor in a browser: columns and rules tried on a real supplier's records, saved, and brought back as they were."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page

from tests.servers.browser import Seat, check_accessible, seat, sign_in_as
from tests.servers.feedmill_service import Running
from tests.servers.supplier import supplying
from tests.servers.web import serving

STOCK = "sku;qty;Titel <b>;Preis\n" + "".join(
    f"A{at};{'ca. 12 Stk.' if at == 2 else at};<script>alert({at})</script>;{at},50\n" for at in range(25)
)
XML = f"<shop>{''.join(f'<item><id>X{at}</id><stock>{at}</stock></item>' for at in range(25))}</shop>"


async def make_feed(running: Running, name: str, location: str, **attributes: Any) -> int:
    """Make a feed of the supplier over the API and return its id."""
    asked = {"name": name, "dropshipProviderId": 1, "fetchFrequency": "never", "resourceLocation": location, **attributes}
    status, feed = await running.call("POST", "/api/inventory-feeds.json", asked)
    assert status == 200, feed
    return int(feed["id"])


async def columns_of(page: Page) -> list[str]:
    """Return the columns of the rows that are shown."""
    return [await each.input_value() for each in await page.get_by_label("Column", exact=True).all()]


async def test_a_mapping_is_made_tried_saved_and_brought_back(running: Running, browser: Browser, ada: Seat) -> None:
    """Each press and each key shows at once what becomes of real records, of which the supplier is asked once; nothing counts unsaved."""
    await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
    rows = [{"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"}]
    async with supplying() as supplier:
        supplier.body = STOCK
        feed = await make_feed(running, "acme", supplier.url, mapping="custom", resourceType="ftpCsv", fields=rows, decimalNotation="comma")
        page = ada.page
        await ada.open(f"/feeds/{feed}")
        await page.get_by_role("link", name="Mapping").click()
        stock = page.locator("#row-fields-1")
        await stock.get_by_text("1 of 20 records has a problem here").wait_for()
        # A rule, by the keyboard alone.
        await stock.get_by_label("Rule to add").select_option("parseNumber")
        await stock.get_by_role("button", name="Add rule").press("Enter")
        await stock.get_by_role("button", name="Take the rule first number in the text off").wait_for()
        await stock.locator("dd", has_text="12").wait_for()
        assert await stock.get_by_text("has a problem here").count() == 0
        # Columns that nobody has mapped are offered, with what they may be for.
        await page.get_by_role("button", name="Map the column Preis").click()
        await page.locator("#row-fields-2").locator("dd", has_text="0.5").first.wait_for()
        await page.get_by_role("button", name="Map the column Titel <b>").click()
        await page.locator("#row-fields-3 dd", has_text="<script>alert(0)</script>").wait_for()
        await page.get_by_text("Each has one.").wait_for()
        await page.get_by_role("button", name="Move Titel <b> up").press("Enter")
        await page.locator(".maprow").nth(2).locator("dd", has_text="<script>").first.wait_for()
        assert await columns_of(page) == ["sku", "qty", "Titel <b>", "Preis"]
        # A column that is not there is told while it is typed.
        await page.get_by_label("Column", exact=True).nth(3).fill("Preise")
        await page.locator(".maprow").nth(3).get_by_text("The records have no such column.").wait_for()
        await page.get_by_label("Column", exact=True).nth(3).fill("Preis")
        await page.locator(".maprow").nth(3).locator("dd", has_text="0.5").first.wait_for()
        await check_accessible(page)
        assert supplier.asked == 1
        assert len((await running.call("GET", f"/api/inventory-feeds/{feed}.json"))[1]["fields"]) == 2
        await page.get_by_role("button", name="Save the mapping").click()
        await page.get_by_text("The mapping was saved.").wait_for()
        await page.get_by_role("link", name="History").click()
        newest = page.locator("li.version").first
        await newest.get_by_text("by Ada").wait_for()
        assert await newest.get_by_text("added").count() == 2
        assert await newest.get_by_text("changed").count() == 1
        await check_accessible(page)
        await page.get_by_role("link", name="Bring it back into the editor").click()
        await page.get_by_text("It counts once you save it.").wait_for()
        assert await columns_of(page) == ["sku", "qty"]
        assert len((await running.call("GET", f"/api/inventory-feeds/{feed}.json"))[1]["fields"]) == 4
        await page.get_by_role("button", name="Save the mapping").click()
        await page.get_by_text("The mapping was saved.").wait_for()
        assert len((await running.call("GET", f"/api/inventory-feeds/{feed}.json"))[1]["fields"]) == 2
        async with seat(browser, running.url, await sign_in_as(running.service, "Vic", "viewer"), width=400, dark=True) as vic:
            await vic.open(f"/feeds/{feed}/mapping")
            await vic.page.get_by_role("main").get_by_text("qty").first.wait_for()
            assert await vic.page.get_by_role("main").get_by_role("button").count() == 0
            await check_accessible(vic.page)


async def test_a_path_is_tried(running: Running, ada: Seat) -> None:
    """A path shows what it finds in the first records, or where it is wrong, as it is typed; then it becomes a row."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=XML, content_type="application/xml")

    await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
    async with serving(answer) as port:
        feed = await make_feed(
            running, "trees", f"http://127.0.0.1:{port}/stock.xml", resourceType="xml", xmlMapping="custom", xmlPath="/shop/item"
        )
        await ada.open(f"/feeds/{feed}/mapping")
        path = ada.page.get_by_label("XPath, from the record on")
        found = ada.page.locator("#found")
        await path.fill("stock[")
        await found.get_by_text("the end stands where a name should (character 7)").wait_for()
        await path.fill("stock")
        await found.get_by_text("It finds something in 20 of the first 20 records.").wait_for()
        await found.get_by_role("button", name="Use it in a row").click()
        row = ada.page.locator("#row-fields-0")
        await row.get_by_label("becomes").select_option("inventoryQuantity")
        await ada.page.get_by_role("button", name="Map the column id").click()
        await ada.page.locator("#row-fields-1 dd", has_text="X1").first.wait_for()
        await ada.page.get_by_role("button", name="Save the mapping").click()
        await ada.page.get_by_text("The mapping was saved.").wait_for()
