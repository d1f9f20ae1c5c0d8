"""What a service knows of itself: which of its loops run, which calls are under way, and the figures of `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from engine.errors import FeedmillError
from feedmill.service.operations.metrics import Metrics
from sinks.sqlite.migrate import HEAD
from sinks.sqlite.service.watching import read_revision

if TYPE_CHECKING:
    from feedmill.service.context import Service

_PATIENCE = 5.0
"""Seconds that the database may take to answer before the service is called unready."""


class Watch:
    """Held by the service, one each. A block of `with watch:` is a call that is under way."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.loops: dict[str, bool] = {}
        self._calls = 0
        self._quiet = anyio.Event()

    def __enter__(self) -> None:
        """Count a call as under way for as long as the block lasts."""
        self._calls += 1

    def __exit__(self, *ended: object) -> None:
        self._calls -= 1
        if not self._calls:
            self._quiet.set()

    async def quiet(self) -> None:
        """Wait for a moment in which no call is under way."""
        while self._calls:
            self._quiet = anyio.Event()
            await self._quiet.wait()


async def find_faults(service: Service) -> dict[str, str]:
    """Return what keeps a service from doing its work, by part; nothing when it is ready."""
    faults = {f"loop {name}": "has ended" for name, alive in service.watch.loops.items() if not alive}
    if service.stopping:
        faults["service"] = "is stopping"
    if (fault := await _ask_database(service)) is not None:
        faults["database"] = fault
    return faults


async def _ask_database(service: Service) -> str | None:
    try:
        with anyio.fail_after(_PATIENCE):
            async with service.store.reading() as reader:
                revision = await read_revision(reader)
    except TimeoutError:
        return f"does not answer within {_PATIENCE:g} s"
    except FeedmillError as error:
        return str(error)
    return None if revision == HEAD else f"has schema {revision!r}, this Feedmill works on {HEAD!r}"
