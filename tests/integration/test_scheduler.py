"""The scheduler on a real database, with a clock of the test's own: what is asked for when, and what failures come to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from engine.run import Problem
from feedmill.service.context import Service
from feedmill.service.opening import open_service
from feedmill.service.scheduling import scheduler
from feedmill.service.scheduling.scheduler import recheck_plans, run_scheduler, run_tick
from feedmill.service.settings import Scheduler, ServiceSettings
from sinks.sqlite import clock
from sinks.sqlite.service.resources.feeds import plan_anew, resume
from tests.integration.schedule_parts import DAY, HOUR, MINUTE, SECOND, alerts_of, end_run, feed_row, make_feed, runs_of, write

NOON = 1_790_000_000 // 86_400 * DAY + 12 * HOUR
"""Noon UTC of a day, in microseconds."""


@asynccontextmanager
async def opened(directory: Path, **chosen: Any) -> AsyncIterator[Service]:
    """Open a service without its loops."""
    settings = ServiceSettings(database=f"sqlite:///{directory}/shop.db", scheduler=Scheduler(**{"jitter": 0.0, **chosen}))
    async with open_service(settings) as service:
        yield service


async def due(service: Service, feed: int) -> Any:
    """Return when a feed is due."""
    return (await feed_row(service, feed))["next_fetch_at"]


async def test_a_feed_is_planned_fetched_and_moved_on(tmp_path: Path) -> None:
    """A new feed waits for its moment; then a run is asked for, with its job, once; downtime is caught up on once."""
    async with opened(tmp_path) as service:
        feed = await make_feed(service, "hourly")
        tick = await run_tick(service, NOON + MINUTE)
        assert (tick.asked, await due(service, feed), await runs_of(service, feed)) == (0, NOON + HOUR, [])
        assert tick.wait == pytest.approx(30.0)
        assert (await run_tick(service, NOON + HOUR - 5 * SECOND)).wait == pytest.approx(5.0)
        assert (await run_tick(service, NOON + HOUR)).asked == 1
        assert await runs_of(service, feed) == ["pending"]
        assert await due(service, feed) == NOON + 2 * HOUR
        with anyio.fail_after(1):
            await service.bells.jobs.wait(60)
        async with service.store.reading() as reader:
            (job,) = await reader.query("SELECT kind, json_extract(payload, '$.feed') FROM main.jobs")
            (requested,) = await reader.query("SELECT requested FROM main.data_imports")
        assert job == ("run", feed)
        assert requested == ('{"trigger":"schedule","refetch":false}',)

        # The run is still under way: its next moment passes, and no second run waits behind it.
        assert (await run_tick(service, NOON + 2 * HOUR)).asked == 0
        assert await due(service, feed) == NOON + 3 * HOUR
        await end_run(service, feed, "complete")

        # A server that was down for days has missed 48 moments, and fetches once.
        assert [(await run_tick(service, NOON + 2 * DAY + MINUTE)).asked for _ in range(3)] == [1, 0, 0]
        assert await due(service, feed) == NOON + 2 * DAY + HOUR
        assert (await feed_row(service, feed))["updated_at"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE main.inventory_feeds SET enabled = 0",
        "UPDATE main.inventory_feeds SET paused_at = 1",
        "UPDATE main.dropship_providers SET status = 'away'",
        """UPDATE main.inventory_feeds SET settings = '{"automatedFetching": "disabled"}'""",
        """UPDATE main.inventory_feeds SET settings = '{"fetchFrequency": "never"}'""",
        """UPDATE main.inventory_feeds SET settings = '{"resourceType": "webhook"}'""",
    ],
)
async def test_what_is_not_to_be_fetched_is_not_planned(tmp_path: Path, statement: str) -> None:
    """Disabled, paused, pushed to, or of a supplier that is away: neither when it is planned nor when it was due already."""
    async with opened(tmp_path) as service:
        fresh, old = await make_feed(service, "fresh"), await make_feed(service, "old", due=NOON)
        await write(service, statement)
        assert (await run_tick(service, NOON + MINUTE)).asked == 0
        assert [await due(service, feed) for feed in (fresh, old)] == [None, None]
        await write(service, "UPDATE main.dropship_providers SET status = 'onboarding'")
        await write(service, "UPDATE main.inventory_feeds SET enabled = 1, paused_at = NULL, settings = '{}', next_fetch_at = 0")
        await run_tick(service, NOON + MINUTE)
        assert [await due(service, feed) for feed in (fresh, old)] == [NOON + HOUR, NOON + HOUR]


async def test_failures_wait_longer_and_pause_in_the_end_with_one_alert(tmp_path: Path) -> None:
    """The wait doubles on the schedule, the supplier's wish counts, a pause is told once, and a fetch by hand that succeeds ends it."""
    async with opened(tmp_path, pause_after=4) as service:
        feed = await make_feed(service, "failing", due=NOON)
        other = await make_feed(service, "fine", due=NOON)
        moment, waits = NOON, []
        for _ in range(3):
            assert (await run_tick(service, moment)).asked >= 1
            await end_run(service, feed, "error", Problem("retry", "the supplier is down"))
            await end_run(service, other, "complete")
            await run_tick(service, moment + SECOND)
            waits.append((await due(service, feed) - moment) // HOUR)
            moment = await due(service, feed)
        assert waits == [1, 2, 4]
        assert await feed_row(service, other) == {**await feed_row(service, other), "failures": 0, "paused_at": None}

        await end_run(service, feed, "error", Problem("source", "tried again"), Problem("refused", "an HTML page"))
        await end_run(service, feed, "error", Problem("refused", "an HTML page"))
        tick = await run_tick(service, moment + SECOND)
        row = await feed_row(service, feed)
        assert (row["next_fetch_at"], row["failures"], row["paused_at"]) == (None, 5, moment + SECOND)
        assert row["pause_reason"] == "4 runs in a row failed, the last one: an HTML page"
        assert tick.alerted
        assert await alerts_of(service) == {f"feed:{feed}:paused": (1, True)}
        await end_run(service, feed, "error")
        assert (await run_tick(service, moment + DAY)).alerted is False
        assert await alerts_of(service) == {f"feed:{feed}:paused": (1, True)}
        assert await due(service, feed) is None

        await end_run(service, feed, "complete")
        await run_tick(service, moment + DAY)
        assert await feed_row(service, feed) == {
            **row,
            "next_fetch_at": moment + DAY + HOUR,
            "failures": 0,
            "paused_at": None,
            "pause_reason": None,
        }
        assert await alerts_of(service) == {f"feed:{feed}:paused": (1, False)}


async def test_whoever_ends_a_pause_gives_a_new_start(tmp_path: Path) -> None:
    """Resumed by a person, a feed is planned at once, its alert is over, and its old failures count no more."""
    async with opened(tmp_path, pause_after=1) as service:
        feed = await make_feed(service, "failing", due=NOON)
        for end_pause in ("resume", "enabled"):
            await end_run(service, feed, "error")
            await run_tick(service, NOON)
            assert (await alerts_of(service))[f"feed:{feed}:paused"] == (1, True)
            if end_pause == "resume":
                async with service.store.writing() as writer:
                    await resume(writer, feed)
                    await plan_anew(writer, feed, 0)
            else:
                await write(service, "UPDATE main.inventory_feeds SET paused_at = NULL, next_fetch_at = 0")
                await end_run(service, feed, "complete")
            await run_tick(service, NOON + MINUTE)
            row = await feed_row(service, feed)
            assert (row["next_fetch_at"], row["failures"], row["pause_reason"]) == (NOON + HOUR, 0, None)
            assert (await alerts_of(service))[f"feed:{feed}:paused"] == (1, False)


async def test_a_supplier_is_asked_no_more_often_than_it_wishes(tmp_path: Path) -> None:
    """Feeds of one supplier follow each other at its interval, none is left out; Retry-After and minInterval put a fetch off."""
    now = clock.now() // HOUR * HOUR + 40 * MINUTE
    async with opened(tmp_path, supplier_interval=600.0) as service:
        feeds = [await make_feed(service, f"acme {number}", due=now) for number in range(3)]
        alone = await make_feed(service, "alone", provider="Bravo", due=now, fetchFrequency="custom", fetchSchedule="*/5 * * * *")
        # Of those due at once the one that was fetched last waits longest, and one whose run is under way takes nobody's turn.
        await end_run(service, feeds[0], "complete")
        busy = await make_feed(service, "busy", due=now - SECOND)
        await end_run(service, busy, "started")
        assert (await run_tick(service, now)).asked == 2
        assert [await due(service, feed) - now for feed in (*feeds, busy)] == [20 * MINUTE, 20 * MINUTE, 10 * MINUTE, 20 * MINUTE]
        await write(service, "UPDATE main.data_imports SET started_at = ?", now)
        for feed in (feeds[1], alone, busy):
            await end_run(service, feed, "complete")
        assert (await run_tick(service, now + 10 * MINUTE)).asked == 2
        assert [await runs_of(service, feed) for feed in feeds] == [["complete"], ["complete"], ["pending"]]

        await end_run(service, alone, "error", Problem("retry", "429", retry_after=1000.0))
        await run_tick(service, now + 10 * MINUTE)
        assert await due(service, alone) == now + 30 * MINUTE

        calm = await make_feed(service, "calm", provider="Calm", due=now, transport={"minInterval": 90})
        run = await end_run(service, calm, "complete")
        await write(service, "UPDATE main.data_imports SET asked_at = ? WHERE id = ?", now - 60 * SECOND, run)
        await run_tick(service, now)
        assert (await due(service, calm), await runs_of(service, calm)) == (now + 30 * SECOND, ["complete"])
        await run_tick(service, now + 30 * SECOND)
        assert await runs_of(service, calm) == ["complete", "pending"]


async def test_a_schedule_that_says_nothing_is_told_and_stops_nobody(tmp_path: Path) -> None:
    """One feed's fault is its own alert; the others are fetched, and the alert is over when the schedule is cured."""
    async with opened(tmp_path) as service:
        wrong = await make_feed(service, "wrong", due=NOON, fetchFrequency="custom", fetchSchedule="0 25 * * *")
        right = await make_feed(service, "right", due=NOON)
        tick = await run_tick(service, NOON)
        assert (tick.asked, tick.alerted, await runs_of(service, right), await due(service, wrong)) == (1, True, ["pending"], None)
        assert await alerts_of(service) == {f"feed:{wrong}:schedule": (1, True)}
        await write(service, "UPDATE main.inventory_feeds SET settings = '{}', next_fetch_at = 0 WHERE id = ?", wrong)
        await run_tick(service, NOON)
        assert await alerts_of(service) == {f"feed:{wrong}:schedule": (1, False)}


async def test_a_clock_that_ran_ahead_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Planned ten years ahead, a feed is brought back to its schedule; what the schedule itself says stays."""
    async with opened(tmp_path) as service:
        ahead, right = await make_feed(service, "ahead", due=NOON + 3650 * DAY), await make_feed(service, "right", due=NOON + HOUR)
        daily = await make_feed(service, "daily", due=NOON + 12 * HOUR, fetchFrequency="daily")
        await recheck_plans(service, NOON + MINUTE)
        assert [await due(service, feed) for feed in (ahead, right, daily)] == [NOON + HOUR, NOON + HOUR, NOON + 12 * HOUR]


async def test_the_loop_takes_all_that_is_due_and_outlives_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More feeds than one tick takes are all fetched, as soon as the bell rings; what keeps the database locked only costs time."""
    monkeypatch.setattr(scheduler, "BATCH", 7)
    monkeypatch.setattr(scheduler, "_PAUSE", 0.01)
    async with opened(tmp_path) as service, anyio.create_task_group() as group, service.store.database.connect() as other:
        every = {"fetchFrequency": "custom", "fetchSchedule": "every: 1s"}
        feeds = [await make_feed(service, f"feed {number}", due=None, **every) for number in range(20)]
        async with service.store.writing() as writer:
            await writer.execute("PRAGMA busy_timeout = 1")
        with capture_logs() as logged:
            group.start_soon(run_scheduler, service)
            await other.execute("UPDATE inventory_feeds SET next_fetch_at = 1")
            await other.execute("BEGIN IMMEDIATE")
            service.bells.schedule.ring()
            with anyio.fail_after(20):
                while not logged:
                    await anyio.sleep(0.01)
            await other.execute("ROLLBACK")
            with anyio.fail_after(20):
                while not all([await runs_of(service, feed) for feed in feeds]):
                    await anyio.sleep(0.05)
        assert "locked for too long" in logged[0]["error"]
        # A service that stops asks for nothing more: the loop ends, and with it the group.
        service.stopping = True
        service.bells.schedule.ring()
