"""Signing in over HTTP: links, wrong passwords, other sites' forms, what a viewer may, and that every page asks who is there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from anyio import create_task_group, to_thread

from feedmill.dashboard.page import all_pages
from feedmill.dashboard.sessions import COOKIE, FIELD
from feedmill.service.security.people import first_link, form_token
from tests.servers.browser import PASSWORD, sign_in_as
from tests.servers.feedmill_service import Running, run_service


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service without loops."""
    async with run_service(tmp_path, loops=False) as running:
        yield running


@pytest.fixture
async def browser(running: Running) -> AsyncIterator[ClientSession]:
    """A browser as far as cookies and redirects go."""
    async with ClientSession(running.url, cookie_jar=CookieJar(unsafe=True)) as browser:
        yield browser


async def send(browser: ClientSession, path: str, **form: str) -> tuple[int, str, str]:
    """Send a form and return status, text, and where the answer leads."""
    async with browser.post(path, data=form, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


async def look(browser: ClientSession, path: str, **options: Any) -> tuple[int, str]:
    """Return status and text of a page, after redirects."""
    async with browser.get(path, headers={"Accept": "text/html"}, **options) as response:
        return response.status, await response.text()


async def test_the_first_link_works_once(running: Running, browser: ClientSession, tmp_path: Path) -> None:
    """The first admin sets a password by the link, is signed in, and the link is over; without one there is no other way in."""
    link = await first_link(running.service)
    assert link is not None
    assert "Set the password of admin" in (await look(browser, f"/welcome/{link}"))[1]
    status, text, _ = await send(browser, f"/welcome/{link}", password=PASSWORD, again="another one")
    assert (status, "The two passwords are not the same" in text) == (422, True)
    status, text, _ = await send(browser, f"/welcome/{link}", password="short", again="short")
    assert (status, "as to have 10 to 1024 characters" in text) == (422, True)
    assert (await send(browser, f"/welcome/{link}", password=PASSWORD, again=PASSWORD))[::2] == (303, "/")
    assert "Overview" in (await look(browser, "/"))[1]
    assert (await look(browser, f"/welcome/{link}"))[0] == 404
    assert await first_link(running.service) is None
    stored = await to_thread.run_sync(lambda: b"".join(path.read_bytes() for path in tmp_path.glob("shop.db*")))
    assert PASSWORD.encode() not in stored
    assert link.encode() not in stored


async def test_signing_in_and_out(running: Running, browser: ClientSession) -> None:
    """A password opens the page that was wanted, a wrong one tells nothing of who there is, and after signing out the session is over."""
    session = await sign_in_as(running.service, "Ada")
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD)):
        status, text, _ = await send(browser, "/sign-in", name=name, password=password, to="/")
        assert (status, "Name or password is wrong." in text) == (401, True)
    assert (await send(browser, "/sign-in", name="ada", password=PASSWORD, to="/?a=1"))[::2] == (303, "/?a=1")
    for elsewhere in ("//elsewhere.example", "/\t/elsewhere.example", "/\n/elsewhere.example", "https://[", "x:y"):
        assert (await send(browser, "/sign-in", name="ada", password=PASSWORD, to=elsewhere))[::2] == (303, "/"), elsewhere
    mine = {cookie.key: cookie for cookie in browser.cookie_jar}[COOKIE]
    assert (mine["httponly"], mine["samesite"]) == (True, "Lax")
    assert (await send(browser, "/sign-out", **{FIELD: form_token(mine.value)}))[::2] == (303, "/sign-in")
    for secret in (mine.value, "x" * 43):
        async with browser.get("/", cookies={COOKIE: secret}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/sign-in?to=/")
    async with browser.get("/", cookies={COOKIE: session}, allow_redirects=False) as response:
        assert response.status == 200


async def test_wrong_passwords_are_counted(running: Running, browser: ClientSession) -> None:
    """After ten wrong ones, be it all at once, not even the right one is tried for a while, and the page says for how long."""
    await sign_in_as(running.service, "Ada")
    for _ in range(3):
        assert (await send(browser, "/sign-in", name="Ada", password=PASSWORD))[0] == 303
    statuses: list[int] = []

    async def guess() -> None:
        statuses.append((await send(browser, "/sign-in", name="Ada", password="wrong"))[0])

    async with create_task_group() as guesses:
        for _ in range(13):
            guesses.start_soon(guess)
    assert sorted(statuses) == [401] * 10 + [429] * 3
    status, text, _ = await send(browser, "/sign-in", name="Ada", password=PASSWORD)
    assert status == 429
    assert re.search(r"Try again in \d+ seconds", text)


async def test_forms_of_others_are_refused(running: Running, browser: ClientSession) -> None:
    """A form without the session's token, or one that another site has sent, changes nothing."""
    session = await sign_in_as(running.service, "Ada")
    right = {FIELD: form_token(session)}
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for form, headers in (
        ({}, {}),
        ({FIELD: "0" * 64}, {}),
        ({FIELD: "\u00e9" * 64}, {}),
        (right, foreign),
        (right, {"Origin": "http://elsewhere.example"}),
    ):
        data = {**form, "name": "Eve", "role": "admin"}
        async with browser.post("/people", data=data, headers=headers, cookies={COOKIE: session}) as response:
            assert response.status == 403
    async with browser.post("/people", data={**right, "name": "Bob", "role": "viewer"}, cookies={COOKIE: session}) as response:
        text = await response.text()
    assert "Bob" in text
    assert "Eve" not in text
    assert re.search(rf"{re.escape(running.url)}/welcome/[\w-]{{43}}", text)


async def test_every_page_asks_who_is_there(running: Running, browser: ClientSession) -> None:
    """Without a session no page but those of signing in shows anything, and a viewer can do nothing that changes anything."""
    viewer = await sign_in_as(running.service, "Vic", "viewer")
    changing = 0
    for page in all_pages():
        if page.needs == "nobody":
            assert page.path in ("/sign-in", "/welcome/{secret}", "/enter/{secret}"), f"{page.path} is open to everybody"
            continue
        path = re.sub(r"\{\w+(:[^}]*)?\}", "1", page.path)
        async with browser.request(page.method, path, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"][:8]) == (303, "/sign-in"), path
        if page.method == "POST" and page.path != "/sign-out":
            changing += 1
            async with browser.post(path, data={FIELD: form_token(viewer)}, cookies={COOKIE: viewer}) as response:
                assert response.status == 403, path
    assert changing >= 4


async def test_people_come_and_go(running: Running, browser: ClientSession) -> None:
    """An admin makes another one, takes rights away, removes; the last admin stays, and who is removed is signed out at once."""
    ada, bob = await sign_in_as(running.service, "Ada"), await sign_in_as(running.service, "<b>Bob</b>", "viewer")
    own = {FIELD: form_token(ada)}
    jar = {COOKIE: ada}
    async with browser.get("/people", cookies=jar) as response:
        assert "&lt;b&gt;Bob&lt;/b&gt;" in await response.text()
    for path, form in (("/people/1/role", {"role": "viewer"}), ("/people/1/remove", {})):
        async with browser.post(path, data={**own, **form}, cookies=jar) as response:
            assert (response.status, "last admin" in await response.text()) == (409, True)
    async with browser.post("/people/2/role", data={**own, "role": "admin"}, cookies=jar, allow_redirects=False) as response:
        assert response.status == 303
    async with browser.get("/people", cookies={COOKIE: bob}) as response:
        assert response.status == 200
    async with browser.post("/people/2/remove", data=own, cookies=jar, allow_redirects=False) as response:
        assert response.status == 303
    async with browser.get("/people", cookies={COOKIE: bob}, allow_redirects=False) as response:
        assert response.status == 303


async def test_an_entrance_opens_for_nobody_who_is_in(running: Running, browser: ClientSession) -> None:
    """A link that signs in does so for who is not signed in; who is keeps the own name, and a link that is none says so."""
    ada, eve = await sign_in_as(running.service, "Ada"), await sign_in_as(running.service, "Eve")
    assert (await look(browser, f"/enter/{'x' * 43}"))[0] == 404
    async with browser.get(f"/enter/{eve}", cookies={COOKIE: ada}, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"], COOKIE in response.cookies) == (303, "/", False)
    async with browser.get(f"/enter/{eve}", allow_redirects=False) as response:
        assert response.cookies[COOKIE].value == eve
        assert response.headers["Referrer-Policy"] == "no-referrer"
