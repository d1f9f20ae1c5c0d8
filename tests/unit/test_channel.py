"""Channels bounded in items and bytes, and the clocks of the stages they join."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from engine.errors import InternalError
from engine.flow.channel import Budget, Channel, StageClock


async def take(channel: Channel[str], count: int, clock: StageClock | None = None) -> list[str]:
    """Receive some items and leave the rest."""
    found: list[str] = []
    if count:
        async for item in channel.receive(clock or StageClock("take")):
            found.append(item)
            if len(found) == count:
                break
    return found


async def put(channel: Channel[str], items: str, size: int, clock: StageClock) -> None:
    """Send items of one size, then close."""
    for item in items:
        await channel.send(item, size, clock)
    channel.close()


async def until_waiting(clock: StageClock, state: str) -> None:
    """Wait until a stage waits."""
    while clock.state != state:
        await checkpoint()


async def test_items_leave_in_the_order_they_came() -> None:
    """First in, first out, to the last one sent before the end."""
    channel: Channel[str] = Channel(Budget())
    await put(channel, "abc", 1, StageClock("put"))
    assert [item async for item in channel.receive(StageClock("take"))] == ["a", "b", "c"]


async def test_a_channel_is_bounded_in_items() -> None:
    """One item over the bound waits until another was taken."""
    channel: Channel[str] = Channel(Budget(), max_items=2)
    sender = StageClock("put")
    async with anyio.create_task_group() as group:
        group.start_soon(put, channel, "abcd", 0, sender)
        await until_waiting(sender, "blocked")
        assert await take(channel, 1) == ["a"]
        await until_waiting(sender, "blocked")
        assert [item async for item in channel.receive(StageClock("take"))] == ["b", "c", "d"]


async def test_a_channel_is_bounded_in_bytes() -> None:
    """What waits stays under the limit of the budget, however many items would fit."""
    budget = Budget(10)
    channel: Channel[str] = Channel(budget, max_items=100)
    sender = StageClock("put")
    async with anyio.create_task_group() as group:
        group.start_soon(put, channel, "abcdef", 4, sender)
        await until_waiting(sender, "blocked")
        assert (budget.buffered_bytes, budget.peak_buffered_bytes) == (8, 8)
        assert [item async for item in channel.receive(StageClock("take"))] == list("abcdef")
    assert (budget.buffered_bytes, budget.peak_buffered_bytes) == (0, 8)


async def test_an_empty_channel_takes_one_item_over_the_limit() -> None:
    """Otherwise an item larger than the budget would wait for ever."""
    budget = Budget(10)
    channel: Channel[str] = Channel(budget)
    await channel.send("big", 1000, StageClock("put"))
    assert budget.peak_buffered_bytes == 1000
    channel.close()
    assert [item async for item in channel.receive(StageClock("take"))] == ["big"]
    assert budget.buffered_bytes == 0


async def test_two_channels_share_one_budget() -> None:
    """What waits in one channel leaves less room in the other, and what leaves it makes room there."""
    budget = Budget(10)
    first: Channel[str] = Channel(budget)
    second: Channel[str] = Channel(budget)
    sender = StageClock("put")
    await first.send("a", 6, StageClock("other"))
    async with anyio.create_task_group() as group:
        group.start_soon(put, second, "xy", 4, sender)
        await until_waiting(sender, "blocked")
        assert await take(first, 1) == ["a"]
        assert [item async for item in second.receive(StageClock("take"))] == ["x", "y"]


async def test_closing_wakes_a_receiver_that_waits() -> None:
    """The end is a state: a stage that waits for an item learns of it at once."""
    channel: Channel[str] = Channel(Budget())
    receiver = StageClock("take")
    found: list[str] = []

    async def receive() -> None:
        found.extend([item async for item in channel.receive(receiver)])
        found.append("end")

    async with anyio.create_task_group() as group:
        group.start_soon(receive)
        await until_waiting(receiver, "starved")
        channel.close()
    assert found == ["end"]


async def test_closing_twice_is_harmless_and_sending_after_it_is_our_fault() -> None:
    """The message names the stage."""
    channel: Channel[str] = Channel(Budget())
    channel.close()
    channel.close()
    with pytest.raises(InternalError, match="stage put sent to a closed channel"):
        await channel.send("a", 1, StageClock("put"))


async def test_a_closed_channel_can_be_read_again_and_is_empty() -> None:
    """Whoever comes late sees the end, not a wait for ever."""
    channel: Channel[str] = Channel(Budget())
    channel.close()
    assert [item async for item in channel.receive(StageClock("take"))] == []


async def test_what_is_drained_is_given_back() -> None:
    """A run that ends early leaves nothing in the budget of the process."""
    budget = Budget(100)
    channel: Channel[str] = Channel(budget)
    for item in "abc":
        await channel.send(item, 10, StageClock("put"))
    channel.drain()
    channel.drain()
    assert (budget.buffered_bytes, budget.peak_buffered_bytes) == (0, 30)


async def test_a_cancelled_sender_leaves_nothing_behind() -> None:
    """Neither bytes nor a waiter: the budget is as if it had never tried."""
    budget = Budget(10)
    channel: Channel[str] = Channel(budget)
    sender = StageClock("put")
    async with anyio.create_task_group() as group:
        group.start_soon(put, channel, "ab", 8, sender)
        await until_waiting(sender, "blocked")
        group.cancel_scope.cancel()
    assert budget.buffered_bytes == 8
    assert not budget._waiting
    channel.drain()
    assert budget.buffered_bytes == 0


async def test_a_cancelled_receiver_loses_no_item() -> None:
    """An item is taken only by a receiver that goes on with it."""
    channel: Channel[str] = Channel(Budget())
    receiver = StageClock("take")
    async with anyio.create_task_group() as group:
        group.start_soon(take, channel, 1, receiver)
        await until_waiting(receiver, "starved")
        group.cancel_scope.cancel()
    await channel.send("a", 1, StageClock("put"))
    assert await take(channel, 1) == ["a"]


async def test_a_drained_channel_wakes_the_senders_of_another() -> None:
    """Bytes given back are offered to whoever waits for them, wherever it sends to."""
    budget = Budget(10)
    first: Channel[str] = Channel(budget)
    second: Channel[str] = Channel(budget)
    sender = StageClock("put")
    await first.send("a", 10, StageClock("other"))
    async with anyio.create_task_group() as group:
        group.start_soon(put, second, "xy", 2, sender)
        await until_waiting(sender, "blocked")
        first.drain()
        assert await take(second, 2) == ["x", "y"]


def test_a_clock_that_never_ran_has_spent_nothing() -> None:
    """All three figures are zero and the stage is idle."""
    clock = StageClock("x")
    assert clock.state == "idle"
    assert (clock.times.busy, clock.times.starved, clock.times.blocked) == (0.0, 0.0, 0.0)


def test_the_three_clocks_add_up_to_the_time_a_stage_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every moment between begin and end is busy, starved or blocked; none before or after."""
    now = 100.0

    def tick(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("engine.flow.channel.perf_counter", lambda: now)
    clock = StageClock("x")
    tick(50)
    with clock.running():
        tick(1)
        with clock.waiting("starved"):
            tick(2)
        tick(4)
        with clock.waiting("blocked"):
            tick(8)
        tick(16)
        # What it does now counts too, though it has not ended.
        assert clock.times.busy == 21.0
    tick(50)
    times = clock.times
    assert (times.busy, times.starved, times.blocked) == (21.0, 2.0, 8.0)
    assert clock.state == "done"


def test_a_clock_stops_when_its_stage_fails() -> None:
    """A failed or cancelled stage is done, and what it spent stays."""
    clock = StageClock("x")
    with pytest.raises(ValueError, match="x"), clock.running(), clock.waiting("blocked"):
        raise ValueError("x")
    assert clock.state == "done"
    spent = clock.times
    assert clock.times == spent


async def test_an_item_that_passes_moves_both_clocks() -> None:
    """Sending moves the sender, receiving the receiver: this is what the watchdog looks at."""
    channel: Channel[str] = Channel(Budget())
    sender, receiver = StageClock("put", moved_at=0.0), StageClock("take", moved_at=0.0)
    await channel.send("a", 1, sender)
    assert sender.moved_at > 0.0
    assert receiver.moved_at == 0.0
    assert await take(channel, 1, receiver) == ["a"]
    assert receiver.moved_at >= sender.moved_at
