"""Waiting until a file's time of change stands for its bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from connectors.wire.settling import settle

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


async def _waited(age: float | None, resolution: float) -> tuple[bool, float]:
    begun = anyio.current_time()
    mtime = None if age is None else NOW - timedelta(seconds=age)
    settled = await settle(mtime, resolution=resolution, now=lambda: NOW)
    return settled, anyio.current_time() - begun


@pytest.mark.parametrize("age", [None, 2.0, 2.5, 1e9])
async def test_an_old_time_needs_no_wait(age: float | None) -> None:
    """Two seconds back is old enough for any clock; where there is no time, there is nothing to wait for."""
    begun = anyio.current_time()
    assert await settle(None if age is None else NOW - timedelta(seconds=age), now=lambda: NOW) is False
    assert anyio.current_time() - begun < 0.05


@pytest.mark.parametrize(("age", "least"), [(0.0, 0.1), (0.04, 0.06), (-0.05, 0.1), (-7200.0, 0.1)])
async def test_a_fresh_time_is_waited_out(age: float, least: float) -> None:
    """Until it is a tick old; a time in the future is of another clock, and one whole tick is enough by either."""
    settled, seconds = await _waited(age, 0.1)
    assert settled
    assert least - 0.01 <= seconds < least + 0.5


async def test_the_clock_is_the_real_one_unless_told() -> None:
    """A time of this moment is fresh."""
    assert await settle(datetime.now(UTC), resolution=0.02)
    assert not await settle(datetime.now(UTC) - timedelta(seconds=1), resolution=0.02)
