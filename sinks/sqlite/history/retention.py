"""How long the change log is kept: it forgets whole runs, by age, in transactions short enough that nobody waits for them."""

from __future__ import annotations

from typing import Final

from sinks.sqlite import clock
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import CHANGES, FIELDS
from sinks.sqlite.landing.housekeeping import CHUNK_ROWS

_DAY: Final = 86_400_000_000

_KEPT: Final = "(SELECT min(change_mark) FROM main.data_imports WHERE feed_id = {feed} AND status = 'held')"
"""After this change a held run was begun: what came later must be known when it is approved, however long it waits."""


def _due(feed: int) -> str:
    kept = _KEPT.format(feed=feed)
    return f"SELECT id FROM {CHANGES} WHERE inventory_feed_id = {feed} AND at < ? AND id <= ifnull({kept}, id) ORDER BY at, id LIMIT ?"


async def prune(writer: Writer, feed: int, days: int, *, now: int | None = None) -> int:
    """Delete a feed's log entries that are older than so many days, 0 for none, and return how many were.

    The feed is the caller's to hold. Where nothing is due it costs one look into an index. Before the first entry goes, every complete
    run of that age loses its `change_mark`: from then on what was done after it is not known for certain, so it cannot be undone.
    """
    if days == 0:
        return 0
    before = (clock.now() if now is None else now) - days * _DAY
    # No fence: the run that the caller has just completed holds none any more.
    unfenced = Writer(writer.connection, None, writer.name, locking=True)
    if not await unfenced.query(_due(feed), before, 1):
        return 0
    forget = "UPDATE main.data_imports SET change_mark = NULL WHERE feed_id = ? AND decided_at < ? AND status = 'complete'"
    async with unfenced.transaction():
        await unfenced.execute(forget, feed, before)
    pruned = 0
    while deleted := await _prune_chunk(unfenced, feed, before):
        pruned += deleted
    return pruned


async def _prune_chunk(writer: Writer, feed: int, before: int) -> int:
    async with writer.transaction():
        await writer.execute(f"DELETE FROM {FIELDS} WHERE change_id IN ({_due(feed)})", before, CHUNK_ROWS)
        return await writer.execute(f"DELETE FROM {CHANGES} WHERE id IN ({_due(feed)})", before, CHUNK_ROWS)
