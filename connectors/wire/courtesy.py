"""What keeps a supplier from banning us: few connections to one host at a time, and not all of them on the dot."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio
from anyio.lowlevel import RunVar

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from engine.source import Source


class _Host:
    """The slots of one host, given in the order in which they were asked for.

    The strictest limit counts, of those who hold a slot and of the one who asks: a feed that wants to be alone stays alone.
    """

    __slots__ = ("_holding", "_waiting")

    def __init__(self) -> None:
        self._holding: list[int] = []
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @property
    def idle(self) -> bool:
        return not self._holding and not self._waiting

    async def take(self, limit: int, source: Source) -> None:
        if not self._waiting and self._fits(limit):
            self._holding.append(limit)
            return
        entry = limit, anyio.Event()
        self._waiting.append(entry)
        try:
            await _in_line(entry[1], source)
        except BaseException:
            if entry[1].is_set():
                self.give_back(limit)
            else:
                self._waiting.remove(entry)
                self._admit()
            raise

    def give_back(self, limit: int) -> None:
        self._holding.remove(limit)
        self._admit()

    def _fits(self, limit: int) -> bool:
        return len(self._holding) < min((limit, *self._holding))

    def _admit(self) -> None:
        # Strictly in order, though a later one with a higher limit could go first: it would keep an earlier one out for ever.
        while self._waiting and self._fits(self._waiting[0][0]):
            limit, event = self._waiting.popleft()
            self._holding.append(limit)
            event.set()


async def _in_line(turn: anyio.Event, source: Source) -> None:
    """Wait for one's turn. Told again and again, and kept once: a run that waits politely must not pass for one that hangs."""
    while not turn.is_set():
        with anyio.move_on_after(_TOLD_EVERY):
            await turn.wait()
            return
        source.tell(f"{source.name}: waited in line, for as many fetches from its host as transport.maxConnections allows were under way")


_TOLD_EVERY: Final = 60.0
"""How many seconds one waits in line before one says so; below what the engine takes for a stall."""

_HOSTS: Final[RunVar[dict[str, _Host]]] = RunVar("feedmill-hosts")


def admitted(source: Source) -> AbstractAsyncContextManager[None]:
    """Hold one of `source.courtesy.max_connections` slots of the source's host, after a random wait of at most `jitter` seconds.

    A slot stands for a fetch, however many sockets the protocol opens for it. Slots are per host name and event loop, and are
    never asked for by who holds one. A source without a host needs none.
    """
    return _admitted(source)


@asynccontextmanager
async def _admitted(source: Source) -> AsyncIterator[None]:
    name = urlsplit(source.url).hostname
    if not name:
        yield
        return
    if source.courtesy.jitter > 0:
        await anyio.sleep(random.uniform(0, source.courtesy.jitter))
    hosts = _hosts()
    host = hosts.setdefault(name, _Host())
    try:
        await host.take(source.courtesy.max_connections, source)
        try:
            yield
        finally:
            host.give_back(source.courtesy.max_connections)
    finally:
        if host.idle and hosts.get(name) is host:
            del hosts[name]


def _hosts() -> dict[str, _Host]:
    try:
        return _HOSTS.get()
    except LookupError:
        hosts: dict[str, _Host] = {}
        _HOSTS.set(hosts)
        return hosts
