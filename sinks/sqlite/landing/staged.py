"""Every run after the first: what differs is staged beside the items; `applying` makes it their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from engine.batch import ItemBatch, Value
from engine.contracts import FeedDefinition, StageSummary
from engine.run import Counts
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.bitmap import Bitmap
from sinks.sqlite.landing.figures import measure_stage
from sinks.sqlite.landing.housekeeping import clear_stage
from sinks.sqlite.landing.missing import stage_missing, stage_returned
from sinks.sqlite.landing.rows import counting, insert_rows, json_text, stored_digests
from sinks.sqlite.landing.statements import DELETED, GONE, Layout, StageTable
from sinks.sqlite.screen.gathering import Gathering

if TYPE_CHECKING:
    from sinks.sqlite.screen.met import KnownHere

_UNKNOWN: Final = (None, None, None, None)


def _known_here(batch: ItemBatch) -> KnownHere | None:
    if not batch.known:
        return None
    from sinks.sqlite.screen.met import KnownHere

    return KnownHere(batch.known)


class StagedRun:
    """Stage what differs from the stored items.

    An item met with its stored digest costs one bit and nothing on disk.
    """

    def __init__(self, writer: Writer, stage: StageTable, feed: FeedDefinition, gathering: Gathering | None = None) -> None:
        self._writer = writer
        self._gathering = gathering or Gathering()
        self._stage = stage
        self._feed = feed
        self._layouts: dict[Layout, int] = {}
        # Items that were in the source, and those among them of whose records the one that counts was rejected.
        self._seen = Bitmap()
        self._left = Bitmap()
        self._fallen = 0
        self._rows = 0
        self._summary: StageSummary | None = None

    async def stage(self, batch: ItemBatch) -> None:
        """Take a batch; it is written in one transaction, and only as far as it differs.

        What is known of its stretch of the source is met first, then its rows: which of both counts for a key, the ordinals say.
        """
        order = counting(batch)
        layout = Layout.of(batch, self._feed)
        digests = stored_digests(batch, layout)
        keys = batch.keys if len(order) == len(batch) else [batch.keys[index] for index in order]
        known = _known_here(batch)
        restored = await self._meet_known(known) if known is not None else []
        # No transaction: only this run writes the feed's items, and the fence is proven before anything depends on the answer.
        stored = {row[0]: row for row in await self._writer.query(self._stage.lookup(), json_text(keys))} if keys else {}
        changed: list[int] = []
        same: list[tuple[int, int]] = []
        twice: list[int] = []
        rows: list[tuple[Value, ...]] = []
        meet, left = self._seen.add, self._left if self._left.size else None
        for place, index in enumerate(order):
            _, item, digest, fallen = stored.get(place, _UNKNOWN)
            repeated = False
            if isinstance(item, int):
                repeated = not meet(item)
                if repeated:
                    twice.append(item)
                    if known is not None and known.comes_after(item, batch.records[index]):
                        restored.append(keys[place])
                        continue
                elif fallen:
                    self._fallen += 1
                if left is not None:
                    left.remove(item)
            if digest != digests[index]:
                changed.append(index)
                rows.append(
                    (keys[place], item if isinstance(item, int) else None, digests[index], batch.records[index], *batch.rows[index])
                )
            elif repeated:
                # An earlier row of this key may have been staged; the later one says that all is as it was.
                restored.append(keys[place])
            elif isinstance(item, int):
                same.append((index, item))
        if batch.spoiled:
            told = set(keys)
            restored += await self._leave({key: record for key, record in batch.spoiled.items() if key not in told}, known)
        await self._write(layout, rows, restored)
        self._rows += len(batch) + len(batch.known)
        if self._gathering.concerns(batch):
            self._gather(batch, changed, same, twice)

    async def _meet_known(self, known: KnownHere) -> list[str]:
        """Note items that stand in the source as they are stored, and return the keys of those of which something else was staged."""
        again = self._seen.add_all(known.items)
        if self._left.size:
            for item in known.items.tolist():
                self._left.remove(item)
        if not again:
            return []
        self._gathering.drop(again)
        return [str(key) for (key,) in await self._writer.query(self._stage.keys_of(), json_text(again))]

    def _gather(self, batch: ItemBatch, changed: list[int], same: list[tuple[int, int]], twice: list[int]) -> None:
        gathering = self._gathering
        gathering.collector.lay(batch.blocks)
        if batch.known:
            gathering.collector.know(batch.known)
        gathering.meet(batch, same)
        gathering.wait(batch, changed)
        if twice:
            gathering.drop(twice)

    async def _leave(self, spoiled: Mapping[str, int], known: KnownHere | None) -> list[str]:
        """Note items that are in the source but of which nothing is known, and return their keys: they stay as they are."""
        wanted = sorted(spoiled)
        for place, item, _, fallen in await self._writer.query(self._stage.lookup(), json_text(wanted)):
            number = int(str(item))
            self._gathering.drop([number])
            if known is not None and known.comes_after(number, spoiled[wanted[int(str(place))]]):
                continue
            self._fallen += self._seen.add(number) and bool(fallen)
            self._left.add(number)
        return wanted

    async def _write(self, layout: Layout, changed: list[tuple[Value, ...]], restored: list[str]) -> None:
        if not changed and not restored:
            return
        number = self._layouts.setdefault(layout, len(self._layouts))
        async with self._writer.transaction() as writer:
            if restored:
                await writer.execute(self._stage.unstage(), json_text(restored))
            await insert_rows(writer, self._stage.insert(layout.columns, number), changed)

    async def summary(self) -> StageSummary:
        """Stage what was missing and count by SQL what applying would do; done once, before anything is applied."""
        if self._summary is None:
            known = await self._count_standing()
            seen = self._seen.size - self._fallen
            if known > seen:
                await stage_missing(self._writer, self._stage, self._feed, self._seen)
            await stage_returned(self._writer, self._stage, self._seen)
            self._summary = await self._summarise(known, seen)
        return self._summary

    async def _count_standing(self) -> int:
        """Count the items that stand. Where all were met it is known which do not; else those are counted."""
        items = await self._writer.number(f"SELECT count(*) {self._stage.items()}")
        if items == self._seen.size:
            return items - self._fallen
        return items - await self._writer.number(f"SELECT count(*) {self._stage.items()} AND v.status = 'removed'")

    async def _summarise(self, known: int, seen: int) -> StageSummary:
        created = await self._writer.number(self._stage.count_created())
        updated = buried = 0
        for layout, number in self._layouts.items():
            updated += await self._writer.number(self._stage.count_updated(number, layout))
            buried += await self._writer.number(self._stage.count_buried(number)) if layout.buries else 0
        missing = await self._writer.number(self._stage.count_staged(GONE, DELETED))
        skipped = await self._writer.number(self._stage.count_new()) - created
        counts = self._counts(created, updated, skipped)
        figures = await measure_stage(self._writer, self._stage, self.layouts, self._feed, known=known, seen=seen)
        return StageSummary(
            known=known,
            seen=seen,
            created=created,
            updated=updated,
            unchanged=counts.unchanged,
            duplicate=counts.duplicate,
            skipped=skipped,
            missing=max(0, known - seen),
            removed=missing + buried,
            figures=figures,
        )

    def _counts(self, created: int, updated: int, skipped: int) -> Counts:
        told = self._seen.size - self._left.size
        duplicate = self._rows - told - created - skipped
        return Counts(created=created, updated=updated, unchanged=told - updated, duplicate=duplicate, skipped=skipped)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return the layouts of what is staged, by their numbers."""
        return tuple(self._layouts)

    async def forget_stock(self, keys: Sequence[str]) -> None:
        """Let the stored stock of staged items stay, also where blanks clear; the items were in the source, whatever is staged."""
        for _, item, _, fallen in await self._writer.query(self._stage.lookup(), json_text(keys)):
            if self._seen.add(int(str(item))):
                self._fallen += bool(fallen)
                self._left.add(int(str(item)))
        async with self._writer.transaction() as writer:
            await writer.execute(self._stage.forget_stock(), json_text(keys))

    async def discard(self) -> None:
        """Drop the stage."""
        await clear_stage(self._writer, self._stage)
