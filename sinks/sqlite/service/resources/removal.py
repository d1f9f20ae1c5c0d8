"""Removing a feed with all that hangs on it, in transactions short enough that others keep writing meanwhile."""

from __future__ import annotations

from typing import Final

from engine.errors import UnderWay
from sinks.sqlite.fence import Writer

CHUNK_ROWS: Final = 2_000

_ITEMS: Final = "SELECT id FROM main.inventory_feed_variants WHERE inventory_feed_id = ?1 ORDER BY id LIMIT ?2"
_CHANGES: Final = "SELECT id FROM main.inventory_feed_variant_changes WHERE inventory_feed_id = ?1 ORDER BY at, id LIMIT ?2"
_CHANGED: Final = _CHANGES.replace("SELECT id", "SELECT item_id", 1)
_RUNS: Final = "SELECT id FROM main.data_imports WHERE feed_id = ?1"
_AUDIT: Final = "DELETE FROM main.inventory_feed_variant_connections WHERE inventory_feed_variant_id IN"

_CHUNKS: Final = (
    # Without an origin in the transaction nothing of it is logged: the log goes with the feed.
    (f"{_AUDIT} ({_ITEMS})", f"DELETE FROM main.inventory_feed_variants WHERE id IN ({_ITEMS})"),
    (
        f"{_AUDIT} ({_CHANGED})",
        f"DELETE FROM main.inventory_feed_variant_change_fields WHERE change_id IN ({_CHANGES})",
        f"DELETE FROM main.inventory_feed_variant_changes WHERE id IN ({_CHANGES})",
    ),
    (
        "DELETE FROM main.inventory_feed_stage WHERE (run_id, external_id) IN"
        f" (SELECT run_id, external_id FROM main.inventory_feed_stage WHERE run_id IN ({_RUNS}) LIMIT ?2)",
    ),
    (
        "DELETE FROM main.data_import_rejects WHERE (run_id, seq) IN"
        f" (SELECT run_id, seq FROM main.data_import_rejects WHERE run_id IN ({_RUNS}) LIMIT ?2)",
    ),
    ("DELETE FROM main.batches WHERE id IN (SELECT id FROM main.batches WHERE feed_id = ?1 LIMIT ?2)",),
    (f"DELETE FROM main.data_imports WHERE id IN ({_RUNS} LIMIT ?2)",),
)
"""What goes in chunks, in this order; of each entry the last statement tells by its count whether there is more."""

_LAST: Final = (
    "DELETE FROM main.data_import_events WHERE feed_id = ?1",
    "DELETE FROM main.webhook_item_marks WHERE feed_id = ?1",
    "DELETE FROM main.inventory_feed_connecting WHERE inventory_feed_id = ?1",
    "DELETE FROM main.jobs WHERE dedupe_key = 'feed:' || ?1",
    "DELETE FROM main.inventory_feeds WHERE id = ?1",
)


async def retire_feed(writer: Writer, feed: int, name: str, *, now: int) -> None:
    """Have nothing begun for a feed any more that is to be removed. Raises `UnderWay` while a run of it is pending or has begun."""
    under_way = "SELECT max(id) FROM main.data_imports WHERE feed_id = ? AND status IN ('pending', 'started')"
    ((run,),) = await writer.query(under_way, feed)
    if run is not None:
        cure = "nothing was removed; wait until it has ended, or cancel it"
        raise UnderWay(f"run {run} of feed {name!r} is under way: {cure}", run=int(str(run)))
    retired = (
        "UPDATE main.inventory_feeds SET enabled = 0, settings = json_set(settings, '$.enabled', json('false')), next_fetch_at = NULL,"
        " updated_at = max(?, updated_at + 1) WHERE id = ?"
    )
    await writer.execute(retired, now, feed)


async def remove_chunk(writer: Writer, feed: int) -> bool:
    """Remove a part of what hangs on a feed, and the feed itself with the last part; return whether more is left."""
    for chunk in _CHUNKS:
        removed = 0
        for statement in chunk:
            removed = await writer.execute(statement, feed, CHUNK_ROWS)
        if removed == CHUNK_ROWS:
            return True
    for statement in _LAST:
        await writer.execute(statement, feed)
    return False
