"""Every page over HTTP: what it says where there is nothing, and where there is something of everything; what no page may show."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from feedmill.dashboard.page import all_pages
from feedmill.dashboard.sessions import COOKIE, FIELD
from feedmill.service.security.people import form_token
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, run_service
from tests.servers.seeded_service import Seeded, run_seeded_service

SIGNING = ("/sign-in", "/welcome/{secret}", "/enter/{secret}")
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service in which there is nothing."""
    async with run_service(tmp_path, loops=False) as running:
        yield running


@pytest.fixture
async def seeded(tmp_path: Path) -> AsyncIterator[Seeded]:
    """Run a service in which there is something of everything."""
    async with run_seeded_service(tmp_path) as seeded:
        yield seeded


async def look(running: Running, path: str, session: str) -> tuple[int, str]:
    """Return status and text of a page."""
    async with running.client.get(f"{running.url}{path}", cookies={COOKIE: session}, headers={"Accept": "text/html"}) as response:
        return response.status, await response.text()


async def send(running: Running, path: str, session: str, form: Mapping[str, str]) -> tuple[int, str, str]:
    """Send a form and return status, text, and where the answer leads."""
    data = {FIELD: form_token(session), **form}
    async with running.client.post(f"{running.url}{path}", data=data, cookies={COOKIE: session}, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


async def test_where_there_is_nothing(empty: Running) -> None:
    """Each page that needs nothing in its address says what it is for, and the lists what to do first; none is blank or breaks."""
    session, viewer = await sign_in_as(empty.service, "Ada"), await sign_in_as(empty.service, "Vic", "viewer")
    shown: dict[str, str] = {}
    for page in all_pages():
        if page.method == "GET" and "{" not in page.path and page.needs != "nobody":
            status, shown[page.path] = await look(empty, page.path, session)
            assert (status, len(HEADING.findall(shown[page.path]))) == (200, 1), page.path
            status, text = await look(empty, page.path, viewer)
            assert status == (403 if page.needs == "admin" else 200), page.path
            assert not re.findall(r'method="post"(?! action="/sign-out")', text), f"{page.path} has a form for a viewer"
    for path in ("/", "/suppliers", "/runs", "/items", "/schedule", "/webhooks"):
        assert 'class="empty"' in shown[path], path


async def test_where_there_is_something_of_everything(seeded: Seeded) -> None:
    """Every page of a thing shows it, and says with 404 that there is none of a number; no secret is on any of them."""
    running = seeded.running
    session = await sign_in_as(running.service, "Ada")
    secrets = {seeded.secret, running.token, session}
    numbers = {"/runs/{id}/held": seeded.held, "/runs/{id}/undo": seeded.complete}
    met = 0
    for page in all_pages():
        if page.method != "GET" or page.path in SIGNING:
            continue
        plain = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", page.path)
        path = re.sub(r"\{\w+\}", str(numbers.get(plain, 1)), plain)
        status, text = await look(running, path, session)
        assert status in (200, 404, 409, 422), f"{path}: {status} {text[-400:]}"
        met += status == 200
        where = {"/feeds/{id}": "/suppliers", "/runs/{id}/held": "/held", "/runs/{id}/undo": "/runs"}.get(plain)
        assert where is None or f'<a href="{where}" aria-current="page">' in text, path
        if path != "/feeds/1/push":  # Where the secret of a feed that is pushed to is shown on purpose.
            assert not [secret for secret in secrets if secret in html.unescape(text)], path
        if "{id}" in plain:
            status, _ = await look(running, re.sub(r"\{\w+\}", "987654", plain), session)
            assert status == 404, f"{plain}: {status}"
    assert met > 15
    viewer = await sign_in_as(running.service, "Vic", "viewer")
    assert seeded.secret not in (await look(running, "/feeds/1/push", viewer))[1]
    assert seeded.secret in (await look(running, "/feeds/1/push", session))[1]


async def test_what_an_operator_keeps(empty: Running) -> None:
    """Suppliers, feeds, settings, schedule, tokens, webhooks and the plan are kept by forms; what is wrong stands beside its field."""
    session = await sign_in_as(empty.service, "Ada")

    async def sent(path: str, to: str, /, **form: str) -> None:
        status, text, location = await send(empty, path, session, form)
        assert (status, location) == (303, to), text

    async def refused(path: str, word: str, /, **form: str) -> None:
        status, text, _ = await send(empty, path, session, form)
        assert (status, word in html.unescape(text)) == (422, True), text

    await sent("/suppliers/new", "/suppliers", name="Acme", status="accepted")
    await refused("/suppliers/new", "nowhere in the world", name="Emca", status="accepted", timezone="nowhere in the world")
    await sent("/suppliers/1", "/suppliers", name="Acme <i>", status="onboarding", timezone="Europe/Vienna")
    assert "Acme &lt;i&gt;" in (await look(empty, "/suppliers", session))[1]
    body = {"name": "pulled", "resourceType": "ftpCsv", "dropshipProviderId": 1, "resourceLocation": "https://joe:hush@shop.test/a.csv"}
    assert (await empty.call("POST", "/api/inventory-feeds.json", body))[0] == 200
    await sent("/feeds/1/settings?group=Guard", "/feeds/1/settings?group=Guard", **{"guard.minItems": "7", "guard.enabled": "false"})
    await refused("/feeds/1/settings?group=Guard", "guard.minItems", **{"guard.minItems": "some", "guard.enabled": "true"})
    source = (await look(empty, "/feeds/1/settings", session))[1]
    assert "joe:***@shop.test" in source
    assert "hush" not in source
    feed = (await empty.call("GET", "/api/inventory-feeds/1.json"))[1]
    assert (feed["guard"]["minItems"], feed["guard"]["enabled"], feed["guard"]["maxPriceFactor"]) == (7, False, 3)
    await sent("/feeds/1/schedule", "/schedule", fetchFrequency="custom", fetchSchedule="0 6 * * * Europe/Berlin")
    await refused("/feeds/1/schedule", "0 6 * *", fetchFrequency="custom", fetchSchedule="0 6 * *")
    status, text = await look(empty, "/feeds/1/schedule/moments?fetchFrequency=custom&fetchSchedule=every:+15m", session)
    assert (status, text.count("<time")) == (200, 5)
    await sent("/feeds/1/switch", "/feeds/1", enabled="false")
    await refused("/tokens", "scopes", name="shop")
    status, text, _ = await send(empty, "/tokens", session, {"name": "shop", "scopes": "read"})
    (token,) = re.findall(r"fm_[\w-]{43}", text)
    assert (await empty.call("GET", "/api/plan.json", token=token))[0] == 200
    assert token not in (await look(empty, "/tokens", session))[1]
    await sent("/tokens/2/revoke", "/tokens")
    assert (await empty.call("GET", "/api/plan.json", token=token))[0] == 401
    await refused("/webhooks/new", "topics", location="https://told.test/")
    status, text, _ = await send(empty, "/webhooks/new", session, {"location": "http://127.0.0.1:9/x", "topics": "dataImport.held"})
    assert (status, "Its secret" in text) == (200, True)
    await sent("/webhooks/1", "/webhooks", name="Till", topics="dataImport.held", enabled="1")
    await refused("/plan", "skuLimit", skuLimit="many")
    await sent("/plan", "/plan", skuLimit="5000")
    assert (await empty.call("GET", "/api/plan.json"))[1]["skuLimit"] == 5000
    await sent("/feeds/1/delete", "/suppliers")
    await sent("/suppliers/1/delete", "/suppliers")


async def test_what_cannot_be_taken_back_asks_first(seeded: Seeded) -> None:
    """Where a press would end something for good there is a question before it, whose first answer is to leave it."""
    session = await sign_in_as(seeded.running.service, "Ada")
    await sign_in_as(seeded.running.service, "Bob")
    for path, act in (("/tokens", "/tokens/1/revoke"), ("/people", "/people/2/remove"), ("/suppliers/1", "/suppliers/1/delete")):
        _, text = await look(seeded.running, path, session)
        before, _, _ = text.partition(f'action="{act}"')
        assert before.rfind("<dialog") > before.rfind("</dialog>"), path
        assert "data-closes autofocus" in text, path
    viewer = await sign_in_as(seeded.running.service, "Vic", "viewer")
    _, text = await look(seeded.running, "/", viewer)
    assert not re.findall(r'href="/(?:tokens|people|system)"', text), "a viewer is led to pages that are for admins"


async def test_a_refused_press_leads_back(seeded: Seeded) -> None:
    """An error page after a form has the way back to the page it was sent from, and to no other site."""
    running, session = seeded.running, await sign_in_as(seeded.running.service, "Ada")
    for referer, found in ((f"{running.url}/tokens?x=1", True), ("https://elsewhere.test/tokens", False), ("http://[", False)):
        data, headers = {FIELD: form_token(session)}, {"Referer": referer}
        async with running.client.post(f"{running.url}/tokens/987/revoke", data=data, cookies={COOKIE: session}, headers=headers) as answer:
            assert (answer.status, "Back to the page" in await answer.text()) == (404, found)
