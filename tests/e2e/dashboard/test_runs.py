"""Runs in a browser: one that is watched while a slow supplier sends, one that is cancelled, one through a restart of the server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from aiohttp import ClientConnectionResetError, web
from anyio import to_thread
from playwright.async_api import Browser, Locator, Page

from engine.document import CHUNK_BYTES
from feedmill.service.settings import Server
from tests.servers.browser import Seat, check_accessible, seat, sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.web import serving

PAYLOAD: Final = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
ROWS: Final = 3_400
BAD: Final = 7
CHUNK: Final = CHUNK_BYTES
FIELDS: Final = [{"name": name, "purpose": purpose} for name, purpose in (("sku", "sku"), ("name", "name"), ("qty", "inventoryQuantity"))]


def table(stock: int) -> bytes:
    """Return three chunks of CSV and a little more, with some rows that have no stock and a name that is markup."""
    rows = [f"SKU-{number},{'Lamp ' * 90}{number},{stock}" for number in range(ROWS)]
    rows[:BAD] = [f"SKU-{number},{PAYLOAD},N/A" for number in range(BAD)]
    return "\n".join(("sku,name,qty", *rows, "")).encode()


@dataclass(slots=True)
class Dripping:
    """A supplier that sends a chunk of its file each time it is let."""

    body: bytes
    taps: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(0))
    url: str = ""

    def let(self, chunks: int) -> None:
        """Let chunks flow, now or when somebody asks."""
        for _ in range(chunks):
            self.taps.release()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, chunk by chunk."""
        response = web.StreamResponse(headers={"Content-Type": "text/csv", "Content-Length": str(len(self.body))})
        await response.prepare(request)
        with suppress(ClientConnectionResetError):  # Of a run that was cancelled.
            for at in range(0, len(self.body), CHUNK):
                await self.taps.acquire()
                await response.write(self.body[at : at + CHUNK])
        return response


@asynccontextmanager
async def dripping() -> AsyncIterator[Dripping]:
    """Run such a supplier on loopback."""
    supplier = Dripping(table(5))
    async with serving(supplier.answer) as port:
        supplier.url = f"http://127.0.0.1:{port}/stock.csv"
        yield supplier
        supplier.let(100)


async def begin(running: Running, supplier: Dripping) -> int:
    """Make a feed of the supplier's and fetch it."""

    async def make(path: str, status: int, **body: Any) -> Any:
        answered, document = await running.call("POST", f"/api/{path}.json", body or None)
        assert answered == status, document
        return document

    provider = await make("dropship-providers", 200, name="Acme")
    feed = await make(
        "inventory-feeds",
        200,
        name="Acme lamps",
        resourceType="ftpCsv",
        mapping="custom",
        fields=FIELDS,
        fetchFrequency="never",
        resourceLocation=supplier.url,
        dropshipProviderId=provider["id"],
    )
    return int((await make(f"inventory-feeds/{feed['id']}/fetch", 202))["id"])


async def moved(bar: Locator, before: int) -> int:
    """Wait until a bar shows more bytes than before, and return how many."""
    with anyio.fail_after(30):
        while (shown := int(await bar.get_attribute("value") or 0)) <= before:
            await anyio.sleep(0.05)
    return shown


async def read_sum(page: Page) -> dict[str, int]:
    """Return the accounting that a page shows."""
    shown = await page.locator(".sum > div").all_inner_texts()
    return {name: int(re.sub(r"\D", "", count)) for name, count in (text.split("\n", 1) for text in shown)}


async def test_a_run_is_watched_then_read_and_the_next_one_is_cancelled(running: Running, ada: Seat) -> None:
    """Bytes move while they come, without a reload; at the end the sum adds up, markup is text, and a file has the rejects."""
    async with dripping() as supplier:
        page = ada.page
        supplier.let(1)
        run = await begin(running, supplier)
        await ada.open(f"/runs/{run}")
        now = page.locator("#run-now")
        bar = page.locator("#run-progress")
        first = await moved(bar, 0)
        supplier.let(1)
        await moved(bar, first)
        assert await bar.get_attribute("max") == str(len(supplier.body))
        await check_accessible(page)

        supplier.let(2)
        await now.get_by_role("heading", name="Complete").wait_for()
        await page.get_by_role("heading", name="What became of the records").wait_for()
        await page.locator("#run-outcome .records pre").first.wait_for()
        counted = await read_sum(page)
        assert counted.pop("read") == sum(counted.values()) == ROWS
        assert (counted["created"], counted["rejected"]) == (ROWS - BAD, BAD)
        assert await page.locator("#run-outcome .records pre").first.inner_text() == f"SKU-0,{PAYLOAD},N/A"
        await page.locator("#run-changes table").wait_for()
        assert await page.title() == f"Run {run} · Feedmill"
        await check_accessible(page)
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="Rejects as CSV").click()
        kept = Path(await (await downloading.value).path())
        assert len((await to_thread.run_sync(kept.read_text, "utf-8")).splitlines()) == BAD + 1

        supplier.body = table(6)
        await page.get_by_role("button", name="Fetch the feed again").click()
        await page.get_by_role("heading", name=f"Run {run + 1}").wait_for()
        await page.get_by_role("button", name="Cancel …").click()
        dialog = page.get_by_role("dialog")
        assert "nothing of it is applied" in await dialog.inner_text()
        await dialog.get_by_role("button", name="Cancel the run").click()
        await page.get_by_role("heading", name="Cancelled: nothing was applied").wait_for()
        _, items = await running.call("GET", "/api/inventory-feed-variants.json?limit=1")
        assert items[0]["inventoryQuantity"] == 5


async def test_the_server_is_restarted_in_mid_run(tmp_path: Path, browser: Browser) -> None:
    """The page says that it reconnects, and goes on by itself: the run begins anew, and its end is seen without a reload."""
    async with dripping() as supplier:
        supplier.let(2)
        async with run_service(tmp_path) as first:
            session, port = await sign_in_as(first.service, "Ada"), int(first.url.rpartition(":")[2])
            run = await begin(first, supplier)
            waiting = seat(browser, first.url, session)
            ada = await waiting.__aenter__()
            ada.complaints.expected += ("net::ERR_", "htmx:afterRequest", "htmx:sendError")
            await ada.open(f"/runs/{run}")
            await ada.page.locator("#run-now").get_by_text("1.0 MB").wait_for()
        await ada.page.get_by_text("Reconnecting").wait_for()
        supplier.let(20)
        async with run_service(tmp_path, server=Server(port=port)):
            await ada.page.get_by_text("Live", exact=True).wait_for()
            await ada.page.get_by_role("heading", name="Complete").wait_for()
            await ada.page.get_by_role("heading", name="What became of the records").wait_for()
            assert (await read_sum(ada.page))["created"] == ROWS - BAD
            await waiting.__aexit__(None, None, None)
