"""Pushes of all connections, gathered for a moment and made in one commit: none is answered before it is on disk."""

from __future__ import annotations

import sqlite3
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio
from anyio import CancelScope, to_thread
from anyio.lowlevel import checkpoint

from engine.errors import FeedmillError, Retry, UnderWay
from feedmill.service.push_group import Ended, Reply, Request, commit_group
from sinks.sqlite.service.inbox import NewBatch
from sinks.sqlite.single.inline import connect_durable
from sinks.sqlite.single.loading import end_dead_load

if TYPE_CHECKING:
    from feedmill.service.context import Service

_BUSY_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Waiting:
    request: Request
    done: anyio.Event = field(default_factory=anyio.Event)
    ended: Ended = None


class Pushing:
    """The requests that wait for a commit. `lock` is held by whoever commits what was pushed, so that nobody polls for the database's."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._arrived = anyio.Event()
        self._running = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, service: Service, request: Request) -> Reply:
        """Have a request made within the next commit, and return what it is answered.

        Raises the error of the request, and `Retry` where too many wait or the service stops. One whose caller goes away is made
        all the same. A first load that died is ended, and the request made after it.
        """
        while True:
            ended = await self._commit_next(service, request)
            if isinstance(ended, UnderWay):
                await end_dead_load(service.store.database, request.work.feed)
            elif isinstance(ended, FeedmillError):
                raise ended
            elif ended is not None:
                return ended

    async def _commit_next(self, service: Service, request: Request) -> Ended:
        if not self._running:
            raise Retry("the server is starting or stopping: nothing was stored; send it again in a moment", retry_after=_BUSY_SECONDS)
        if len(self._waiting) >= service.settings.push.max_waiting:
            told = f"{len(self._waiting)} calls wait to be stored, and no more may: nothing was stored; send it again in a moment"
            raise Retry(told, retry_after=_BUSY_SECONDS)
        waiting = _Waiting(request)
        self._waiting.append(waiting)
        self._arrived.set()
        await waiting.done.wait()
        return waiting.ended

    async def run(self, service: Service, connection: sqlite3.Connection) -> None:
        """Commit what comes until cancelled, and then what was taken by then."""
        self._running = True
        try:
            while True:
                await self._gather(service)
                with CancelScope(shield=True):
                    await self._commit(service, connection)
        finally:
            self._running = False
            with CancelScope(shield=True):
                while self._waiting:
                    await self._commit(service, connection)

    async def _gather(self, service: Service) -> None:
        """Wait for a request, and for others as long as some come, within the time that the first may be kept waiting."""
        if not self._waiting:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        limits = service.settings.push
        end = anyio.current_time() + limits.gather_ms / 1_000
        seen = 0
        while seen < len(self._waiting) < limits.max_group and anyio.current_time() < end:
            seen = len(self._waiting)
            # One turn of the event loop: whoever has sent something by now is heard.
            await checkpoint()

    async def _commit(self, service: Service, connection: sqlite3.Connection) -> None:
        limits = service.settings.push
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), limits.max_group))]
        name = service.store.database.name
        try:
            async with self.lock:
                ended = await to_thread.run_sync(commit_group, connection, name, [each.request for each in group], limits)
            for waiting, result in zip(group, ended, strict=True):
                waiting.ended = result
        finally:
            # Where the commit itself is at fault nobody is left waiting: asking again finds that nothing is committed any more.
            for waiting in group:
                waiting.done.set()
        if any(isinstance(each.request.work, NewBatch) for each in group):
            service.bells.inbox.ring()


async def run_pushes(service: Service) -> None:
    """Commit pushes until cancelled."""
    async with connect_durable(service.store.database) as connection:
        await service.pushing.run(service, connection)
