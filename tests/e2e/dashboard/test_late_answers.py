"""Forms whose answers are late: what is pressed, typed, chosen and focused meanwhile is neither lost nor meant for something else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from playwright.async_api import Error, Locator, Page, Route, expect

from tests.e2e.dashboard.test_mapping import columns_of, make_feed
from tests.integration.test_api_items import make_feed as make_api_feed
from tests.integration.test_api_items import make_item
from tests.servers.browser import Seat
from tests.servers.feedmill_service import Running
from tests.servers.supplier import supplying

STOCK = "sku;qty;Titel;Preis;Farbe\n" + "".join(f"A{at};{at};T{at};{at},50;rot{at}\n" for at in range(25))
ROWS = [{"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"}, {"name": "Titel", "purpose": "name"}]
PATIENCE = 20
LIST = "**/items?part=list*"


@dataclass
class Late:
    """The first answer of some addresses, which the server has given and the page has not got yet."""

    given: anyio.Event = field(default_factory=anyio.Event)
    wanted: anyio.Event = field(default_factory=anyio.Event)

    async def take(self, route: Route) -> None:
        """Hold the first answer back until it is wanted; a page that has given it up by then is not told."""
        with contextlib.suppress(Error), anyio.move_on_after(PATIENCE):
            if self.given.is_set():
                await route.continue_()
                return
            answer = await route.fetch()
            self.given.set()
            await self.wanted.wait()
            await route.fulfill(response=answer)


@asynccontextmanager
async def late(page: Page, pattern: str) -> AsyncIterator[Late]:
    """Make the first answer late from now on, at most to the end of the block."""
    held = Late()
    await page.route(pattern, held.take)
    try:
        with anyio.fail_after(PATIENCE):
            yield held
    finally:
        held.wanted.set()
        await page.unroute_all(behavior="wait")


async def expect_columns(page: Page, *expected: str) -> None:
    """Wait until the rows have these columns, in this order."""
    boxes = page.get_by_label("Column", exact=True)
    await expect(boxes).to_have_count(len(expected))
    for at, name in enumerate(expected):
        await expect(boxes.nth(at)).to_have_value(name)


async def test_nothing_is_lost_in_the_mapping_editor_while_an_answer_is_late(running: Running, ada: Seat) -> None:
    """Every press counts, for the row at which it was made; what is typed stays; the older of two previews is not shown."""
    await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
    async with supplying() as supplier:
        supplier.body = STOCK
        feed = await make_feed(running, "acme", supplier.url, mapping="custom", resourceType="ftpCsv", fields=ROWS)
        page = ada.page
        await ada.open(f"/feeds/{feed}/mapping")
        first = page.get_by_label("Column", exact=True).first
        await _press_and_type(page)
        await expect_columns(page, "TitelX", "sku", "qty", "Preis", "Farbe")
        assert await page.get_by_label("becomes").nth(1).input_value() == "externalId"
        assert not await page.get_by_label("in use").nth(2).is_checked()
        await page.keyboard.type("Y")
        await expect_columns(page, "TitelXY", "sku", "qty", "Preis", "Farbe")
        assert await page.locator("[data-busy=press]").count() == 0
        await _hold_the_pointer(page)
        await expect_columns(page, "TitelXY", "sku", "qty", "Preis")
        seen = page.locator(".maprow").first.locator(".seen")
        async with late(page, "**/mapping/look") as older:
            await first.fill("nothing")
            await older.given.wait()
            await first.fill("Farbe")
            await seen.get_by_text("rot0").first.wait_for()
            older.wanted.set()
        assert await seen.get_by_text("The records have no such column.").count() == 0
        async with late(page, "**/mapping/edit") as press:
            await page.get_by_role("button", name="Remove qty").press("Enter")
            await press.given.wait()
            await page.get_by_role("button", name="Save the mapping").click(no_wait_after=True)
            press.wanted.set()
            await page.get_by_text("The mapping was saved.").wait_for()
        assert await columns_of(page) == ["Farbe", "sku", "Preis"]


async def _press_and_type(page: Page) -> None:
    async with late(page, "**/mapping/edit") as press:
        await page.get_by_role("button", name="Map the column Preis").click()
        await press.given.wait()
        await page.get_by_role("button", name="Map the column Farbe").click()
        for _ in range(2):
            await page.get_by_role("button", name="Move Titel up").press("Enter")
        await page.get_by_label("becomes").first.select_option("externalId")
        await page.get_by_label("in use").nth(1).uncheck()
        await page.get_by_label("Column", exact=True).nth(2).press("End")
        await page.keyboard.type("X")
        press.wanted.set()
        await expect(page.locator(".maprow")).to_have_count(5)


async def _press_and_answer(page: Page, pressed: Locator, answer: Late) -> None:
    """Hold the pointer down upon something until the page has got an answer."""
    await pressed.hover()
    await page.mouse.down()
    async with page.expect_event("requestfinished"):
        answer.wanted.set()
    await page.evaluate("new Promise((done) => setTimeout(done))")


async def _hold_the_pointer(page: Page) -> None:
    """Press a button, let an answer come, and let go: it is shown then, and the button is the one that was pressed."""
    changed = page.locator(".maprow").nth(3).locator(".seen").get_by_text("The records have no such column.")
    async with late(page, "**/mapping/look") as look:
        await page.get_by_label("Column", exact=True).nth(3).fill("Preise")
        await look.given.wait()
        await _press_and_answer(page, page.get_by_role("button", name="Remove Farbe"), look)
        assert await changed.count() == 0
        await page.mouse.up()
        await changed.wait_for()
    await page.get_by_label("Column", exact=True).nth(3).fill("Preis")


async def test_nothing_is_lost_in_adding_a_feed_while_an_answer_is_late(running: Running, ada: Seat) -> None:
    """A look takes nothing back that is typed; Save is pressed once, and is done after the larger of the previews that were due."""
    sent: list[str] = []
    page = ada.page
    page.on("request", lambda request: sent.append(request.url.rpartition("/")[2]) if request.method == "POST" else None)
    async with supplying() as supplier:
        supplier.body = STOCK
        await ada.open("/feeds/new")
        await page.get_by_label("Address", exact=True).fill(supplier.url)
        async with late(page, "**/feeds/new/look") as look:
            await page.get_by_role("button", name="Look at it").press("Enter")
            await look.given.wait()
            await page.get_by_label("Name of the new supplier").fill("Acme")
            await page.keyboard.press("End")
            look.wanted.set()
            await page.get_by_label("What Farbe is for").wait_for()
        await page.keyboard.type(" & Co")
        assert await page.get_by_label("Name of the new supplier").input_value() == "Acme & Co"
        async with late(page, "**/feeds/new/preview") as preview:
            await page.get_by_label("What Farbe is for").select_option("tags")
            await preview.given.wait()
            await page.get_by_label("Encoding").select_option("iso-8859-1")
            await page.get_by_label("What Titel is for").select_option("description")
            await page.get_by_role("button", name="Save and fetch").dblclick(no_wait_after=True)
            await page.wait_for_url("**/runs/*")
        assert sent == ["look", "preview", "read", "new"]
        _, (feed,) = await running.call("GET", "/api/inventory-feeds.json")
        purposes = {row["name"]: row["purpose"] for row in feed["fields"]}
        assert (feed["encoding"], purposes["Titel"], purposes["Farbe"]) == ("iso-8859-1", "description", "tags")


async def test_a_link_is_not_taken_from_under_a_pointer_that_is_down(running: Running, ada: Seat) -> None:
    """What a page would show anew meanwhile is shown once the pointer is up, and a click counts for what was pressed."""
    page = ada.page
    feed = await make_api_feed(running, "acme")
    for number in range(3):
        await make_item(running, feed, f"A{number}", name=f"Lamp {number}")
    await ada.open("/items")
    box, lamp, rows = page.get_by_label("Search"), page.get_by_role("link", name="Lamp 1"), page.locator("#items-list tbody tr")
    await box.fill("A1")
    await expect(rows).to_have_count(1)
    async with late(page, LIST) as answer:
        await box.fill("A10")
        await answer.given.wait()
        await _press_and_answer(page, lamp, answer)
        await expect(rows).to_have_count(1)
        await page.mouse.move(2, 2)
        await page.mouse.up()
        await expect(page.get_by_text("Nothing found")).to_be_visible()
    await box.fill("A1")
    await expect(rows).to_have_count(1)
    async with late(page, LIST) as answer:
        await box.fill("A10")
        await answer.given.wait()
        await _press_and_answer(page, lamp, answer)
        await page.mouse.up()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Lamp 1")


async def test_leaving_the_search_does_not_ask_again(running: Running, ada: Seat) -> None:
    """What was typed is asked for once, and not when a click elsewhere takes the focus; a choice is asked for as it is made."""
    page, asked = ada.page, list[str]()
    feed = await make_api_feed(running, "acme")
    await make_item(running, feed, "A1", name="Lamp 1")
    await ada.open("/items")
    page.on("request", lambda request: asked.append(request.url) if "q=A1" in request.url else None)
    async with page.expect_response(f"{LIST}q=A1*"):
        await page.get_by_label("Search").press_sequentially("A1")
    await page.get_by_role("heading", level=1).click()
    async with page.expect_response(f"{LIST}status=removed*"):
        await page.get_by_label("Status").select_option("removed")
    assert ["status=removed" in url for url in asked] == [False, True]
