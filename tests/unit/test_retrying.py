"""Trying again: as often and as long after as the settings say, told, and silent on standard output."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import anyio
import anyio.to_thread
import pytest

from connectors.wire.retrying import Attempts, persist
from engine.errors import RefuseRun, Retry, Stalled
from engine.source import Persistence, Source, parse_location


def _source(told: list[str] | None = None, *, attempts: int = 4, wait: float = 0.0, wait_max: float = 60.0) -> Source:
    source = parse_location("https://supplier.example/stock.csv")
    tell = (told if told is not None else []).append
    return replace(source, persistence=Persistence(attempts, wait, wait_max), tell=tell)


class _Flaky:
    """A step that raises these errors, one a call, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = iter(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        error = next(self._errors, None)
        if error is not None:
            raise error
        return "done"


async def test_what_passes_is_tried_again_and_told(capfd: pytest.CaptureFixture[str]) -> None:
    """Two failures, then success: two sentences in the run's record, nothing on standard output or error."""
    told: list[str] = []
    step = _Flaky(Retry("the server is busy"), Stalled("nothing moved"))
    assert await persist(_source(told), step) == "done"
    assert step.calls == 3
    assert told == ["the server is busy (attempt 2 of 4 in 0.0 s)", "nothing moved (attempt 3 of 4 in 0.0 s)"]
    assert await anyio.to_thread.run_sync(capfd.readouterr) == ("", "")


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_the_last_failure_goes_out_after_so_many_attempts(attempts: int) -> None:
    """The first try counts; what goes out is the last error itself, without the earlier ones as its context."""
    told: list[str] = []
    errors = [Retry(f"failure {number}") for number in range(9)]
    step = _Flaky(*errors)
    with pytest.raises(Retry) as caught:
        await persist(_source(told, attempts=attempts), step)
    assert (step.calls, len(told)) == (attempts, attempts - 1)
    assert caught.value is errors[attempts - 1]
    assert caught.value.__context__ is None


@pytest.mark.parametrize("error", [RefuseRun("gone for good"), ZeroDivisionError()])
async def test_what_does_not_pass_goes_out_at_once(error: Exception) -> None:
    """A refusal will not change by itself, and a bug least of all."""
    step = _Flaky(error)
    with pytest.raises(type(error)) as caught:
        await persist(_source(), step)
    assert caught.value is error
    assert step.calls == 1


async def test_a_pause_that_the_supplier_asks_for_is_kept() -> None:
    """To the moment, whatever our own waits would be: none at all, or an hour."""
    for wish, wait in ((0.15, 0.0), (0.0, 3600.0)):
        told: list[str] = []
        begun = monotonic()
        assert await persist(_source(told, wait=wait, wait_max=4000), _Flaky(Retry("busy", retry_after=wish))) == "done"
        assert wish <= monotonic() - begun < wish + 0.5
        assert told == [f"busy (attempt 2 of 4 in {wish:.1f} s)"]


async def test_a_longer_pause_than_is_allowed_ends_the_attempts() -> None:
    """The wish goes out on the error, for the scheduler; nothing is said to be tried again."""
    told: list[str] = []
    step = _Flaky(Retry("come back in a day", retry_after=86400.0))
    with pytest.raises(Retry) as caught:
        await persist(_source(told, wait_max=60.0), step)
    assert caught.value.retry_after == 86400.0
    assert (step.calls, told) == (1, [])


def test_waits_double_with_jitter_up_to_the_limit() -> None:
    """Each wait is at least the one the setting says and at most half as long again, and never above the longest."""
    for failed, least in ((1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0)):
        seconds = [_wait(failed) for _ in range(50)]
        assert all(least <= value <= least * 1.5 for value in seconds)
        assert len(set(seconds)) > 1
    assert _wait(5_000) == 60.0


def _wait(failed: int) -> float:
    attempts = Attempts(_source(wait=0.5))
    attempts._failed = failed
    return attempts._backoff()


async def test_progress_starts_the_count_anew() -> None:
    """A download that moves on between its failures is never given up."""
    attempts = Attempts(_source(attempts=2))
    for _ in range(10):
        await attempts.pause(Retry("cut"))
        attempts.progressed()
    await attempts.pause(Retry("cut"))
    with pytest.raises(Retry, match="cut again"):
        await attempts.pause(Retry("cut again"))


async def test_a_cancelled_wait_ends_at_once() -> None:
    """A run that is stopped does not sit out its pause."""
    step = _Flaky(Retry("busy", retry_after=50.0))
    with anyio.fail_after(5), anyio.move_on_after(0.02) as scope:
        await persist(_source(), step)
    assert scope.cancelled_caught
    assert step.calls == 1
