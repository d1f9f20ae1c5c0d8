"""A service of the test's own, an admin who is signed in, and a browser: 0.6 s a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.servers.browser import Seat, launch, seat, sign_in_as
from tests.servers.feedmill_service import Running, run_service


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service with all its loops on a new database."""
    async with run_service(tmp_path) as running:
        yield running


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """Start Chromium."""
    async with launch(tmp_path) as browser:
        yield browser


@pytest.fixture
async def ada(running: Running, browser: Browser) -> AsyncIterator[Seat]:
    """Seat Ada, an admin who is signed in."""
    async with seat(browser, running.url, await sign_in_as(running.service, "Ada")) as ada:
        yield ada
