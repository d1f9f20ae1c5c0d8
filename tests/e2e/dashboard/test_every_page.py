"""Every page there is, in a narrow, dark window."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.e2e.dashboard.shop import PAGES, settle, stocked
from tests.servers.browser import check_accessible, seat, sign_in_as
from tests.servers.feedmill_service import Running


async def test_every_page_on_a_narrow_dark_screen(running: Running, browser: Browser) -> None:
    """Of no page has axe-core anything to say at 400 px and in the dark; none complains, none has to be scrolled to the side."""
    session = await sign_in_as(running.service, "Ada")
    async with stocked(running) as held, seat(browser, running.url, session, width=400, dark=True) as narrow:
        for path in (*PAGES.values(), f"/runs/{held}/held"):
            await narrow.open(path)
            await settle(narrow.page)
            await check_accessible(narrow.page)
            wide: int = await narrow.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} has to be scrolled to the side, by {wide} px"
