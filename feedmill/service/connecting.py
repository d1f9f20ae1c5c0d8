"""Connecting items after the catalogue has changed: in the background, for a change of one variant looks at all items of all feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import structlog

from engine.errors import FeedmillError
from sinks.sqlite.catalogue.everyone import connect_all

if TYPE_CHECKING:
    from feedmill.service.context import Service

CHECK_SECONDS: Final = 60.0
"""How long a change waits at most that nobody rang for, as of the command line."""

SETTLE_SECONDS: Final = 0.2
"""How long more changes are waited for: whoever writes variants one by one would have all items looked at after each."""

_STATE: Final = "catalogue.connected"
_VERSION: Final = "SELECT coalesce((SELECT version FROM main.catalogue_state), 0)"


async def run_connecting(service: Service) -> None:
    """Connect what all feeds have whenever the catalogue is another one, until cancelled. What fails is logged and tried again."""
    while True:
        try:
            if await _is_behind(service):
                await anyio.sleep(SETTLE_SECONDS)
                await connect_everyone(service)
        except FeedmillError as error:
            structlog.get_logger("feedmill").warning("items could not be connected to the catalogue; tried again", exc_info=error)
        await service.bells.catalogue.wait(CHECK_SECONDS)


async def connect_everyone(service: Service) -> None:
    """Connect what all feeds have to the catalogue as it is, and remember its version.

    Feeds that a run works on are left to it. It may have looked at the catalogue before it changed: then all of it is done again,
    which costs little where nothing is left to do.
    """
    version = await _version(service)
    done, busy = await connect_all(service.store.database)
    if not busy:
        async with service.store.writing() as writer:
            await writer.execute("INSERT OR REPLACE INTO main.service_state (name, value) VALUES (?, ?)", _STATE, str(version))
    figures = {
        "feeds": len(done),
        "connected": sum(each.connected for each in done),
        "disconnected": sum(each.disconnected for each in done),
    }
    structlog.get_logger("feedmill").info("connected items to the catalogue", version=version, under_way=len(busy), **figures)
    service.bells.outbox.ring()


async def _is_behind(service: Service) -> bool:
    async with service.store.reading() as reader:
        rows = await reader.query("SELECT value FROM main.service_state WHERE name = ?", _STATE)
    return int(str(rows[0][0])) != await _version(service) if rows else await _version(service) > 0


async def _version(service: Service) -> int:
    async with service.store.reading() as reader:
        return await reader.number(_VERSION)
