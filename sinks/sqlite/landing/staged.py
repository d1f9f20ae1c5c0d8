"""Every run after the first: what differs is staged beside the items; `applying` makes it their state."""

from __future__ import annotations

from collections.abc import Sequence

from engine.batch import ItemBatch, Value
from engine.contracts import StageSummary
from engine.run import Counts
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.bitmap import Bitmap
from sinks.sqlite.landing.housekeeping import clear_stage
from sinks.sqlite.landing.rows import insert_rows, json_text, latest, stored_digests
from sinks.sqlite.landing.statements import Layout, StageTable


class StagedRun:
    """Stage what differs from the stored items.

    An item met with its stored digest costs one bit and nothing on disk.
    """

    def __init__(self, writer: Writer, stage: StageTable) -> None:
        self._writer = writer
        self._stage = stage
        self._layouts: dict[Layout, int] = {}
        self._seen = Bitmap()
        self._rows = 0
        self._summary: StageSummary | None = None

    async def stage(self, batch: ItemBatch) -> None:
        """Take a batch; it is written in one transaction, and only as far as it differs."""
        newest = latest(batch.keys)
        order = range(len(batch)) if newest is None else newest
        digests = stored_digests(batch)
        keys = batch.keys if newest is None else [batch.keys[index] for index in newest]
        # No transaction: only this run writes the feed's items, and the fence is proven before anything depends on the answer.
        stored = {int(str(row[0])): row[1:] for row in await self._writer.query(self._stage.lookup(), json_text(keys))}
        changed: list[tuple[Value, ...]] = []
        restored: list[str] = []
        for place, index in enumerate(order):
            item, digest = stored.get(place, (None, None))
            repeated = isinstance(item, int) and not self._seen.add(item)
            if digest != digests[index]:
                changed.append(
                    (keys[place], item if isinstance(item, int) else None, digests[index], batch.records[index], *batch.rows[index])
                )
            elif repeated:
                # An earlier row of this key may have been staged; the later one says that all is as it was.
                restored.append(keys[place])
        await self._write(Layout(batch.columns, batch.clears), changed, restored)
        self._rows += len(batch)

    async def _write(self, layout: Layout, changed: list[tuple[Value, ...]], restored: list[str]) -> None:
        if not changed and not restored:
            return
        number = self._layouts.setdefault(layout, len(self._layouts))
        async with self._writer.transaction() as writer:
            if restored:
                await writer.execute(self._stage.unstage(), json_text(restored))
            await insert_rows(writer, self._stage.insert(layout.columns, number), changed)

    async def summary(self) -> StageSummary:
        """Count by SQL what applying would do; counted once, before anything is applied."""
        if self._summary is None:
            known = await self._writer.number(self._stage.count_known())
            created = await self._writer.number(self._stage.count_created())
            updated = 0
            for layout, number in self._layouts.items():
                updated += await self._writer.number(self._stage.count_updated(number, layout))
            skipped = await self._writer.number(self._stage.count_new()) - created
            counts = self._counts(created, updated, skipped)
            self._summary = StageSummary(known, self._seen.size, created, updated, counts.unchanged, counts.duplicate, skipped)
        return self._summary

    def _counts(self, created: int, updated: int, skipped: int) -> Counts:
        seen = self._seen.size
        duplicate = self._rows - seen - created - skipped
        return Counts(created=created, updated=updated, unchanged=seen - updated, duplicate=duplicate, skipped=skipped)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return the layouts of what is staged, by their numbers."""
        return tuple(self._layouts)

    async def forget_stock(self, keys: Sequence[str]) -> None:
        """Let the stored stock of staged items stay, also where blanks clear."""
        async with self._writer.transaction() as writer:
            await writer.execute(self._stage.forget_stock(), json_text(keys))

    async def discard(self) -> None:
        """Drop the stage."""
        await clear_stage(self._writer, self._stage)
