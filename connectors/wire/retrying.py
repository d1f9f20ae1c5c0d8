"""Trying again: how often, how long after, and told to whoever reads the run's record.

A loop of our own, and not the library for it: stamina's instrumentation belongs to the whole process. It logs each retry through
structlog, which in a program that has not set it up writes to standard output, among the rows that a command prints there; and
the only switch is `set_on_retry_hooks`, which takes the hooks from a program that embeds Feedmill and has its own.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from engine.errors import Retry

if TYPE_CHECKING:
    from engine.source import Source

T = TypeVar("T")

_MAX_DOUBLINGS: Final = 32
_JITTER: Final = 0.5


class Attempts:
    """Count the tries of one source that brought no progress, and wait between them as `Source.persistence` says."""

    __slots__ = ("_failed", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._failed = 0

    def progressed(self) -> None:
        """Start the count anew: bytes arrived."""
        self._failed = 0

    async def pause(self, error: Retry, *, going_on: str = "") -> None:
        """Wait before the next try; raises `error` when it was the last, or the supplier asks for a longer pause than is allowed.

        A pause that the supplier asked for is kept to the second; ours doubles with each failure and has up to half of it
        added at random, so that feeds which failed together do not come back together.
        """
        self._failed += 1
        persistence = self._source.persistence
        wish = error.retry_after
        if self._failed >= persistence.attempts or (wish is not None and wish > persistence.wait_max):
            raise error
        seconds = self._backoff() if wish is None else wish
        self._source.tell(f"{error} (attempt {self._failed + 1} of {persistence.attempts} in {seconds:.1f} s{going_on})")
        await anyio.sleep(seconds)

    def _backoff(self) -> float:
        persistence = self._source.persistence
        base = persistence.wait_initial * 2.0 ** min(self._failed - 1, _MAX_DOUBLINGS)
        # No secret hangs on this number.
        return min(persistence.wait_max, base * (1 + random.uniform(0, _JITTER)))


async def persist(source: Source, step: Callable[[], Awaitable[T]]) -> T:
    """Run `step` until it succeeds, again after each `Retry`, and return its result; raises the last `Retry`.

    Every other error goes out at once. `step` cleans up after itself when it fails.
    """
    attempts = Attempts(source)
    while True:
        try:
            return await step()
        except Retry as error:
            failure = error
        # Outside of the handler, so that the last error does not drag the earlier ones along as its context.
        await attempts.pause(failure)
