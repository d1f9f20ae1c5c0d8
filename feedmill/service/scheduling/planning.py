"""When a feed is due next, after what became of its last run: pure, and in microseconds, as the tables have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from engine.scheduling.calendar import Schedule, back_off, delay_of, next_fetch, schedule_of
from sinks.sqlite import clock

if TYPE_CHECKING:
    from feedmill.service.settings import Scheduler
    from sinks.sqlite.service.schedules import ScheduledFeed

MICROSECONDS: Final = 1_000_000
LONGEST_WISH: Final = 86_400.0
"""A supplier that asks to be left alone for longer than a day is asked after a day."""


def plan(feed: ScheduledFeed, settings: Scheduler, now: int) -> int | None:
    """Return when a feed is due next, later than `now`; None where the schedule does not fetch it, or only in thousands of years.

    Raises `ConfigError` for a schedule that says nothing.
    """
    schedule = _schedule(feed)
    if schedule is None:
        return None
    return _stored(back_off(schedule, clock.moment(now), feed.failures, delay=_delay(feed, schedule, settings)))


def after_success(feed: ScheduledFeed, settings: Scheduler, now: int) -> ScheduledFeed:
    """Return a feed after a run that was applied or held: it has not failed, and is paused no longer. Raises `ConfigError` as `plan`."""
    if not feed.failures and feed.paused_at is None:
        return feed
    fresh = replace(feed, failures=0, paused_at=None)
    if feed.due == 0:
        return fresh
    return replace(fresh, due=plan(fresh, settings, now))


def after_failure(feed: ScheduledFeed, settings: Scheduler, now: int, *, reason: str, retry_after: float | None = None) -> ScheduledFeed:
    """Return a feed after a run that failed: it waits longer from failure to failure, and in the end is paused.

    It waits for `retry_after` seconds, too, where the supplier said so. Raises `ConfigError` as `plan` does.
    """
    failed = replace(feed, failures=feed.failures + 1)
    # One that is to be planned anew was changed by a person since it began: planning it counts the failure.
    if not feed.fetched or feed.due == 0:
        return failed
    if failed.failures >= settings.pause_after:
        why = f"{failed.failures} runs in a row failed, the last one: {reason or 'for a reason that is not known'}"
        return replace(failed, due=None, paused_at=now, pause_reason=why)
    due = plan(failed, settings, now)
    schedule = _schedule(failed)
    if retry_after is not None and schedule is not None and due is not None:
        wished = clock.moment(now) + timedelta(seconds=min(max(retry_after, 0.0), LONGEST_WISH))
        later = _stored(next_fetch(schedule, wished, delay=_delay(failed, schedule, settings)))
        due = max(due, later or due)
    return replace(failed, due=due)


def plan_earlier(feeds: Iterable[ScheduledFeed], settings: Scheduler, now: int) -> list[ScheduledFeed]:
    """Return, as they should be planned, the feeds whose schedules say an earlier moment than they are planned for.

    One that failed may wait because the supplier asked for it; so long it is left alone.
    """
    earlier = []
    for feed in feeds:
        try:
            due = plan(feed, settings, now)
        except ConfigError:
            due = 0
        patience = int(LONGEST_WISH * MICROSECONDS) if feed.failures else 0
        if feed.due is not None and (due is None or due + patience < feed.due):
            earlier.append(replace(feed, due=due))
    return earlier


def _schedule(feed: ScheduledFeed) -> Schedule | None:
    return schedule_of(feed.frequency, feed.schedule, feed.timezone) if feed.fetched else None


def _delay(feed: ScheduledFeed, schedule: Schedule, settings: Scheduler) -> timedelta:
    return delay_of(schedule, feed.frequency, feed.id, jitter=settings.jitter)


def _stored(moment: datetime | None) -> int | None:
    return None if moment is None else clock.microseconds(moment)
