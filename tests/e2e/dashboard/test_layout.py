"""What every page has: the stream that tells, the way to other pages, the notice that there is no such page."""

from __future__ import annotations

from tests.servers.browser import Seat, check_accessible


async def test_a_page_is_live_and_accessible(ada: Seat) -> None:
    """The overview says that it is live, shows who is signed in, and axe-core finds nothing to object to."""
    await ada.open("/")
    await ada.page.get_by_text("Live", exact=True).wait_for()
    assert await ada.page.get_by_text("Ada").is_visible()
    await check_accessible(ada.page)


async def test_the_first_page_is_light_and_keeps_to_itself(ada: Seat) -> None:
    """With nothing in the cache the overview takes at most 150 kB, asks this server alone, and its policy admits nothing inline."""
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url))
    answer = await ada.page.goto(f"{ada.url}/")
    assert answer is not None
    await ada.page.get_by_text("Live", exact=True).wait_for()
    sizes: list[int] = await ada.page.evaluate(
        "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind).map((each) => each.transferSize))"
    )
    assert 0 < sum(sizes) <= 150_000, sizes
    assert not [address for address in asked if not address.startswith(ada.url)]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_an_address_of_nothing_is_a_page(ada: Seat) -> None:
    """Somebody who mistypes an address is told so, on a page with the way back."""
    ada.complaints.expect_status(404)
    await ada.open("/nothing/here")
    await ada.page.get_by_text("there is no such page").wait_for()
    await ada.page.get_by_role("main").get_by_role("link", name="Overview").click()
    await ada.page.get_by_role("heading", name="Overview").wait_for()
