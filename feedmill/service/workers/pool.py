"""The workers of a service: a lane for each run at once, and one desk for what is short. None is kept that is not used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import structlog
from anyio import CancelScope, create_task_group

from engine.errors import FeedmillError, InternalError
from feedmill.service.workers.lane import Lane, open_lane

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

IDLE_SECONDS: Final = 60.0
"""How long a worker without anything to do is kept: an idle server is to be small."""

CALLS_EACH: Final = 100
LARGEST_RSS: Final = 400_000_000
"""After so many calls, or once it was so large, a worker is replaced: what a library leaks must not add up."""


class Workers:
    """Processes that do a service's work, started when they are needed. `settings` is what each is told first."""

    def __init__(self, settings: Mapping[str, object], grace: float, group: TaskGroup) -> None:
        self._settings = dict(settings)
        self._grace = grace
        self._group = group
        self._lanes: set[Lane] = set()
        self._free: list[Lane] = []
        self._desk: Lane | None = None
        self._opening = anyio.Lock()

    @property
    def pids(self) -> frozenset[int]:
        """Return the ids of the processes there are."""
        return frozenset(lane.pid for lane in self._lanes if lane.alive)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Lane]:
        """Lend a worker that does nothing else meanwhile."""
        lane = self._pop_free() or await self._open()
        try:
            yield lane
        finally:
            self._give_back(lane)

    async def call(self, op: str, arguments: Mapping[str, object]) -> str:
        """Do something short at the desk and return the JSON text that it answers; see `Lane.call`."""
        async with self._opening:
            desk = self._desk
            if desk is not None and _is_worn(desk) and not desk.busy:
                self._group.start_soon(desk.close)
                desk = None
            if desk is None or not desk.alive:
                desk = self._desk = await self._open()
        return await desk.call(op, arguments)

    async def call_within(self, seconds: float, op: str, arguments: Mapping[str, object]) -> str | None:
        """Do something at the desk and return its answer, None when it takes longer: it goes on then, and its error is logged."""
        done, told = anyio.Event(), _Told()

        async def work() -> None:
            try:
                told.text = await self.call(op, arguments)
            except FeedmillError as error:
                told.error = error
                if told.left:
                    structlog.get_logger("feedmill").warning("what nobody waited for failed", op=op, error=str(error), **arguments)
            finally:
                done.set()

        self._group.start_soon(work)
        with anyio.move_on_after(seconds):
            await done.wait()
        told.left = not done.is_set()
        if told.error is not None:
            raise told.error
        return told.text

    async def tidy(self) -> None:
        """Close, now and again, what nobody used for a while; runs until it is cancelled."""
        while True:
            await anyio.sleep(IDLE_SECONDS / 4)
            before = anyio.current_time() - IDLE_SECONDS
            # Taken out before anything is waited for: meanwhile others take from these too.
            unused = [lane for lane in self._free if lane.idle_since < before]
            self._free = [lane for lane in self._free if lane.idle_since >= before]
            for lane in unused:
                await lane.close()
            async with self._opening:
                if self._desk is not None and not self._desk.busy and self._desk.idle_since < before:
                    desk, self._desk = self._desk, None
                    await desk.close()

    async def close(self) -> None:
        """End all processes, see `Lane.close`."""
        async with create_task_group() as group:
            for lane in list(self._lanes):
                group.start_soon(lane.close)

    def _pop_free(self) -> Lane | None:
        while self._free:
            lane = self._free.pop()
            if lane.alive:
                return lane
        return None

    def _give_back(self, lane: Lane) -> None:
        if not lane.alive:
            return
        if _is_worn(lane):
            self._group.start_soon(lane.close)
        else:
            self._free.append(lane)

    async def _open(self) -> Lane:
        # Shielded: a process whose lane nobody has would be nobody's to end.
        with CancelScope(shield=True):
            lane = await open_lane(self._settings, self._grace)
            self._lanes.add(lane)
            self._group.start_soon(self._listen, lane)
            return lane
        raise InternalError("a shield has swallowed an error")

    async def _listen(self, lane: Lane) -> None:
        await lane.listen()
        self._lanes.discard(lane)


class _Told:
    """What became of a call that somebody waits for, or has left."""

    text: str | None = None
    error: FeedmillError | None = None
    left: bool = False


def _is_worn(lane: Lane) -> bool:
    return lane.calls >= CALLS_EACH or lane.peak_rss > LARGEST_RSS


@asynccontextmanager
async def open_workers(settings: Mapping[str, object], grace: float) -> AsyncIterator[Workers]:
    """Give the workers of a service; none is started yet. At the end all of them end, after what is decided is done."""
    try:
        async with create_task_group() as group:
            workers = Workers(settings, grace, group)
            group.start_soon(workers.tidy)
            try:
                yield workers
            finally:
                # Calls that go on are broken off, in order; who listens to a worker goes on until that has ended.
                group.cancel_scope.cancel()
                with CancelScope(shield=True):
                    await workers.close()
    except BaseExceptionGroup as failed:
        # What went wrong inside is what the caller has to see, not that there were tasks beside it.
        raise next(_leaves(failed)) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner
