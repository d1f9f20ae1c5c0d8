"""Coming in for the first time, and inviting somebody, in a browser."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from feedmill.service.security.people import first_link
from tests.servers.browser import PASSWORD, check_accessible, seat
from tests.servers.feedmill_service import Running


async def test_the_first_admin_invites_a_viewer(running: Running, browser: Browser) -> None:
    """By the link that the service prints a password is set; the admin invites a viewer, who comes in by a link and has no buttons."""
    async with seat(browser, running.url) as ada, seat(browser, running.url) as vic:
        await ada.open(f"/welcome/{await first_link(running.service)}")
        await check_accessible(ada.page)
        await ada.page.get_by_label("New password").fill(PASSWORD)
        await ada.page.get_by_label("The same once more").fill(PASSWORD)
        await ada.page.get_by_role("button", name="Set it and come in").click()
        await ada.page.get_by_role("heading", name="Overview").wait_for()
        await ada.page.get_by_role("link", name="People").click()
        await ada.page.get_by_label("Name").fill("Vic")
        await ada.page.get_by_role("button", name="Make a link").click()
        link = await ada.page.locator("#link").text_content() or ""
        await check_accessible(ada.page)
        await vic.page.goto(link)
        await vic.page.get_by_label("New password").fill(PASSWORD)
        await vic.page.get_by_label("The same once more").fill(PASSWORD)
        await vic.page.keyboard.press("Enter")
        await vic.page.get_by_text("Next time sign in as Vic").wait_for()
        vic.complaints.expect_status(401, 403)
        await vic.open("/people")
        await expect(vic.page.get_by_role("main")).to_contain_text("ask an admin")
        await vic.page.get_by_role("button", name="Sign out").click()
        await vic.page.get_by_role("heading", name="Sign in").wait_for()
        await check_accessible(vic.page)
        await vic.page.get_by_label("Name").fill("vic")
        await vic.page.get_by_label("Password").fill("something else")
        await vic.page.get_by_role("button", name="Sign in").click()
        await vic.page.get_by_text("Name or password is wrong.").wait_for()
        await vic.page.get_by_label("Password").fill(PASSWORD)
        await vic.page.keyboard.press("Enter")
        await vic.page.get_by_role("heading", name="Overview").wait_for()
