"""Pages of runs over HTTP: each state a run can be in, what a viewer may not, and markup of a supplier's as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from typing import Any, Final

import anyio
import pytest

from feedmill.dashboard.sessions import COOKIE
from feedmill.service.security.people import form_token
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.supplier import Supplier, supplying

MARKUP: Final = "<b onclick=alert(1)>lamp</b>"
ROWS: Final = [{"name": name, "purpose": purpose} for name, purpose in (("sku", "sku"), ("qty", "inventoryQuantity"))]
PULLED: Final = {"resourceType": "ftpCsv", "mapping": "custom", "fields": ROWS, "dropshipProviderId": 1, "fetchFrequency": "never"}


@dataclass(frozen=True, slots=True)
class Desk:
    """A service with a supplier, and people who look at its pages."""

    api: Running
    supplier: Supplier
    ada: str
    vic: str

    async def page(self, path: str, *, who: str | None = None, status: int = 200) -> str:
        """Return a page as somebody sees it, an admin where nobody is named."""
        cookies = {COOKIE: self.ada if who is None else who}
        async with self.api.client.get(f"{self.api.url}{path}", cookies=cookies) as response:
            assert response.status == status, await response.text()
            return await response.text()

    async def press(self, path: str, who: str, **values: str) -> tuple[int, str]:
        """Send a form of a page and return the status and the address that it leads to."""
        sent = {"form_token": form_token(who), **values}
        async with self.api.client.post(f"{self.api.url}{path}", data=sent, cookies={COOKIE: who}, allow_redirects=False) as response:
            return response.status, response.headers.get("Location", "")

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return what a call of the API answers."""
        status, document = await self.api.call(method, f"/api/{path}", body)
        assert status in (200, 202), (status, document)
        return document

    async def feed(self, name: str, **settings: Any) -> int:
        """Make a feed of the supplier's."""
        made = {"name": name, **PULLED, "resourceLocation": self.supplier.url, **settings}
        return int((await self.call("POST", "inventory-feeds.json", made))["id"])

    async def run(self, feed: int, status: str) -> int:
        """Fetch a feed and return the run, once it has come to that status."""
        return await self.ended((await self.call("POST", f"inventory-feeds/{feed}/fetch.json"))["id"], status)

    async def ended(self, run: int, status: str) -> int:
        """Wait until a run has come to a status and return it."""
        with anyio.fail_after(60):
            while (found := await self.call("GET", f"data-imports/{run}.json"))["status"] != status:
                assert found["status"] in ("pending", "started"), found
                await anyio.sleep(0.02)
        return run


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run the one service of this module on one loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """Run a service with one worker and a supplier; Ada may change things, Vic may look."""
    async with supplying() as supplier, run_service(tmp_path_factory.mktemp("pages")) as api:
        ada, vic = await sign_in_as(api.service, "Ada"), await sign_in_as(api.service, "Vic", "viewer")
        desk = Desk(api, supplier, ada, vic)
        assert "Nothing has run yet" in await desk.page("/runs")
        await desk.call("POST", "dropship-providers.json", {"name": "Acme"})
        yield desk


async def test_a_complete_run_shows_its_records_and_reasons(desk: Desk) -> None:
    """The sum, the rejects by reason with place and raw text, all of it escaped; files come with the session's rights."""
    desk.supplier.body = "sku,qty\n" + "".join(f"k{number},{number}\n" for number in range(40)) + f"{MARKUP},many\nz,1e5\ny,2e5\n"
    feed = await desk.feed(f"lamps {MARKUP}")
    run = await desk.run(feed, "complete")
    page = await desk.page(f"/runs/{run}")
    assert MARKUP not in page
    assert MARKUP in unescape(page)
    assert "What became of the records" in page
    reasons = await desk.call("GET", f"data-imports/{run}/reject-reasons.json")
    assert sum(each["count"] for each in reasons) == 3
    assert [each["count"] for each in reasons] == sorted((each["count"] for each in reasons), reverse=True)
    left_out = await desk.page(f"/runs/{run}/rejects?fate=rejected")
    assert (MARKUP in left_out, f"{MARKUP},many" in unescape(left_out), "line 42" in left_out) == (False, True, True)
    assert "Nothing here" in await desk.page(f"/runs/{run}/rejects?fate=skipped")
    for file, line in (("rejects", f"{MARKUP},many"), ("changes", "k39,k39,,created,inventoryQuantity,,39")):
        assert line in await desk.page(f"/runs/{run}/{file}.csv", who=desk.vic)
    changes = await desk.page(f"/runs/{run}?part=changes")
    assert "k39" in changes
    assert changes.count("<tr>") == 7
    async with desk.api.client.get(f"{desk.api.url}/runs/{run}?part=changes&was=complete", cookies={COOKIE: desk.ada}) as same:
        assert same.status == 204

    unchanged = await desk.run(feed, "complete")
    assert "the source has not changed" in await desk.page(f"/runs/{unchanged}")
    undo = (await desk.call("POST", f"data-imports/{run}/undo.json"))["id"]
    assert f'href="/runs/{run}"' in await desk.page(f"/runs/{undo}")
    undone = await desk.page(f"/runs/{run}")
    assert f'href="/runs/{undo}"' in undone
    assert f"/runs/{run}/undo" not in undone


