"""What a run gathers for the screen of the next one, while its records are staged and applied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from anyio import to_thread

from engine.screen.prints import nth_print
from engine.screen.screening import Remembered
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import VARIANTS, StageTable
from sinks.sqlite.screen.stored import StoredScreen

if TYPE_CHECKING:
    from engine.batch import ItemBatch, JsonValue
    from engine.screen.collecting import Collector
    from engine.screen.settling import Settled

_APPLIED: Final = "screened_records"
_MOST: Final = 100_000_000
"""Records up to which a screen is kept: their places are numbers of 32 bits, and it takes 2.7 GB of the database."""


class Gathering:
    """Take down which record made which item. Costs nothing until the first batch with fingerprints comes."""

    def __init__(self) -> None:
        self._collector: Collector | None = None
        self._dropped: set[int] = set()
        self._remembered: Remembered | None = None
        self._lost = False
        self._kept: tuple[str, bytes, Mapping[str, JsonValue]] | None = None

    def begin_from(self, remembered: Remembered | None) -> None:
        """Note what the run was given, so that nothing is written when nothing of it has changed."""
        self._remembered = remembered

    def keep(self, mark: str, pattern: bytes, evidence: Mapping[str, JsonValue]) -> None:
        """Note under what the set is stored when the run completes."""
        self._kept = (mark, pattern, evidence)

    def concerns(self, batch: ItemBatch) -> bool:
        """Return whether a batch has anything to gather."""
        return not self._lost and bool(batch.prints or batch.known or batch.blocks)

    @property
    def collector(self) -> Collector:
        """Return what is gathered so far."""
        if self._collector is None:
            from engine.screen.collecting import Collector

            self._collector = Collector(self._remembered.arrays if self._remembered is not None else None)
        return self._collector

    def take(
        self,
        batch: ItemBatch,
        order: Sequence[int],
        ids: Sequence[int | None],
        digests: Sequence[int],
        changed: Sequence[int],
        repeated: Collection[int],
    ) -> None:
        """Take a batch that was compared.

        Row `order[place]` is of item `ids[place]`, None where that is new, which is to have `digests[place]`. The
        rows of the places `changed` are going to be applied; those of `repeated` are of items that were met before.
        """
        collector = self.collector
        collector.lay(batch.blocks)
        if batch.known:
            collector.know(batch.known)
        if batch.prints and not changed and not repeated and len(order) == len(batch):
            collector.meet(batch.records, [item for item in ids if item is not None], [batch.prints])
        elif batch.prints:
            self._take_some(batch, order, ids, {*changed, *repeated})
            records, prints = batch.records, batch.prints
            waiting = [(records[order[place]], digests[place], nth_print(prints, order[place])) for place in changed]
            collector.wait([each[0] for each in waiting], [each[1] for each in waiting], [each[2] for each in waiting])
        self.drop(item for place in repeated if (item := ids[place]) is not None)

    def _take_some(self, batch: ItemBatch, order: Sequence[int], ids: Sequence[int | None], others: Collection[int]) -> None:
        met = [(order[place], item) for place, item in enumerate(ids) if item is not None and place not in others]
        records, prints = batch.records, batch.prints
        self.collector.meet([records[index] for index, _ in met], [item for _, item in met], [nth_print(prints, index) for index, _ in met])

    def load(self, batch: ItemBatch, first: int) -> None:
        """Take all rows of a batch, which were stored under consecutive ids."""
        if batch.prints:
            self.collector.meet(batch.records, range(first, first + len(batch)), [batch.prints])

    async def turn(self) -> None:
        """End a batch. Where there is no place to keep what was gathered, the run leaves nothing: that is no fault of its source."""
        if self._collector is not None and self._collector.turn():
            try:
                await to_thread.run_sync(self._collector.flush)
            except OSError:
                await self._lose()

    async def _lose(self) -> None:
        collector, self._collector, self._lost = self._collector, None, True
        if collector is not None:
            await to_thread.run_sync(collector.close)

    def drop(self, items: Iterable[int]) -> None:
        """Know these items by none of their records. Where nothing was gathered yet, it may still come."""
        self._dropped.update(items)

    @property
    def open(self) -> bool:
        """Return whether anything was gathered."""
        return self._collector is not None

    async def settle(self, writer: Writer) -> StoredScreen | None:
        """Return what the run leaves, None when it gathered nothing, was not told to keep it, or had no place for it."""
        collector = self._collector
        if collector is None or self._kept is None:
            return None
        collector.drop(self._dropped)
        try:
            settled = await self._settle(writer, collector)
        except OSError:
            await self._lose()
            return None
        await to_thread.run_sync(collector.close)
        mark, pattern, evidence = self._kept
        before = self._remembered
        same = before is not None and settled.same and before.pattern == pattern and before.evidence == evidence
        self._collector = self._remembered = None
        return StoredScreen(mark, evidence, pattern, settled, same) if settled.records <= _MOST else None

    async def _settle(self, writer: Writer, collector: Collector) -> Settled:
        made = await writer.query(f"SELECT name FROM temp.sqlite_master WHERE name = '{_APPLIED}'")
        applied = f"SELECT record, item_id, content_hash FROM temp.{_APPLIED} WHERE record BETWEEN ? AND ?"
        # Arrays of records take a moment each, which the event loop has not got; nor has it one to look at each row.
        settling = await to_thread.run_sync(collector.begin_settling)
        for chapter in settling.chapters:
            first, last = chapter[0].first, max(page.last for page in chapter)
            awaits = made and any(page.awaited for page in chapter)
            rows = await writer.query(applied, first, last) if awaits else []
            await to_thread.run_sync(settling.take, chapter, cast("list[tuple[int, int, int]]", rows))
        return await to_thread.run_sync(settling.finish)


async def create_applied(writer: Writer) -> None:
    """Create the table in which the records that were applied are noted; of this connection only."""
    await writer.execute(f"CREATE TEMP TABLE IF NOT EXISTS {_APPLIED} (record INTEGER PRIMARY KEY, item_id INTEGER, content_hash INTEGER)")


async def note_applied(writer: Writer, stage: StageTable, end: str) -> None:
    """Note, before they leave the stage, of the staged rows up to a key which items they are, and what digests those have now.

    What was limited, restricted or overtaken as a whole has left the stage already; what was overtaken in part has another digest than
    its record was to give it.
    """
    await writer.execute(
        f"INSERT OR IGNORE INTO temp.{_APPLIED} SELECT s.record, v.id, v.content_hash FROM {stage.table} AS s CROSS JOIN {VARIANTS} AS v"
        f" WHERE s.run_id = {stage.run} AND s.external_id <= ? AND s.layout >= 0 AND s.status IS NULL AND s.record IS NOT NULL"
        f" AND v.id = coalesce(s.item_id, (SELECT n.id FROM {VARIANTS} AS n"
        f" WHERE n.inventory_feed_id = {stage.feed} AND n.external_id = s.external_id)) AND v.external_id = s.external_id"
        " AND v.content_hash IS NOT NULL",
        end,
    )
