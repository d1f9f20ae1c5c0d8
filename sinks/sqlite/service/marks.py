"""How far everything has come that somebody may be looking at: cheap to ask twice a second, of indices alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

_MARKS: Final = (
    "SELECT (SELECT coalesce(max(id), 0) FROM main.data_import_events),"
    " (SELECT coalesce(max(id), 0) FROM main.data_imports) + (SELECT coalesce(sum(id * iif(status = 'started', 3, 2)), 0)"
    " FROM main.data_imports WHERE status IN ('pending', 'started')),"
    " (SELECT coalesce(max(id), 0) FROM main.inventory_feed_variant_changes),"
    " (SELECT coalesce(max(updated_at), 0) + count(*) FROM main.inventory_feeds),"
    " (SELECT coalesce(max(id), 0) + coalesce(max(resolved_at), 0) FROM main.alerts),"
    " (SELECT coalesce(max(id), 0) FROM main.webhook_payloads)"
    " + (SELECT coalesce(max(updated_at), 0) FROM main.webhook_payloads WHERE status <> 'pending')"
    " + (SELECT coalesce(max(next_attempt_at), 0) FROM main.webhook_payloads WHERE status = 'pending')"
)
_ENDED: Final = "SELECT DISTINCT run_id, feed_id FROM main.data_import_events WHERE id > ? ORDER BY id LIMIT 1000"


@dataclass(frozen=True, slots=True)
class Marks:
    """A number for each kind of thing, which is another one once something of that kind has happened."""

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
    return [(int(str(run)), int(str(feed))) for run, feed in await reader.query(_ENDED, events)]