async def test_many_changes_are_looked_at_when_somebody_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run that changed more than are read unasked there is a button; a run of few begins to read them at once."""
    desk.supplier.offer(a=1, b=2)
    run = await desk.run(await desk.feed("few"), "complete")
    assert "Reading what changed" in await desk.page(f"/runs/{run}")
    monkeypatch.setattr("feedmill.dashboard.pages.runs.run.SHOWN_AT_ONCE", 1)
    assert "Show samples" in await desk.page(f"/runs/{run}")
    assert "Show samples" in await desk.page(f"/runs/{run}?part=changes")
    assert "Reading what changed" in await desk.page(f"/runs/{run}?all=1")
    assert "Created" in await desk.page(f"/runs/{run}?all=1&part=changes")


async def test_what_failed_says_what_to_do(desk: Desk) -> None:
    """An address that answers with a page, one that does not answer, too many rejects: each with its own cure."""
    desk.supplier.body = "<!doctype html><html><body>Please log in</body></html>"
    page = await desk.page(f"/runs/{await desk.run(await desk.feed('page'), 'error')}")
    assert "Failed: nothing was applied" in page
    assert "Open it in a browser" in page
    desk.supplier.body = "sku,qty\n" + "".join(f"k{number},many\n" for number in range(30))
    assert "a column is mapped to the wrong field" in await desk.page(f"/runs/{await desk.run(await desk.feed('many'), 'error')}")
    silent = await desk.feed("silent", resourceLocation="http://127.0.0.1:1/stock.csv", transport={"attempts": 1})
    assert "does not answer" in await desk.page(f"/runs/{await desk.run(silent, 'error')}")


async def test_a_run_that_waits_shows_its_place_and_can_be_cancelled(desk: Desk) -> None:
    """While the one worker is taken the next run says what is before it; a viewer sees no button and is refused."""
    desk.supplier.offer(a=1)
    first, second, third = [await desk.feed(name) for name in ("first", "second", "third")]
    desk.supplier.close_gate()
    reading = (await desk.call("POST", f"inventory-feeds/{first}/fetch.json"))["id"]
    with anyio.fail_after(20):
        await desk.supplier.reached.wait()
    next_one = (await desk.call("POST", f"inventory-feeds/{second}/fetch.json"))["id"]
    last = (await desk.call("POST", f"inventory-feeds/{third}/fetch.json"))["id"]
    assert (await desk.call("GET", f"data-imports/{last}/progress.json"))["wait"] == {"cause": "turn", "ahead": 1, "until": None}
    assert "It is the next one" in await desk.page(f"/runs/{next_one}")
    assert "1 run is before it in the queue" in await desk.page(f"/runs/{last}")
    assert "waits for its turn" in await desk.page("/runs?status=pending")
    with anyio.fail_after(20):
        while (progress := await desk.call("GET", f"data-imports/{reading}/progress.json"))["seconds"] is None:
            await anyio.sleep(0.02)
    assert (progress["phase"], progress["totalBytes"], progress["done"]) == ("reading", len(desk.supplier.body), None)
    assert "Being read" in await desk.page(f"/runs/{reading}?part=now")
    assert "cancel-run" not in await desk.page(f"/runs/{last}", who=desk.vic)
    assert (await desk.press(f"/runs/{last}/cancel", desk.vic))[0] == 403
    assert (await desk.press(f"/runs/{last}/fetch", desk.vic))[0] == 403
    assert await desk.press(f"/runs/{reading}/fetch", desk.ada) == (303, f"/runs/{reading}")
    assert await desk.press(f"/runs/{last}/cancel", desk.ada) == (303, f"/runs/{last}")
    assert "Cancelled: nothing was applied" in await desk.page(f"/runs/{last}")
    desk.supplier.open_gate()
    await desk.ended(next_one, "complete")
    # What has ended is not cancelled, and the page says so.
    assert await desk.press(f"/runs/{next_one}/cancel", desk.ada) == (303, f"/runs/{next_one}")
    status, again = await desk.press(f"/runs/{next_one}/fetch", desk.ada, refetch="1")
    assert status == 303
    await desk.ended(int(again.rpartition("/")[2]), "complete")


async def test_a_run_that_is_applied_says_how_far(desk: Desk) -> None:
    """Of a decided run the page has what is written of what was planned, and no way to cancel it."""
    desk.supplier.offer(a=1)
    feed = await desk.feed("decided", reviewChanges=True)
    run = await desk.run(feed, "held")
    assert "Held: nothing is applied" in await desk.page(f"/runs/{run}")
    apart = "UPDATE main.data_imports SET status = ?, decided_at = ?, created = ? WHERE id = ?"
    async with desk.api.service.store.writing() as writer:
        await writer.execute(apart, "started", 1, 0, run)
    progress = await desk.call("GET", f"data-imports/{run}/progress.json")
    assert (progress["phase"], progress["done"], progress["planned"]) == ("applying", 0, 1)
    page = await desk.page(f"/runs/{run}")
    assert "Being applied" in page
    assert "Cancel …" not in page
    async with desk.api.service.store.writing() as writer:
        await writer.execute(apart, "held", None, 1, run)


async def test_a_list_is_narrowed_and_paged(desk: Desk) -> None:
    """Runs are found by feed and status; what is not found says so, and a run that went with its feed is told as that."""
    desk.supplier.offer(a=1)
    feed = await desk.feed("alone")
    run = await desk.run(feed, "complete")
    page = await desk.page(f"/runs?feed={feed}&status=complete")
    assert f'href="/runs/{run}"' in page
    assert "1 to 1 of 1" in page
    assert "No such runs" in await desk.page(f"/runs?feed={feed}&status=error")
    await desk.call("DELETE", f"inventory-feeds/{feed}.json")
    assert "it went with its feed" in await desk.page(f"/runs/{run}", status=404)
    assert "it went with its feed" in await desk.page(f"/runs/{run}/rejects.csv", status=404)
