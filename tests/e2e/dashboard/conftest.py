"""A service of the test's own, an admin who is signed in, and a browser that all tests of this folder share: windows are their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.servers.browser import Seat, launch, seat, sign_in_as
from tests.servers.feedmill_service import Running, run_service


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Run the tests of this folder on one event loop, which the browser is tied to."""
    return "asyncio"


@pytest.fixture(scope="package")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Start Chromium, once: that takes as long as a short test."""
    async with launch(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service with all its loops on a new database."""
    async with run_service(tmp_path) as running:
        yield running


@pytest.fixture
async def ada(running: Running, browser: Browser) -> AsyncIterator[Seat]:
    """Seat Ada, an admin who is signed in."""
    async with seat(browser, running.url, await sign_in_as(running.service, "Ada")) as ada:
        yield ada
