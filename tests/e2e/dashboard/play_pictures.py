"""What some pages look like in a wide window, for the docs: `make pictures`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio
from playwright.async_api import Browser

from tests.e2e.dashboard.shop import PAGES, settle, stocked
from tests.servers.browser import seat, sign_in_as
from tests.servers.feedmill_service import Running

FOLDER: Final = Path(__file__).parents[3] / "docs" / "images"
SHOWN: Final = ("overview", "add-a-feed", "mapping", "run", "items", "item", "undo")


async def test_pictures_for_the_docs(running: Running, browser: Browser) -> None:
    """What the docs show is what the pages look like."""
    await anyio.Path(FOLDER).mkdir(exist_ok=True)
    session = await sign_in_as(running.service, "Ada")
    async with stocked(running) as held, seat(browser, running.url, session) as wide:
        for name, path in {**{name: PAGES[name] for name in SHOWN}, "held-run": f"/runs/{held}/held"}.items():
            await wide.open(path)
            await settle(wide.page)
            await wide.page.screenshot(path=FOLDER / f"{name}.png", clip={"x": 0, "y": 0, "width": 1280, "height": 900})
