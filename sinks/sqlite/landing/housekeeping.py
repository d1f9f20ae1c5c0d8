"""Removing what runs leave behind, in transactions short enough that other feeds keep writing meanwhile."""

from __future__ import annotations

from typing import Final

from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import STAGE, VARIANTS, StageTable

CHUNK_ROWS: Final = 5_000
"""Rows a statement deletes or applies: some ten milliseconds, after which a cancelled run can end."""


async def clear_stage(writer: Writer, stage: StageTable) -> None:
    """Delete the staged rows of one run."""
    while True:
        async with writer.transaction():
            ((end,),) = await writer.query(stage.chunk_end(CHUNK_ROWS))
            if end is None:
                return
            await writer.execute(stage.clear(), str(end))


async def clear_dead_stages(writer: Writer, *, feed: int, run: int) -> None:
    """Delete the stages that other runs of the feed left, but for what is held or still to be applied.

    None of them can still write, the fence sees to that.
    """
    dead = await writer.query(
        "SELECT id FROM main.data_imports AS r WHERE feed_id = ? AND id <> ? AND status NOT IN ('held', 'started')"
        f" AND EXISTS (SELECT 1 FROM main.{STAGE} AS s WHERE s.run_id = r.id)",
        feed,
        run,
    )
    for (other,) in dead:
        await clear_stage(writer, StageTable("main", feed, int(str(other))))


async def delete_load(writer: Writer, *, feed: int, run: int) -> None:
    """Delete the items of an unfinished straight load, which no reader has seen, with the audit of what they were connected to.

    The mark that hides them is taken back.
    """
    of_feed = f"FROM {VARIANTS} WHERE inventory_feed_id = ?"
    ((low, high),) = await writer.query(f"SELECT (SELECT min(id) {of_feed}), (SELECT max(id) {of_feed})", feed, feed)
    if low is not None:
        # In the order of the ids, which is the order of the pages; by key every chunk would touch pages all over the file.
        for start in range(int(str(low)), int(str(high)) + 1, CHUNK_ROWS):
            window = f"DELETE {of_feed} AND created_run_id = ? AND id BETWEEN ? AND ?"
            async with writer.transaction():
                await writer.execute(window, feed, run, start, start + CHUNK_ROWS - 1)
    async with writer.transaction():
        await writer.execute("UPDATE main.inventory_feeds SET loading_run_id = NULL WHERE id = ? AND loading_run_id = ?", feed, run)
