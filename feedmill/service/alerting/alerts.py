"""Alerts: tell a person, once for each problem, what needs one: by a webhook of the operator's, by mail, or both.

They are raised in the transaction that learns of the problem, and told from there, at least once: what cannot be told now is
tried again, ever more rarely, until it has been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from anyio import CapacityLimiter, create_task_group

from engine.errors import FeedmillError
from feedmill.service.alerting.telling import Telling, ways
from feedmill.service.scheduling.scheduler import MARK as SCHEDULED
from sinks.sqlite import clock
from sinks.sqlite.service.alerts import (
    Alert,
    forget_alerts,
    next_attempt,
    note_failed,
    note_sent,
    raise_alert,
    read_due,
    resolve_alerts,
    resolve_alerts_of,
)
from sinks.sqlite.service.events import is_behind, prune_events, read_mark, read_outcomes, write_mark
from sinks.sqlite.service.schedules import chosen_feeds

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.service.events import RunOutcome

MARK: Final = "alerts.events"
READERS: Final = (MARK, SCHEDULED)
"""The marks of those who read what became of runs."""

POISON: Final = "poison"
"""The code of the problem of a run that took its worker with it too often."""

_MICROSECONDS: Final = 1_000_000
_DAY: Final = 86_400 * _MICROSECONDS
_LOOK: Final = 5.0
_TOLD_AT_ONCE: Final = 20
_CONCURRENT: Final = 4
_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 3600.0


async def run_alerts(service: Service) -> None:
    """Raise and tell alerts until cancelled."""
    log = structlog.get_logger("feedmill.alerts")
    telling = ways(service.settings.alerts, service.egress)
    cleaned = 0
    while True:
        now = clock.now()
        try:
            if now - cleaned > _DAY:
                await _forget(service, now)
                cleaned = now
            more = await raise_alerts(service, now)
            more = await tell_alerts(service, telling, now) or more
        except* FeedmillError as errors:
            log.error("alerts wait for a moment", error=str(errors.exceptions[0]), exc_info=errors)
            more = False
        if not more:
            await service.bells.alerts.wait(_LOOK)


async def _forget(service: Service, now: int) -> None:
    """Delete what was resolved long ago, and what became of runs where everybody knows; in short transactions."""
    async with service.store.writing() as writer:
        await forget_alerts(writer, now=now)
    more = True
    while more:
        async with service.store.writing() as writer:
            more = await prune_events(writer, READERS, now=now)


async def raise_alerts(service: Service, now: int) -> bool:
    """Raise alerts for what became of runs, and end those whose problem is gone; return whether there is more to look at."""
    async with service.store.reading() as reader:
        if not await is_behind(reader, MARK):
            return False
    async with service.store.writing() as writer:
        outcomes = await read_outcomes(writer, await read_mark(writer, MARK))
        known = await chosen_feeds(writer, {outcome.feed for outcome in outcomes})
        for outcome in outcomes:
            # What became of a feed that is gone is nobody's problem any more.
            if outcome.feed in known:
                await _take(writer, outcome, now)
        if outcomes:
            await write_mark(writer, MARK, outcomes[-1].id)
    return bool(outcomes)


async def tell_alerts(service: Service, telling: Mapping[str, Telling], now: int) -> bool:
    """Tell what is due to be told by each way that there is for it; return whether more is due."""
    async with service.store.reading() as reader:
        moment = await next_attempt(reader)
        due = [] if moment is None or moment > now else await read_due(reader, now, most=_TOLD_AT_ONCE)
    limiter = CapacityLimiter(_CONCURRENT)
    async with create_task_group() as group:
        for alert in due:
            group.start_soon(_tell, service, telling, alert, limiter)
    return len(due) == _TOLD_AT_ONCE


async def _take(writer: Writer, outcome: RunOutcome, now: int) -> None:
    """Raise or end the alerts that one outcome speaks of."""
    run, feed = outcome.run, outcome.feed
    if outcome.status == "held":
        reasons = "; ".join(problem.message for problem in outcome.problems if problem.code in ("held", "review"))
        message = f"run {run} waits for a decision: {reasons}. The last good state stays until it is approved or rejected"
        await raise_alert(writer, key=f"run:{run}:held", kind="held", feed=feed, run=run, message=message, now=now)
        await resolve_alerts_of(writer, feed, ("failing", "poison"), now=now)
        return
    # Whatever else becomes of a run that was held, it waits no more.
    await resolve_alerts(writer, [f"run:{run}:held"], now=now)
    if outcome.kind != "sync":
        return
    if outcome.status == "error":
        await _take_error(writer, outcome, now)
    elif outcome.status == "complete":
        await resolve_alerts_of(writer, feed, ("failing", "poison"), now=now)
        today = f"feed:{feed}:limited:{clock.moment(outcome.at):%Y-%m-%d}"
        if outcome.limited:
            message = f"run {run} left out {outcome.limited} items: the daily limit is reached. The next run after midnight UTC takes them"
            await raise_alert(writer, key=today, kind="limited", feed=feed, run=run, message=message, now=now)
        await resolve_alerts_of(writer, feed, ("limited",), now=now, but=today if outcome.limited else "")


async def _take_error(writer: Writer, outcome: RunOutcome, now: int) -> None:
    run, feed = outcome.run, outcome.feed
    if outcome.has(POISON):
        message = f"run {run} took its worker with it again and again, and is not tried any more: {outcome.reason}. Look into the log"
        await raise_alert(writer, key=f"run:{run}:poison", kind="poison", feed=feed, run=run, message=message, now=now)
        return
    message = (
        f"run {run} failed: {outcome.reason or 'nobody knows why'}. Nothing of it was applied, the last good state stays."
        " Cure the source or the settings of the feed, or wait for its next run"
    )
    await raise_alert(writer, key=f"feed:{feed}:failing", kind="failing", feed=feed, run=run, message=message, now=now)


async def _tell(service: Service, telling: Mapping[str, Telling], alert: Alert, limiter: CapacityLimiter) -> None:
    async with limiter:
        delivered, failed, wait = [name for name in alert.delivered if name in telling], dict[str, str](), backoff(alert.attempts)
        chosen = {name: way for name, way in telling.items() if way.is_for(alert)}
        for name, way in chosen.items():
            if name in alert.delivered:
                continue
            try:
                await way.tell(alert)
                delivered.append(name)
            except FeedmillError as error:
                failed[name] = str(error)
                wait = max(wait, min(getattr(error, "retry_after", None) or 0.0, _LONGEST_WAIT))
        await _note(service, alert, delivered, failed, wait)


async def _note(service: Service, alert: Alert, delivered: Sequence[str], failed: Mapping[str, str], wait: float) -> None:
    log = structlog.get_logger("feedmill.alerts")
    now = clock.now()
    async with service.store.writing() as writer:
        if failed:
            told = "; ".join(f"{name}: {error}" for name, error in failed.items())
            await note_failed(writer, alert.id, delivered, told, again=now + int(wait * _MICROSECONDS), now=now)
        else:
            await note_sent(writer, alert.id, delivered, now=now)
    if failed:
        log.error("an alert could not be told", alert=alert.key, **failed)
    if not alert.attempts:
        log.warning("alert", alert=alert.key, feed=alert.feed_name, run=alert.run, what=alert.message, told=list(delivered))


def backoff(attempts: int) -> float:
    """Return for how many seconds an alert waits that could not be told so often before."""
    return min(_FIRST_WAIT * 2.0 ** min(attempts, 20), _LONGEST_WAIT)
