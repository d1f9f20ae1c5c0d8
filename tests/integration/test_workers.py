"""The processes of a service: started when they are needed, replaced when they are worn, ended when nobody needs them."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from engine.errors import NotFound
from feedmill.service.workers import pool
from tests.servers.feedmill_service import run_service


async def test_workers_are_there_as_long_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at first; a worn one gives way to another; one that nobody used for a while ends. An error stays what it is."""
    monkeypatch.setattr(pool, "CALLS_EACH", 1)
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.2)
    async with run_service(tmp_path, loops=False) as api:
        workers = api.service.workers
        assert not workers.pids
        async with workers.lane() as lane:
            assert await lane.call("run", {"run": 9}) == "{}"
            first = lane.pid
        with pytest.raises(NotFound, match="no run 9"):
            await workers.call_within(60, "diff", {"run": 9})
        assert workers.pids - {first}
        with anyio.fail_after(60):
            while True:
                if not workers.pids:
                    break
                await anyio.sleep(0.02)
