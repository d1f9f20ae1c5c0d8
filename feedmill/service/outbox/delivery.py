"""Payloads are delivered: at least once, in order for each item and run, a few at a time for each webhook and for all."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog

from engine.errors import ConfigError, FeedmillError, Retry
from feedmill.service.outbox.signing import DELIVERY, SIGNATURE, TIMESTAMP, TOPIC, sign
from feedmill.service.outgoing import post_json
from sinks.sqlite import clock
from sinks.sqlite.service.alerts import raise_alert
from sinks.sqlite.service.outbox.payloads import Attempt, Due, hooks_due, next_due, select_due, store_attempt

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from feedmill.service.context import Bell, Service

MOST_AT_ONCE: Final = 32
MOST_OF_ONE: Final = 4
"""Deliveries under way, of all webhooks and of one: one that is slow leaves room for the others."""

_EXCERPT_BYTES: Final = 500


class Deliveries:
    """The deliveries that are under way. `ready` is rung whenever one has ended."""

    def __init__(self, service: Service, group: TaskGroup, ready: Bell) -> None:
        self._service = service
        self._group = group
        self._ready = ready
        self._under_way: dict[int, int] = {}

    async def start(self) -> float | None:
        """Start what is due and has room, and return in how many seconds more will be due, None where nothing waits for a time."""
        if self._service.stopping:
            return None
        for due in await self._choose():
            self._under_way[due.id] = due.hook
            self._group.start_soon(self._deliver, due)
        now = clock.now()
        async with self._service.store.reading() as reader:
            then = await next_due(reader, now=now)
        return None if then is None else (then - now) / 1_000_000

    async def _choose(self) -> list[Due]:
        now = clock.now()
        # Of before the view of the database: what ended before is stored in it, what ends while it is read is not sent twice.
        under_way = dict(self._under_way)
        room = MOST_AT_ONCE - len(under_way)
        busy = Counter(under_way.values())
        chosen: list[Due] = []
        async with self._service.store.reading() as reader:
            for hook in await hooks_due(reader, now=now):
                size = min(MOST_OF_ONE - busy[hook], room - len(chosen))
                if size > 0:
                    found = await select_due(reader, hook, size + busy[hook], now=now)
                    chosen += [due for due in found if due.id not in under_way][:size]
        return chosen

    async def _deliver(self, due: Due) -> None:
        try:
            attempt = await self._attempt(due)
            await self._store(due, attempt)
        except (Retry, ConfigError) as error:
            # It stays due: it is sent again, which is why every payload has an id to be known again by.
            structlog.get_logger("feedmill").warning(
                "what came of a webhook payload could not be stored", payload=due.id, reason=str(error)
            )
        finally:
            del self._under_way[due.id]
            self._ready.ring()

    async def _attempt(self, due: Due) -> Attempt:
        body, settings, at = due.body.encode(), self._service.settings.webhooks, int(time.time())
        try:
            opened = self._service.keys.open(due.sealed)
            headers = {
                TOPIC: due.topic,
                DELIVERY: str(due.id),
                TIMESTAMP: str(at),
                SIGNATURE: sign(str(opened["secret"]), body, at),
            }
            answer = await post_json(
                str(opened["location"]),
                body,
                headers,
                egress=self._service.egress,
                seconds=settings.timeout,
                max_bytes=_EXCERPT_BYTES,
            )
        except FeedmillError as error:
            return Attempt(error=str(error))
        excerpt = answer.body.decode("utf-8", "replace").replace("\0", "\ufffd") or None
        return Attempt(answer.status, excerpt, retry_after=answer.retry_after)

    async def _store(self, due: Due, attempt: Attempt) -> None:
        async with self._service.store.writing() as writer:
            paused = await store_attempt(writer, due, attempt, self._service.settings.webhooks, now=clock.now())
            if paused is not None:
                message = f"webhook {due.hook} is paused: {paused}; cure it, and let it go on with enabled = true"
                await raise_alert(writer, key=f"webhook:{due.hook}:paused", kind="webhookPaused", message=message)
        if paused is not None:
            structlog.get_logger("feedmill").warning("a webhook is paused", webhook=due.hook, reason=paused)
            self._service.bells.alerts.ring()
