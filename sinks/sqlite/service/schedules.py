"""When feeds are fetched next, as the tables have it: what is due, what has failed, what is paused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from engine.contracts import PUSHED
from sinks.sqlite.fence import Writer
from sinks.sqlite.single.targets import WORKING

_FEED: Final = (
    "SELECT f.id, f.name, f.dropship_provider_id, f.settings, f.enabled, f.next_fetch_at, f.failures, f.paused_at, p.status, p.timezone,"
    " EXISTS (SELECT 1 FROM main.data_imports AS r WHERE r.feed_id = f.id AND r.status IN ('pending', 'started')),"
    " (SELECT max(r.id) FROM main.data_imports AS r WHERE r.feed_id = f.id)"
    " FROM main.inventory_feeds AS f JOIN main.dropship_providers AS p ON p.id = f.dropship_provider_id"
)
_DUE: Final = f"{_FEED} WHERE f.next_fetch_at <= ? ORDER BY f.next_fetch_at, f.id LIMIT ?"
_PLANNED: Final = f"{_FEED} WHERE f.next_fetch_at > ? AND f.id > ? ORDER BY f.id LIMIT ?"
_CHOSEN: Final = f"{_FEED} WHERE f.id IN (SELECT value FROM json_each(?))"

_WRITE: Final = (
    "UPDATE main.inventory_feeds AS f SET next_fetch_at = json_extract(j.value, '$[1]'), failures = json_extract(j.value, '$[2]'),"
    " paused_at = json_extract(j.value, '$[3]'), pause_reason = CASE WHEN json_extract(j.value, '$[3]') IS NULL THEN NULL"
    " ELSE coalesce(json_extract(j.value, '$[4]'), f.pause_reason) END"
    " FROM json_each(?) AS j WHERE f.id = json_extract(j.value, '$[0]')"
)

# The last runs are enough: a run that asked nothing was skipped, and a skipped one comes after one that asked.
_ASKED: Final = (
    "SELECT max(coalesce(asked_at, started_at)) FROM (SELECT asked_at, started_at FROM main.data_imports"
    " WHERE feed_id = ? AND kind = 'sync' AND status NOT IN ('skipped', 'cancelled') ORDER BY id DESC LIMIT 3)"
)
_SUPPLIERS: Final = (
    "SELECT f.dropship_provider_id, max((SELECT r.started_at FROM main.data_imports AS r WHERE r.feed_id = f.id AND r.kind = 'sync'"
    " ORDER BY r.id DESC LIMIT 1)) FROM main.inventory_feeds AS f"
    " WHERE f.dropship_provider_id IN (SELECT value FROM json_each(?)) GROUP BY f.dropship_provider_id"
)


@dataclass(frozen=True, slots=True)
class ScheduledFeed:
    """What decides when a feed is fetched. `due` in microseconds, 0 where it is to be planned, None where it is never fetched.

    `min_interval` is its own, in seconds; `last_run` is the number of its newest run, 0 where it has none.
    """

    id: int
    name: str
    provider: int
    timezone: str | None
    automatic: bool
    frequency: str
    schedule: str | None
    min_interval: float
    due: int | None
    failures: int
    paused_at: int | None
    under_way: bool
    last_run: int
    pause_reason: str | None = None

    @property
    def fetched(self) -> bool:
        """Return whether the schedule fetches it at all, now."""
        return self.automatic and self.paused_at is None


async def due_feeds(reader: Writer, now: int, *, most: int) -> list[ScheduledFeed]:
    """Return the feeds that are due or to be planned, the longest due first; of those due at once, the one fetched longest ago."""
    feeds = [_feed(row) for row in await reader.query(_DUE, now, most)]
    return sorted(feeds, key=lambda feed: (feed.due or 0, feed.last_run))


async def planned_feeds(reader: Writer, now: int, behind: int, *, most: int) -> list[ScheduledFeed]:
    """Return feeds that are planned for later, by id behind one of them."""
    return [_feed(row) for row in await reader.query(_PLANNED, now, behind, most)]


async def chosen_feeds(reader: Writer, feeds: Iterable[int]) -> dict[int, ScheduledFeed]:
    """Return feeds by their ids; those that are gone are left out."""
    found = [_feed(row) for row in await reader.query(_CHOSEN, orjson.dumps(list(feeds)).decode())]
    return {feed.id: feed for feed in found}


async def next_due(reader: Writer) -> int | None:
    """Return when a feed is next due, in microseconds; None where none is planned."""
    ((moment,),) = await reader.query("SELECT min(next_fetch_at) FROM main.inventory_feeds WHERE next_fetch_at IS NOT NULL")
    return None if moment is None else int(str(moment))


async def write_plans(writer: Writer, feeds: Iterable[ScheduledFeed]) -> None:
    """Store when feeds are due, how often they have failed, and whether they are paused; that is no change of their settings."""
    rows = [(feed.id, feed.due, feed.failures, feed.paused_at, feed.pause_reason) for feed in feeds]
    await writer.execute(_WRITE, orjson.dumps(rows).decode())


async def last_asked(reader: Writer, feed: int) -> int | None:
    """Return when the source of a feed was last asked for anything, in microseconds."""
    ((moment,),) = await reader.query(_ASKED, feed)
    return None if moment is None else int(str(moment))


async def suppliers_asked(reader: Writer, providers: Iterable[int]) -> dict[int, int]:
    """Return when a run of any feed of each of these providers last began, in microseconds; those without any are left out."""
    rows = await reader.query(_SUPPLIERS, orjson.dumps(sorted(set(providers))).decode())
    return {int(str(provider)): int(str(moment)) for provider, moment in rows if moment is not None}


def _feed(row: tuple[object, ...]) -> ScheduledFeed:
    number, name, provider, stored, enabled, due, failures, paused, status, timezone, under_way, last = row
    settings: Mapping[str, Any] = orjson.loads(str(stored))
    transport: Mapping[str, Any] = settings.get("transport") or {}
    frequency = str(settings.get("fetchFrequency", "hourly"))
    automatic = (
        bool(enabled)
        and settings.get("automatedFetching") != "disabled"
        and status in WORKING
        and settings.get("resourceType") not in PUSHED
        and frequency not in ("never", "webhook")
    )
    return ScheduledFeed(
        int(str(number)),
        str(name),
        int(str(provider)),
        None if timezone is None else str(timezone),
        automatic,
        frequency,
        settings.get("fetchSchedule"),
        float(transport.get("minInterval", 0)),
        None if due is None else int(str(due)),
        int(str(failures)),
        None if paused is None else int(str(paused)),
        bool(under_way),
        int(str(last or 0)),
    )
