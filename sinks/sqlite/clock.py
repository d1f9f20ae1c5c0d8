"""Time as the tables hold it: whole microseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> int:
    """Return the present moment in microseconds."""
    return time.time_ns() // 1_000


def moment(microseconds: int) -> datetime:
    """Return stored microseconds as an aware datetime, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as it is stored; the inverse of `moment`."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


# Items that were written together have their times in common.
@lru_cache(4096)
def rfc3339(microseconds: int | None) -> str | None:
    """Return stored microseconds as RFC 3339 section 5.6 writes them, in UTC with a Z; None stays None."""
    if microseconds is None:
        return None
    return moment(microseconds).isoformat(timespec="microseconds").replace("+00:00", "Z")
