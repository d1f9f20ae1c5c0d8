"""The joints between stages: channels bounded in items and bytes, and the clocks that tell which stage holds up a run."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, Generic, Literal, TypeVar

import anyio

from engine.errors import InternalError
from engine.run import StageTimes

T = TypeVar("T")

MAX_BUFFERED_BYTES: Final = 16 * 1024 * 1024
"""Default limit of the bytes that wait in all channels of a process together."""


@dataclass(slots=True)
class StageClock:
    """How a stage spends its time. `state` is what it does now, `moved_at` when an item last passed it (perf_counter)."""

    name: str
    state: Literal["idle", "busy", "starved", "blocked", "done"] = "idle"
    moved_at: float = field(default_factory=perf_counter)
    _spent: dict[str, float] = field(default_factory=lambda: {"busy": 0.0, "starved": 0.0, "blocked": 0.0})
    _since: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the stage on this clock; it is busy wherever it does not wait for a channel."""
        self._turn("busy")
        try:
            yield
        finally:
            self._turn("done")

    @contextmanager
    def waiting(self, state: Literal["starved", "blocked"]) -> Iterator[None]:
        """Count the time inside as waiting."""
        self._turn(state)
        try:
            yield
        finally:
            self._turn("busy")

    def moved(self) -> None:
        """Note that an item passed."""
        self.moved_at = perf_counter()

    @property
    def times(self) -> StageTimes:
        """Return the seconds spent so far, in what it does now too: a stage may be at one thing for minutes."""
        spent = self._spent
        if self.state in spent:
            spent = {**spent, self.state: spent[self.state] + perf_counter() - self._since}
        return StageTimes(**spent)

    def _turn(self, state: Literal["busy", "starved", "blocked", "done"]) -> None:
        now = perf_counter()
        if self.state in self._spent:
            self._spent[self.state] += now - self._since
        self.state, self._since = state, now


class Budget:
    """The bytes that may wait in channels, for one process. Channels ask it; nothing else does.

    `peak_buffered_bytes` is what was reached, `max_buffered_bytes` what is allowed. An empty channel is always admitted one
    item, over the limit if need be: otherwise two channels in a row could each wait for the other's bytes for ever.
    """

    def __init__(self, max_buffered_bytes: int = MAX_BUFFERED_BYTES) -> None:
        self.max_buffered_bytes = max_buffered_bytes
        self.buffered_bytes = 0
        self.peak_buffered_bytes = 0
        self._waiting: set[anyio.Event] = set()

    def fits(self, size: int) -> bool:
        """Say whether `size` more bytes stay under the limit."""
        return self.buffered_bytes + size <= self.max_buffered_bytes

    def take(self, size: int) -> None:
        """Count bytes that begin to wait."""
        self.buffered_bytes += size
        self.peak_buffered_bytes = max(self.peak_buffered_bytes, self.buffered_bytes)

    def release(self, size: int) -> None:
        """Give bytes back and wake every sender: which of them fits now is theirs to find out."""
        self.buffered_bytes -= size
        for event in self._waiting:
            event.set()
        self._waiting.clear()

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count bytes that a connector holds beyond what it has handed over. Taken without asking: they are held already."""
        self.take(size)
        try:
            yield
        finally:
            self.release(size)

    async def wait(self) -> None:
        """Wait until bytes were given back."""
        event = anyio.Event()
        self._waiting.add(event)
        try:
            await event.wait()
        finally:
            self._waiting.discard(event)


class Channel(Generic[T]):
    """Join one sending stage to one receiving stage, first in, first out.

    At most `max_items` of `max_bytes` together wait in it, however much of the budget is left; one always may. The end of the stream is a
    state (`close`), not an item. A stage never sends to a channel that it drains. Closing twice
    is harmless; sending after that is `InternalError`.
    """

    def __init__(self, budget: Budget, *, max_items: int = 8, max_bytes: int = MAX_BUFFERED_BYTES) -> None:
        self._budget = budget
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: deque[tuple[T, int]] = deque()
        self._closed = False
        self._filled = anyio.Event()

    async def send(self, item: T, size: int, clock: StageClock) -> None:
        """Hand over an item that holds `size` bytes; wait while the channel or the process is full."""
        if self._closed:
            raise InternalError(f"stage {clock.name} sent to a closed channel")
        if not self._admits(size):
            with clock.waiting("blocked"):
                while not self._admits(size):
                    await self._budget.wait()
        self._items.append((item, size))
        self._bytes += size
        self._budget.take(size)
        self._filled.set()
        clock.moved()

    async def receive(self, clock: StageClock) -> AsyncIterator[T]:
        """Iterate the items until the sender has closed and the channel is empty."""
        while True:
            if not self._items and not self._closed:
                with clock.waiting("starved"):
                    while not self._items and not self._closed:
                        self._filled = anyio.Event()
                        await self._filled.wait()
            if not self._items:
                return
            item, size = self._items.popleft()
            self._bytes -= size
            self._budget.release(size)
            clock.moved()
            yield item

    def close(self) -> None:
        """Say that nothing more will be sent."""
        self._closed = True
        self._filled.set()

    def drain(self) -> None:
        """Drop what still waits and give its bytes back, when a run ends early."""
        self._bytes = 0
        while self._items:
            self._budget.release(self._items.popleft()[1])

    def _admits(self, size: int) -> bool:
        fits = len(self._items) < self._max_items and self._bytes + size <= self._max_bytes
        return not self._items or (fits and self._budget.fits(size))


async def watch_for_stall(clocks: Sequence[StageClock], *, patience: float) -> str:
    """Wait until no stage moved for `patience` seconds, then return a sentence that names each stage's state.

    The stage to look at is the one that is busy while the others wait for it.
    """
    while True:
        last = max(clocks, key=lambda clock: clock.moved_at)
        idle = perf_counter() - last.moved_at
        if idle >= patience:
            states = ", ".join(f"{clock.name} {clock.state}" for clock in clocks)
            return f"nothing moved for {idle:.1f} s; {last.name} moved last; stages: {states}"
        await anyio.sleep(patience - idle)
