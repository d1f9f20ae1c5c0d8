"""The alert of a webhook that is paused, and its end."""

from __future__ import annotations

from sinks.sqlite import clock
from sinks.sqlite.fence import Writer


async def raise_alert(writer: Writer, *, key: str, kind: str, feed: int | None, run: int | None, message: str) -> None:
    """Raise an alert; while one of this key is open it is only counted."""
    now = clock.now()
    await writer.execute(
        "INSERT INTO main.alerts (key, kind, feed_id, run_id, message, next_attempt_at, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) WHERE resolved_at IS NULL DO UPDATE SET count = count + 1, updated_at = excluded.updated_at",
        *(key, kind, feed, run, message, now, now, now),
    )


async def resolve_alert(writer: Writer, key: str) -> None:
    """End an alert, so that the next of its key is raised anew."""
    now = clock.now()
    await writer.execute("UPDATE main.alerts SET resolved_at = ?, updated_at = ? WHERE key = ? AND resolved_at IS NULL", now, now, key)
