"""The outbox at work as long as the service runs: telling webhooks of what happened, and delivering it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

import anyio
import structlog
from anyio.lowlevel import checkpoint

from engine.errors import ConfigError, Retry
from feedmill.service.context import Bell
from feedmill.service.outbox.delivery import Deliveries
from feedmill.service.outbox.fan_out import fan_out
from feedmill.service.outbox.feed_hooks import FeedHooks
from sinks.sqlite import clock
from sinks.sqlite.service.outbox.hooks import State, read_state
from sinks.sqlite.service.outbox.payloads import prune_payloads

if TYPE_CHECKING:
    from feedmill.service.context import Service

_LOOK_SECONDS: Final = 1.0
"""Pushes and runs know nothing of the outbox, so it looks: at the last ids of three tables, while there are webhooks."""
_FEEDS_SECONDS: Final = 5.0
_PRUNE_SECONDS: Final = 600.0
_TROUBLE_SECONDS: Final = 5.0


async def run_outbox(service: Service) -> None:
    """Tell webhooks of what happens and deliver it, until cancelled. What is under way then is sent again by the next process."""
    ready = Bell()
    async with anyio.create_task_group() as group:
        group.start_soon(_keep_on, _Telling(service, ready).step)
        group.start_soon(_keep_on, _Delivering(service, Deliveries(service, group, ready), ready).step)


async def _keep_on(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await step()
        except (Retry, ConfigError) as error:
            structlog.get_logger("feedmill").warning("the outbox could not go on, and tries again", reason=str(error))
            await anyio.sleep(_TROUBLE_SECONDS)
        await checkpoint()


class _Telling:
    def __init__(self, service: Service, ready: Bell) -> None:
        self._service = service
        self._ready = ready
        self._feeds = FeedHooks()
        self._look_at_feeds = self._prune = 0.0
        self._quiet: State | None = None

    async def step(self) -> None:
        await self._keep_house()
        async with self._service.store.reading() as reader:
            state = await read_state(reader)
        more = False
        if state.hooks and state != self._quiet:
            done = await fan_out(self._service)
            more, self._quiet = done.more, state if done.quiet else None
        if state.hooks:
            self._ready.ring()
        if not more:
            await self._service.bells.outbox.wait(_LOOK_SECONDS)

    async def _keep_house(self) -> None:
        now = monotonic()
        if now >= self._look_at_feeds:
            self._look_at_feeds = now + _FEEDS_SECONDS
            await self._feeds.keep(self._service)
        if now >= self._prune:
            async with self._service.store.writing() as writer:
                pruned = await prune_payloads(writer, self._service.settings.webhooks.keep_days, now=clock.now())
            # As long as there is more, a little with every step: pushes write between them.
            self._prune = now if pruned else now + _PRUNE_SECONDS


class _Delivering:
    def __init__(self, service: Service, deliveries: Deliveries, ready: Bell) -> None:
        self._service = service
        self._deliveries = deliveries
        self._ready = ready

    async def step(self) -> None:
        wait = await self._deliveries.start()
        await self._ready.wait(_PRUNE_SECONDS if wait is None else wait)
