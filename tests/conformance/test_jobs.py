"""The built-in keeper of jobs keeps every promise of the job port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.scheduling.jobs import Jobs
from feedmill.service.context import Bell
from plugins.conformance.jobs import CHECKS, JobsCase, JobsCheck
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
