"""The watchdog: it names what stands still, and only when nothing moves."""

from __future__ import annotations

from time import perf_counter

import anyio
import pytest

from engine.flow.channel import StageClock, watch_for_stall

PATIENCE = 0.02


async def test_the_stage_that_stands_still_is_named() -> None:
    """The sentence says how long nothing moved, who moved last, and what each stage does: the busy one is at fault."""
    clocks = [StageClock("fetch", "blocked"), StageClock("map", "busy"), StageClock("stage", "starved")]
    clocks[0].moved_at += 0.001
    with anyio.fail_after(5):
        sentence = await watch_for_stall(clocks, patience=PATIENCE)
    assert sentence.startswith("nothing moved for 0.0 s; fetch moved last; ")
    assert sentence.endswith("stages: fetch blocked, map busy, stage starved")


async def test_it_waits_no_shorter_than_its_patience() -> None:
    """The patience counts from the last movement of any stage."""
    clocks = [StageClock("fetch"), StageClock("map")]
    with anyio.fail_after(5):
        await watch_for_stall(clocks, patience=PATIENCE)
    assert perf_counter() - max(clock.moved_at for clock in clocks) >= PATIENCE


async def test_nothing_is_said_while_one_stage_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """One moving stage is enough, however long the others have stood; when it stops, it is the one named."""
    now = 100.0
    monkeypatch.setattr("engine.flow.channel.perf_counter", lambda: now)
    clocks = [StageClock("fetch", moved_at=0.0), StageClock("map", moved_at=now), StageClock("stage", moved_at=0.0)]
    found: list[str] = []

    async def watch() -> None:
        found.append(await watch_for_stall(clocks, patience=0.001))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            for _ in range(500):
                clocks[1].moved()
                await anyio.lowlevel.checkpoint()
                now += 0.0005
            assert not found
            now += 1
    assert "map moved last" in found[0]


async def test_a_finished_stage_counts_with_its_last_movement() -> None:
    """A source that has ended is no stall by itself: the others get their full patience from its end on."""
    done, working = StageClock("fetch"), StageClock("map", "busy", moved_at=0.0)
    with done.running():
        done.moved()
    with anyio.fail_after(5):
        sentence = await watch_for_stall([done, working], patience=PATIENCE)
    assert sentence.endswith("stages: fetch done, map busy")
    assert perf_counter() - done.moved_at >= PATIENCE
