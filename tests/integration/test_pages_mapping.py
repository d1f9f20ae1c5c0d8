"""The mapping editor without a browser: what it sends back is what it showed, two who edit at once, viewers, and text that is text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from anyio import to_thread

from feedmill.dashboard.sessions import COOKIE, FIELD
from feedmill.service.security.people import form_token
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.supplier import supplying

EVIL = "<img src=x onerror=alert(1)>"
LOOKED_UP = {"in stock": 5, "low": "1", "a=b": 0}
EVERY_RULE: list[dict[str, Any]] = [
    {"name": "sku", "purpose": "sku", "prefix": "A-", "strip": ["x", " y"], "default": "none", "blank": "clear"},
    {
        "name": "qty",
        "purpose": "inventoryQuantity",
        "lookup": {"in stock": 5, "low": "1", "a=b": 0},
        "locations": "first",
        "parseNumber": True,
    },
    {"name": "held", "purpose": "inventoryQuantity", "quantityOperator": "subtract"},
    {"name": "net", "purpose": "retailPrice", "priceOperator": "multiply", "priceOperatorValue": "1.19"},
    {"name": "net", "purpose": "costPrice", "priceOperator": "addition", "priceOperatorField": "qty", "enabled": False},
    {"name": EVIL, "purpose": "name", "subfieldRegex": r"EAN (\d+)", "subfieldPurpose": "barcode", "slugify": True},
    {"name": "size", "purpose": "option", "optionName": '"><b>Size</b>'},
    {"name": "warranty", "purpose": "metaFields", "metaFieldsScope": "acme"},
    {"name": "pictures", "purpose": "images", "seperator": "\n", "normalizeImageUrl": True},
]
REWRITES = [{"field": "optionName", "matchType": "matches", "transformFrom": ["Groesse", "taille"], "transformTo": "Size"}]


class Form(HTMLParser):
    """The controls of the editor's form as a browser would send them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pairs: list[tuple[str, str]] = []
        self._inside = False
        self._select = self._area = ""
        self._chosen: str | None = None
        self._text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a control."""
        known = {name: value or "" for name, value in attrs}
        if known.get("id") == "mapping-form":
            self._inside = True
        elif self._inside and tag == "input" and "name" in known and (known.get("type") != "checkbox" or "checked" in known):
            self.pairs.append((known["name"], known.get("value", "")))
        elif self._inside and tag == "select":
            self._select, self._chosen = known["name"], None
        elif tag == "option" and self._select:
            value = known.get("value", "")
            self._chosen = value if self._chosen is None or "selected" in known else self._chosen
        elif self._inside and tag == "textarea":
            self._area, self._text = known["name"], ""

    def handle_data(self, data: str) -> None:
        """Take the text of an area."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """End a control, or the form."""
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._select:
            self.pairs.append((self._select, self._chosen or ""))
            self._select = ""
        elif tag == "textarea" and self._area:
            self.pairs.append((self._area, self._text))
            self._area = ""


class Desk:
    """Somebody who is signed in, without a browser."""

    def __init__(self, running: Running, client: ClientSession, session: str) -> None:
        self.running, self._client, self._session = running, client, session

    async def look(self, path: str) -> str:
        """Return a page."""
        async with self._client.get(f"{self.running.url}{path}", cookies={COOKIE: self._session}) as response:
            return await response.text()

    async def send(self, path: str, pairs: list[tuple[str, str]], *, htmx: bool = False) -> tuple[int, str]:
        """Send a form and return status and text."""
        data = [*(pair for pair in pairs if pair[0] != FIELD), (FIELD, form_token(self._session))]
        headers = {"HX-Request": "true"} if htmx else {}
        options: Any = {"data": data, "headers": headers, "cookies": {COOKIE: self._session}, "allow_redirects": False}
        async with self._client.post(f"{self.running.url}{path}", **options) as response:
            return response.status, await response.text()


@asynccontextmanager
async def editing(directory: Path, location: str, role: Any = "admin", **attributes: Any) -> AsyncIterator[Desk]:
    """Run a service with a feed and seat somebody."""
    async with run_service(directory, loops=False) as running, ClientSession() as client:
        await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        pulled = {"resourceType": "ftpCsv", "mapping": "custom", "dropshipProviderId": 1, "fetchFrequency": "never"}
        status, feed = await running.call(
            "POST", "/api/inventory-feeds.json", {"name": "acme", **pulled, "resourceLocation": location, **attributes}
        )
        assert status == 200, feed
        yield Desk(running, client, await sign_in_as(running.service, "Ada", role))


async def feed_of(desk: Desk) -> dict[str, Any]:
    """Return the feed as the API shows it."""
    return dict((await desk.running.call("GET", "/api/inventory-feeds/1.json"))[1])


async def versions_of(desk: Desk) -> list[dict[str, Any]]:
    """Return the versions of the mapping."""
    return list((await desk.running.call("GET", "/api/inventory-feeds/1/mapping-history.json"))[1])


async def test_what_was_shown_comes_back_as_it_was(tmp_path: Path) -> None:
    """An editor that is saved untouched changes nothing, whatever rules there are; and what stands in names and values is text."""
    async with editing(tmp_path, "http://127.0.0.1/a.csv", fields=EVERY_RULE, mappings=REWRITES) as desk:
        before = await feed_of(desk)
        text = await desk.look("/feeds/1/mapping")
        assert EVIL not in text
        assert "<b>Size" not in text
        assert (await desk.send("/feeds/1/mapping", (await to_thread.run_sync(Form, text)).pairs))[0] == 303
        after = await feed_of(desk)
        assert {name for name in before if before[name] != after[name]} == set()
        assert len(await versions_of(desk)) == 1
        for path in ("/feeds/1/mapping/history", "/feeds/1/mapping?version=1"):
            text = await desk.look(path)
            assert (EVIL in text, "<b>Size" in text, "&lt;img src=x" in text) == (False, False, True)


async def test_the_second_of_two_is_told(tmp_path: Path) -> None:
    """Who saves what another one has changed meanwhile is told what, nothing is saved until it is meant; a new schedule is no conflict."""
    async with editing(tmp_path, "http://127.0.0.1/a.csv", fields=[{"name": "sku", "purpose": "sku"}]) as desk:
        form = Form(await desk.look("/feeds/1/mapping")).pairs
        mine = [*form, ("fields.1.name", "mine"), ("fields.1.purpose", "name")]
        await desk.running.call("PUT", "/api/inventory-feeds/1.json", {"fetchFrequency": "daily"})
        theirs = {"inventoryFeedId": 1, "name": "theirs", "purpose": "tags"}
        status, _ = await desk.send("/feeds/1/mapping", form)
        assert status == 303
        assert (await desk.running.call("POST", "/api/inventory-feed-fields.json", theirs))[0] == 200
        status, text = await desk.send("/feeds/1/mapping", mine)
        assert (status, "Somebody else has changed this mapping meanwhile" in text) == (409, True)
        assert re.search(r'added</span>\s*<span class="after"><code>theirs</code>', text)
        assert [row["name"] for row in (await feed_of(desk))["fields"]] == ["sku", "theirs"]
        again = Form(text).pairs
        assert [value for name, value in again if name.endswith(".name")] == ["sku", "mine"]
        assert (await desk.send("/feeds/1/mapping", again))[0] == 303
        assert [row["name"] for row in (await feed_of(desk))["fields"]] == ["sku", "mine"]
        newest = (await versions_of(desk))[0]
        assert (newest["by"], newest["name"]) == ("person", "Ada")


async def test_faults_stand_beside_their_rows(tmp_path: Path) -> None:
    """What the API refuses is told at the row that it concerns, and what was typed is still there."""
    async with editing(tmp_path, "http://127.0.0.1/a.csv", fields=[{"name": "sku", "purpose": "sku"}]) as desk:
        form = Form(await desk.look("/feeds/1/mapping")).pairs
        wrong = [
            ("fields.1.name", "a"),
            ("fields.1.purpose", "name"),
            ("fields.1.priceOperator", "multiply"),
            ("fields.1.priceOperatorValue", "2"),
        ]
        status, text = await desk.send("/feeds/1/mapping", [*form, *wrong, ("fields.2.name", ""), ("fields.2.purpose", "tags")])
        assert status == 422
        beside = dict(re.findall(r'id="seen-(fields-\d)"[^>]*>\s*<p class="fault">([^<]*)', text))
        assert {"fields-1", "fields-2"} == beside.keys()
        assert "priceOperator is for prices" in beside["fields-1"]
        assert 'value="multiply" selected' in text


async def test_a_preset_becomes_rows(tmp_path: Path) -> None:
    """A preset that is copied makes a row of each column that the source has, and means the same as before.

    Where nothing can be fetched the rows are there nevertheless, the page says why, and they can be saved.
    """
    async with supplying() as supplier, editing(tmp_path, supplier.url, mapping="inventory") as desk:
        form = Form(await desk.look("/feeds/1/mapping")).pairs
        before = (await desk.running.call("POST", "/api/inventory-feeds/1/preview.json", {}))[1]["records"]
        status, text = await desk.send("/feeds/1/mapping/edit", [*form, ("act", "copy")], htmx=True)
        assert status == 200
        assert (await desk.send("/feeds/1/mapping", Form(text).pairs))[0] == 303
        feed = await feed_of(desk)
        assert (feed["mapping"], [(row["name"], row["purpose"]) for row in feed["fields"]]) == (
            "custom",
            [("sku", "externalId"), ("sku", "sku"), ("qty", "inventoryQuantity")],
        )
        after = (await desk.running.call("POST", "/api/inventory-feeds/1/preview.json", {}))[1]["records"]
        assert [record["item"] for record in after] == [record["item"] for record in before]


async def test_a_viewer_looks(tmp_path: Path) -> None:
    """A viewer sees the rows and their history, no button that changes anything, and is refused whatever is sent."""
    async with editing(tmp_path, "http://127.0.0.1/a.csv", "viewer", fields=EVERY_RULE) as desk:
        shown, history = await desk.look("/feeds/1/mapping"), await desk.look("/feeds/1/mapping/history")
        for text in (shown, history):
            assert (EVIL in text, "&lt;img src=x" in text, "mapping/edit" in text, "Bring it back" in text) == (False, True, False, False)
        for path in ("/feeds/1/mapping", "/feeds/1/mapping/edit", "/feeds/1/mapping/look"):
            assert (await desk.send(path, [("base", "{}")]))[0] == 403
