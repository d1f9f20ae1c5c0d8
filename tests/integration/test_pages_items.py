"""The pages of items over HTTP: what suppliers send is text, what is not there is said, and who only looks changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

from sinks.sqlite.service.browsing.places import Mark
from tests.integration.test_api_items import ITEMS, make_feed, make_item
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u202e\u0645\u0635\u0628\u0627\u062d\u0007 " + "\u00fc" * 10_000


async def get(running: Running, path: str, session: str) -> tuple[int, str]:
    """Return the status and the text of a page, as somebody signed in sees it."""
    async with running.client.get(f"{running.url}{path}", headers={"Cookie": f"feedmill_session={session}"}) as response:
        return response.status, await response.text()


async def post(running: Running, path: str, session: str, sent: Mapping[str, str], page: str) -> tuple[int, str]:
    """Send a form with the token of a page."""
    token = re.findall(r'"X-Form-Token": "([^"]+)"', unescape(page))[0]
    headers = {"Cookie": f"feedmill_session={session}", "Sec-Fetch-Site": "same-origin"}
    async with running.client.post(f"{running.url}{path}", data={**sent, "form_token": token}, headers=headers) as response:
        return response.status, await response.text()


async def test_what_suppliers_send_is_text(tmp_path: Path) -> None:
    """Markup in any attribute is shown as it was sent; of addresses only those of the web are links, and no image is loaded."""
    async with run_service(tmp_path) as running:
        ada, feed = await sign_in_as(running.service, "Ada"), await make_feed(running)
        links = ["javascript:alert(3)", "https://example.com/a.jpg?x=1&y=<b>", "data:text/html,<b>"]
        texts = dict.fromkeys(("name", "description", "barcode", "mpn", "handle", "vendorName", "productType"), EVIL)
        sent = {**texts, "images": links, "tags": [EVIL], "options": [{"name": "<i>", "value": EVIL}], "metaFields": {"<u>": EVIL}}
        item = await make_item(running, feed, "<b>key</b>", **sent)
        for path in ("/items", f"/items/{item['id']}", "/items?q=%3Cb%3Ekey"):
            status, page = await get(running, path, ada)
            assert status == 200
            assert ("<b>key" in page, "&lt;b&gt;key" in page) == (False, True)
            for raw in ("<script>alert", "<img src=x", "<i>", "<u>", 'href="javascript', 'href="data', 'src="https://example'):
                assert raw not in page, (path, raw)
        status, page = await get(running, f"/items/{item['id']}", ada)
        assert 'href="https://example.com/a.jpg?x=1&amp;y=&lt;b&gt;" rel="noopener noreferrer nofollow"' in page
        assert unescape(page).count("javascript:alert(3)") >= 1
        assert page.count("\u00fc" * 10_000) >= 2


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No item at all, none that is looked for, one that was deleted, one that never was, and a page of another list."""
    async with run_service(tmp_path) as running:
        ada, feed = await sign_in_as(running.service, "Ada"), await make_feed(running)
        assert "No items yet" in (await get(running, "/items", ada))[1]
        item = await make_item(running, feed, "a-1", name="Lamp")
        status, page = await get(running, f"/items?q=<chair>&status=pending&feed={feed}&connected=false", ada)
        assert status == 200
        for said in ("Nothing found", "&lt;chair&gt;", "All 1 items were looked through", "Search without filters", 'href="/items"'):
            assert said in page
        foreign = Mark(7, (1, "x")).text()
        for query in (f"cursor={foreign}", "cursor=nothing", "status=odd", "sort=colour", f"q={'x' * 201}", "feed=many"):
            assert "Begin again with all items" in (await get(running, f"/items?{query}", ada))[1], query
        assert (await running.call("DELETE", f"{ITEMS}/{item['id']}.json"))[0] == 200
        status, page = await get(running, f"/items/{item['id']}", ada)
        assert (status, "This item was deleted" in page, "Lamp" in page) == (404, True, True)
        assert (await get(running, "/items/999", ada))[0] == 404


async def test_a_viewer_looks_and_changes_nothing(tmp_path: Path) -> None:
    """A viewer sees no form of an item, and what he sends all the same is refused; a form with faults is shown again with them."""
    async with run_service(tmp_path) as running:
        feed = await make_feed(running)
        ada, bob = await sign_in_as(running.service, "Ada"), await sign_in_as(running.service, "Bob", "viewer")
        item = await make_item(running, feed, "a-1")
        address = f"/items/{item['id']}"
        _, page = await get(running, address, bob)
        assert ("Save the quantity" in page, "f-find" in page) == (False, False)
        sent = {"inventoryQuantityOverride": "manual", "manualInventoryQuantity": "9"}
        for verb in ("override", "connect", "disconnect"):
            assert (await post(running, f"{address}/{verb}", bob, sent, page))[0] == 403
        assert (await get(running, f"{address}/outcome", bob))[0] == 403
        _, page = await get(running, address, ada)
        status, again = await post(running, f"{address}/override", ada, {**sent, "manualInventoryQuantity": "many<"}, page)
        assert (status, "This has to be a whole number" in again, 'value="many&lt;"' in again) == (422, True, True)
        assert (await post(running, f"{address}/connect", ada, {"variant": "77"}, page))[0] == 422
        assert (await running.call("GET", f"{ITEMS}/{item['id']}.json"))[1]["inventoryQuantityOverride"] == "none"
