"""What the guard judges a run on, beside the runs of its feed before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from engine.errors import NotFound
from engine.figures import Figures
from sinks.sqlite.fence import Writer

EARLIER: Final = 10
"""How many runs before a run are told beside it."""

_RUN: Final = (
    "SELECT r.id, r.feed_id, r.status, coalesce(r.enqueued_at, r.started_at), r.figures,"
    " coalesce(json_extract(r.plan, '$.definition.attributes.guard'), iif(r.plan IS NULL, json_extract(f.settings, '$.guard'), NULL))"
    " FROM main.data_imports AS r JOIN main.inventory_feeds AS f ON f.id = r.feed_id WHERE r.id = ?"
)
_EARLIER: Final = (
    "SELECT id, feed_id, status, coalesce(enqueued_at, started_at), figures, NULL FROM main.data_imports"
    " WHERE feed_id = ? AND id < ? AND kind = 'sync' AND figures IS NOT NULL AND status IN ('complete', 'held', 'cancelled')"
    " ORDER BY id DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run with its figures, None where it was not judged. `at` is when it was asked for, in microseconds.

    `limits` are those of the guard that differ from the defaults, by API names: of a run that waits or is being applied those that it
    was judged by, else the feed's as they are now.
    """

    run: int
    feed: int
    status: str
    at: int
    figures: Figures | None
    limits: Mapping[str, Any]


async def read_judged(reader: Writer, run: int) -> tuple[JudgedRun, list[JudgedRun]]:
    """Return a run, and the last runs of its feed before it that were judged, oldest first. Raises `NotFound` when there is none."""
    rows = await reader.query(_RUN, run)
    if not rows:
        raise NotFound(f"there is no run {run}")
    judged = _judged(rows[0])
    earlier = await reader.query(_EARLIER, judged.feed, run, EARLIER)
    return judged, [_judged(row) for row in reversed(earlier)]


def _judged(row: tuple[Any, ...]) -> JudgedRun:
    number, feed, status, at, figures, limits = row
    told = None if figures is None else Figures(**orjson.loads(figures))
    return JudgedRun(number, feed, status, at, told, {} if limits is None else orjson.loads(limits))
