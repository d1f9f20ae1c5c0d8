"""What the checks of sinks stand on: a sink over an empty place, batches as the engine makes them, a whole import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Final, TypeAlias

from engine.batch import ItemBatch, Value
from engine.contracts import SYNC_FLAGS, Checkpoint, FeedDefinition, Sink, SinkSession, StageSummary
from engine.run import Counts, RunRecord, RunStatus

FEED: Final = FeedDefinition("conformance", {"feedKind": "delta", **dict.fromkeys([*SYNC_FLAGS, "syncWeightZero"], True)})
"""A feed whose runs say nothing of the items that are not in them, and whose every attribute follows its source."""

Items: TypeAlias = Mapping[str, Mapping[str, object]]
"""Items as a reader sees them: by externalId, then by the API's attribute names."""

Row: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class SinkCase:
    """A sink over a place that is empty. `read` returns the items of the feed `conformance` that a reader sees at this moment.

    `read` must not go through the sink under test, and returns nothing where the feed or the place does not exist yet. An
    attribute without a value may be missing or None.
    """

    open: Callable[[], AbstractAsyncContextManager[Sink]]
    read: Callable[[], Awaitable[Items]]


SinkCheck: TypeAlias = Callable[[SinkCase], Awaitable[None]]


def batch(columns: tuple[str, ...], *items: tuple[Value, ...], clears: tuple[str, ...] = ()) -> ItemBatch:
    """Return a batch of items, each a key followed by one value a column, with digests as the engine makes them."""
    rows: list[Row] = [tuple(row) for _, *row in items]
    digests = [int.from_bytes(blake2b(repr((columns, row)).encode(), digest_size=8).digest(), "big", signed=True) for row in rows]
    numbers = list(range(1, len(items) + 1))
    return ItemBatch(columns, [str(key) for key, *_ in items], rows, digests, numbers, numbers, frozenset(clears))


async def import_items(sink: Sink, *batches: ItemBatch, dry_run: bool = False, feed: FeedDefinition = FEED) -> tuple[StageSummary, Counts]:
    """Run one complete import of the batches and return what was foreseen and what was done."""
    async with sink.session(feed, dry_run=dry_run) as session:
        for each in batches:
            await session.stage(each)
        summary = await session.summary()
        counts = await settle(session, sum(len(each) for each in batches), dry_run=dry_run)
    return summary, counts


async def settle(session: SinkSession, read: int = 0, left: Checkpoint | None = None, *, dry_run: bool = False) -> Counts:
    """Apply what is staged and finish the run, as the engine does with `read` records; return what was done."""
    planned = plan_record(session, await session.summary(), read, dry_run=dry_run)
    counts = await session.apply(planned, left)
    record = planned.counted(counts)
    record.check_accounting()
    await session.finish(record, left)
    return counts


def plan_record(session: SinkSession, summary: StageSummary, read: int, *, dry_run: bool = False) -> RunRecord:
    """Return the record that the engine would apply a stage with."""
    foreseen = (summary.created, summary.updated, summary.unchanged, summary.duplicate)
    counts = Counts(*foreseen, removed=summary.removed, skipped=summary.skipped)
    return RunRecord(FEED.name, session.run, RunStatus.COMPLETE, read, counts, summary.skipped, dry_run=dry_run)


async def expect(case: SinkCase, state: Mapping[str, tuple[object, object]], what: str) -> None:
    """Require the name and the stock of every item that a reader sees."""
    items = {key: (item.get("name"), _figure(item.get("inventoryQuantity"))) for key, item in (await case.read()).items()}
    require(items == state, f"{what}: expected {dict(state)}, got {items}")


def _figure(quantity: object) -> object:
    return float(quantity) if isinstance(quantity, Decimal) else quantity


def require(holds: bool, message: str) -> None:
    """Raise `AssertionError` with what was seen unless something holds."""
    if not holds:
        raise AssertionError(message)
