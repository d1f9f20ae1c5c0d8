"""The whole path of a new merchant, from the first login to an undo, with a real supplier over FTP and two browsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from anyio import to_thread
from playwright.async_api import Browser, Page, expect

from feedmill.service.security.people import first_link
from tests.servers.browser import PASSWORD, seat, sign_in_as
from tests.servers.debian import ACCOUNTS
from tests.servers.feedmill_service import Running
from tests.servers.pyftpdlib import ScriptedServer, pyftpdlib

ACCOUNT = ACCOUNTS[0]
ITEMS = 60
NAME = "<script>alert(1)</script> Lamp & Söhne"


def table(*, items: int = ITEMS, stock: int = 10) -> bytes:
    """Return a supplier's file in which one column could be the stock as well as another."""
    rows = [f"L-{number:03};{NAME} {number};{stock};{number % 7};{number},50" for number in range(items)]
    return "\n".join(("Art.Nr;Bezeichnung;Lager;Reserviert;EK", *rows, "")).encode("cp1252")


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[ScriptedServer]:
    """Serve the file over FTP."""
    with pyftpdlib(tmp_path / "ftp") as server:
        (server.home / "stock.csv").write_bytes(table())
        yield server


async def offer(ftp: ScriptedServer, content: bytes) -> None:
    """Have the supplier put another file in its place."""
    await to_thread.run_sync((ftp.home / "stock.csv").write_bytes, content)


async def fetch_again(page: Page, feed: str) -> None:
    """Fetch a feed from its own page, and come to the run."""
    await page.get_by_role("link", name="Suppliers", exact=True).click()
    await page.get_by_role("link", name=feed).click()
    await page.get_by_role("button", name="Fetch now").click()
    await page.wait_for_url("**/runs/*")


async def test_from_the_first_login_to_an_undo(running: Running, browser: Browser, ftp: ScriptedServer) -> None:
    """A merchant without any knowledge gets there, and a second browser sees each step without a reload.

    First login, supplier, FTP address, guess, one column corrected, preview, save, run watched, item found, quantity by hand; a file cut
    in half is held and rejected, the next one approved and undone.
    """
    async with seat(browser, running.url) as ada, seat(browser, running.url, await sign_in_as(running.service, "Vic", "viewer")) as vic:
        page = ada.page
        await ada.open(f"/welcome/{await first_link(running.service)}")
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_label("The same once more").fill(PASSWORD)
        await page.get_by_role("button", name="Set it and come in").click()
        await page.get_by_role("link", name="Add the first feed").click()
        await vic.open("/")
        await vic.page.get_by_text("Ask an admin to add one.").wait_for()

        await page.get_by_label("Name of the new supplier").fill("Acme")
        secret = quote(ACCOUNT.password, safe="")
        await page.get_by_label("Address", exact=True).fill(f"ftp://{ACCOUNT.user}:{secret}@127.0.0.1:{ftp.port}/stock.csv")
        await page.get_by_role("button", name="Look at it").click()
        await page.get_by_label("What Lager is for").select_option("inventoryQuantity")
        await page.get_by_role("region", name="The first records").get_by_role("columnheader", name="Stock").wait_for()
        await page.get_by_label("Name of the feed").fill("Acme stock")
        await page.get_by_role("button", name="Save and fetch").click()
        await page.get_by_role("heading", name="Complete").wait_for()
        await expect(page.locator(".sum")).to_contain_text("60")
        await vic.page.get_by_role("region", name="Feeds").get_by_role("link", name="Acme stock").wait_for()

        await page.get_by_role("link", name="Items", exact=True).click()
        await expect(page.locator("#items-list tbody tr")).to_have_count(50)
        await page.keyboard.press("/")
        await page.keyboard.type("L-007")
        await expect(page.locator("#items-list tbody tr")).to_have_count(1)
        await page.get_by_role("link", name=f"{NAME} 7").click()
        await vic.page.goto(page.url)
        await page.get_by_label("What may be sold").select_option("manual")
        await page.get_by_label("How many").fill("3")
        await page.get_by_role("button", name="Save the quantity").click()
        await expect(vic.page.locator(".steps tfoot")).to_contain_text("3")
        await expect(vic.page.get_by_role("button", name="Save the quantity")).to_have_count(0)

        await offer(ftp, table(items=ITEMS // 2))
        await fetch_again(page, "Acme stock")
        await page.get_by_role("main").get_by_role("link", name="Judge").first.click()
        await expect(page.get_by_role("region", name="Approve", exact=True)).to_contain_text("30 items get no stock")
        await vic.open("/held")
        await vic.page.get_by_role("link", name="Look at it").wait_for()
        await page.get_by_label("Comment").last.fill("half a file")
        await page.get_by_role("button", name="Reject this run").click()
        await page.get_by_role("heading", name="Rejected").wait_for()
        await vic.page.get_by_role("heading", name="Nothing waits for you").wait_for()

        await offer(ftp, table(stock=2))
        await fetch_again(page, "Acme stock")
        await page.get_by_role("main").get_by_role("link", name="Judge").first.click()
        await page.get_by_role("button", name="Approve this run").click()
        await page.get_by_role("heading", name="Approved and applied").wait_for()
        await page.get_by_role("link", name="Undo it").click()
        await expect(page.get_by_role("region", name="What undoing will do", exact=True)).to_contain_text(
            "total stock rises from 120 to 600"
        )
        await page.get_by_role("button", name="Undo run").click()
        await page.wait_for_url("**/runs/*")
        await page.get_by_role("heading", name="Run 3 is undone").wait_for()
        _, items = await running.call("GET", "/api/inventory-feed-variants.json?limit=100")
        assert {item["inventoryQuantity"] for item in items} == {10}
        (by_hand,) = (item for item in items if item["externalId"] == "L-007")
        assert by_hand["manualInventoryQuantity"] == 3
