"""Batches applied in one transaction with their results, so that none is ever half applied. On a worker thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from engine.errors import FeedmillError, InternalError, LimitReached, Retry, StoreFailed, UnderWay
from feedmill.web.problems import Problem, explain
from sinks.sqlite import clock
from sinks.sqlite.service.inbox import ItemResult, PendingBatch, end_batch, load_batches, postpone_batch
from sinks.sqlite.single.group import Push, Pushed, push_all
from sinks.sqlite.single.inline import locked
from sinks.sqlite.single.targets import read_targets

LOADING_WAIT: Final = 5_000_000
PAUSED_WAIT: Final = 30_000_000
"""Microseconds after which a batch is looked at again whose feed takes nothing now."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was not applied: batches whose body is still to be made into items, and feeds that are loaded for the first time."""

    raw: list[PendingBatch] = field(default_factory=list)
    loading: list[int] = field(default_factory=list)


def apply_batches(connection: sqlite3.Connection, name: str, batches: Sequence[int]) -> Applied:
    """Apply batches by their ids, in one transaction, and store what became of each item. Blocks.

    Raises `Retry` when the database stays locked, `StoreFailed` when it cannot be written, as on a full disk: nothing was applied,
    and all of it waits. What only the database refuses ends its own batch as an error, and no other.
    """
    try:
        with locked(connection, name):
            return _apply(connection, name, load_batches(connection, batches), now=clock.now())
    except (Retry, StoreFailed):
        # It was acknowledged: no trouble of the disk's may end it.
        raise
    except (FeedmillError, ValueError, OverflowError, RecursionError) as error:
        if len(batches) > 1:
            return _apply_each(connection, name, batches)
        with locked(connection, name):
            end_batch(connection, batches[0], [], _problem(InternalError(f"the batch cannot be applied: {error}")), now=clock.now())
        return Applied()


def _apply_each(connection: sqlite3.Connection, name: str, batches: Sequence[int]) -> Applied:
    """Apply batches each in a transaction of its own; of a feed nothing after one that waits."""
    applied = Applied()
    for batch in batches:
        part = apply_batches(connection, name, [batch])
        applied.raw.extend(part.raw)
        applied.loading.extend(part.loading)
        if part.raw:
            break
    return applied


def _apply(connection: sqlite3.Connection, name: str, batches: Sequence[PendingBatch], *, now: int) -> Applied:
    applied = Applied()
    targets = read_targets(connection, {batch.feed for batch in batches})
    waiting: set[int] = set()
    chosen: list[tuple[PendingBatch, list[Push]]] = []
    for batch in batches:
        refusal = targets[batch.feed].refusal()
        if batch.feed in waiting:
            continue
        if refusal is not None:
            waiting.add(batch.feed)
            wait = LOADING_WAIT if isinstance(refusal, UnderWay) else PAUSED_WAIT
            postpone_batch(connection, batch.id, now + wait, attempts=batch.attempts, now=now)
            if isinstance(refusal, UnderWay):
                applied.loading.append(batch.feed)
        elif batch.items is None:
            waiting.add(batch.feed)
            applied.raw.append(batch)
        else:
            chosen.append((batch, [Push(batch.feed, item, f"batch:{batch.id}", batch.id) for item in orjson.loads(batch.body)]))
    results = iter(push_all(connection, name, [push for _, pushes in chosen for push in pushes], now=now))
    for batch, pushes in chosen:
        end_batch(connection, batch.id, [_result(push, next(results)) for push in pushes], now=now)
    return applied


def _result(push: Push, result: Pushed | FeedmillError) -> ItemResult:
    if isinstance(result, Pushed):
        return ItemResult(result.outcome, result.stored.number, str(result.stored.values["externalId"]))
    sent = push.sent.get("externalId") if isinstance(push.sent, Mapping) else None
    outcome = "limited" if isinstance(result, LimitReached) else "invalid"
    return ItemResult(outcome, None, sent if isinstance(sent, str) and sent.isprintable() else None, _problem(result))


def _problem(error: FeedmillError) -> dict[str, object]:
    known = explain(error) or Problem(500, "internal", "the server is at fault, and has logged how; please report it")
    return known.document()
