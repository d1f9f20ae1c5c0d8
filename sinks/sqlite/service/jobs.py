"""Jobs in a table: claimed by an update of one row, so that two claim never the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import anyio
import orjson
import structlog
from anyio import CancelScope, create_task_group, get_cancelled_exc_class

from engine.errors import FeedmillError, Retry
from engine.scheduling.jobs import ClaimedJob, Handle, JobStats, NewJob
from sinks.sqlite import clock
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.store import Store

T = TypeVar("T")

SECOND: Final = 1_000_000

POLL_SECONDS: Final = 5.0
"""How long a loop that found no job waits for the bell before it looks again: another process may have stored one."""

RETRY_SECONDS: Final = 1.0
"""How long a job waits that asked to come back and did not say when, and whoever met a locked database."""

_DUE: Final = "(available_at <= ?1 OR max(created_at, ifnull(claimed_at, 0)) > ?1)"
"""Whether the time of a job has come. One that was stored, or let go, in the future was so by a clock that has been set back since."""

_CLAIM: Final = (
    "UPDATE main.jobs SET owner = ?2, claimed_at = ?1, attempts = attempts + 1 WHERE id = (SELECT id FROM main.jobs"
    f" WHERE owner IS NULL AND {_DUE} AND kind IN (SELECT value FROM json_each(?3)) ORDER BY available_at, id LIMIT 1)"
    " RETURNING id, kind, payload, dedupe_key, attempts"
)
_NEXT: Final = f"SELECT min(iif({_DUE}, 0, available_at)) FROM main.jobs WHERE owner IS NULL AND kind IN (SELECT value FROM json_each(?2))"
_INSERT: Final = (
    "INSERT INTO main.jobs (kind, dedupe_key, payload, available_at, created_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (dedupe_key) DO NOTHING RETURNING id"
)
_RELEASE: Final = "UPDATE main.jobs SET owner = NULL, claimed_at = ?, available_at = ?, attempts = attempts - ? WHERE id = ? AND owner = ?"
_DONE: Final = "DELETE FROM main.jobs WHERE id = ? AND owner = ?"
_TAKE_AWAY: Final = "DELETE FROM main.jobs WHERE dedupe_key = ? AND owner IS NULL"
_REQUEUE: Final = "UPDATE main.jobs SET owner = NULL, claimed_at = NULL WHERE owner IS NOT NULL AND owner <> ?"
_REQUEUE_OF: Final = "UPDATE main.jobs SET owner = NULL, claimed_at = NULL WHERE owner = ?"
_COUNT: Final = "SELECT kind, owner IS NOT NULL, count(*) FROM main.jobs GROUP BY 1, 2"
_OLDEST: Final = "SELECT min(available_at) FROM main.jobs WHERE owner IS NULL AND available_at <= ?"


class Waking(Protocol):
    """What wakes a loop that waits for jobs."""

    def ring(self) -> None:
        """Wake it, now or when it next waits."""
        ...

    async def wait(self, seconds: float) -> None:
        """Wait for a ring, at most so long."""
        ...


class SqliteJobs:
    """Jobs in the database of a service, see `engine.scheduling.jobs.Jobs`. `owner` names this process, and no other ever."""

    def __init__(self, store: Store, owner: str, bell: Waking) -> None:
        self._store = store
        self._owner = owner
        self._bell = bell
        self._running: dict[str, CancelScope] = {}
        self._log = structlog.get_logger("feedmill")

    async def enqueue(self, jobs: Sequence[NewJob]) -> Sequence[int | None]:
        async with self._store.writing() as writer:
            ids = [await insert_job(writer, job) for job in jobs]
        self._bell.ring()
        return ids

    async def run(self, kinds: Sequence[str], handle: Handle, *, slots: int) -> None:
        free = anyio.Semaphore(slots)
        named = orjson.dumps(list(kinds)).decode()
        if not self._running:
            # Begun again after an error: what this process had in work then, nobody works on.
            await self.requeue(self._owner)
        async with create_task_group() as group:
            while True:
                await free.acquire()
                group.start_soon(self._do, await self._claim(named), handle, free)

    async def cancel(self, key: str) -> bool:
        async with self._store.writing() as writer:
            if await writer.execute(_TAKE_AWAY, key):
                return True
        scope = self._running.get(key)
        if scope is None:
            return False
        scope.cancel()
        return True

    async def stats(self) -> JobStats:
        now = clock.now()
        waiting, running = Counter[str](), Counter[str]()
        async with self._store.reading() as reader:
            for kind, claimed, count in await reader.query(_COUNT):
                (running if claimed else waiting)[str(kind)] = int(str(count))
            ((oldest,),) = await reader.query(_OLDEST, now)
        return JobStats(waiting, running, 0.0 if oldest is None else (now - int(str(oldest))) / SECOND)

    async def requeue(self, owner: str | None = None) -> int:
        count = await self._patiently(lambda: self._requeue(owner))
        self._bell.ring()
        return count

    async def _requeue(self, owner: str | None) -> int:
        async with self._store.writing() as writer:
            return await (writer.execute(_REQUEUE, self._owner) if owner is None else writer.execute(_REQUEUE_OF, owner))

    async def reconcile(self, unfinished: Sequence[NewJob]) -> int:
        return sum(number is not None for number in await self.enqueue(unfinished)) if unfinished else 0

    async def _claim(self, kinds: str) -> ClaimedJob:
        """Wait for a job that may run, and take it."""
        while True:
            job, wait = await self._patiently(lambda: self._try_to_claim(kinds))
            if job is not None:
                return job
            await self._bell.wait(wait)

    async def _try_to_claim(self, kinds: str) -> tuple[ClaimedJob | None, float]:
        # Looked for first without the write lock: an idle server writes nothing.
        now = clock.now()
        async with self._store.reading() as reader:
            ((due,),) = await reader.query(_NEXT, now, kinds)
        if due is None or int(str(due)) > now:
            return None, POLL_SECONDS if due is None else min((int(str(due)) - now) / SECOND, POLL_SECONDS)
        return await self._take(kinds, now), 0.0

    async def _take(self, kinds: str, now: int) -> ClaimedJob | None:
        rows: list[tuple[object, ...]] = []
        # Shielded: a job that was claimed and whose claimer is gone would wait for the end of this process.
        with CancelScope(shield=True):
            async with self._store.writing() as writer:
                rows = await writer.query(_CLAIM, now, self._owner, kinds)
        if not rows:
            return None
        number, kind, payload, key, attempt = rows[0]
        return ClaimedJob(int(str(number)), str(kind), orjson.loads(str(payload)), None if key is None else str(key), int(str(attempt)))

    async def _do(self, job: ClaimedJob, handle: Handle, free: anyio.Semaphore) -> None:
        name = job.key or f"#{job.id}"
        wait: float | None = None
        try:
            with CancelScope() as scope:
                self._running[name] = scope
                await handle(job)
        except Retry as error:
            wait = RETRY_SECONDS if error.retry_after is None else error.retry_after
        except FeedmillError as error:
            self._log.error("a job failed", job=job.id, kind=job.kind, key=job.key, error=str(error))
        except get_cancelled_exc_class():
            with CancelScope(shield=True):
                await self._release(job, 0.0, uncounted=1)
            raise
        finally:
            self._running.pop(name, None)
        with CancelScope(shield=True):
            await self._patiently(lambda: self._end(job) if wait is None else self._release(job, wait))
        free.release()

    async def _end(self, job: ClaimedJob) -> None:
        async with self._store.writing() as writer:
            await writer.execute(_DONE, job.id, self._owner)

    async def _release(self, job: ClaimedJob, wait: float, *, uncounted: int = 0) -> None:
        async with self._store.writing() as writer:
            now = clock.now()
            await writer.execute(_RELEASE, now, now + round(wait * SECOND), uncounted, job.id, self._owner)
        self._bell.ring()

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Do it, again and again while the database is locked: a job in work must not end for that."""
        while True:
            try:
                return await call()
            except Retry as error:
                self._log.warning("jobs wait for the database", error=str(error))
                await anyio.sleep(RETRY_SECONDS)


async def insert_job(writer: Writer, job: NewJob) -> int | None:
    """Store a job inside the caller's transaction and return its id, None when its key is taken; ring the bell after the commit."""
    now = clock.now()
    values = (job.kind, job.key, orjson.dumps(dict(job.payload)).decode(), now + round(job.delay * SECOND), now)
    rows = await writer.query(_INSERT, *values)
    return int(str(rows[0][0])) if rows else None
