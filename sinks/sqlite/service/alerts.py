"""Alerts: one row for each problem that a person has to see to, for as long as it is there, and how far it has been told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import orjson

from sinks.sqlite import clock
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.listing import Column, Listed

AlertKind: TypeAlias = Literal["held", "failing", "limited", "poison", "paused", "schedule", "webhookPaused", "webhookLost"]
KINDS: Final[tuple[AlertKind, ...]] = get_args(AlertKind)

MUTABLE: Final[tuple[AlertKind, ...]] = ("failing", "poison")
"""What `muteError` of a feed keeps quiet: errors that come and go. What waits for a person is told all the same."""

KEEP_DAYS: Final = 90
_DAY: Final = 86_400_000_000

LISTED: Final = Listed(
    "main.alerts",
    {
        "id": Column("id", "integer"),
        "key": Column("key"),
        "kind": Column("kind"),
        "inventoryFeedId": Column("feed_id", "integer"),
        "dataImportId": Column("run_id", "integer"),
        "message": Column("message"),
        "count": Column("count", "integer"),
        "attempts": Column("attempts", "integer"),
        "error": Column("error"),
        "sentAt": Column("sent_at", "time"),
        "resolvedAt": Column("resolved_at", "time"),
        "createdAt": Column("created_at", "time"),
        "updatedAt": Column("updated_at", "time"),
    },
)

# Telling of a muted one begins never: it is listed, and counts.
_RAISE: Final = (
    "INSERT INTO main.alerts (key, kind, feed_id, run_id, message, next_attempt_at, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5,"
    " CASE WHEN ?6 AND EXISTS (SELECT 1 FROM main.inventory_feeds WHERE id = ?3 AND json_extract(settings, '$.muteError')) THEN NULL"
    " ELSE ?7 END, ?7, ?7)"
    " ON CONFLICT (key) WHERE resolved_at IS NULL DO UPDATE SET count = count + 1, updated_at = excluded.updated_at RETURNING count"
)
_RESOLVE: Final = (
    "UPDATE main.alerts SET resolved_at = ?2, updated_at = ?2 WHERE resolved_at IS NULL AND key IN (SELECT value FROM json_each(?1))"
)
_RESOLVE_FEED: Final = (
    "UPDATE main.alerts SET resolved_at = ?3, updated_at = ?3 WHERE resolved_at IS NULL AND feed_id = ?1"
    " AND kind IN (SELECT value FROM json_each(?2)) AND key <> ?4"
)
_DUE: Final = (
    "SELECT a.id, a.key, a.kind, a.feed_id, f.name, f.settings, a.run_id, a.message, a.count, a.attempts, a.delivered, a.created_at,"
    " a.resolved_at FROM main.alerts AS a LEFT JOIN main.inventory_feeds AS f ON f.id = a.feed_id"
    " WHERE a.next_attempt_at <= ? ORDER BY a.next_attempt_at LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is to be told. `delivered` names the ways by which it has been; times in microseconds."""

    id: int
    key: str
    kind: str
    feed: int | None
    feed_name: str | None
    settings: str | None
    run: int | None
    message: str
    count: int
    attempts: int
    delivered: tuple[str, ...]
    created_at: int
    resolved_at: int | None


async def raise_alert(
    writer: Writer, *, key: str, kind: AlertKind, message: str, feed: int | None = None, run: int | None = None, now: int | None = None
) -> bool:
    """Raise an alert inside the caller's transaction, and return whether it is new; one that is open already only counts up.

    `key` names the problem, such as `feed:7:failing`; `message` says what, and what to do, without any secret. Ring `bells.alerts`
    once the transaction is committed.
    """
    rows = await writer.query(_RAISE, key, kind, feed, run, message, int(kind in MUTABLE), clock.now() if now is None else now)
    return int(str(rows[0][0])) == 1


async def resolve_alerts(writer: Writer, keys: Iterable[str], *, now: int | None = None) -> int:
    """End the alerts of these keys that are open, and return how many were: their problems are gone, and may come anew."""
    return await writer.execute(_RESOLVE, orjson.dumps(list(keys)).decode(), clock.now() if now is None else now)


async def resolve_alerts_of(writer: Writer, feed: int, kinds: Sequence[AlertKind], *, now: int, but: str = "") -> int:
    """End the open alerts of a feed of these kinds, but for the one of a key, and return how many were."""
    return await writer.execute(_RESOLVE_FEED, feed, orjson.dumps(kinds).decode(), now, but)


async def read_due(reader: Writer, now: int, *, most: int) -> list[Alert]:
    """Return the alerts that are to be told now."""
    return [_alert(row) for row in await reader.query(_DUE, now, most)]


async def next_attempt(reader: Writer) -> int | None:
    """Return when an alert is next to be told, in microseconds; None where none waits."""
    ((moment,),) = await reader.query("SELECT min(next_attempt_at) FROM main.alerts WHERE next_attempt_at IS NOT NULL")
    return None if moment is None else int(str(moment))


async def note_sent(writer: Writer, alert: int, delivered: Sequence[str], *, now: int) -> None:
    """Store that an alert has been told by every way there is for it; none at all leaves it untold, but does not try again."""
    sent = now if delivered else None
    await writer.execute(
        "UPDATE main.alerts SET delivered = ?, sent_at = ?, next_attempt_at = NULL, error = NULL, updated_at = ? WHERE id = ?",
        *(orjson.dumps(delivered).decode(), sent, now, alert),
    )


async def note_failed(writer: Writer, alert: int, delivered: Sequence[str], error: str, *, again: int, now: int) -> None:
    """Store that telling failed, by which ways it did not, and when it is tried again."""
    await writer.execute(
        "UPDATE main.alerts SET delivered = ?, error = ?, attempts = attempts + 1, next_attempt_at = ?, updated_at = ? WHERE id = ?",
        *(orjson.dumps(delivered).decode(), error, again, now, alert),
    )


async def forget_alerts(writer: Writer, *, now: int) -> int:
    """Delete what was resolved long ago."""
    return await writer.execute("DELETE FROM main.alerts WHERE resolved_at < ?", now - KEEP_DAYS * _DAY)


def _alert(row: tuple[object, ...]) -> Alert:
    number, key, kind, feed, name, settings, run, message, count, attempts, delivered, created, resolved = row
    return Alert(
        int(str(number)),
        str(key),
        str(kind),
        _integer(feed),
        None if name is None else str(name),
        None if settings is None else str(settings),
        _integer(run),
        str(message),
        int(str(count)),
        int(str(attempts)),
        tuple(orjson.loads(str(delivered))),
        int(str(created)),
        _integer(resolved),
    )


def _integer(value: object) -> int | None:
    return None if value is None else int(str(value))
