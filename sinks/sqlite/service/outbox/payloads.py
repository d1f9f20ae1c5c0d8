"""Payloads: what is to be delivered to a webhook, in which order, and what came of it. Inside the caller's transaction."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from engine.errors import NotFound
from sinks.sqlite import clock
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.listing import Column, Listed
from sinks.sqlite.service.outbox.hooks import pause_hook

NOTHING: Final = 0
"""The resource of a payload that is about none."""

PING: Final = "ping"
"""The topic of a payload that a person asks for, to see whether it arrives: sent once, whatever state the webhook is in."""

PAYLOADS: Final = Listed(
    "main.webhook_payloads",
    {
        "id": Column("id", "integer"),
        "webhookId": Column("webhook_id", "integer"),
        "topic": Column("topic"),
        "resourceId": Column(f"nullif(resource_id, {NOTHING})", "integer"),
        "status": Column("status"),
        "attempts": Column("attempts", "integer"),
        "nextAttemptAt": Column("next_attempt_at", "time"),
        "responseStatus": Column("response_status", "integer"),
        "responseExcerpt": Column("response_excerpt"),
        "error": Column("error"),
        "body": Column("body", "json"),
        "deliveredAt": Column("delivered_at", "time"),
        "createdAt": Column("created_at", "time"),
        "updatedAt": Column("updated_at", "time"),
    },
)

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_PRUNED_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class NewPayload:
    """What a webhook is told. `rest` is the JSON object of its body without the id, which comes first."""

    hook: int
    topic: str
    resource: int
    rest: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """A payload that may be sent now, and where to: `sealed` holds location and secret."""

    id: int
    hook: int
    topic: str
    body: str
    attempts: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending a payload: a status with the beginning of the answer, or an error. `retry_after` is in seconds."""

    status: int | None = None
    excerpt: str | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Return whether it has arrived."""
        return self.status is not None and 200 <= self.status < 300


class Patience(Protocol):
    """How often a payload is tried, seconds to wait in between, and after how many failures in a row a webhook is paused."""

    @property
    def attempts(self) -> int: ...
    @property
    def first_wait(self) -> float: ...
    @property
    def max_wait(self) -> float: ...
    @property
    def pause_after(self) -> int: ...


async def insert_payloads(writer: Writer, payloads: Sequence[NewPayload], *, now: int) -> list[int]:
    """Store payloads, due at once, in their order, and return their ids."""
    first = 1 + await writer.number("SELECT ifnull((SELECT seq FROM main.sqlite_sequence WHERE name = 'webhook_payloads'), 0)")
    numbered = list(enumerate(payloads, first))
    await writer.connection.executemany(
        "INSERT INTO main.webhook_payloads (id, webhook_id, topic, resource_id, body, status, next_attempt_at, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
        [(id_, each.hook, each.topic, each.resource, _body(id_, each.rest), now, now, now) for id_, each in numbered],
    )
    return [id_ for id_, _ in numbered]


def _body(number: int, rest: bytes) -> str:
    return f'{{"id":{number},{rest[1:].decode()}'


async def count_pending(reader: Writer) -> dict[int, int]:
    """Return how many payloads wait, by webhook."""
    counted = "SELECT webhook_id, count(*) FROM main.webhook_payloads WHERE status = 'pending' GROUP BY webhook_id"
    return {int(str(hook)): int(str(count)) for hook, count in await reader.query(counted)}


_ACTIVE: Final = "(w.enabled AND w.paused_at IS NULL)"
# Asked webhook by webhook, each a look into an index: what waits for one that is paused costs the others nothing.
_EARLIEST: Final = (
    "(SELECT min(p.next_attempt_at) FROM main.webhook_payloads AS p"
    " WHERE p.webhook_id = w.id AND p.status = 'pending' AND p.next_attempt_at > {})"
)
_PINGED: Final = (
    "(SELECT p.next_attempt_at FROM main.webhook_payloads AS p"
    f" WHERE p.webhook_id = w.id AND p.resource_id = {NOTHING} AND p.status = 'pending' LIMIT 1)"
)


async def hooks_due(reader: Writer, *, now: int) -> list[int]:
    """Return the webhooks that something may be due for, those that have waited longest first."""
    due = f"CASE WHEN {_ACTIVE} THEN {_EARLIEST.format(-1)} ELSE {_PINGED} END"
    rows = await reader.query(f"SELECT id FROM (SELECT w.id, {due} AS due FROM main.webhooks AS w) WHERE due <= ? ORDER BY due", now)
    return [int(str(row[0])) for row in rows]


async def next_due(reader: Writer, *, now: int) -> int | None:
    """Return when the next payload will be due that is not yet, None where there is none."""
    ((due,),) = await reader.query(f"SELECT min({_EARLIEST.format('?')}) FROM main.webhooks AS w WHERE {_ACTIVE}", now)
    return None if due is None else int(str(due))


async def select_due(reader: Writer, hook: int, size: int, *, now: int) -> list[Due]:
    """Return the payloads of a webhook that may be sent now: none of whose resource an earlier one is still to be delivered."""
    rows = await reader.connection.execute_fetchall(
        "SELECT p.id, p.webhook_id, p.topic, p.body, p.attempts, w.sealed FROM main.webhook_payloads AS p"
        " JOIN main.webhooks AS w ON w.id = p.webhook_id"
        f" WHERE p.webhook_id = ? AND p.status = 'pending' AND p.next_attempt_at <= ? AND ({_ACTIVE} OR p.topic = '{PING}')"
        " AND NOT EXISTS (SELECT 1 FROM main.webhook_payloads AS q WHERE q.webhook_id = p.webhook_id"
        " AND q.resource_id = p.resource_id AND q.status = 'pending' AND q.id < p.id)"
        " ORDER BY p.next_attempt_at, p.id LIMIT ?",
        (hook, now, size),
    )
    return [Due(*row) for row in rows]


async def store_attempt(writer: Writer, due: Due, attempt: Attempt, patience: Patience, *, now: int) -> str | None:
    """Store what came of sending a payload, and return why its webhook was paused for it, None where it was not."""
    if attempt.delivered:
        await _end(writer, due, attempt, "delivered", now=now)
        await writer.execute("UPDATE main.webhooks SET failures = 0 WHERE id = ? AND failures > 0", due.hook)
        return None
    tried = due.attempts + 1
    if due.topic == PING or (tried >= patience.attempts and attempt.status != 410):
        await _end(writer, due, attempt, "failed", now=now)
    else:
        wait = min(patience.first_wait * 2 ** min(due.attempts, 32), patience.max_wait) * random.uniform(0.5, 1.0)
        later = now + min(int(max(wait, attempt.retry_after or 0.0) * _SECOND), _DAY)
        await writer.execute(
            f"{_ATTEMPTED}, next_attempt_at = ? WHERE id = ? AND status = 'pending'",
            *(attempt.status, attempt.excerpt, attempt.error, now, later, due.id),
        )
    return None if due.topic == PING else await _count_failure(writer, due.hook, attempt, patience, now=now)


_ATTEMPTED: Final = (
    "UPDATE main.webhook_payloads SET attempts = attempts + 1, response_status = ?, response_excerpt = ?, error = ?, updated_at = ?"
)


async def _end(writer: Writer, due: Due, attempt: Attempt, status: str, *, now: int) -> None:
    await writer.execute(
        f"{_ATTEMPTED}, status = ?, next_attempt_at = NULL, delivered_at = ? WHERE id = ? AND status = 'pending'",
        *(attempt.status, attempt.excerpt, attempt.error, now, status, now if attempt.delivered else None, due.id),
    )


async def _count_failure(writer: Writer, hook: int, attempt: Attempt, patience: Patience, *, now: int) -> str | None:
    await writer.execute("UPDATE main.webhooks SET failures = failures + 1 WHERE id = ?", hook)
    rows = await writer.query("SELECT failures FROM main.webhooks WHERE id = ? AND enabled AND paused_at IS NULL", hook)
    failures = int(str(rows[0][0])) if rows else 0
    if not rows or (failures < patience.pause_after and attempt.status != 410):
        return None
    told = attempt.error or f"it answered {attempt.status}"
    reason = "the receiver says it is gone (410)" if attempt.status == 410 else f"{failures} deliveries in a row failed, the last: {told}"
    await pause_hook(writer, hook, reason, now=now)
    return reason


async def redeliver(writer: Writer, payload: int) -> None:
    """Let a payload be sent once more, at once, with as many attempts as a new one. Raises `NotFound` when there is none."""
    now = clock.now()
    again = "UPDATE main.webhook_payloads SET status = 'pending', attempts = 0, next_attempt_at = ?, updated_at = ? WHERE id = ?"
    if not await writer.execute(again, now, now, payload):
        raise NotFound(f"there is no webhook payload {payload}; delivered ones are forgotten after a while")


async def prune_payloads(writer: Writer, days: int, *, now: int) -> int:
    """Forget payloads that were delivered or given up so many days ago, some at a time, and return how many."""
    ended = f"SELECT id FROM main.webhook_payloads WHERE status <> 'pending' AND updated_at < ? ORDER BY updated_at LIMIT {_PRUNED_ROWS}"
    return await writer.execute(f"DELETE FROM main.webhook_payloads WHERE id IN ({ended})", now - days * _DAY)
