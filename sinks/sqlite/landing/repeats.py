"""Keys that occur again in a run, where the feed wants something else than the last row of each (`duplicateKeys`).

A landing lets the last row win. What stands here goes before one and hands it only the rows that this is right for. What it has
to remember of the keys met lies in a table of this connection, on disk: a run takes no more memory the longer it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import orjson
from xxhash import xxh3_64_intdigest

from engine.batch import ItemBatch, Value
from engine.contracts import DuplicateKeys, StageSummary
from engine.errors import RefuseRun, RejectRecord
from engine.mapping.several import add_up
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.rows import json_text
from sinks.sqlite.landing.statements import Layout

_QUANTITY = "inventoryQuantity"


class Landing(Protocol):
    """How a run's items reach the tables."""

    async def stage(self, batch: ItemBatch) -> None:
        """Take a batch; of the records of a key the last one counts, and where that was rejected none."""
        ...

    async def summary(self) -> StageSummary:
        """Count what applying would do."""
        ...

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Return the layouts of what is staged, by their numbers."""
        ...

    async def discard(self) -> None:
        """Drop what was staged."""
        ...

    async def forget_stock(self, keys: Sequence[str]) -> None:
        """Leave the stock of these keys as it is stored, unknown where it is not; their items are not missing."""
        ...


class _Before:
    """A landing behind which another one stands; `_dropped` rows never came to that."""

    def __init__(self, landing: Landing, writer: Writer) -> None:
        self._landing = landing
        self._writer = writer
        self._dropped = 0
        self._made = False

    async def summary(self) -> StageSummary:
        found = await self._landing.summary()
        return replace(found, duplicate=found.duplicate + self._dropped)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        return self._landing.layouts

    async def discard(self) -> None:
        await self._landing.discard()

    async def forget_stock(self, keys: Sequence[str]) -> None:
        await self._landing.forget_stock(keys)

    async def _make_table(self, columns: str) -> None:
        if not self._made:
            await self._writer.execute(f"CREATE TEMP TABLE keys_met (external_id TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
            self._made = True

    async def _meet(self, places: Iterable[tuple[int, int, str]]) -> set[tuple[str, int]]:
        """Note records, each with its line and key, and return the key and the record of those that are the first of their key."""
        await self._make_table("record INTEGER NOT NULL, line INTEGER NOT NULL")
        cells = ", ".join(f"json_extract(value, '$[{place}]')" for place in (2, 0, 1))
        fresh = await self._writer.query(
            f"INSERT OR IGNORE INTO temp.keys_met SELECT {cells} FROM json_each(?) RETURNING external_id, record",
            orjson.dumps(list(places)).decode(),
        )
        return {(str(key), int(str(record))) for key, record in fresh}


def _places(batch: ItemBatch) -> Iterable[tuple[int, int, str]]:
    return zip(batch.records, batch.lines, batch.keys, strict=True)


class FirstOfKey(_Before):
    """The first record of a key counts, the others are duplicates; where the first was rejected the item is left as it is."""

    async def stage(self, batch: ItemBatch) -> None:
        rejected = [(record, 0, key) for key, record in batch.spoiled.items()]
        met = await self._meet(sorted([*_places(batch), *rejected]))
        first = [index for index, place in enumerate(zip(batch.keys, batch.records, strict=True)) if place in met]
        self._dropped += len(batch) - len(first)
        spoiled = {key: record for key, record in batch.spoiled.items() if (key, record) in met}
        await self._landing.stage(replace(pick(batch, first), spoiled=spoiled))


class NoRepeats(_Before):
    """A key that occurs again refuses the run."""

    async def stage(self, batch: ItemBatch) -> None:
        met = await self._meet(_places(batch))
        for index, place in enumerate(zip(batch.keys, batch.records, strict=True)):
            if place not in met:
                await self._refuse(batch, index)
        await self._landing.stage(batch)

    async def _refuse(self, batch: ItemBatch, index: int) -> None:
        key = batch.keys[index]
        ((record, line),) = await self._writer.query("SELECT record, line FROM temp.keys_met WHERE external_id = ?", key)
        raise RefuseRun(
            f"the key {key!r} stands in record {record} (line {line}) and in record {batch.records[index]} (line {batch.lines[index]}), "
            "and the feed has duplicateKeys=error: correct the source, or set duplicateKeys to last, first or sum"
        )


class AddUp(_Before):
    """The stock of the rows of a key is added up, as of one row a warehouse; all else is the last row's."""

    _forgotten = False

    async def summary(self) -> StageSummary:
        # At the end, and once: what spoils a sum may come before all of its rows or after them.
        if self._made and not self._forgotten:
            self._forgotten = True
            spoiled = await self._writer.query("SELECT external_id FROM temp.keys_met WHERE spoiled")
            await self._landing.forget_stock([str(key) for (key,) in spoiled])
        return await super().summary()

    async def stage(self, batch: ItemBatch) -> None:
        await self._make_table("quantity NUMERIC, spoiled INTEGER NOT NULL DEFAULT 0")
        if batch.spoiled:
            await self._writer.execute(
                "INSERT INTO temp.keys_met SELECT value, NULL, 1 FROM json_each(?) WHERE 1 ON CONFLICT DO UPDATE SET spoiled = 1",
                json_text(sorted(batch.spoiled)),
            )
        if not len(batch):
            return
        if _QUANTITY not in batch.columns:
            rows: list[tuple[Value, ...]] = [(*row, None) for row in batch.rows]
            batch = replace(batch, columns=(*batch.columns, _QUANTITY), rows=rows, clears=batch.clears - {_QUANTITY})
        place = batch.columns.index(_QUANTITY)
        known = await self._writer.query(
            "SELECT external_id, quantity FROM temp.keys_met WHERE external_id IN (SELECT value FROM json_each(?))", json_text(batch.keys)
        )
        totals: dict[str, Value] = {str(key): quantity for key, quantity in known if isinstance(quantity, int | float)}
        gone = _removed(batch)
        for key, row, no_more in zip(batch.keys, batch.rows, gone, strict=True):
            totals[key] = _added(key, totals.get(key), None if no_more else row[place])
        await self._writer.execute(
            "INSERT INTO temp.keys_met SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 0 FROM json_each(?) WHERE 1"
            " ON CONFLICT DO UPDATE SET quantity = excluded.quantity",
            orjson.dumps(list(totals.items())).decode(),
        )
        last = sorted({key: index for index, key in enumerate(batch.keys)}.values())
        self._dropped += len(batch) - len(last)
        # Spoiled keys are told at the end: here the row that counts is applied, but for its stock.
        await self._landing.stage(_with_totals(replace(pick(batch, last), spoiled={}), place, totals))


