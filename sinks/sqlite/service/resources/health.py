"""How feeds fare: what their last runs did, and how many of their items are connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, cast

import orjson

from sinks.sqlite.fence import Writer

FEW: Final = 50_000
"""So many connected items are counted whenever somebody asks: that takes some milliseconds."""

SECONDS_A_MILLION: Final = 10.0
"""How long the count of a million is kept: it takes a seventh of a second."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a feed fares: what its last complete run read, what its last run complained of, what is connected. Time in microseconds."""

    read: int | None = None
    skipped: int | None = None
    seconds: float | None = None
    fetched_at: int | None = None
    problem: str | None = None
    connected: int = 0


class ConnectedCounts:
    """Counts of connected items, of which large ones are kept for a while: counting costs as much as there is."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, float]] = {}

    async def of(self, reader: Writer, feeds: Sequence[int]) -> dict[int, int]:
        """Return how many items of each feed are connected, exact where they are few and some seconds old where they are many."""
        now = monotonic()
        known = {feed: kept[0] for feed in feeds if (kept := self._kept.get(feed)) is not None and kept[1] > now}
        asked = orjson.dumps([feed for feed in feeds if feed not in known]).decode()
        for feed, count in cast("list[tuple[int, int]]", await reader.query(_CONNECTED, asked)):
            known[feed] = count
            self._kept.pop(feed, None)
            if count > FEW:
                self._kept[feed] = (count, monotonic() + SECONDS_A_MILLION * count / 1_000_000)
        return known


_CONNECTED: Final = (
    "SELECT j.value, (SELECT count(*) FROM main.inventory_feed_variants AS v"
    " WHERE v.inventory_feed_id = j.value AND v.status = 'connected') FROM json_each(?) AS j"
)
_LAST: Final = (
    "(SELECT r.id FROM main.data_imports AS r WHERE r.feed_id = j.value AND r.kind = 'sync' AND r.status IN ({})"
    " ORDER BY r.id DESC LIMIT 1)"
)
_RUNS: Final = (
    "SELECT j.value, c.read, c.skipped, c.seconds, c.finished_at,"
    " CASE WHEN l.status <> 'complete' THEN coalesce(json_extract(l.problems, '$[0].message'), 'run ' || l.id || ' is ' || l.status) END"
    " FROM json_each(?) AS j LEFT JOIN main.data_imports AS c ON c.id = "
    + _LAST.format("'complete'")
    + " LEFT JOIN main.data_imports AS l ON l.id = "
    + _LAST.format("'complete', 'error', 'held'")
)


async def read_health(reader: Writer, feeds: Sequence[int], counts: ConnectedCounts) -> dict[int, Health]:
    """Return how several feeds fare, inside the caller's transaction."""
    connected = await counts.of(reader, feeds)
    rows: list[tuple[Any, ...]] = await reader.query(_RUNS, orjson.dumps(list(feeds)).decode())
    return {feed: Health(read, skipped, seconds, at, problem, connected[feed]) for feed, read, skipped, seconds, at, problem in rows}
