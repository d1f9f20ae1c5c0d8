"""The first load of an empty feed: rows go where they will stay, hidden until the run is finished."""

from __future__ import annotations

from collections.abc import Sequence

from engine.batch import ItemBatch, Value
from engine.contracts import StageSummary
from sinks.sqlite import clock
from sinks.sqlite.fence import Fence, Writer
from sinks.sqlite.landing.housekeeping import delete_load
from sinks.sqlite.landing.rows import insert_rows, json_text, latest, stored_digests
from sinks.sqlite.landing.statements import OTHER_DIGEST, VARIANTS, Insert, Layout, straight_insert


class StraightLoad:
    """Load an empty feed. Readers skip rows of the run that `inventory_feeds.loading_run_id` names.

    So nothing is written twice, and yet nobody sees half a feed: finishing the run clears that mark, in one transaction.
    """

    def __init__(self, writer: Writer, fence: Fence) -> None:
        self._writer = writer
        self._fence = fence
        self._now = clock.now()
        self._created = 0
        self._duplicate = 0

    async def hide(self) -> bool:
        """Mark the feed as being loaded, before the first row is written; False when a call has put an item into it meanwhile."""
        empty = f"NOT EXISTS (SELECT 1 FROM {VARIANTS} WHERE inventory_feed_id = inventory_feeds.id)"
        async with self._writer.transaction() as writer:
            mark = f"UPDATE main.inventory_feeds SET loading_run_id = ? WHERE id = ? AND {empty}"
            return bool(await writer.execute(mark, self._fence.run, self._fence.feed))

    async def stage(self, batch: ItemBatch) -> None:
        """Write a batch, in one transaction."""
        newest = latest(batch.keys)
        rows = [(key, digest, *row) for key, digest, row in zip(batch.keys, stored_digests(batch), batch.rows, strict=True)]
        if newest is not None:
            rows = [rows[index] for index in newest]
        if newest is not None or not await self._write_new(batch.columns, rows):
            await self._write_exact(batch.columns, rows)
        self._duplicate += len(batch) - len(rows)

    async def _write_new(self, columns: tuple[str, ...], rows: list[tuple[Value, ...]]) -> bool:
        """Write rows whose keys are all new; where the database says that they are not, write nothing and return False."""
        async with self._writer.transaction() as writer:
            if await insert_rows(writer, self._insert(columns, overwrite=False), rows) != len(rows):
                await writer.connection.rollback()
                return False
        self._created += len(rows)
        return True

    async def _write_exact(self, columns: tuple[str, ...], rows: list[tuple[Value, ...]]) -> None:
        """Write rows of which some keys were loaded before by this run: the later row wins, as a whole."""
        among = "FROM json_each(?) AS j CROSS JOIN"
        known = f"SELECT count(*) {among} {VARIANTS} AS v WHERE v.inventory_feed_id = ? AND v.external_id = j.value"
        async with self._writer.transaction() as writer:
            repeated = await writer.number(known, json_text([str(row[0]) for row in rows]), self._fence.feed)
            await insert_rows(writer, self._insert(columns, overwrite=True), rows)
        self._created += len(rows) - repeated
        self._duplicate += repeated

    def _insert(self, columns: tuple[str, ...], *, overwrite: bool) -> Insert:
        return straight_insert(columns, feed=self._fence.feed, run=self._fence.run, now=self._now, overwrite=overwrite)

    async def summary(self) -> StageSummary:
        """Return what was written: the feed was empty before."""
        return StageSummary(known=0, seen=0, created=self._created, updated=0, unchanged=0, duplicate=self._duplicate)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return none: the rows are where they belong."""
        return ()

    async def forget_stock(self, keys: Sequence[str]) -> None:
        """Make the stock of loaded items unknown."""
        mine = "inventory_feed_id = ? AND external_id IN (SELECT value FROM json_each(?))"
        async with self._writer.transaction() as writer:
            forget = f"UPDATE {VARIANTS} SET inventory_quantity = NULL, {OTHER_DIGEST} WHERE {mine}"
            await writer.execute(forget, self._fence.feed, json_text(keys))

    async def discard(self) -> None:
        """Delete what was written, which nobody has seen."""
        await delete_load(self._writer, feed=self._fence.feed, run=self._fence.run)
