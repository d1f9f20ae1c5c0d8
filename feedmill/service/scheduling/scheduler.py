"""The scheduler: asks for the runs of feeds that are due, and learns from what became of them.

What is due stands in the database (`inventory_feeds.next_fetch_at`), and moves on in the transaction that asks for the run: whatever
dies, a feed is neither forgotten nor fetched twice. After downtime a feed that missed many moments is fetched once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog
from anyio import to_thread

from engine.errors import ConfigError, FeedmillError, UnderWay
from feedmill.service.scheduling.planning import MICROSECONDS, after_failure, after_success, plan, plan_earlier
from sinks.sqlite import clock
from sinks.sqlite.service.alerts import raise_alert, resolve_alerts
from sinks.sqlite.service.events import is_behind, read_mark, read_outcomes, write_mark
from sinks.sqlite.service.runs import enqueue_run
from sinks.sqlite.service.schedules import (
    ScheduledFeed,
    chosen_feeds,
    due_feeds,
    last_asked,
    next_due,
    planned_feeds,
    suppliers_asked,
    write_plans,
)

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.settings import Scheduler
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.service.events import RunOutcome

MARK: Final = "schedule.events"
BATCH: Final = 100
PATIENCE: Final = 0.01
"""Feeds of one tick, and for how many seconds it goes on asking for runs: it holds the write lock, which pushes wait for."""

LONGEST_SLEEP: Final = 30.0
_PAUSE: Final = 5.0
_SET_BACK: Final = 1.0
_RECHECKED: Final = 500


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick did: runs it asked for, and for how many seconds nothing is to be done."""

    asked: int
    wait: float
    alerted: bool = False


async def run_scheduler(service: Service) -> None:
    """Fetch feeds on schedule until cancelled or stopping; at once over where `scheduler.enabled` is false."""
    if not service.settings.scheduler.enabled:
        return
    log = structlog.get_logger("feedmill.schedule")
    recheck = True
    while not service.stopping:
        wall, steady = clock.now(), time.monotonic()
        try:
            if recheck:
                await recheck_plans(service, wall)
            recheck = False
            wait = (await run_tick(service, wall)).wait
        except FeedmillError as error:
            log.error("the schedule stands still for a moment", error=str(error), exc_info=not isinstance(error, ConfigError))
            wait = _PAUSE
        if wait > 0:
            await service.bells.schedule.wait(wait)
        # Only a clock that was set back leaves feeds planned for a time that is far off.
        recheck = recheck or (clock.now() - wall) / MICROSECONDS < time.monotonic() - steady - _SET_BACK


async def run_tick(service: Service, now: int) -> Tick:
    """Learn what became of runs, and ask for those that are due at `now`, in microseconds, at most so many at once."""
    async with service.store.reading() as reader:
        due, behind = await next_due(reader), await is_behind(reader, MARK)
    tick = Tick(0, LONGEST_SLEEP)
    if behind or (due is not None and due <= now):
        async with service.store.writing() as writer:
            alerted = await _learn(service, writer, now)
            asked, told = await _ask(service, writer, now)
            due, behind = await next_due(writer), await is_behind(writer, MARK)
        tick = Tick(asked, LONGEST_SLEEP, alerted or told)
    if tick.asked:
        service.bells.jobs.ring()
    if tick.alerted:
        service.bells.alerts.ring()
    wait = 0.0 if behind else LONGEST_SLEEP if due is None else min(max((due - now) / MICROSECONDS, 0.0), LONGEST_SLEEP)
    return replace(tick, wait=wait)


async def recheck_plans(service: Service, now: int) -> None:
    """Bring forward what is planned for later than its schedule says: by a clock that ran ahead, or under other settings."""
    settings, last = service.settings.scheduler, 0
    while True:
        async with service.store.writing() as writer:
            feeds = await planned_feeds(writer, now, last, most=_RECHECKED)
            earlier = await to_thread.run_sync(plan_earlier, feeds, settings, now)
            if earlier:
                await write_plans(writer, earlier)
        if len(feeds) < _RECHECKED:
            return
        last = feeds[-1].id


async def _learn(service: Service, writer: Writer, now: int) -> bool:
    """Count what failed and what did not since the last tick; return whether a feed was paused, which raises an alert."""
    outcomes = await read_outcomes(writer, await read_mark(writer, MARK))
    if not outcomes:
        return False
    telling = [outcome for outcome in outcomes if outcome.kind == "sync" and outcome.status in ("error", "complete", "held")]
    before = await chosen_feeds(writer, {outcome.feed for outcome in telling})
    after = await to_thread.run_sync(_outcome_plans, before, telling, service.settings.scheduler, now)
    changed = [feed for feed in after.values() if feed != before[feed.id]]
    if changed:
        await write_plans(writer, changed)
    await write_mark(writer, MARK, outcomes[-1].id)
    paused = [feed for feed in changed if feed.paused_at is not None and before[feed.id].paused_at is None]
    resumed = [feed for feed in changed if feed.paused_at is None and before[feed.id].paused_at is not None]
    if resumed:
        await resolve_alerts(writer, [f"feed:{feed.id}:paused" for feed in resumed], now=now)
    for feed in paused:
        message = (
            f"the schedule no longer fetches it: {feed.pause_reason}. Cure the cause, then fetch it once by hand or set"
            " enabled to true; a fetch that succeeds ends the pause"
        )
        await raise_alert(writer, key=f"feed:{feed.id}:paused", kind="paused", feed=feed.id, message=message, now=now)
    return bool(paused)


