"""Files too fresh to be told apart by their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import anyio

SETTLE_SECONDS: Final = 2.0
"""As coarse as the times of common file systems and servers get."""


def _now() -> datetime:
    return datetime.now(UTC)


async def settle(mtime: datetime | None, *, resolution: float = SETTLE_SECONDS, now: Callable[[], datetime] = _now) -> bool:
    """Wait until a time of change lies `resolution` seconds back; tell whether there was anything to wait for.

    A file that is written twice within one tick of its clock looks unchanged after the second time. Once the tick is over,
    facts that are read again stand for the bytes: the caller reads them again after True, and raises `Retry` when they moved.
    A time in the future comes from another clock; then a whole `resolution` is waited, which is a tick by either.
    """
    if mtime is None:
        return False
    age = (now() - mtime).total_seconds()
    if age >= resolution:
        return False
    await anyio.sleep(min(resolution, resolution - age))
    return True
