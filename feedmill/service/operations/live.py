"""What happens, told to whoever watches: topics, each of which means that what is shown of something is not true any more.

A topic is `runs`, `run-7`, `feeds`, `feed-3`, `items`, `alerts`, `payloads`, or `people`. It says where to look, never what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

from sinks.sqlite.service.watching import Marks, read_marks, read_touched

if TYPE_CHECKING:
    from feedmill.service.context import Service

LOOK_SECONDS: Final = 0.5
"""How often the database is asked while somebody watches: other processes write to it too."""


class Watcher:
    """Somebody who watches. Topics that come while nobody takes them are kept, each once."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._told = anyio.Event()

    def tell(self, topics: set[str]) -> None:
        """Add topics."""
        self._topics |= topics
        self._told.set()

    async def take(self) -> set[str]:
        """Wait for topics and return all there are."""
        await self._told.wait()
        self._told = anyio.Event()
        topics, self._topics = self._topics, set()
        return topics


class Live:
    """Held by the service: who watches, and how far the runs have come that are under way."""

    def __init__(self) -> None:
        self.progress: dict[int, Mapping[str, Any]] = {}
        self.ended = False
        self._watchers: set[Watcher] = set()
        self._somebody = anyio.Event()

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Give a watcher that is told every topic for as long as the block lasts."""
        watcher = Watcher()
        self._watchers.add(watcher)
        self._somebody.set()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    @contextmanager
    def following(self, run: int) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Keep the progress of a run for as long as the block lasts; it is given to what the block is given."""

        def tell(progress: Mapping[str, Any]) -> None:
            self.progress[run] = progress
            self.tell(f"run-{run}")

        try:
            yield tell
        finally:
            self.progress.pop(run, None)
            self.tell("runs", f"run-{run}")

    def tell(self, *topics: str) -> None:
        """Tell topics to everybody who watches."""
        for watcher in self._watchers:
            watcher.tell(set(topics))

    def end(self) -> None:
        """Tell everybody who watches that nothing more comes."""
        self.ended = True
        self.tell()

    @property
    def watched(self) -> bool:
        """Return whether somebody watches."""
        return bool(self._watchers)

    async def somebody(self) -> None:
        """Wait until somebody watches."""
        while not self._watchers:
            self._somebody = anyio.Event()
            await self._somebody.wait()


async def run_live(service: Service) -> None:
    """Look for what has happened, whoever did it, as long as somebody watches; a loop, see `feedmill.service.opening.LOOPS`."""
    live = service.live
    while True:
        await live.somebody()
        before = await _read(service)
        # What happened before the first look was not missed: who begins to watch has read it.
        while live.watched:
            await anyio.sleep(LOOK_SECONDS)
            before = await _look(service, before)


async def _read(service: Service) -> Marks:
    async with service.store.reading() as reader:
        return await read_marks(reader)


async def _look(service: Service, before: Marks) -> Marks:
    async with service.store.reading() as reader:
        now = await read_marks(reader)
        touched = await read_touched(reader, before.events) if now.events != before.events else []
    topics = now.moved(before) - {"events"}
    if touched:
        topics |= {"runs", "feeds", *(f"run-{run}" for run, _ in touched), *(f"feed-{feed}" for _, feed in touched)}
    if topics:
        service.live.tell(*topics)
    return now
