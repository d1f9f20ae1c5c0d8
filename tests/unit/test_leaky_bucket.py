"""Leaky buckets: how many calls fit at once, how fast they leak, and what callers are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feedmill.service.security.buckets import LeakyBucket


@given(
    rate=st.sampled_from([0.5, 1.0, 2.0, 10.0]),
    burst=st.integers(1, 5),
    gaps=st.lists(st.integers(0, 40), min_size=1, max_size=60),
)
def test_never_more_than_a_burst_and_what_has_leaked(rate: float, burst: int, gaps: list[int]) -> None:
    """In any stretch of time no more calls are admitted than a burst and what leaks meanwhile, and whoever waits as told is admitted."""
    bucket, now = LeakyBucket(rate, burst), 1000.0
    admitted: list[float] = []
    for gap in gaps:
        now += gap / 16
        seen, level = bucket.look("a", now), bucket.take("a", now)
        assert seen.admitted == level.admitted
        if level.admitted:
            admitted.append(now)
        else:
            assert level.remaining == 0
            assert bucket.look("a", now + level.wait).admitted
            assert not bucket.look("a", now + level.wait * 0.99).admitted
    for first, begin in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            assert last - first + 1 <= burst + rate * (end - begin) + 1e-6


def test_buckets_of_others_are_others() -> None:
    """Each key has a bucket of its own, told in whole seconds; those that are empty again take no memory for ever."""
    bucket = LeakyBucket(2.0, 3)
    assert [bucket.take("a", 0.0).admitted for _ in range(4)] == [True, True, True, False]
    assert bucket.take("b", 0.0).headers() == {"RateLimit-Limit": "3", "RateLimit-Remaining": "2", "RateLimit-Reset": "1"}
    for key in range(30_000):
        assert bucket.take(key, 10.0 + key / 1000).admitted
    assert len(bucket._full) <= 10_000
