"""Pushes of all connections, gathered for a moment and made in one commit: none is answered before it is on disk."""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Final

import anyio
from anyio import CancelScope, to_thread
from anyio.lowlevel import checkpoint

from engine.errors import Retry, UnderWay
from feedmill.service.push_group import Ended, Reply, Request, commit_group
from sinks.sqlite.service.inbox import NewBatch
from sinks.sqlite.single.inline import connect_durable
from sinks.sqlite.single.loading import end_dead_load

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.settings import Push as PushSettings

_BUSY_SECONDS: Final = 1.0
_ALIVE_SECONDS: Final = 1.0
"""For how long a first load is taken to be still alive after it was found so."""


class _Group:
    """Requests that are committed together; whoever waits for one is woken with all of them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.ended: list[Ended] = []
        self.done = anyio.Event()


class Pushing:
    """The requests that wait for a commit. `lock` is held by whoever commits what was pushed, so that nobody polls for the database's."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self._groups: deque[_Group] = deque()
        self._count = 0
        self._arrived = anyio.Event()
        self._last = 0
        self._wanted = 0
        self._enough = anyio.Event()
        self._running = False
        self._ending = anyio.Lock()
        self._alive_until: dict[int, float] = {}

    def __len__(self) -> int:
        return self._count

    async def ask(self, service: Service, request: Request) -> Reply:
        """Have a request made within the next commit, and return what it is answered.

        Raises the error of the request, and `Retry` where too many wait or the service stops. One whose caller goes away is made
        all the same. A first load that died is ended, and the request made after it.
        """
        while True:
            group, place = self._join(service.settings.push, request)
            await group.done.wait()
            # Where the commit itself was at fault there is nothing: asking again finds that nothing is committed any more.
            ended = group.ended[place] if group.ended else None
            if isinstance(ended, Reply):
                return ended
            if isinstance(ended, UnderWay):
                await self._end_load(service, request.work.feed, ended)
            elif ended is not None:
                raise ended

    async def _end_load(self, service: Service, feed: int, found: UnderWay) -> None:
        """End a first load that died. Raises `UnderWay` where it is alive, or was a moment ago: not every call of a crowd has to look."""
        async with self._ending:
            if anyio.current_time() < self._alive_until.get(feed, 0.0):
                raise found
            try:
                await end_dead_load(service.store.database, feed)
            except UnderWay:
                self._alive_until[feed] = anyio.current_time() + _ALIVE_SECONDS
                raise

    def _join(self, limits: PushSettings, request: Request) -> tuple[_Group, int]:
        """Put a request into the group that gathers, and return its place."""
        if not self._running:
            raise Retry("the server is starting or stopping: nothing was stored; send it again in a moment", retry_after=_BUSY_SECONDS)
        if self._count >= limits.max_waiting:
            told = f"{self._count} calls wait to be stored, and no more may: nothing was stored; send it again in a moment"
            raise Retry(told, retry_after=_BUSY_SECONDS)
        if not self._groups or len(self._groups[-1].requests) >= limits.max_group:
            self._groups.append(_Group())
            self._arrived.set()
        group = self._groups[-1]
        group.requests.append(request)
        self._count += 1
        if self._count >= self._wanted:
            self._enough.set()
        return group, len(group.requests) - 1

    async def run(self, service: Service, connection: sqlite3.Connection) -> None:
        """Commit what comes until cancelled, and then what was taken by then."""
        self._running = True
        try:
            while True:
                await self._gather(service.settings.push)
                with CancelScope(shield=True):
                    await self._commit(service, connection)
        finally:
            self._running = False
            with CancelScope(shield=True):
                while self._groups:
                    await self._commit(service, connection)

    async def _gather(self, limits: PushSettings) -> None:
        """Wait for a request, and for others within the time that the first may be kept waiting.

        For as many as the last commit had, since who was answered then is likely to send the next, and then for as long as some come.
        A commit of half as many would be under way while the others are read, and the two would only take the interpreter from each
        other.
        """
        if not self._groups:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        end = anyio.current_time() + limits.gather_ms / 1_000
        self._wanted = min(self._last, limits.max_group)
        if self._count < self._wanted:
            self._enough = anyio.Event()
            with anyio.move_on_after(limits.gather_ms / 1_000):
                await self._enough.wait()
        seen = 0
        while seen < self._count < limits.max_group and anyio.current_time() < end:
            seen = self._count
            # One turn of the event loop: whoever has sent something by now is heard.
            await checkpoint()

    async def _commit(self, service: Service, connection: sqlite3.Connection) -> None:
        name = service.store.database.name
        async with self.lock:
            # Taken when its turn has come: until then others may join it.
            group = self._groups.popleft()
            self._count -= len(group.requests)
            self._last = len(group.requests)
            try:
                group.ended = await to_thread.run_sync(commit_group, connection, name, group.requests, service.settings.push)
            finally:
                group.done.set()
        if any(isinstance(request.work, NewBatch) for request in group.requests):
            service.bells.inbox.ring()


async def run_pushes(service: Service) -> None:
    """Commit pushes until cancelled."""
    async with connect_durable(service.store.database) as connection:
        await service.pushing.run(service, connection)
