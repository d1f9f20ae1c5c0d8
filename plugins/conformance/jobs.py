"""What every keeper of jobs must do, one function a rule. Run each check of `CHECKS` over a fresh, empty `JobsCase` of your own.

::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_jobs(check, tmp_path):
        await check(JobsCase(lambda owner: open_mine(f"mine://{tmp_path}/jobs", owner)))

A check raises `AssertionError` that says what was seen instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio

from engine.errors import RefuseRun, Retry
from engine.scheduling.jobs import ClaimedJob, Handle, Jobs, NewJob

PATIENCE: Final = 20.0
"""Seconds within which a job that may run has to."""


@dataclass(frozen=True, slots=True)
class JobsCase:
    """A place without jobs. `open` opens it as the process of that name; several may have it open at once."""

    open: Callable[[str], AbstractAsyncContextManager[Jobs]]


JobsCheck: TypeAlias = Callable[[JobsCase], Awaitable[None]]


def require(holds: bool, otherwise: str) -> None:
    """Raise `AssertionError` unless it holds."""
    if not holds:
        raise AssertionError(otherwise)


@dataclass(slots=True)
class _Seen:
    """Jobs that were done, in order, and those in work; a handler of `held` jobs waits until it is let go."""

    done: list[ClaimedJob] = field(default_factory=list)
    begun: list[ClaimedJob] = field(default_factory=list)
    most: int = 0
    _at_work: int = 0
    go: anyio.Event = field(default_factory=anyio.Event)

    async def do(self, job: ClaimedJob) -> None:
        self.begun.append(job)
        self.done.append(job)

    async def hold(self, job: ClaimedJob) -> None:
        self.begun.append(job)
        self._at_work += 1
        self.most = max(self.most, self._at_work)
        try:
            await self.go.wait()
        finally:
            self._at_work -= 1
        self.done.append(job)


@asynccontextmanager
async def _running(jobs: Jobs, handle: Handle, *, slots: int = 1, kinds: tuple[str, ...] = ("run",)) -> AsyncIterator[None]:
    async def run() -> None:
        await jobs.run(kinds, handle, slots=slots)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            yield
            group.cancel_scope.cancel()


async def _until(holds: Callable[[], bool]) -> None:
    while True:
        if holds():
            return
        await anyio.sleep(0.005)


async def _until_empty(jobs: Jobs) -> None:
    while True:
        stats = await jobs.stats()
        if not any(stats.waiting.values()) and not any(stats.running.values()):
            return
        await anyio.sleep(0.005)


async def _until_taken(jobs: Jobs, job: NewJob) -> None:
    while True:
        if (await jobs.enqueue([job]))[0] is not None:
            return
        await anyio.sleep(0.005)


async def _until_none_runs(jobs: Jobs) -> None:
    while True:
        if not (await jobs.stats()).running:
            return
        await anyio.sleep(0.005)


async def keeps_jobs_over_reopening(case: JobsCase) -> None:
    """What `enqueue` returned the id of is there for the next process, with its payload and key, and is done once."""
    async with case.open("one") as jobs:
        ids = await jobs.enqueue([NewJob("run", {"feed": 7, "deep": {"list": [1, "é", None]}}, "k")])
    seen = _Seen()
    async with case.open("two") as jobs, _running(jobs, seen.do):
        await _until_empty(jobs)
    expected = ClaimedJob(ids[0] or 0, "run", {"feed": 7, "deep": {"list": [1, "é", None]}}, "k", 1)
    require(seen.done == [expected], f"expected {expected}, got {seen.done}")


async def has_one_job_of_a_key(case: JobsCase) -> None:
    """A key whose job waits, or runs, takes no other; once it is done it does. Jobs without a key never meet."""
    seen = _Seen()
    async with case.open("one") as jobs:
        first, second, *others = await jobs.enqueue([NewJob("run", key="k"), NewJob("run", key="k"), NewJob("later"), NewJob("later")])
        require(first is not None and second is None, f"of two jobs of a key got {first} and {second}")
        require(None not in others and len(set(others)) == 2, f"of two jobs without a key got {others}")
        async with _running(jobs, seen.hold):
            await _until(lambda: len(seen.begun) == 1)
            require(list(await jobs.enqueue([NewJob("run", key="k")])) == [None], "a key whose job runs took another")
            seen.go.set()
            await _until(lambda: len(seen.done) == 1)
            await _until_taken(jobs, NewJob("run", key="k"))
            await _until(lambda: len(seen.done) == 2)


async def does_the_oldest_first(case: JobsCase) -> None:
    """Jobs of the kinds that were asked for, and no other, begin in the order in which they were stored."""
    seen = _Seen()
    async with case.open("one") as jobs:
        for number in range(5):
            await jobs.enqueue([NewJob("other"), NewJob("run", {"number": number})])
        async with _running(jobs, seen.do):
            await _until(lambda: len(seen.done) == 5)
        stats = await jobs.stats()
    require([job.payload["number"] for job in seen.done] == list(range(5)), f"not in order: {seen.done}")
    require(dict(stats.waiting) == {"other": 5}, f"expected 5 of the other kind to wait, got {stats}")


async def does_as_many_at_once_as_there_are_slots(case: JobsCase) -> None:
    """Of five jobs two run at once where there are two slots."""
    seen = _Seen()
    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run") for _ in range(5)])
        async with _running(jobs, seen.hold, slots=2):
            await _until(lambda: len(seen.begun) == 2)
            stats = await jobs.stats()
            seen.go.set()
            await _until(lambda: len(seen.done) == 5)
    require((dict(stats.running), dict(stats.waiting)) == ({"run": 2}, {"run": 3}), f"expected 2 running and 3 waiting, got {stats}")
    require(seen.most <= 2, f"{seen.most} jobs ran at once in two slots")


async def waits_for_the_delay(case: JobsCase) -> None:
    """A job that is delayed lets those pass that may run, and comes once its time has come, though nobody rings."""
    seen = _Seen()
    async with case.open("one") as jobs:
        begun = anyio.current_time()
        await jobs.enqueue([NewJob("run", {"n": 1}, delay=0.2), NewJob("run", {"n": 2})])
        async with _running(jobs, seen.do):
            await _until(lambda: len(seen.done) == 2)
            waited = anyio.current_time() - begun
    require([job.payload["n"] for job in seen.done] == [2, 1], f"not the delayed one last: {seen.done}")
    require(waited >= 0.19, f"a job that was to wait 0.2 s came after {waited:.3f} s")


async def brings_back_what_is_to_be_tried_again(case: JobsCase) -> None:
    """A handler that raises `Retry` gets its job again, with the next attempt, and not before `retry_after`."""
    attempts: list[tuple[int, float]] = []

    async def handle(job: ClaimedJob) -> None:
        attempts.append((job.attempt, anyio.current_time()))
        if job.attempt < 3:
            raise Retry("busy", retry_after=0.1)

    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run", key="k")])
        async with _running(jobs, handle):
            await _until(lambda: len(attempts) == 3)
            await _until_empty(jobs)
    require([attempt for attempt, _ in attempts] == [1, 2, 3], f"expected attempts 1, 2 and 3, got {attempts}")
    require(attempts[1][1] - attempts[0][1] >= 0.09, "a job came back before it was to")


async def ends_what_fails(case: JobsCase) -> None:
    """A handler that raises any other error has its job once, and the next one is done."""
    seen = _Seen()

    async def handle(job: ClaimedJob) -> None:
        await seen.do(job)
        raise RefuseRun("broken")

    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run"), NewJob("run")])
        async with _running(jobs, handle):
            await _until_empty(jobs)
    require([job.attempt for job in seen.done] == [1, 1], f"expected two jobs once each, got {seen.done}")


async def takes_away_what_waits(case: JobsCase) -> None:
    """`cancel` takes a waiting job of that key away, and says whether there was one."""
    seen = _Seen()
    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run", {"n": 1}, "k"), NewJob("run", {"n": 2}, "other")])
        require(await jobs.cancel("k"), "a job that waits was not found")
        require(not await jobs.cancel("k"), "a job that was taken away was found again")
        async with _running(jobs, seen.do):
            await _until_empty(jobs)
    require([job.payload["n"] for job in seen.done] == [2], f"expected the other one alone, got {seen.done}")


async def cancels_what_runs(case: JobsCase) -> None:
    """`cancel` breaks off the handler of a job that runs here; the job is gone, and its slot is free."""
    seen = _Seen()
    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run", {"n": 1}, "k")])
        async with _running(jobs, seen.hold):
            await _until(lambda: len(seen.begun) == 1)
            require(await jobs.cancel("k"), "a job that runs was not found")
            await _until_empty(jobs)
            seen.go.set()
            await jobs.enqueue([NewJob("run", {"n": 2}, "k")])
            await _until(lambda: len(seen.done) == 1)
    require([job.payload["n"] for job in seen.done] == [2], f"a job went on that was cancelled: {seen.done}")


async def lets_wait_again_what_was_cut_off(case: JobsCase) -> None:
    """A job in work when `run` is cancelled waits again at once, and that attempt does not count."""
    seen, again = _Seen(), _Seen()
    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run", key="k")])
        async with _running(jobs, seen.hold):
            await _until(lambda: len(seen.begun) == 1)
        stats = await jobs.stats()
        require((dict(stats.waiting), dict(stats.running)) == ({"run": 1}, {}), f"expected one to wait and none to run, got {stats}")
        async with _running(jobs, again.do):
            await _until_empty(jobs)
    require([job.attempt for job in again.done] == [1], f"expected the first attempt again, got {again.done}")


async def requeues_what_a_dead_owner_had(case: JobsCase) -> None:
    """Another process lets what an owner had in work wait again; were that one alive, its end would take nothing away."""
    seen, again = _Seen(), _Seen()
    async with case.open("one") as old, case.open("two") as new:
        await old.enqueue([NewJob("run", key="k")])
        async with _running(old, seen.hold):
            await _until(lambda: len(seen.begun) == 1)
            require(await old.requeue() == 0, "a process took its own job for one of a dead owner")
            require(await new.requeue("three") == 0, "the job of another owner was let go")
            require(await new.requeue() == 1, "the job of a dead owner was not let go")
            async with _running(new, again.hold):
                await _until(lambda: len(again.begun) == 1)
                seen.go.set()
                await _until(lambda: len(seen.done) == 1)
                await old.enqueue([NewJob("other")])
                running = (await new.stats()).running
                again.go.set()
                await _until(lambda: len(again.done) == 1)
                await _until_none_runs(new)
    require(dict(running) == {"run": 1}, f"the end of the dead owner's attempt took the job away: {running}")
    require([job.attempt for job in again.done] == [2], f"expected the second attempt, got {again.done}")


async def reconciles_with_the_tables(case: JobsCase) -> None:
    """`reconcile` stores the jobs whose keys nobody has, and returns how many; it changes none that is there."""
    seen = _Seen()
    async with case.open("one") as jobs:
        await jobs.enqueue([NewJob("run", {"n": 1}, "a")])
        wanted = [NewJob("run", {"n": 10}, "a"), NewJob("run", {"n": 2}, "b")]
        first, second = await jobs.reconcile(wanted), await jobs.reconcile(wanted)
        require((first, second) == (1, 0), f"expected 1 and then 0 to be stored, got {first} and {second}")
        require(await jobs.reconcile([]) == 0, "something was stored of nothing")
        async with _running(jobs, seen.do):
            await _until_empty(jobs)
    require([job.payload["n"] for job in seen.done] == [1, 2], f"expected jobs 1 and 2, got {seen.done}")


async def counts_what_waits(case: JobsCase) -> None:
    """`stats` tells by kind what waits, delayed jobs too, and how long the longest of those that could run has waited."""
    async with case.open("one") as jobs:
        require((await jobs.stats()).oldest == 0.0, "where nothing waits something is old")
        await jobs.enqueue([NewJob("run", delay=3600.0), NewJob("other", delay=3600.0), NewJob("other", delay=3600.0)])
        stats = await jobs.stats()
        require(dict(stats.waiting) == {"run": 1, "other": 2}, f"expected 1 run and 2 others to wait, got {stats}")
        require(stats.oldest == 0.0, f"what may not run yet is called old: {stats.oldest}")
        await jobs.enqueue([NewJob("run")])
        await anyio.sleep(0.02)
        oldest = (await jobs.stats()).oldest
    require(0.02 <= oldest < PATIENCE, f"a job that waits for 0.02 s is called {oldest:.3f} s old")


CHECKS: Final[tuple[JobsCheck, ...]] = (
    keeps_jobs_over_reopening,
    has_one_job_of_a_key,
    does_the_oldest_first,
    does_as_many_at_once_as_there_are_slots,
    waits_for_the_delay,
    brings_back_what_is_to_be_tried_again,
    ends_what_fails,
    takes_away_what_waits,
    cancels_what_runs,
    lets_wait_again_what_was_cut_off,
    requeues_what_a_dead_owner_had,
    reconciles_with_the_tables,
    counts_what_waits,
)
