"""Channels in a row under one tiny budget: nothing is lost, nothing waits for ever, and memory keeps to its limit."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.channel import Budget, Channel, StageClock

SIZES = st.lists(st.integers(0, 40), max_size=25)
LIMITS = st.integers(0, 30)
ITEMS = st.integers(1, 3)


@dataclass
class Line:
    """Three stages in a row: a source, a stage that turns one item into `fan` items, and an end that yields `pauses` times."""

    budget: Budget
    first: Channel[tuple[int, int]]
    second: Channel[tuple[int, int]]
    fan: int
    clocks: tuple[StageClock, StageClock, StageClock]
    pauses: int

    async def run(self, sizes: list[int]) -> list[int]:
        """Send items of these sizes through, and return what arrived."""
        found: list[int] = []
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(self._send, sizes)
                group.start_soon(self._widen)
                group.start_soon(self._collect, found)
        return found

    async def _send(self, sizes: list[int]) -> None:
        with self.clocks[0].running():
            for number, size in enumerate(sizes):
                await self.first.send((number, size), size, self.clocks[0])
            self.first.close()

    async def _widen(self) -> None:
        with self.clocks[1].running():
            async for number, size in self.first.receive(self.clocks[1]):
                for _ in range(self.fan):
                    await self.second.send((number, size * 4), size * 4, self.clocks[1])
            self.second.close()

    async def _collect(self, found: list[int]) -> None:
        with self.clocks[2].running():
            async for number, _ in self.second.receive(self.clocks[2]):
                found.append(number)
                for _ in range(self.pauses):
                    await checkpoint()


def line(limit: int, items: int, fan: int, pauses: int) -> Line:
    """Make a line whose channels share one budget."""
    budget = Budget(limit)
    clocks = (StageClock("send"), StageClock("widen"), StageClock("collect"))
    return Line(budget, Channel(budget, max_items=items), Channel(budget, max_items=items), fan, clocks, pauses)


@given(SIZES, LIMITS, ITEMS, st.integers(0, 3), st.integers(0, 2))
async def test_two_channels_in_a_row_never_deadlock(sizes: list[int], limit: int, items: int, fan: int, pauses: int) -> None:
    """Whatever the sizes, the limit and the pace: everything arrives, in order, and every byte is given back."""
    made = line(limit, items, fan, pauses)
    assert await made.run(sizes) == [number for number in range(len(sizes)) for _ in range(fan)]
    assert made.budget.buffered_bytes == 0


@given(SIZES, LIMITS, ITEMS, st.integers(0, 3), st.integers(0, 2))
async def test_what_waits_keeps_to_the_limit(sizes: list[int], limit: int, items: int, fan: int, pauses: int) -> None:
    """At its peak the budget holds at most its limit and one item for each channel."""
    made = line(limit, items, fan, pauses)
    await made.run(sizes)
    largest = max(sizes, default=0)
    assert made.budget.peak_buffered_bytes <= limit + largest + 4 * largest


@given(SIZES, LIMITS, st.integers(0, 30))
async def test_a_line_that_is_cancelled_gives_everything_back(sizes: list[int], limit: int, steps: int) -> None:
    """Wherever the stages were when it happened, draining the channels empties the budget."""
    made = line(limit, 2, 2, 3)
    async with anyio.create_task_group() as group:
        group.start_soon(made.run, sizes)
        for _ in range(steps):
            await checkpoint()
        group.cancel_scope.cancel()
    made.first.drain()
    made.second.drain()
    assert made.budget.buffered_bytes == 0
    assert not made.budget._waiting
    assert {clock.state for clock in made.clocks} <= {"idle", "done"}
