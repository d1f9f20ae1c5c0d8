"""What is done with batches after they were accepted: transformed where the feed says so, applied in order, their results kept."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

import anyio
import orjson
import structlog
from anyio import create_task_group, to_thread
from anyio.abc import TaskGroup

from engine.errors import ConfigError, FeedmillError, Retry, UnderWay
from feedmill.service.batch_group import Applied, apply_batches
from feedmill.service.transforming import Failed, transform
from sinks.sqlite import clock
from sinks.sqlite.service.idempotency import prune_answers
from sinks.sqlite.service.inbox import DAY, PendingBatch, end_batch, find_available, postpone_batch, prune_batches, replace_body
from sinks.sqlite.single.inline import connect_durable, locked
from sinks.sqlite.single.loading import end_dead_load

if TYPE_CHECKING:
    from feedmill.service.context import Service

MOST: Final = 4
"""Batches of a transaction: single pushes wait for its end."""

TRANSFORMATIONS: Final = 4
"""How many bodies are being made into items at once."""

ATTEMPTS: Final = 5
_FIRST_WAIT: Final = 5.0
_IDLE_SECONDS: Final = 30.0
_TROUBLE_SECONDS: Final = 1.0
_PRUNE_SECONDS: Final = 600.0


class _Inbox:
    """Applies what is available; `busy` are the feeds of which a body is being transformed, so that nothing overtakes it."""

    def __init__(self, service: Service, connection: sqlite3.Connection, tasks: TaskGroup) -> None:
        self._service = service
        self._connection = connection
        self._tasks = tasks
        self._busy: set[int] = set()
        self._turns = anyio.Semaphore(TRANSFORMATIONS)

    async def work(self) -> float:
        """Apply all that can be now, and return for how long there is nothing to do unless something comes, in seconds."""
        while True:
            chosen, due = await to_thread.run_sync(self._find)
            if not chosen:
                return _IDLE_SECONDS if due is None else min(max((due - clock.now()) / 1_000_000, 0.0) + 0.01, _IDLE_SECONDS)
            name = self._service.store.database.name
            async with self._service.pushing.lock:
                applied = await to_thread.run_sync(apply_batches, self._connection, name, chosen)
            await self._follow(applied)

    def _find(self) -> tuple[list[int], int | None]:
        return find_available(self._connection, now=clock.now(), most=MOST, busy=self._busy)

    async def _follow(self, applied: Applied) -> None:
        for batch in applied.raw:
            self._busy.add(batch.feed)
            self._tasks.start_soon(self._transform, batch)
        for feed in applied.loading:
            try:
                await end_dead_load(self._service.store.database, feed)
            except UnderWay:
                continue

    async def _transform(self, batch: PendingBatch) -> None:
        try:
            async with self._turns:
                made = await transform(self._service, batch)
            async with self._service.pushing.lock:
                await to_thread.run_sync(self._settle, batch, made)
        except (Retry, ConfigError) as error:
            # The database was locked, or its disk full: the batch is still as it was.
            structlog.get_logger("feedmill").warning("a batch waits", batch=batch.id, feed=batch.feed, reason=str(error))
            await anyio.sleep(_TROUBLE_SECONDS)
        finally:
            self._busy.discard(batch.feed)
            self._service.bells.inbox.ring()

    def _settle(self, batch: PendingBatch, made: list[object] | Failed) -> None:
        now, attempts = clock.now(), batch.attempts + 1
        with locked(self._connection, self._service.store.database.name):
            if not isinstance(made, Failed):
                replace_body(self._connection, batch.id, orjson.dumps(made), len(made), now=now)
            elif attempts >= ATTEMPTS:
                end_batch(self._connection, batch.id, [], made.problem(attempts), now=now)
            else:
                wait = max(_FIRST_WAIT * 2**batch.attempts, made.retry_after or 0.0)
                postpone_batch(self._connection, batch.id, now + int(wait * 1_000_000), attempts=attempts, now=now)


async def run_inbox(service: Service) -> None:
    """Apply batches until cancelled, and forget those that ended long ago. What is under way when it is cancelled is done again."""
    async with connect_durable(service.store.database) as connection, create_task_group() as tasks:
        inbox = _Inbox(service, connection, tasks)
        tasks.start_soon(_prune, service)
        while True:
            try:
                pause = await inbox.work()
            except (Retry, ConfigError) as error:
                structlog.get_logger("feedmill").warning("the inbox waits", reason=str(error))
                pause = _TROUBLE_SECONDS
            await service.bells.inbox.wait(pause)


async def _prune(service: Service) -> None:
    """Forget batches and answers whose time is over, a few at a time."""
    while True:
        now = clock.now()
        before = now - service.settings.push.keep_batches_days * DAY
        try:
            async with service.store.writing() as writer:
                pruned = await prune_batches(writer, before=before) + await prune_answers(writer, now=now)
        except FeedmillError as error:
            structlog.get_logger("feedmill").warning("old batches stay for now", reason=str(error))
            pruned = 0
        await anyio.sleep(0.1 if pruned else _PRUNE_SECONDS)