def _removed(batch: ItemBatch) -> Sequence[bool]:
    """Say of each row whether the source has given the item up there: what it says of stock does not count."""
    if "status" not in batch.columns:
        return [False] * len(batch)
    place = batch.columns.index("status")
    return [row[place] == "removed" for row in batch.rows]


def _added(key: str, total: Value, quantity: Value) -> Value:
    try:
        return add_up((total, quantity))
    except RejectRecord as fault:
        raise RefuseRun(f"the stock of the rows with the key {key!r} cannot be added up: the sum {fault}; correct the source") from None


def _with_totals(batch: ItemBatch, place: int, totals: dict[str, Value]) -> ItemBatch:
    """Put the sums in the place of the last rows' own figures, under digests of their own.

    The last row says nothing of the sum: by its own digest, a stored sum of other parts would pass for unchanged.
    """
    rows = [(*row[:place], totals[key], *row[place + 1 :]) for key, row in zip(batch.keys, batch.rows, strict=True)]
    texts = (f"sum of {digest} {totals[key]!r}" for key, digest in zip(batch.keys, batch.digests, strict=True))
    digests = [xxh3_64_intdigest(text.encode()) - (1 << 63) for text in texts]
    return replace(batch, rows=rows, digests=digests)


def pick(batch: ItemBatch, indices: Sequence[int]) -> ItemBatch:
    """Return some rows of a batch."""
    if len(indices) == len(batch):
        return batch
    return replace(
        batch,
        keys=[batch.keys[index] for index in indices],
        rows=[batch.rows[index] for index in indices],
        digests=[batch.digests[index] for index in indices],
        lines=[batch.lines[index] for index in indices],
        records=[batch.records[index] for index in indices],
    )


def heed_repeats(landing: Landing, writer: Writer, mode: DuplicateKeys) -> Landing:
    """Return the landing as a feed with these `duplicateKeys` needs it."""
    if mode == "last":
        return landing
    modes: dict[DuplicateKeys, Callable[[Landing, Writer], Landing]] = {"first": FirstOfKey, "error": NoRepeats, "sum": AddUp}
    return modes[mode](landing, writer)
