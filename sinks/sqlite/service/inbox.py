"""Batches that were accepted and wait to be applied, and what became of each of their items. All inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from engine.errors import NotFound
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.fence import Writer
from sinks.sqlite.single.overtaking import forget_fields

Origin: TypeAlias = Literal["api", "inbound"]

DAY: Final = 86_400_000_000
_WAITING: Final = "SELECT count(*), coalesce(sum(bytes), 0) FROM main.batches WHERE status = 'pending'"
_ACCEPT: Final = (
    "INSERT INTO main.batches (feed_id, origin, status, body, bytes, items, available_at, created_at, updated_at)"
    " VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?) RETURNING id"
)
_PAGE: Final = 500
_PENDING: Final = f"SELECT id, feed_id, available_at FROM main.batches WHERE status = 'pending' AND id > ? ORDER BY id LIMIT {_PAGE}"
_LOAD: Final = (
    "SELECT id, feed_id, origin, body, items, attempts FROM main.batches"
    " WHERE id IN (SELECT value FROM json_each(?)) AND status = 'pending' ORDER BY id"
)
_END: Final = (
    "UPDATE main.batches SET status = ?, problem = ?, body = NULL, finished_at = ?, updated_at = ? WHERE id = ? AND status = 'pending'"
)
_RESULT: Final = "INSERT INTO main.batch_results (batch_id, seq, outcome, item_id, external_id, problem) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch as it arrived. `items` is None where its body is still to be made into items by the feed's transformation."""

    feed: int
    origin: Origin
    body: bytes
    items: int | None


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """A batch that waits; `attempts` is how often its body could not be made into items."""

    id: int
    feed: int
    origin: Origin
    body: bytes
    items: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of an item of a batch; `problem` is a problem document where nothing was stored."""

    outcome: str
    item: int | None = None
    key: str | None = None
    problem: Mapping[str, object] | None = None


def measure_waiting(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return how many batches wait, and how many bytes they have. Blocks."""
    count, size = connection.execute(_WAITING).fetchone()
    return int(count), int(size)


def accept_batch(connection: sqlite3.Connection, batch: NewBatch, *, now: int) -> int:
    """Store a batch and return its id. Blocks."""
    values = (batch.feed, batch.origin, batch.body, len(batch.body), batch.items, now, now, now)
    return int(connection.execute(_ACCEPT, values).fetchall()[0][0])


def find_available(connection: sqlite3.Connection, *, now: int, most: int, busy: Collection[int]) -> tuple[list[int], int | None]:
    """Return the ids of the batches to be applied next, in their order, and when the next of those that wait is due, None where none does.

    Of a feed nothing is taken before what came before it; nothing at all of feeds that are `busy`. Blocks.
    """
    chosen: list[int] = []
    blocked, due, last = set(busy), list[int](), 0
    while len(chosen) < most and (rows := connection.execute(_PENDING, (last,)).fetchall()):
        for number, feed, available in rows:
            if feed in blocked:
                continue
            if available > now:
                blocked.add(feed)
                due.append(available)
            elif len(chosen) < most:
                chosen.append(number)
        last = rows[-1][0]
    return chosen, min(due, default=None)


def load_batches(connection: sqlite3.Connection, batches: Sequence[int]) -> list[PendingBatch]:
    """Return those of the batches that still wait, in their order. Blocks."""
    return [PendingBatch(*row) for row in connection.execute(_LOAD, (orjson.dumps(batches).decode(),)).fetchall()]


def end_batch(
    connection: sqlite3.Connection, batch: int, results: Sequence[ItemResult], problem: Mapping[str, object] | None = None, *, now: int
) -> None:
    """Store what became of a batch: `complete` with its results, `error` with the problem of the whole. Its body goes. Blocks."""
    told = None if problem is None else orjson.dumps(problem).decode()
    ended = connection.execute(_END, ("complete" if problem is None else "error", told, now, now, batch))
    if ended.rowcount:
        rows = [
            (batch, seq, each.outcome, each.item, each.key, None if each.problem is None else orjson.dumps(each.problem).decode())
            for seq, each in enumerate(results)
        ]
        connection.executemany(_RESULT, rows)
        forget_fields(connection, batch)


def postpone_batch(connection: sqlite3.Connection, batch: int, available: int, *, attempts: int, now: int) -> None:
    """Let a batch wait until a moment. Blocks."""
    sql = "UPDATE main.batches SET available_at = ?, attempts = ?, updated_at = ? WHERE id = ? AND status = 'pending'"
    connection.execute(sql, (available, attempts, now, batch))


def replace_body(connection: sqlite3.Connection, batch: int, body: bytes, items: int, *, now: int) -> None:
    """Store the items that the body of a batch was made into. Blocks."""
    sql = "UPDATE main.batches SET body = ?, bytes = ?, items = ?, updated_at = ? WHERE id = ? AND status = 'pending'"
    connection.execute(sql, (body, len(body), items, now, batch))


async def show_batch(reader: Writer, batch: int) -> tuple[int, dict[str, Any]]:
    """Return the feed of a batch and the batch as the API shows it. Raises `NotFound`."""
    rows = await reader.query(
        "SELECT feed_id, origin, status, items, problem, created_at, updated_at, finished_at FROM main.batches WHERE id = ?", batch
    )
    if not rows:
        raise NotFound(f"there is no batch {batch}")
    feed, origin, status, items, problem, created, updated, finished = rows[0]
    found = await reader.query(
        "SELECT seq, outcome, item_id, external_id, problem FROM main.batch_results WHERE batch_id = ? ORDER BY seq", batch
    )
    return int(str(feed)), {
        "id": batch,
        "inventoryFeedId": feed,
        "origin": origin,
        "status": status,
        "items": items,
        "results": [
            {
                "index": seq,
                "outcome": outcome,
                "inventoryFeedVariantId": item,
                "externalId": key,
                "problem": None if told is None else orjson.loads(str(told)),
            }
            for seq, outcome, item, key, told in found
        ],
        "problem": None if problem is None else orjson.loads(str(problem)),
        "finishedAt": None if finished is None else rfc3339(int(str(finished))),
        "createdAt": rfc3339(int(str(created))),
        "updatedAt": rfc3339(int(str(updated))),
    }


async def prune_batches(writer: Writer, *, before: int) -> int:
    """Forget batches that ended before a moment, with their results, some hundred at most, and return how many these were."""
    old = "SELECT id FROM main.batches WHERE status <> 'pending' AND finished_at < ? ORDER BY id LIMIT 500"
    return await writer.execute(f"DELETE FROM main.batches WHERE id IN ({old})", before)
