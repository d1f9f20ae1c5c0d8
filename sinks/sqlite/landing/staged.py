"""Every run after the first: what differs is staged beside the items; `applying` makes it their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import orjson

from engine.batch import ItemBatch, Value
from engine.contracts import FeedDefinition, StageSummary
from engine.run import Counts
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.bitmap import Bitmap
from sinks.sqlite.landing.figures import Standing, measure_stage
from sinks.sqlite.landing.housekeeping import clear_stage
from sinks.sqlite.landing.missing import stage_missing, stage_returned
from sinks.sqlite.landing.rows import KeyedRows, counting, insert_rows, json_text, keyed_text, stored_digests
from sinks.sqlite.landing.statements import DELETED, GONE, Layout, StageTable
from sinks.sqlite.screen.gathering import Gathering

if TYPE_CHECKING:
    from sinks.sqlite.screen.met import KnownHere


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
        self._standing = Standing(writer, stage, feed)
        self._summary: StageSummary | None = None

    async def stage(self, batch: ItemBatch) -> None:
        """Take a batch; it is written in one transaction, and only as far as it differs.

        What is known of its stretch of the source is met first, then its rows: which of both counts for a key, the ordinals say.
        """
        order = counting(batch)
        layout = Layout.of(batch, self._feed)
        rows = KeyedRows.of(batch, stored_digests(batch, layout), order)
        known = _known_here(batch)
        restored = await self._meet_known(known) if known is not None else []
        ids, differing, fallen = await self._compare(rows)
        repeated = self._meet(ids)
        places = {key: place for place, key in enumerate(rows.keys)} if differing or repeated else {}
        self._fallen += len(fallen) - sum(places[key] in repeated for key in fallen)
        beaten = _beaten(known, {place: (ids[place], batch.records[order[place]]) for place in repeated}) if known is not None else set()
        differs = [places[key] for key in differing]
        changed: list[tuple[Value, ...]] = [
            (rows.keys[place], ids[place], rows.digests[place], batch.records[order[place]], *rows.rows[place])
            for place in differs
            if place not in beaten
        ]
        # An earlier row of such a key may have been staged; the later one says that all is as it was.
        restored += [rows.keys[place] for place in sorted(repeated.difference(differs) | beaten)]
        if batch.spoiled:
            told = set(rows.keys)
            restored += await self._leave({key: record for key, record in batch.spoiled.items() if key not in told}, known)
        await self._write(layout, changed, restored)
        self._rows += len(batch) + len(batch.known)
        if self._gathering.concerns(batch):
            self._gathering.take(batch, order, ids, rows.digests, [place for place in differs if place not in beaten], repeated)
            await self._gathering.turn()
        elif repeated:
            self._gathering.drop(item for place in repeated if (item := ids[place]) is not None)

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

    async def _compare(self, rows: KeyedRows) -> tuple[list[int | None], list[str], list[str]]:
        """Return the id of the item of each row, the keys of those that differ from it, and of these the ones whose item is removed."""
        if not len(rows):
            return [], [], []
        # No transaction: only this run writes the feed's items, and the fence is proven before anything depends on the answer.
        ((ids, differing, fallen),) = await self._writer.query(self._stage.compare(), keyed_text(rows))
        return orjson.loads(str(ids)), orjson.loads(str(differing)), orjson.loads(str(fallen))

    def _meet(self, ids: Sequence[int | None]) -> set[int]:
        """Note items that were in the source and return the places of those that had been met before."""
        first = ids[0] if ids else None
        if (
            first is not None
            and not self._left.size
            and ids == list(range(first, first + len(ids)))
            and self._seen.add_row(first, len(ids))
        ):
            return set()
        repeated: set[int] = set()
        for place, item in enumerate(ids):
            if item is not None:
                if not self._seen.add(item):
                    repeated.add(place)
                self._left.remove(item)
        return repeated

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
        await self._standing.take()
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
        if self._standing.taken:
            return int((await self._standing.sums())["known"])
        items = await self._writer.number(f"SELECT count(*) {self._stage.items()}")
        if items == self._seen.size:
            return items - self._fallen
        return items - await self._writer.number(f"SELECT count(*) {self._stage.items()} AND v.status = 'removed'")

    async def _summarise(self, known: int, seen: int) -> StageSummary:
        created = await self._writer.number(self._stage.count_created())
        buried = 0
        for layout, number in self._layouts.items():
            buried += await self._writer.number(self._stage.count_buried(number)) if layout.buries else 0
        missing = await self._writer.number(self._stage.count_staged(GONE, DELETED))
        skipped = await self._writer.number(self._stage.count_new()) - created
        figures, updated = await measure_stage(self._writer, self._stage, self.layouts, self._feed, self._standing, known=known, seen=seen)
        counts = self._counts(created, updated, skipped)
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


def _beaten(known: KnownHere, rows: Mapping[int, tuple[int | None, int]]) -> set[int]:
    """Return the places of the rows, each with item and ordinal, behind which a known record of the same item comes."""
    return {place for place, (item, record) in rows.items() if item is not None and known.comes_after(item, record)}
