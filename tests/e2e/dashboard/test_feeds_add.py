"""A merchant adds a feed: a pasted address, a guess, a correction, a preview, and the first fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest

from tests.servers.browser import Seat, check_accessible
from tests.servers.debian import ACCOUNTS
from tests.servers.feedmill_service import Running
from tests.servers.pyftpdlib import ScriptedServer, pyftpdlib

STOCK = "Art.Nr;Bezeichnung;Lager Nord;Lager Süd;EK\n" + "".join(
    f"A{number};<b onclick=x>Schräubchen</b> {number};{number % 17};{number % 11};{number},50\n" for number in range(60)
)
ACCOUNT = ACCOUNTS[0]
SECRET = quote(ACCOUNT.password, safe="")


async def _is_hidden(ada: Seat, *addresses: str) -> None:
    """Fail where the password shows in the source of a page."""
    for address in addresses:
        text = await (await ada.context.request.get(f"{ada.url}{address}")).text()
        assert ACCOUNT.password not in text
        assert SECRET not in text


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[ScriptedServer]:
    """Serve a file over FTP, in an encoding of old, with two columns that could be the stock."""
    with pyftpdlib(tmp_path / "ftp") as server:
        (server.home / "stock.csv").write_bytes(STOCK.encode("cp1252"))
        yield server


async def test_a_pasted_address_becomes_a_feed_that_is_fetched(running: Running, ada: Seat, ftp: ScriptedServer) -> None:
    """A password in a pasted address is masked at once; a column is corrected, the preview follows, the first fetch begins.

    No page and no answer of the API holds the password; somebody who tries one setting after another asks the supplier once.
    """
    ada.complaints.expect_status(404)
    page = ada.page
    await ada.open("/feeds/new")
    await check_accessible(page)
    await page.get_by_label("Name of the new supplier").fill("Acme")
    await page.get_by_label("Address", exact=True).fill(f"ftp://{ACCOUNT.user}:{SECRET}@127.0.0.1:{ftp.port}/stock.csv")
    await page.get_by_label("User", exact=True).focus()
    assert await page.get_by_label("Address", exact=True).input_value() == f"ftp://127.0.0.1:{ftp.port}/stock.csv"
    assert await page.get_by_label("User", exact=True).input_value() == ACCOUNT.user
    await page.get_by_role("button", name="Look at it").click()
    await page.get_by_text("No column is used for the stock").wait_for()
    assert ACCOUNT.password not in await page.content()
    assert await page.get_by_label("Password, or token").input_value() == ""
    assert await page.locator(".value", has_text="<b onclick=x>Schräubchen</b> 3").first.is_visible()
    await check_accessible(page)
    fetched = await ftp.count("RETR")

    await page.get_by_label("What Lager Nord is for").select_option("inventoryQuantity")
    await page.get_by_role("region", name="The first records").get_by_role("columnheader", name="Stock").wait_for()
    await page.get_by_label("What Lager Süd is for").select_option("inventoryQuantity")
    await page.get_by_text("12 + 1", exact=True).wait_for()  # Of record 13, which is 13 in stock.
    await page.get_by_label("Encoding").select_option("utf-16")
    await page.get_by_text("It cannot be read so").wait_for()
    await page.get_by_label("Encoding").select_option("")
    await page.get_by_text("12 + 1", exact=True).wait_for()
    assert await ftp.count("RETR") == fetched

    await page.get_by_label("Name of the feed").fill("Acme stock")
    await page.get_by_role("button", name="Save and fetch").click()
    await page.wait_for_url("**/runs/*")
    number = int(page.url.rpartition("/")[2])
    with anyio.fail_after(20):
        while (await running.call("GET", f"/api/data-imports/{number}.json"))[1]["status"] != "complete":
            await anyio.sleep(0.05)
    _, run = await running.call("GET", f"/api/data-imports/{number}.json")
    _, feed = await running.call("GET", f"/api/inventory-feeds/{run['inventoryFeedId']}.json")
    _, items = await running.call("GET", "/api/inventory-feed-variants.json?where[externalId]=A12")
    assert run["created"] == 60
    assert feed["resourceLocation"] == f"ftp://{ACCOUNT.user}:***@127.0.0.1:{ftp.port}/stock.csv"
    assert [item["inventoryQuantity"] for item in items] == [13]
    await _is_hidden(ada, "/feeds/new", f"/api/inventory-feeds/{feed['id']}.json", "/")


async def test_a_feed_that_is_pushed_to_shows_how(running: Running, ada: Seat) -> None:
    """Once it is saved, the page shows address, hash and a call to copy, and that call brings an item."""
    page = ada.page
    await ada.open("/feeds/new")
    await page.get_by_label("The supplier pushes to us").check()
    await page.get_by_label("Name of the new supplier").fill("Acme")
    await page.get_by_label("Name of the feed").fill("Acme pushes")
    assert not await page.get_by_label("Address", exact=True).is_visible()
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url("**/feeds/*/push")
    await check_accessible(page)
    _, (feed,) = await running.call("GET", "/api/inventory-feeds.json")
    shown = await page.locator("#curl").text_content() or ""
    assert feed["hash"] in shown
    headers = {"feedmill-webhook-hash": await page.locator("#hash").text_content() or "", "Content-Type": "application/json"}
    address = await page.locator("#address").text_content() or ""
    async with running.client.post(address, data=shown.rpartition("-d '")[2].rstrip("'"), headers=headers) as answer:
        assert answer.status == 202
    await ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy the command").click()
    await page.get_by_role("button", name="Copied").wait_for()
    assert await page.evaluate("navigator.clipboard.readText()") == shown.strip()
    # Over plain HTTP from elsewhere there is no clipboard: the text is marked instead.
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.get_by_role("button", name="Copy the address").click()
    assert await page.evaluate("getSelection().toString().trim()") == address.strip()
