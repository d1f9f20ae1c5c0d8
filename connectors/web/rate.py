"""A supplier's limit of requests a second, kept over all feeds that this process fetches from one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiolimiter import AsyncLimiter
from anyio.lowlevel import RunVar

if TYPE_CHECKING:
    from engine.source import Source

_LIMITERS: Final[RunVar[dict[str, AsyncLimiter]]] = RunVar("feedmill-request-rates")


async def await_turn(source: Source) -> None:
    """Wait until the host of the source may be asked again.

    Requests are evenly spaced, without bursts. Where feeds of one host name different rates, the slowest named so far holds.
    """
    rate = source.request.requests_per_second
    if rate is None:
        return
    host = urlsplit(source.url).hostname or ""
    limiters = _limiters()
    limiter = limiters.get(host)
    if limiter is None or limiter.time_period < 1 / rate:
        limiter = limiters[host] = AsyncLimiter(1, 1 / rate)
    await limiter.acquire()


def _limiters() -> dict[str, AsyncLimiter]:
    try:
        return _LIMITERS.get()
    except LookupError:
        limiters: dict[str, AsyncLimiter] = {}
        _LIMITERS.set(limiters)
        return limiters
