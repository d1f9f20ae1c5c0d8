"""What is counted of a service: runs that ended, what waits, when each feed last succeeded, and how far everything has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final

import orjson

from engine.contracts import PUSHED

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

OUTCOMES: Final = ("created", "updated", "unchanged", "duplicate", "skipped", "rejected", "removed", "limited")

_SUCCEEDED: Final = ("complete", "skipped")
_ENDED: Final = (
    "SELECT e.id, e.run_id, e.feed_id, f.name, e.kind, e.status, e.at, r.started_at, r.bytes, r.seconds, r.stages, r.read,"
    f" {', '.join(f'r.{name}' for name in OUTCOMES)} FROM main.data_import_events AS e"
    " JOIN main.data_imports AS r ON r.id = e.run_id JOIN main.inventory_feeds AS f ON f.id = e.feed_id"
    " WHERE e.id > ? ORDER BY e.id LIMIT ?"
)
_DEPTHS: Final = (
    "SELECT 'job', kind, iif(owner IS NULL, 'waiting', 'running'), count(*) FROM main.jobs GROUP BY 1, 2, 3"
    " UNION ALL SELECT 'inbox', 'batches', '', count(*) FROM main.batches WHERE status = 'pending'"
    " UNION ALL SELECT 'inbox', 'bytes', '', coalesce(sum(bytes), 0) FROM main.batches WHERE status = 'pending'"
    " UNION ALL SELECT 'outbox', 'payloads', '', count(*) FROM main.webhook_payloads WHERE status = 'pending'"
    " UNION ALL SELECT 'alerts', 'unsent', '', count(*) FROM main.alerts WHERE sent_at IS NULL AND resolved_at IS NULL"
)

_MARKS: Final = (
    "SELECT (SELECT coalesce(max(id), 0) FROM main.data_import_events),"
    " (SELECT coalesce(max(id), 0) FROM main.data_imports) + (SELECT coalesce(sum(id * iif(status = 'started', 3, 2)"
    " + created + updated + removed), 0) FROM main.data_imports WHERE status IN ('pending', 'started')),"
    " (SELECT coalesce(max(id), 0) FROM main.inventory_feed_variant_changes),"
    " (SELECT coalesce(max(updated_at), 0) + count(*) FROM main.inventory_feeds),"
    " (SELECT coalesce(max(id), 0) + coalesce(max(resolved_at), 0) FROM main.alerts),"
    " (SELECT coalesce(max(id), 0) FROM main.webhook_payloads)"
    " + (SELECT coalesce(max(updated_at), 0) FROM main.webhook_payloads WHERE status <> 'pending')"
    " + (SELECT coalesce(max(next_attempt_at), 0) FROM main.webhook_payloads WHERE status = 'pending')"
)
_TOUCHED: Final = "SELECT DISTINCT run_id, feed_id FROM main.data_import_events WHERE id > ? ORDER BY id LIMIT 1000"


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that came to a status, as `data_import_events` has it. Moments in microseconds, `stages` in seconds by state."""

    event: int
    run: int
    feed: int
    name: str
    kind: str
    status: str
    at: int
    started_at: int
    bytes: int
    seconds: float
    stages: Mapping[str, Mapping[str, float]]
    read: int
    outcomes: Mapping[str, int]

    @property
    def succeeded(self) -> bool:
        """Return whether its feed is as its source has it now."""
        return self.kind == "sync" and self.status in _SUCCEEDED


@dataclass(frozen=True, slots=True)
class Depths:
    """What waits: jobs by kind and state, the rest by name."""

    jobs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    queues: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownFeed:
    """A feed: when it was made, and whether it is fetched; nobody knows when one that is pushed to should have heard something."""

    name: str
    created_at: int
    is_fetched: bool


async def read_revision(reader: Writer) -> str:
    """Return the revision of the schema."""
    rows = await reader.query("SELECT version_num FROM main.alembic_version")
    return str(rows[0][0]) if rows else ""


async def newest_event(reader: Writer) -> int:
    """Return the mark behind which nothing has happened yet."""
    return await reader.number("SELECT coalesce(max(id), 0) FROM main.data_import_events")


async def read_ended(reader: Writer, mark: int, limit: int) -> list[EndedRun]:
    """Return what ended behind a mark, oldest first, at most `limit` runs."""
    return [_ended(row) for row in await reader.query(_ENDED, mark, limit)]


def _ended(row: Sequence[object]) -> EndedRun:
    event, run, feed, name, kind, status, at, started, size, seconds, stages, read, *outcomes = row
    return EndedRun(
        int(str(event)),
        int(str(run)),
        int(str(feed)),
        str(name),
        str(kind),
        str(status),
        int(str(at)),
        int(str(started)),
        int(str(size)),
        float(str(seconds)),
        orjson.loads(str(stages)),
        int(str(read)),
        {outcome: int(str(count)) for outcome, count in zip(OUTCOMES, outcomes, strict=True)},
    )


async def read_depths(reader: Writer) -> Depths:
    """Return what waits now."""
    rows = [(str(queue), str(name), str(state), int(str(count))) for queue, name, state, count in await reader.query(_DEPTHS)]
    jobs = {(name, state): count for queue, name, state, count in rows if queue == "job"}
    return Depths(jobs, {(queue, name): count for queue, name, _, count in rows if queue != "job"})


async def read_feeds(reader: Writer) -> dict[int, KnownFeed]:
    """Return every feed that is enabled, by its id."""
    settings = "SELECT id, name, created_at, coalesce(json_extract(settings, '$.resourceType'), '') FROM main.inventory_feeds WHERE enabled"
    return {
        int(str(number)): KnownFeed(str(name), int(str(made)), str(kind) not in PUSHED)
        for number, name, made, kind in await reader.query(settings)
    }


async def read_successes(reader: Writer) -> dict[int, int]:
    """Return when each feed last succeeded. Reads every run: for the start of a service only."""
    last = (
        "SELECT feed_id, max(coalesce(finished_at, started_at)) FROM main.data_imports"
        " WHERE kind = 'sync' AND status IN ('complete', 'skipped') GROUP BY feed_id"
    )
    return {int(str(feed)): int(str(at)) for feed, at in await reader.query(last)}


@dataclass(frozen=True, slots=True)
class Marks:
    """A number for each kind of thing, which is another one once something of that kind has happened.

    They are read from indices alone: cheap enough to be asked twice a second.
    """

    events: int = 0
    runs: int = 0
    items: int = 0
    feeds: int = 0
    alerts: int = 0
    payloads: int = 0

    def moved(self, before: Marks) -> set[str]:
        """Return the kinds of which something has happened since."""
        return {each.name for each in fields(self) if getattr(self, each.name) != getattr(before, each.name)}


async def read_marks(reader: Writer) -> Marks:
    """Return how far everything has come."""
    rows = await reader.query(_MARKS)
    return Marks(*(int(str(value)) for value in rows[0]))


async def read_touched(reader: Writer, events: int) -> list[tuple[int, int]]:
    """Return the runs that came to a status behind a mark, each with its feed."""
    return [(int(str(run)), int(str(feed))) for run, feed in await reader.query(_TOUCHED, events)]
