"""What every test stands on: one event loop flavour, and a loop that nothing may block."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator

import pytest
import structlog
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

# How long an example takes says more of what else the machine does than of the code; all else is as it was, in CI too.
# In CI the examples follow from the code alone, so that what fails there fails here too; everybody else looks further.
settings.register_profile("patient", parent=settings.default, deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("patient")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is imported and collected: half a million objects, all of which live to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, the loop that aiohttp and aiosqlite need."""
    return "asyncio"


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """Leave no test with the logging of another, whose stream is closed by then."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fail any test in which a blocking call runs on the event loop."""
    with blockbuster_ctx() as watch:
        # What drives a browser looks for its own files once; nothing of ours runs meanwhile.
        for function in watch.functions.values():
            function.can_block_in("playwright/_impl/_driver.py", "compute_driver_executable")
        yield watch
