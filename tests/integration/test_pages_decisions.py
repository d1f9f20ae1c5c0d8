"""The pages of held runs and of undo over plain HTTP: their states, what is refused, and what is text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from feedmill.dashboard.sessions import COOKIE, FIELD
from feedmill.service.security.people import form_token
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.supplier import Supplier, supplying

ROWS = [{"name": name, "purpose": purpose} for name, purpose in (("sku", "sku"), ("name", "name"), ("qty", "inventoryQuantity"))]
FEED = {"resourceType": "ftpCsv", "mapping": "custom", "fields": ROWS, "dropshipProviderId": 1, "fetchFrequency": "never", "name": "acme"}
EVIL = "<script>alert('x')</script>"


@dataclass(frozen=True, slots=True)
class Shop:
    """A service, a supplier of 30 items, the sessions of an admin and of a viewer."""

    api: Running
    supplier: Supplier
    ada: str
    bob: str

    async def look(self, path: str, session: str | None = None) -> tuple[int, str]:
        """Return the status and the HTML of a page."""
        async with self.api.client.get(f"{self.api.url}{path}", cookies={COOKIE: session or self.ada}) as answer:
            return answer.status, await answer.text()

    async def press(self, path: str, session: str | None = None, **form: str) -> tuple[int, str, str]:
        """Send a form and return the status, where it leads, and the HTML."""
        session = session or self.ada
        sent, cookies = {**form, FIELD: form_token(session)}, {COOKIE: session}
        async with self.api.client.post(f"{self.api.url}{path}", data=sent, cookies=cookies, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    def offer(self, items: int, quantity: int = 5) -> None:
        """Have the supplier offer items."""
        self.supplier.body = "sku,name,qty\n" + "".join(f"A-{number:02},{EVIL},{quantity}\n" for number in range(items))

    async def begin(self) -> int:
        """Ask for a run and return its number."""
        status, run = await self.api.call("POST", "/api/inventory-feeds/1/fetch.json")
        assert status == 202, run
        return int(run["id"])

    async def fetched(self, status: str) -> int:
        """Fetch the feed and return the run, which ends so."""
        run = await self.begin()
        assert await self.ended(run) == status
        return run

    async def ended(self, run: int) -> str:
        """Wait for the end of a run and return its status."""
        with anyio.fail_after(30):
            while (found := (await self.api.call("GET", f"/api/data-imports/{run}.json"))[1])["status"] in ("pending", "started"):
                await anyio.sleep(0.02)
        return str(found["status"])


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """Run a service with a feed that has 30 items, each with 5 pieces, out of run 1."""
    async with supplying() as supplier, run_service(tmp_path) as api:
        shop = Shop(api, supplier, await sign_in_as(api.service, "Ada"), await sign_in_as(api.service, "Bob", "viewer"))
        await api.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        await api.call("POST", "/api/inventory-feeds.json", {**FEED, "resourceLocation": supplier.url})
        shop.offer(30)
        await shop.fetched("complete")
        yield shop


async def test_what_is_held_is_shown_to_all_and_decided_by_admins(shop: Shop) -> None:
    """A viewer sees figures, numbers and samples as text and no button; what he sends all the same is refused."""
    assert "Nothing waits for you" in (await shop.look("/held"))[1]
    run = await hold_second(shop)
    assert f"/runs/{run}/held" in (await shop.look("/held", shop.bob))[1]
    _, page = await shop.look(f"/runs/{run}/held", shop.bob)
    assert "19 of 29" in page
    assert "Counting what would change" in page
    assert 'name="verb"' not in page
    _, part = await shop.look(f"/runs/{run}/held?part=decision", shop.bob)
    assert "total stock falls from <strong>145</strong> to <strong>50</strong>" in part
    assert "An admin decides" in part
    assert "<button" not in part
    assert EVIL not in page + part
    assert "&lt;script&gt;" in part
    mark = part.partition("seen=")[2].partition('"')[0]
    assert (await shop.look(f"/runs/{run}/held?part=decision&seen={mark}", shop.bob))[0] == 204
    assert (await shop.press(f"/runs/{run}/held", shop.bob, verb="approve"))[0] == 403
    assert (await shop.press("/runs/1/undo", shop.bob))[0] == 403
    assert await shop.ended(run) == "held"
    status, changes = await shop.look(f"/runs/{run}/held/changes.csv", shop.bob)
    assert status == 200
    assert changes.count("inventoryQuantity,5,0") == 19
    await check_figures(shop, run)


async def hold_second(shop: Shop) -> int:
    """Have a run held under limits that are others afterwards, with a complete one before it."""
    await shop.api.call("PUT", "/api/inventory-feeds/1.json", {"guard": {"maxMissingRatio": 0.3}})
    shop.offer(29)
    await shop.fetched("complete")
    shop.offer(10)
    run = await shop.fetched("held")
    await shop.api.call("PUT", "/api/inventory-feeds/1.json", {"guard": {"maxMissingRatio": 0.9}})
    return run


async def check_figures(shop: Shop, run: int) -> None:
    """Fail unless the API tells the figures beside the limits that held the run, and those of the runs before it."""
    _, told = await shop.api.call("GET", f"/api/data-imports/{run}/guard.json")
    measures: dict[str, Any] = {each["name"]: each for each in told["measures"]}
    missing = measures["maxMissingRatio"]
    assert (missing["part"], missing["whole"], missing["limit"], missing["exceeded"]) == (19, 29, 0.3, True)
    assert missing["usual"] == round(1 / 30, 6)
    assert measures["maxPriceMoveRatio"]["judged"] is False
    fall = measures["maxStockDropRatio"]
    assert (fall["part"], fall["whole"], fall["unit"], fall["value"]) == (95, 145, "pieces", round(95 / 145, 6))
    assert [(each["dataImportId"], each["stock"]) for each in told["earlier"]] == [(1, 150), (2, 145)]


async def test_who_comes_too_late_is_told(shop: Shop) -> None:
    """A decision about a run that is decided is no error; one while the feed is at work, or with too long a comment, is explained."""
    shop.offer(10)
    run = await shop.fetched("held")
    status, _, page = await shop.press(f"/runs/{run}/held", verb="reject", comment="x" * 901)
    assert status == 200
    assert "The comment is too long" in page
    assert "total stock stays" in page
    shop.supplier.close_gate()
    before = (await shop.api.call("GET", f"/api/data-imports/{run}.json"))[1]
    newer = await shop.begin()
    await shop.supplier.reached.wait()
    status, _, page = await shop.press(f"/runs/{run}/held", verb="approve", comment="fine")
    assert status == 200
    assert f"Run {newer} of feed" in page
    assert f"Run {newer} of this feed is under way" in page
    assert ">fine</textarea>" in page
    shop.supplier.open_gate()
    assert await shop.ended(newer) == "held"
    status, page = await shop.look(f"/runs/{run}/held")
    assert status == 200
    assert "Overtaken by a newer run" in page
    assert f"/runs/{newer}/held" in page
    await check_superseded(shop, before, newer)
    status, address, _ = await shop.press(f"/runs/{run}/held", verb="approve")
    assert (status, address) == (303, f"/runs/{run}/held")
    assert (await shop.look("/runs/1/held"))[1].count("This run waits for no decision") == 1
    assert (await shop.look("/runs/99/held"))[0] == 404
    await check_under_way(shop, newer)


async def check_superseded(shop: Shop, before: dict[str, Any], newer: int) -> None:
    """Fail unless a run that gave way is told as not applied, with what it would have done and what took its place, by API and pages."""
    run = (await shop.api.call("GET", f"/api/data-imports/{before['id']}.json"))[1]
    counted = ("created", "updated", "unchanged", "duplicate", "limited", "removed")
    assert [run[name] for name in counted] == [0] * len(counted)
    assert (run["skipped"], run["supersededBy"], before["supersededBy"]) == (run["read"] - run["rejected"], newer, None)
    assert run["planned"] == before["planned"] == {name: before[name] for name in (*counted, "skipped")}
    assert before["updated"] + before["removed"] > 0
    for path, said in ((f"/runs/{run['id']}", "What would have become of the records"), (f"/runs/{run['id']}/held", "Would have updated")):
        page = (await shop.look(path))[1]
        assert (said in page, f'<a href="/runs/{newer}">' in page) == (True, True), path
    assert "None of this was applied" in (await shop.look(f"/runs/{run['id']}"))[1]


async def check_under_way(shop: Shop, newer: int) -> None:
    """Fail unless a run that is being applied, and an undo that is not through, are told as such, with how far they are."""
    async with shop.api.service.store.writing() as writer:
        await writer.execute("UPDATE main.data_imports SET status = 'started', updated = 7, created = 0, removed = 5 WHERE id = ?", newer)
    _, page = await shop.look(f"/runs/{newer}/held")
    assert "Approved, and being applied" in page
    assert '<span class="number">12</span> items' in page
    assert 'name="verb"' not in page
    async with shop.api.service.store.writing() as writer:
        await writer.execute("UPDATE main.data_imports SET kind = 'undo', undoes = 1 WHERE id = ?", newer)
    _, page = await shop.look("/runs/1/undo")
    assert "The undo is under way" in page
    assert f"/runs/{newer}" in page
    assert "data-live" in page


async def test_an_undo_says_what_it_leaves_alone(shop: Shop) -> None:
    """Conflicts are told with what was written since and by whom; what cannot be undone says why."""
    shop.offer(30, 4)
    run = await shop.fetched("complete")
    _, items = await shop.api.call("GET", "/api/inventory-feed-variants.json?limit=1")
    await shop.api.call("PUT", f"/api/inventory-feed-variants/{items[0]['id']}.json", {"inventoryQuantity": 77})
    _, part = await shop.look(f"/runs/{run}/undo?part=plan", shop.bob)
    assert "<strong>29</strong> items are set back" in part
    assert "<strong>1</strong> conflict stays" in part
    assert f'<a href="/items/{items[0]["id"]}">{items[0]["externalId"]}</a>' in part
    assert ">77</td>" in part
    assert "<button" not in part
    assert "total stock rises from <strong>193</strong> to <strong>222</strong>" in part
    assert EVIL not in part
    shop.offer(10)
    held = await shop.fetched("held")
    assert "There is nothing to undo" in (await shop.look(f"/runs/{held}/undo"))[1]
    assert (await shop.press(f"/runs/{run}/undo"))[:2] == (303, f"/runs/{held + 1}")
    status, address, _ = await shop.press(f"/runs/{run}/undo")
    assert (status, address) == (303, f"/runs/{run}/undo")
    assert f"/runs/{held + 1}/undo" in (await shop.look(f"/runs/{run}/undo"))[1]
    async with shop.api.service.store.writing() as writer:
        await writer.execute("UPDATE main.data_imports SET change_mark = NULL WHERE id = 1")
    _, part = await shop.look("/runs/1/undo?part=plan")
    assert "is not known any more" in part
    assert "historyDays" in part
