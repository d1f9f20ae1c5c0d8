"""APIs in the forms without a browser and without a script: rows, secrets, every kind of pages, and what is said of faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import anyio
import pytest

from feedmill.dashboard.sessions import COOKIE, FIELD
from feedmill.service.security.people import form_token
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.html_form import HtmlForm
from tests.servers.rest import CLIENT, CLIENT_SECRET, Api, api

NEW = "/feeds/new"
REQUESTS = "/feeds/1/settings/requests"
SECRETS = (CLIENT_SECRET, "hush-1", "hush-2", "t0ken")


@dataclass
class Desk:
    """Somebody signed in, and the page that was last answered. No page may hold a secret that was typed."""

    running: Running
    session: str
    page: str = ""
    status: int = 0
    location: str = ""

    @property
    def text(self) -> str:
        """Return the page with its entities as characters."""
        return unescape(self.page)

    def says(self, words: str) -> bool:
        """Return whether the page says something, be it the beginning of a sentence."""
        return words.casefold() in self.text.casefold()

    async def look(self, path: str) -> None:
        """Open a page."""
        async with self.running.client.get(f"{self.running.url}{path}", cookies={COOKIE: self.session}) as answer:
            await self._take(answer)

    async def press(self, path: str, /, *, action: str = "", **typed: str) -> None:
        """Press a button: send the form that is shown, with what is typed into it; `__` is a dot in a name."""
        form = HtmlForm(self.page, action or path).fields | {name.replace("__", "."): value for name, value in typed.items()}
        form[FIELD] = form_token(self.session)
        options: Any = {"data": form, "cookies": {COOKIE: self.session}, "allow_redirects": False}
        async with self.running.client.post(f"{self.running.url}{path}", **options) as answer:
            await self._take(answer)

    async def new(self, path: str, /, **typed: str) -> None:
        """Press a button of the form that adds a feed."""
        await self.press(f"{NEW}{path}", action=NEW, **typed)

    async def change(self, path: str = "", /, **typed: str) -> None:
        """Press a button of the form of requests."""
        await self.press(f"{REQUESTS}{path}", action=REQUESTS, **typed)

    async def _take(self, answer: Any) -> None:
        self.page, self.status, self.location = await answer.text(), answer.status, answer.headers.get("Location", "")
        assert not [secret for secret in SECRETS if secret in self.text]


@pytest.fixture
async def shop() -> AsyncIterator[Api]:
    """Give an API of three pages that takes the newest token of its endpoint only."""
    async with api(count=25, size=10) as served:
        served.allows = served.newest_token_only
        yield served


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Seat Ada, an admin, at a service with all its loops."""
    async with run_service(tmp_path) as running:
        yield Desk(running, await sign_in_as(running.service, "Ada"))


def login(shop: Api) -> dict[str, str]:
    """Return what is typed to sign in."""
    token = f"http://{shop.base}/token"
    return {"auth": "oauth2", "token_url": token, "client_id": CLIENT, "client_secret": CLIENT_SECRET, "scope": "stock"}


async def test_rows_are_added_and_removed_without_a_script(desk: Desk, shop: Api) -> None:
    """Nothing that was typed is lost on the way, secrets are kept and not shown; what was typed for one host is not sent to another."""
    await desk.look(NEW)
    await desk.new("/rows", act="add", location=f"http://{shop.base}/page?token=t0ken", supplier_name="Acme <1>", **login(shop))
    await desk.new("/rows", act="add", parameters__0__name="shop", parameters__0__value="hush-1", pagination__style="page")
    await desk.new("/rows", act="add", parameters__1__name="X-Key", parameters__1__value="hush-2", parameters__1__type="header")
    assert f"GET http://{shop.base}/page?token=***&shop=***&page=1" in desk.text
    assert "X-Key: ***" in desk.text
    await desk.new("/rows", act="remove.0")
    form = HtmlForm(desk.page, NEW).fields
    assert (form["supplier_name"], form["client_id"], form["scope"]) == ("Acme <1>", CLIENT, "stock")
    assert (form["parameters.0.name"], form["parameters.0.type"], form["parameters.0.value"]) == ("X-Key", "header", "")
    assert not shop.requests
    kept = desk.page
    for typed, said in (
        ({"parameters__0__name": ""}, "give it a name, or remove it"),
        ({"pagination__style": "offset"}, "say how many records a full page has"),
        ({"pagination__style": "cursor"}, "say where a page names the next one"),
        ({"client_id": ""}, "OAuth2 needs it"),
        ({"pagination__size": "some"}, '<p id="h-pagination.size" class="hint"><strong>input should be a valid integer'),
    ):
        desk.page = kept
        await desk.new("/look", **typed)
        assert desk.says(said), said
        assert "3. How it is read" not in desk.text
    assert not shop.requests
    desk.page = kept
    await desk.new("/look")
    assert "The pages follow each other" in desk.text
    assert {request.headers.get("X-Key") for request in shop.requests if request.path == "/page"} == {"hush-2"}
    assert shop.asked == [1, 2]
    await desk.new("/look", pagination__parameter="p")
    assert "check “Name of the page's parameter”" in desk.text
    asked = len(shop.requests)
    await desk.new("/look", token_url="http://127.0.0.2:1/token")
    assert desk.says("does not follow to a new one: type it again")
    await desk.new("/look", location="http://127.0.0.2:1/page")
    assert desk.says("it was typed for another host: type it again")
    assert len(shop.requests) == asked


