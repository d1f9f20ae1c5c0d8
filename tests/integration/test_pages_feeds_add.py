"""Adding a feed without a browser: what goes wrong is said in place, nothing typed is lost, nothing secret comes back."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from feedmill.dashboard.sessions import COOKIE, FIELD
from feedmill.service.security.people import form_token
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.ssh import File, Shelf, ssh_server
from tests.servers.web import serving

BODIES = {
    "/html": ("<!doctype html><html><head><title>Please log in</title></head></html>", "text/html"),
    "/empty.csv": ("", "text/csv"),
    "/xss.csv": ('sku;qty;<script>alert(1)</script>\nA"1;5;<img src=x onerror=alert(1)>\nA2;6;b\n', "text/csv"),
    "/bare.csv": ("".join(f"K{n};{n % 7};Bolt {n}\n" for n in range(30)), "text/csv"),
    "/twice.csv": ("sku,qty\n" + "".join(f"S{n % 5},{n}\n" for n in range(30)), "text/csv"),
    "/fixed.txt": ("ITEM      QTY  NAME\n" + "".join(f"A{n:<8} {n:>4}  Bolt {n:<10}\n" for n in range(40)), "text/plain"),
    "/ceneo.xml": (
        "<offers>"
        + "".join(
            f'<o id="{n}" price="2.5" stock="4"><name>Bolt {n}</name><attrs>'
            + "".join(f'<a name="Trait {trait}">{trait}</a>' for trait in range(9))
            + "</attrs></o>"
            for n in range(3)
        )
        + "</offers>",
        "application/xml",
    ),
    "/shop.xml": (
        "<shop><items>"
        + "".join(f"<item><sku>A{n}</sku><qty>{n}</qty></item>" for n in range(9))
        + "</items><places><place id='1' name='b'/><place id='2' name='a'/></places></shop>",
        "application/xml",
    ),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody signed in who sends forms; `supplier` is the address of a web server that knows the password `s3cret/+`."""

    running: Running
    session: str
    supplier: str

    async def look(self, location: str, **form: str) -> str:
        """Return the page after a look at an address."""
        return await self.send("/feeds/new/look", {"location": location, **form})

    async def send(self, path: str, form: Mapping[str, str], *, part: bool = False) -> str:
        """Return the page that a form is answered with."""
        sent = {FIELD: form_token(self.session), "way": "fetch", "supplier": "new", **form}
        headers = {"Cookie": f"{COOKIE}={self.session}", **({"HX-Request": "true"} if part else {})}
        async with self.running.client.post(f"{self.running.url}{path}", data=sent, headers=headers, allow_redirects=False) as answer:
            return f"{answer.headers.get('Location', '')}{await answer.text()}"


