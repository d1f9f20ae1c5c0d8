"""Leaky buckets, by the generic cell rate algorithm: one number a key, whatever the rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_MOST: Final = 10_000
"""Keys that are remembered before those whose bucket is empty again are dropped."""


@dataclass(frozen=True, slots=True)
class Level:
    """What a bucket says of one call: whether it fits, how many more would now, and in how many seconds all, or this one, would."""

    admitted: bool
    limit: int
    remaining: int
    reset: float
    wait: float = 0.0

    def headers(self) -> dict[str, str]:
        """Return it as the headers of an answer, in whole seconds."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.reset)),
        }


class LeakyBucket:
    """A bucket for each key, which holds `burst` calls and leaks `rate` of them a second."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        self._burst = burst
        self._full: dict[str | int, float] = {}

    def take(self, key: str | int, now: float) -> Level:
        """Pour one call into the bucket of a key unless it would run over; `now` in seconds of a clock that only goes forward."""
        empty_at = max(self._full.get(key, now), now)
        if not self._fits(empty_at, now):
            return self._level(empty_at, now, admitted=False)
        if len(self._full) >= _MOST:
            self._drop_empty(now)
        self._full[key] = empty_at = empty_at + self._interval
        return self._level(empty_at, now, admitted=True)

    def look(self, key: str | int, now: float) -> Level:
        """Return what `take` would say, and pour nothing."""
        empty_at = max(self._full.get(key, now), now)
        return self._level(empty_at, now, admitted=self._fits(empty_at, now))

    def give_back(self, key: str | int, now: float) -> None:
        """Take one call out of the bucket of a key again: it turned out to be none that counts."""
        self._full[key] = max(self._full.get(key, now) - self._interval, now)

    def _fits(self, empty_at: float, now: float) -> bool:
        # A millionth of a call is rounding, not a call.
        return empty_at - now <= (self._burst - 1 + 1e-6) * self._interval

    def _level(self, empty_at: float, now: float, *, admitted: bool) -> Level:
        filled = empty_at - now
        wait = 0.0 if admitted else filled - (self._burst - 1) * self._interval
        return Level(admitted, self._burst, max(math.floor(self._burst - filled / self._interval + 1e-6), 0), filled, wait)

    def _drop_empty(self, now: float) -> None:
        self._full = {key: at for key, at in self._full.items() if at > now}