def _outcome_plans(
    feeds: dict[int, ScheduledFeed], outcomes: Sequence[RunOutcome], settings: Scheduler, now: int
) -> dict[int, ScheduledFeed]:
    after = dict(feeds)
    for outcome in outcomes:
        feed = after.get(outcome.feed)
        if feed is None:
            continue
        try:
            if outcome.status == "error":
                after[feed.id] = after_failure(feed, settings, now, reason=outcome.reason, retry_after=outcome.retry_after)
            else:
                after[feed.id] = after_success(feed, settings, now)
        except ConfigError:
            # A schedule that says nothing: planning the feed tells so, see `_ask`.
            after[feed.id] = replace(feed, due=0)
    return after


async def _ask(service: Service, writer: Writer, now: int) -> tuple[int, bool]:
    """Ask for the runs that are due, move their feeds on, and return how many it asked for, and whether it raised an alert."""
    settings, begun = service.settings.scheduler, time.monotonic()
    feeds = await due_feeds(writer, now, most=BATCH)
    if not feeds:
        return 0, False
    planned, wrong = await to_thread.run_sync(_plan_all, feeds, settings, now)
    turns = _Turns(int(settings.supplier_interval * MICROSECONDS), await _suppliers(writer, feeds, settings, now))
    moved: list[ScheduledFeed] = []
    asked = 0
    for feed in feeds:
        if asked and time.monotonic() - begun > PATIENCE:
            break
        after = planned[feed.id]
        if feed.due and not feed.under_way and after.due is not None:
            earliest = turns.take(feed, await _earliest(writer, feed, now), now)
            if earliest > now:
                after = replace(feed, due=earliest)
            else:
                asked += await _enqueue(writer, feed)
        moved.append(after)
    await write_plans(writer, moved)
    told = {feed.id: wrong[feed.id] for feed in moved if feed.id in wrong}
    await _tell_plans(writer, [feed for feed in feeds[: len(moved)] if feed.due == 0 and feed.id not in wrong], told, now)
    return asked, bool(told)


@dataclass(frozen=True, slots=True)
class _Turns:
    """From when on each supplier may be asked again, in microseconds, when each fetch keeps the next one away for `interval`."""

    interval: int
    earliest: dict[int, int]

    def take(self, feed: ScheduledFeed, own: int, now: int) -> int:
        """Return the earliest moment for a feed that may itself be fetched from `own` on; the next one of its supplier comes after."""
        supplier = self.earliest.get(feed.provider, 0)
        if own <= now and self.interval:
            self.earliest[feed.provider] = max(supplier, now) + self.interval
        return max(own, supplier)


async def _enqueue(writer: Writer, feed: ScheduledFeed) -> bool:
    try:
        await enqueue_run(writer, feed.id, trigger="schedule")
    except UnderWay:
        return False
    return True


def _plan_all(feeds: Iterable[ScheduledFeed], settings: Scheduler, now: int) -> tuple[dict[int, ScheduledFeed], dict[int, str]]:
    """Return feeds with the moments at which they are next due, and what is wrong with those whose schedules say nothing."""
    planned, wrong = {}, {}
    for feed in feeds:
        # Whoever ended the pause of a feed gives it a new start.
        fresh = replace(feed, failures=0) if feed.paused_at is None and feed.failures >= settings.pause_after else feed
        try:
            planned[feed.id] = replace(fresh, due=plan(fresh, settings, now))
        except ConfigError as error:
            planned[feed.id], wrong[feed.id] = replace(fresh, due=None), str(error)
    return planned, wrong


async def _suppliers(writer: Writer, feeds: Iterable[ScheduledFeed], settings: Scheduler, now: int) -> dict[int, int]:
    """Return from when on each supplier may be asked again."""
    interval = int(settings.supplier_interval * MICROSECONDS)
    if not interval:
        return {}
    asked = await suppliers_asked(writer, (feed.provider for feed in feeds))
    # A moment in the future is a clock that was set back: it keeps nobody waiting.
    return {provider: moment + interval for provider, moment in asked.items() if moment <= now}


async def _earliest(writer: Writer, feed: ScheduledFeed, now: int) -> int:
    if not feed.min_interval:
        return 0
    asked = await last_asked(writer, feed.id)
    return 0 if asked is None or asked > now else asked + int(feed.min_interval * MICROSECONDS)


async def _tell_plans(writer: Writer, anew: Sequence[ScheduledFeed], wrong: dict[int, str], now: int) -> None:
    """Raise an alert for each schedule that says nothing; end those of feeds that were planned anew."""
    keys = [f"feed:{feed.id}:{kind}" for feed in anew if feed.paused_at is None for kind in ("schedule", "paused")]
    if keys:
        await resolve_alerts(writer, keys, now=now)
    for number, message in wrong.items():
        await raise_alert(
            writer, key=f"feed:{number}:schedule", kind="schedule", feed=number, message=f"it is not fetched by itself: {message}", now=now
        )