async def test_every_kind_of_pages_is_read_to_the_end(desk: Desk, shop: Api) -> None:
    """By number, by offset, by cursor, by an address in the page, by the Link header: the look tells the second page, the run has it."""
    kinds: dict[str, dict[str, str]] = {
        "page": {"style": "page", "size": "10", "sizeParameter": "limit"},
        "offset": {"style": "offset", "size": "10"},
        "cursor": {"style": "cursor", "cursorPath": "meta.next"},
        "url": {"style": "cursor", "cursorPath": "meta.next"},
        "link": {"style": "link"},
    }
    for number, (path, paging) in enumerate(kinds.items(), 1):
        await desk.look(NEW)
        typed = {f"pagination__{name}": value for name, value in paging.items()}
        await desk.new("/look", location=f"http://{shop.base}/{path}", **login(shop), **typed)
        assert "The pages follow each other" in desk.text, path
        assert desk.page.count('</td><td class="number">10</td><td class="wrap">') == 2, path
        await desk.new("", supplier="new", supplier_name=f"Acme {number}", name=path, frequency="never")
        assert desk.location.startswith("/runs/"), desk.page
        with anyio.fail_after(20):
            while (run := (await desk.running.call("GET", f"/api/data-imports/{number}.json"))[1])["status"] in ("pending", "started"):
                await anyio.sleep(0.02)
        assert (run["status"], run["created"]) == ("complete", 25), run
        _, items = await desk.running.call(
            "GET", f"/api/inventory-feed-variants.json?where[inventoryFeedId]={number}&where[externalId]=00015"
        )
        assert [item["inventoryQuantity"] for item in items] == [1]


async def test_a_stored_feed_keeps_its_secrets_and_says_so(desk: Desk, shop: Api) -> None:
    """A blank field keeps what is stored, for its way of signing in, its name and its host alone; nobody is overruled unseen.

    A viewer has no such page, nor a feed that is pushed to.
    """
    running = desk.running
    await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
    settings: dict[str, Any] = {
        "name": "rest",
        "resourceType": "json",
        "dropshipProviderId": 1,
        "resourceLocation": f"http://{shop.base}/page",
    }
    settings |= {"authenticationToken": CLIENT, "authenticationSecret": CLIENT_SECRET, "fetchFrequency": "never"}
    settings |= {"transport": {"auth": "oauth2", "tokenUrl": f"http://{shop.base}/token"}, "pagination": {"style": "page"}}
    settings["parameters"] = [{"name": "shop", "value": "hush-1"}, {"name": "X-Key", "value": "hush-2", "type": "header"}]
    assert (await running.call("POST", "/api/inventory-feeds.json", settings))[0] == 200
    await desk.look(REQUESTS)
    shown = desk.page
    assert CLIENT not in shown
    for typed, said in (
        ({"parameters__0__name": "store"}, "what is kept was typed for shop"),
        ({"auth": "bearer"}, "none is kept for this way of signing in"),
        ({"token_url": "http://127.0.0.2:1/token"}, "does not follow to a new one"),
        ({"pagination__maxPages": "many"}, "valid integer"),
    ):
        desk.page = shown
        await desk.change(**typed)
        assert desk.says(said), said
    desk.page = shown
    await desk.change("/rows", act="remove.0", client_secret=CLIENT_SECRET)
    await desk.change("/try", pagination__size="10")
    assert "The pages follow each other" in desk.text
    assert {(request.headers.get("X-Key"), request.query.get("shop")) for request in shop.requests if request.path == "/page"} == {
        ("hush-2", None)
    }
    await running.call("PUT", "/api/inventory-feeds/1.json", {"pagination": {"style": "page", "maxPages": 7}})
    await desk.change(pagination__size="10")
    assert (desk.status, "Somebody else has changed this meanwhile" in desk.text) == (409, True)
    await desk.change()
    assert (desk.status, desk.location) == (303, REQUESTS)
    _, feed = await running.call("GET", "/api/inventory-feeds/1.json")
    assert (feed["pagination"]["size"], [row["name"] for row in feed["parameters"]]) == (10, ["X-Key"])
    await desk.look(REQUESTS)
    await desk.change(auth="none", pagination__style="")
    _, feed = await running.call("GET", "/api/inventory-feeds/1.json")
    assert (feed["authenticationToken"], feed["authenticationSecret"], feed["pagination"]) == (None, None, None)
    assert feed["transport"]["auth"] == "basic"
    pushed: dict[str, Any] = {"name": "pushed", "resourceType": "webhook", "dropshipProviderId": 1}
    await running.call("POST", "/api/inventory-feeds.json", pushed)
    await desk.look("/feeds/2/settings/requests")
    assert desk.status == 404
    viewer = Desk(running, await sign_in_as(running.service, "Vic", "viewer"))
    await viewer.look(REQUESTS)
    assert viewer.status == 403