async def _answer(request: web.Request) -> web.Response:
    if request.path == "/private.csv":
        known = request.headers.get("Authorization") == f"Basic {b64encode(b'ada:s3cret/+').decode()}"
        return web.Response(text="sku,qty\nA1,5\n") if known else web.Response(status=401)
    if request.path == "/token.csv":
        known = request.headers.get("X-Shop-Key") == "t0ken"
        return web.Response(text="sku,qty\nA1,5\n") if known else web.Response(status=403)
    if request.path not in BODIES:
        return web.Response(status=404)
    body, kind = BODIES[request.path]
    return web.Response(text=body, content_type=kind)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Seat Ada, an admin."""
    async with serving(_answer) as port, run_service(tmp_path, loops=False) as running:
        yield Desk(running, await sign_in_as(running.service, "Ada"), f"http://127.0.0.1:{port}")


def _value(page: str, name: str) -> str:
    """Return the value of a field."""
    found = re.search(rf'<input[^>]*name="{re.escape(name)}"[^>]*?value="([^"]*)"', page)
    assert found is not None, name
    return unescape(found[1])


def _fields(page: str) -> dict[str, str]:
    """Return what a browser would send of the table of columns."""
    inputs = re.findall(r'<input type="hidden" name="((?:[cgx]\.\d+)|guessed)" value="([^"]*)"', page)
    chosen = re.findall(r'<select name="(p\.\d+)".*?<option value="([^"]*)" selected>', page)
    return {name: unescape(value) for name, value in (*inputs, *chosen)}


async def test_what_goes_wrong_is_said_in_place_and_a_password_never_comes_back(desk: Desk) -> None:
    """Each failure has its sentence with the cure, what was typed is still there; a password is kept for its session and its host."""
    for location, said in (
        ("", "Paste the address"),
        ("supplier.example/stock.csv", "An address begins with https://"),
        ("gopher://supplier.example/stock.csv", "No connector answers the URL scheme"),
        ("http://169.254.169.254/stock.csv", "no feed may use it"),
        ("http://127.0.0.1:1/stock.csv", "check host and port"),
        (f"{desk.supplier}/none.csv", "check the path with the supplier"),
        (f"{desk.supplier}/private.csv", "no credentials were sent"),
        (f"{desk.supplier}/html", "a login or error page"),
        (f"{desk.supplier}/empty.csv", "ask the supplier for the right URL"),
    ):
        page = await desk.look(location, supplier_name="Acme <1>")
        assert said in unescape(page), location
        assert (_value(page, "location"), _value(page, "supplier_name")) == (location, "Acme <1>")
        assert "3. How it is read" not in page
    private = desk.supplier.replace("://", "://ada:s3cret%2F%2B@") + "/private.csv?token=t0ken"
    page = await desk.look(private)
    kept = {"location": _value(page, "location"), "username": "ada", "kept": _value(page, "kept"), "has_password": "1"}
    assert kept["location"] == f"{desk.supplier}/private.csv?token=***"
    assert "1 record" in page
    again = await desk.send("/feeds/new/look", kept)
    assert "1 record" in again
    elsewhere = await desk.send("/feeds/new/look", {**kept, "location": "http://127.0.0.2:1/private.csv"})
    assert "does not follow to a new one" in elsewhere
    thief = Desk(desk.running, await sign_in_as(desk.running.service, "Eve"), desk.supplier)
    stolen = await thief.send("/feeds/new/look", {**kept, "location": f"{desk.supplier}/private.csv"})
    assert "It is not kept any more: type it again" in stolen
    # A slash that was not percent-encoded: the address can be read in one way only.
    raw = await desk.look(desk.supplier.replace("://", "://ada:s3cret/+@") + "/private.csv")
    assert "1 record" in raw
    token = await desk.look(f"{desk.supplier}/token.csv", auth="header", auth_header="X-Shop-Key", password="t0ken")
    assert "1 record" in token
    for each in (page, again, elsewhere, stolen, raw, token):
        assert not any(secret in unescape(each) for secret in ("s3cret", "t0ken"))


async def test_a_server_whose_key_nobody_knows_is_asked_about(desk: Desk) -> None:
    """The fingerprint is shown to be compared, and confirmed with one press; it is then what the server has to show."""
    async with ssh_server(Shelf({"/stock.csv": File(b"sku,qty\nA1,5\n")})) as server:
        form = {"location": server.url("/stock.csv")}
        page = await desk.send("/feeds/new/look", form)
        offered = re.search(r'name="host_key" value="(SHA256:[^"]+)"', page)
        assert offered is not None
        assert offered[1] == server.host_key.get_fingerprint()
        kept = {"location": _value(page, "location"), "username": _value(page, "username"), "kept": _value(page, "kept")}
        assert "1 record" in await desk.send("/feeds/new/look", {**kept, "host_key": offered[1]})
        other = await desk.send("/feeds/new/look", {**kept, "host_key": f"SHA256:{'A' * 43}"})
        assert "ask the supplier whether the key was changed" in other
        assert 'name="host_key" value="SHA256:' not in other.replace(f"SHA256:{'A' * 43}", "")


async def test_what_a_supplier_sent_is_shown_as_text_with_its_doubts(desk: Desk) -> None:
    """Headers and values are escaped; what is doubtful is offered with the reason; other places of the records are read at once."""
    page = await desk.look(f"{desk.supplier}/xss.csv")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    bare = await desk.look(f"{desk.supplier}/bare.csv")
    assert "there is no header" in bare
    assert bare.count("perhaps") >= 2
    twice = await desk.look(f"{desk.supplier}/twice.csv")
    assert "only 5 different ones" in unescape(twice)
    form = {**_fields(twice), "location": f"{desk.supplier}/twice.csv", "supplier_name": "Acme", "name": "twice"}
    page = await desk.send("/feeds/new", form)
    assert "No row is mapped to sku" in unescape(page)
    assert (await desk.running.call("GET", "/api/inventory-feeds.json"))[1] == []
    assert (await desk.running.call("GET", "/api/dropship-providers.json"))[1] == []
    fixed = await desk.look(f"{desk.supplier}/fixed.txt")
    assert 'name="s.columnWidths" value="1-' in fixed
    assert "40 records" in await desk.look(f"{desk.supplier}/fixed.txt", **{"s.columnWidths": "1-9,10-14,16-"})
    location = f"{desk.supplier}/shop.xml"
    page = await desk.look(location)
    assert "/shop/items/item (9 records)" in page
    form = {"location": location, **_fields(page)}
    other = await desk.send("/feeds/new/read", {**form, "s.xmlPath": "/shop/places/place"}, part=True)
    assert other.lstrip().startswith('<div id="reading"')
    assert "<strong>id</strong>" in other
    wrong = await desk.send("/feeds/new/read", {**form, "s.resourceType": "json"}, part=True)
    assert "It cannot be read so" in wrong
    assert '<option value="json" selected>' in wrong


async def test_a_feed_is_saved_as_it_was_seen_and_by_admins_alone(desk: Desk) -> None:
    """What is corrected and guessed is stored, the run is asked for, a name that is taken is told; a viewer sees no form and no hash."""
    location = f"{desk.supplier}/bare.csv"
    form = {**_fields(await desk.look(location)), "location": location, "supplier_name": "Acme", "name": "bare"}
    form |= {"p.0": "sku", "p.1": "inventoryQuantity", "p.2": "name", "frequency": "daily"}
    assert "Bolt 3" in await desk.send("/feeds/new/preview", form, part=True)
    assert "/runs/1" in await desk.send("/feeds/new", form)
    _, (feed,) = await desk.running.call("GET", "/api/inventory-feeds.json")
    _, (supplier,) = await desk.running.call("GET", "/api/dropship-providers.json")
    stored = {name: feed[name] for name in ("resourceType", "mapping", "csvHasHeader", "delimiter", "fetchFrequency")}
    rows = {row["name"]: row["purpose"] for row in feed["fields"]}
    assert stored == {"resourceType": "ftpCsv", "mapping": "custom", "csvHasHeader": False, "delimiter": None, "fetchFrequency": "daily"}
    assert rows == {"1": "sku", "2": "inventoryQuantity", "3": "name"}
    assert supplier["name"] == "Acme"
    taken = await desk.send("/feeds/new", {**form, "supplier": str(supplier["id"])})
    assert "Nothing is saved yet" in taken
    assert "give another" in taken
    pushed: dict[str, Any] = {"name": "pushed", "resourceType": "webhook", "dropshipProviderId": supplier["id"]}
    _, feed = await desk.running.call("POST", "/api/inventory-feeds.json", pushed)
    viewer = Desk(desk.running, await sign_in_as(desk.running.service, "Vic", "viewer"), desk.supplier)
    cookie = {"Cookie": f"{COOKIE}={viewer.session}"}
    async with desk.running.client.get(f"{desk.running.url}/feeds/new", headers=cookie) as answer:
        assert answer.status == 403
    assert "ask an admin" in await viewer.look(f"{desk.supplier}/bare.csv")
    async with desk.running.client.get(f"{desk.running.url}/feeds/{feed['id']}/push", headers=cookie) as answer:
        text = await answer.text()
    assert answer.status == 200
    assert feed["hash"] not in text


async def test_a_known_format_says_what_its_columns_are_for(desk: Desk) -> None:
    """Of a format that is known each column shows what it is used for, and the many that nothing is made of are folded away."""
    page = unescape(await desk.look(f"{desk.supplier}/ceneo.xml"))
    used, _, idle = page.partition("columns that are not used")
    assert "the known format ceneo" in used
    assert 'value="" selected>Stock, pieces</option>' in used
    assert 'value="" selected>not used</option>' not in used
    assert idle.count('value="" selected>not used</option>') == 9
    assert "3 of 3 records become items" in page
