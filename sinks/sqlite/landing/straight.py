"""The first load of an empty feed: rows go where they will stay, hidden until the run is finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.batch import ItemBatch
from engine.contracts import FeedDefinition, StageSummary
from engine.figures import Figures, pieces
from sinks.sqlite import clock
from sinks.sqlite.database import CACHE_KIBIBYTES
from sinks.sqlite.fence import Fence, Writer
from sinks.sqlite.landing.figures import measure_load
from sinks.sqlite.landing.housekeeping import delete_load
from sinks.sqlite.landing.rows import KeyedRows, Pace, counting, insert_keyed, json_text, stored_digests
from sinks.sqlite.landing.statements import OTHER_DIGEST, VARIANTS, Insert, Layout, straight_insert
from sinks.sqlite.screen.gathering import Gathering

_GONE: Final = "keys_gone"

_IN_ORDER_KIBIBYTES: Final = 4_096
"""Cache of a load whose keys come in order, which looks back at hardly anything. In another order it would take twice the time."""


class StraightLoad:
    """Load an empty feed. Readers skip rows of the run that `inventory_feeds.loading_run_id` names.

    So nothing is written twice, and yet nobody sees half a feed: finishing the run clears that mark, in one transaction.
    """

    def __init__(self, writer: Writer, fence: Fence, feed: FeedDefinition, gathering: Gathering | None = None) -> None:
        self._writer = writer
        self._gathering = gathering or Gathering()
        self._fence = fence
        self._feed = feed
        self._now = clock.now()
        self._created = 0
        self._rows = 0
        self._buries = False
        # What the feed's stock comes to, None where written rows were changed since, so that it has to be summed up.
        self._stock: float | None = 0.0
        self._pace = Pace()
        self._last_key: str | None = ""

    async def hide(self) -> bool:
        """Mark the feed as being loaded, before the first row is written; False when a call has put an item into it meanwhile."""
        empty = f"NOT EXISTS (SELECT 1 FROM {VARIANTS} WHERE inventory_feed_id = inventory_feeds.id)"
        async with self._writer.transaction() as writer:
            mark = f"UPDATE main.inventory_feeds SET loading_run_id = ? WHERE id = ? AND {empty}"
            hidden = bool(await writer.execute(mark, self._fence.run, self._fence.feed))
        await self._writer.execute(f"PRAGMA cache_size = -{_IN_ORDER_KIBIBYTES}")
        return hidden

    async def _look_at_order(self, keys: Sequence[str]) -> None:
        """Give the database its usual cache back once keys come in another order than they are indexed in, as far as three of them tell."""
        if self._last_key is None or not keys:
            return
        if self._last_key < keys[0] <= keys[len(keys) // 2] <= keys[-1]:
            self._last_key = keys[-1]
        else:
            self._last_key = None
            await self._writer.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")

    async def stage(self, batch: ItemBatch) -> None:
        """Write a batch. What was loaded of keys that the source gives up, or rejects, in a later record is taken back."""
        digests = stored_digests(batch, Layout.of(batch, self._feed))
        order = counting(batch)
        told = batch.keys if len(order) == len(batch) else [batch.keys[index] for index in order]
        gone: list[str] = []
        if "status" in batch.columns:
            place = batch.columns.index("status")
            gone = [batch.keys[index] for index in order if batch.rows[index][place] is not None]
            order = [index for index in order if batch.rows[index][place] is None]
        await self._take_back([*gone, *(batch.spoiled.keys() - told if batch.spoiled else ())])
        await self._bury(gone, told)
        rows = KeyedRows.of(batch, digests, order)
        await self._look_at_order(rows.keys)
        new = len(rows) == len(batch) and await self._write_new(batch.columns, rows)
        if not new:
            await self._write_exact(batch.columns, rows)
        self._rows += len(batch)
        if self._gathering.concerns(batch):
            self._gathering.collector.lay(batch.blocks)
            if new and len(rows) and (first := await self._first_id(rows)) is not None:
                self._gathering.load(batch, first)
            await self._gathering.turn()

    async def _first_id(self, rows: KeyedRows) -> int | None:
        """Return the id of the first of the rows that were just written, None when their ids are not known to be consecutive.

        Ids grow by one from row to row within a statement and a transaction; that the first and the last have what that makes of them
        is looked at, not believed.
        """
        last = await self._writer.number("SELECT last_insert_rowid()")
        first = last - len(rows) + 1
        keys = await self._writer.query(f"SELECT external_id FROM {VARIANTS} WHERE id IN (?, ?) ORDER BY id", first, last)
        return first if [key for (key,) in keys] == list(dict.fromkeys((rows.keys[0], rows.keys[-1]))) else None

    async def _take_back(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        self._stock = None
        mine = "inventory_feed_id = ? AND created_run_id = ? AND external_id IN (SELECT value FROM json_each(?))"
        async with self._writer.transaction() as writer:
            gone = await writer.query(f"SELECT id FROM {VARIANTS} WHERE {mine}", self._fence.feed, self._fence.run, json_text(keys))
            self._gathering.drop(int(str(item)) for (item,) in gone)
            delete = f"DELETE FROM {VARIANTS} WHERE {mine}"
            self._created -= await writer.execute(delete, self._fence.feed, self._fence.run, json_text(keys))
            if self._buries:
                await writer.execute(f"DELETE FROM temp.{_GONE} WHERE external_id IN (SELECT value FROM json_each(?))", json_text(keys))

    async def _bury(self, gone: Sequence[str], told: Sequence[str]) -> None:
        """Remember the keys whose last record says that they are gone, and forget those of which a record was told since."""
        if gone and not self._buries:
            await self._writer.execute(f"CREATE TEMP TABLE {_GONE} (external_id TEXT PRIMARY KEY) WITHOUT ROWID")
            self._buries = True
        if self._buries:
            among = "SELECT value FROM json_each(?)"
            await self._writer.execute(f"DELETE FROM temp.{_GONE} WHERE external_id IN ({among})", json_text(told))
            await self._writer.execute(f"INSERT INTO temp.{_GONE} {among}", json_text(gone))

    async def _write_new(self, columns: tuple[str, ...], rows: KeyedRows) -> bool:
        """Write rows whose keys are all new; where the database says that they are not, write nothing and return False."""
        async with self._writer.transaction() as writer:
            if await insert_keyed(writer, self._insert(columns, overwrite=False), rows, self._pace) != len(rows):
                await writer.connection.rollback()
                return False
        self._created += len(rows)
        if self._stock is not None and "inventoryQuantity" in columns:
            self._stock += rows.total(columns.index("inventoryQuantity"))
        return True

    async def _write_exact(self, columns: tuple[str, ...], rows: KeyedRows) -> None:
        """Write rows of which some keys were loaded before by this run: the later row wins, as a whole."""
        among = "FROM json_each(?) AS j CROSS JOIN"
        known = f"SELECT v.id {among} {VARIANTS} AS v WHERE v.inventory_feed_id = ? AND v.external_id = j.value"
        self._stock = None
        async with self._writer.transaction() as writer:
            repeated = await writer.query(known, json_text(rows.keys), self._fence.feed)
            await insert_keyed(writer, self._insert(columns, overwrite=True), rows, self._pace)
        self._gathering.drop(int(str(item)) for (item,) in repeated)
        self._created += len(rows) - len(repeated)

    def _insert(self, columns: tuple[str, ...], *, overwrite: bool) -> Insert:
        return straight_insert(columns, feed=self._fence.feed, run=self._fence.run, now=self._now, overwrite=overwrite)

    async def summary(self) -> StageSummary:
        """Return what was written: the feed was empty before. What the source has given up already is skipped."""
        skipped = await self._writer.number(f"SELECT count(*) FROM temp.{_GONE}") if self._buries else 0
        figures = await measure_load(self._writer, self._fence.feed) if self._stock is None else Figures(stock_after=pieces(self._stock))
        duplicate = self._rows - self._created - skipped
        return StageSummary(0, 0, self._created, updated=0, unchanged=0, duplicate=duplicate, skipped=skipped, figures=figures)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return none: the rows are where they belong."""
        return ()

    async def forget_stock(self, keys: Sequence[str]) -> None:
        """Make the stock of loaded items unknown."""
        self._stock = None
        mine = "inventory_feed_id = ? AND external_id IN (SELECT value FROM json_each(?))"
        async with self._writer.transaction() as writer:
            forget = f"UPDATE {VARIANTS} SET inventory_quantity = NULL, {OTHER_DIGEST} WHERE {mine}"
            await writer.execute(forget, self._fence.feed, json_text(keys))

    async def discard(self) -> None:
        """Delete what was written, which nobody has seen."""
        await delete_load(self._writer, feed=self._fence.feed, run=self._fence.run)
