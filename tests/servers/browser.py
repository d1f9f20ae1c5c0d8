"""Debian's Chromium, driven by Playwright; a page that complains into its console, or breaks its policy, fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from anyio import to_thread
from argon2 import PasswordHasher
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from feedmill.dashboard.sessions import COOKIE
from feedmill.service.context import Service
from feedmill.service.security.people import open_session
from sinks.sqlite.service.resources.people import Role, insert_person, write_password
from tests.servers.debian import UNPACKED, environment, program

PASSWORD: Final = "correct horse battery"
_PROGRAMS: Final = ("usr/lib/chromium/chromium-headless-shell", "usr/bin/chromium")
_FONTS: Final = """<?xml version="1.0"?><fontconfig><dir>{root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir>
<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias></fontconfig>"""
_RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_LEFT: Final = ("htmx:sendAbort", "htmx:afterRequest")
"""What htmx says of a request whose page is left before the answer; a failure has a second event."""

_SAID_OF_STATUS: Final = "Failed to load resource: the server responded with a status of"


@dataclass
class Complaints:
    """What a page's console holds that it should not. An answer that is meant to be refused is told by `expected`."""

    found: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = _LEFT

    def take(self, message: ConsoleMessage) -> None:
        """Keep what a page says if it complains."""
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def expect_status(self, *statuses: int) -> None:
        """Let answers of these statuses pass, of which a browser complains by itself."""
        self.expected += tuple(f"{_SAID_OF_STATUS} {status}" for status in statuses)


@dataclass(frozen=True, slots=True)
class Seat:
    """One person at one browser."""

    page: Page
    context: BrowserContext
    complaints: Complaints
    url: str

    async def open(self, path: str) -> None:
        """Go to a page of the service and wait until its script has run."""
        await self.page.goto(f"{self.url}{path}")


@asynccontextmanager
async def launch(directory: Path) -> AsyncIterator[Browser]:
    """Start Chromium; skips the test where there is none."""
    found, known = await to_thread.run_sync(_prepare, directory)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--font-render-hinting=none"],
            env=known,
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def seat(browser: Browser, url: str, session: str | None = None, *, width: int = 1280, dark: bool = False) -> AsyncIterator[Seat]:
    """Open a browser window of its own, signed in by a session. Fails at the end when a page of it has complained."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        timezone_id="Europe/Berlin",
        locale="en-GB",
        reduced_motion="reduce",
    )
    complaints = Complaints()
    context.on("console", complaints.take)
    context.on("weberror", lambda error: complaints.found.append(f"uncaught: {error.error}"))
    try:
        if session is not None:
            await context.add_cookies([{"name": COOKIE, "value": session, "url": url}])
        page = await context.new_page()
        page.set_default_timeout(15_000)
        yield Seat(page, context, complaints, url)
    finally:
        await context.close()
    assert not complaints.found, complaints.found


async def sign_in_as(service: Service, name: str, role: Role = "admin") -> str:
    """Make a person whose password is `PASSWORD` and return a session of theirs, behind the pages' back."""
    hashed = await to_thread.run_sync(_hashed)
    async with service.store.writing() as writer:
        person = await insert_person(writer, name, role)
        await write_password(writer, person.id, hashed)
        return await open_session(writer, person.id)


@cache
def _hashed() -> str:
    """Return a hash that costs what every hash costs, once."""
    return PasswordHasher().hash(PASSWORD)


def _prepare(directory: Path) -> tuple[Path, dict[str, str | float | bool]]:
    """Return the program and the environment in which it finds its libraries and fonts. Blocks."""
    found = next((path for path in map(_find, _PROGRAMS) if path is not None), None) or program(_PROGRAMS[0])
    fonts = directory / "fonts.conf"
    fonts.write_text(_FONTS.format(root=UNPACKED, cache=directory / "fonts"))
    return found, {**environment(), "FONTCONFIG_FILE": str(fonts), "HOME": str(directory)}


def _find(path: str) -> Path | None:
    try:
        return program(path)
    except pytest.skip.Exception:
        return None


async def check_accessible(page: Page) -> None:
    """Fail where axe-core finds a violation of WCAG 2.2 AA on a page, naming rule and element."""
    found = (await Axe().run(page, options=_RULES)).response["violations"]
    assert not found, [(each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]
