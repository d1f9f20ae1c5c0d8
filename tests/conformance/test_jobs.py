"""The built-in keeper of jobs keeps every promise of the job port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from engine.errors import Retry
from engine.scheduling.jobs import ClaimedJob, Jobs, NewJob
from feedmill.service.context import Bell
from plugins.conformance.jobs import CHECKS, JobsCase, JobsCheck
from sinks.sqlite import clock
from sinks.sqlite.service.jobs import SqliteJobs
from sinks.sqlite.service.store import open_store


@pytest.fixture
def case(tmp_path: Path) -> JobsCase:
    """Return an empty database."""

    @asynccontextmanager
    async def open_jobs(owner: str) -> AsyncIterator[Jobs]:
        async with open_store(f"sqlite:///{tmp_path}/shop.db") as store:
            yield SqliteJobs(store, owner, Bell())

    return JobsCase(open_jobs)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
async def test_jobs_conform(check: JobsCheck, case: JobsCase) -> None:
    """Every check of the published kit holds for jobs in SQLite."""
    done: Awaitable[None] = check(case)
    await done


async def test_a_clock_that_is_set_back_keeps_no_job_waiting(case: JobsCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored, or let go, by a clock that ran ahead is done at once, not when that time comes; a delay stays one."""
    done: list[str | None] = []

    async def handle(job: ClaimedJob) -> None:
        if job.attempt == 1 and job.key == "let go":
            raise Retry("busy", retry_after=120.0)
        done.append(job.key)

    async def until(count: int) -> None:
        with anyio.fail_after(20):
            while len(done) < count:
                await anyio.sleep(0.005)

    ahead = clock.now() + 7_200_000_000
    async with case.open("one") as jobs, anyio.create_task_group() as group:
        run = partial(jobs.run, ("run",), handle, slots=1)
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now", lambda: ahead)
            await jobs.enqueue([NewJob("run", key="let go"), NewJob("run", key="first")])
            group.start_soon(run)
            await until(1)
            await jobs.enqueue([NewJob("run", key="delayed", delay=60.0)])
            while (await jobs.stats()).running:
                await anyio.sleep(0.005)
        await jobs.enqueue([NewJob("run", key="now"), NewJob("run", key="to come", delay=60.0)])
        await until(4)
        group.cancel_scope.cancel()
    assert (done[0], sorted(map(str, done[1:]))) == ("first", ["delayed", "let go", "now"])


async def test_jobs_are_gone_on_with_by_whoever_begins_again(case: JobsCase) -> None:
    """What a loop had in work that an error ended is done by the next one of the same process."""
    done: list[str | None] = []

    async def handle(job: ClaimedJob) -> None:
        done.append(job.key)

    async with case.open("one") as jobs, case.open("one") as again, anyio.create_task_group() as group:
        await jobs.enqueue([NewJob("run", key="k")])
        with pytest.raises(ExceptionGroup):
            await jobs.run(("run",), _fail, slots=1)
        group.start_soon(partial(again.run, ("run",), handle, slots=1))
        with anyio.fail_after(20):
            while not done:
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()


async def _fail(job: ClaimedJob) -> None:
    raise OSError(job.key)
