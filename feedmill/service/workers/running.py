"""The loop that has runs done: jobs from the store to workers, and back in order whatever died meanwhile."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import structlog
from anyio import CancelScope, get_cancelled_exc_class

from engine.errors import FeedmillError, Retry, UnderWay
from engine.run import Problem
from feedmill.service.workers.messages import WorkerDied
from sinks.sqlite import clock
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.service.runs import (
    JOB_KIND,
    awaits_batches,
    end_undecided,
    list_left_feeds,
    list_unfinished,
    put_back,
    read_asked_run,
)

if TYPE_CHECKING:
    from engine.scheduling.jobs import ClaimedJob
    from feedmill.service.context import Service
    from feedmill.service.workers.lane import Lane
    from sinks.sqlite.service.runs import AskedRun

RECONCILE_SECONDS: Final = 60.0
BATCHES_SECONDS: Final = 0.5
LONGEST_WAIT: Final = 300.0
"""Seconds after which, at the latest, another worker tries to finish what is decided, however many it has killed."""


async def run_jobs(service: Service) -> None:
    """Have every run done that is asked for, `workers.count` at once, until cancelled or stopping."""
    await service.jobs.requeue()
    async with anyio.create_task_group() as group:
        group.start_soon(_stop, service, group.cancel_scope)
        group.start_soon(_reconcile, service)
        await service.jobs.run((JOB_KIND,), partial(_do, service), slots=service.settings.workers.count)


async def _stop(service: Service, scope: CancelScope) -> None:
    """Break runs off as soon as the service is told to stop: their grace is the one that calls have too, not another one after it."""
    while not service.stopping:
        await service.bells.stop.wait(LONGEST_WAIT)
    scope.cancel()


async def _do(service: Service, job: ClaimedJob) -> None:
    """Have one run done. Raises `Retry` when the worker died or the feed is in work elsewhere: it comes back."""
    run = int(str(job.payload["run"]))
    if service.stopping:
        # Nothing is begun any more: the job waits again, uncounted, when this loop is cancelled.
        await anyio.sleep_forever()
    asked = await _admit(service, run)
    if asked is None:
        return
    try:
        async with service.workers.lane() as lane:
            await _call(service, lane, asked)
    except WorkerDied as error:
        wait = error.retry_after or 0.0
        raise Retry(str(error), retry_after=min(wait * 2 ** min(job.attempt - 1, 16), LONGEST_WAIT)) from None
    finally:
        for bell in (service.bells.schedule, service.bells.outbox, service.bells.alerts):
            bell.ring()


async def _call(service: Service, lane: Lane, asked: AskedRun) -> None:
    try:
        with service.live.following(asked.number) as tell:
            await lane.call("run", {"run": asked.number}, tell)
    except get_cancelled_exc_class():
        # One that was killed because its grace was over did not die of its run, and could not say so itself.
        with CancelScope(shield=True), suppress(FeedmillError):
            async with service.store.writing() as writer:
                await put_back(writer, asked)
        raise


async def _admit(service: Service, run: int) -> AskedRun | None:
    """Return a run that is to be done, None for one that is not; one that took so many workers with it ends instead.

    So does one that is not wanted any more: a stock that somebody wants to keep out must not come because it was in a queue.

    One that is decided is tried for ever: it can only be completed. Raises `Retry` where batches have to be applied first.
    """
    most = service.settings.workers.max_epochs
    async with service.store.writing() as writer:
        asked = await read_asked_run(writer, run)
        if asked is None or asked.status not in ("pending", "started"):
            return None
        if not (asked.decided or asked.wanted):
            why = "the feed, or its provider, was disabled before it was done; nothing was applied"
            await end_undecided(writer, run, "cancelled", Problem("cancelled", why))
            return None
        if asked.decided:
            return asked
        if asked.deaths < most:
            if await awaits_batches(writer, run, now=clock.now()):
                raise Retry(f"run {run} waits for the batches that came before it", retry_after=BATCHES_SECONDS)
            return asked
        told = f"the run ended its worker {asked.deaths} times, and is not tried again; nothing was applied. See the log for how they ended"
        await end_undecided(writer, run, "error", Problem("poison", told))
    structlog.get_logger("feedmill").error("run ends its workers", run=run, feed=asked.feed_name, deaths=asked.deaths)
    service.bells.alerts.ring()
    return None


async def _reconcile(service: Service) -> None:
    """Bring back, once a minute, the jobs of runs that no job speaks of, and end what the command line left unfinished."""
    while True:
        try:
            async with service.store.reading() as reader:
                unfinished, left = await list_unfinished(reader), await list_left_feeds(reader)
            if found := await service.jobs.reconcile(unfinished):
                structlog.get_logger("feedmill").info("runs without a job", found=found)
            for feed, name in left:
                await _end_left(service, feed, name)
        except (FeedmillError, OSError) as error:
            structlog.get_logger("feedmill").warning("runs could not be reconciled", error=str(error))
        await anyio.sleep(RECONCILE_SECONDS)


async def _end_left(service: Service, feed: int, name: str) -> None:
    """End the runs of a feed whose process is dead, which shows in nobody's holding the feed."""
    try:
        async with service.store.reading() as reader, hold_feed(service.store.database, reader, feed, name):
            await service.store.control.fail_dead(feed)
    except UnderWay:
        return
