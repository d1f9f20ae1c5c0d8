"""A merchant adds an API: OAuth2, a parameter and a header, pages that name the next one; and changes how it is asked later."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from tests.servers.browser import Seat, check_accessible
from tests.servers.feedmill_service import Running
from tests.servers.rest import CLIENT, CLIENT_SECRET, Api, api

SECRETS = ("t0ken", "hush-7", "hush-8", CLIENT_SECRET)


@pytest.fixture
async def shop() -> AsyncIterator[Api]:
    """Give an API of three pages that takes the newest token of its endpoint only, and a shop and a key with it."""
    async with api(count=25, size=10) as served:
        served.allows = lambda request: (
            served.newest_token_only(request) and request.query.get("shop") == "hush-7" and request.headers.get("X-Key") == "hush-8"
        )
        yield served


async def _type_the_api(ada: Seat, shop: Api) -> None:
    page = ada.page
    await page.get_by_label("Address", exact=True).fill(f"http://{shop.base}/cursor?token=t0ken")
    await page.get_by_label("How to sign in").select_option("oauth2")
    assert not await page.get_by_label("User", exact=True).is_visible()
    await page.get_by_label("Address of the token").fill(f"http://{shop.base}/token")
    await page.get_by_label("Client id").fill(CLIENT)
    await page.get_by_label("Client secret").fill(CLIENT_SECRET)
    await page.get_by_text("An API: pages, parameters, headers").click()
    await page.get_by_label("Next page").select_option("cursor")
    await page.get_by_label("Where the cursor stands").fill("meta.next")
    for number, (name, value) in enumerate((("shop", "hush-7"), ("X-Key", "hush-8"))):
        await page.get_by_role("button", name="Add a parameter or header").click()
        row = page.locator(".sent-row").nth(number)
        await row.get_by_label("Name").fill(name)
        await row.get_by_label("Value").fill(value)
    await page.locator(".sent-row").nth(1).get_by_label("Where").select_option("header")


async def test_an_api_becomes_a_feed_whose_pages_are_all_read(running: Running, ada: Seat, shop: Api) -> None:
    """What is asked is shown before it is asked; two pages are looked at, all are run; no secret comes back, then or in the settings."""
    page = ada.page
    await ada.open("/feeds/new")
    await page.get_by_label("Name of the new supplier").fill("Acme")
    await _type_the_api(ada, shop)
    asked = page.locator("#asked")
    await asked.get_by_text("X-Key: ***").wait_for()
    assert f"GET http://{shop.base}/cursor?token=***&shop=***" in await asked.inner_text()
    assert not shop.requests
    await page.get_by_role("button", name="Look at it").click()
    seen = page.get_by_role("region", name="The first pages")
    await seen.get_by_text("cursor=c3").wait_for()
    assert [await row.locator("td").nth(1).inner_text() for row in await seen.locator("tbody tr").all()] == ["10", "10"]
    assert shop.asked == [1, 2]
    await check_accessible(page)
    assert not [secret for secret in SECRETS if secret in await page.content()]
    await page.get_by_role("button", name="Save and fetch").click()
    await page.wait_for_url("**/runs/*")
    number = int(page.url.rpartition("/")[2])
    with anyio.fail_after(20):
        while (await running.call("GET", f"/api/data-imports/{number}.json"))[1]["status"] not in ("complete", "error"):
            await anyio.sleep(0.05)
    await ada.open("/items?q=00015")
    await page.get_by_role("link", name="00015").first.wait_for()  # Of the second page.
    assert (await running.call("GET", f"/api/data-imports/{number}.json"))[1]["created"] == 25

    await ada.open("/feeds/1/settings/requests")
    await asked.get_by_text("X-Key: ***").wait_for()
    await check_accessible(page)
    assert not [secret for secret in SECRETS if secret in await page.content()]
    await page.get_by_label("Where the cursor stands").fill("meta.nxet")
    await page.get_by_role("button", name="Try the first two pages").click()
    await page.get_by_text("check “Where the cursor stands”").wait_for()
    await page.get_by_label("Where the cursor stands").fill("meta.next")
    await page.get_by_role("button", name="Try the first two pages").click()
    await seen.get_by_text("cursor=c3").wait_for()
    await page.get_by_role("button", name="Remove shop").click()
    await page.get_by_role("button", name="Remove shop").wait_for(state="detached")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    _, feed = await running.call("GET", "/api/inventory-feeds/1.json")
    assert [(row["name"], row["value"]) for row in feed["parameters"]] == [("X-Key", "***")]
    assert feed["pagination"]["cursorPath"] == "meta.next"
    assert (feed["transport"]["auth"], feed["authenticationSecret"]) == ("oauth2", "***")
