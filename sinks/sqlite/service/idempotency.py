"""Calls that say who they are: the same key again within a day is answered as it was at first. Inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sinks.sqlite.fence import Writer

KEPT: Final = 86_400_000_000
"""Microseconds for which an answer is kept."""

_FIND: Final = "SELECT digest, status, answer FROM main.idempotency_keys WHERE feed_id = ? AND key = ? AND created_at > ?"
_STORE: Final = "INSERT OR REPLACE INTO main.idempotency_keys (feed_id, key, digest, status, answer, created_at) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Once:
    """What a call says it is within its feed, and the digest of what it asks for."""

    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What the first call of a key asked for, by its digest, and what it was answered."""

    digest: bytes
    status: int
    body: bytes


def find_answer(connection: sqlite3.Connection, feed: int, key: str, *, now: int) -> FirstAnswer | None:
    """Return what was answered to a key, None where it is new, or was used too long ago. Blocks."""
    rows = connection.execute(_FIND, (feed, key, now - KEPT)).fetchall()
    return FirstAnswer(*rows[0]) if rows else None


def store_answers(connection: sqlite3.Connection, answers: Sequence[tuple[int, Once, int, bytes]], *, now: int) -> None:
    """Keep answers: of each feed, key, status and body. Blocks."""
    connection.executemany(_STORE, [(feed, once.key, once.digest, status, body, now) for feed, once, status, body in answers])


async def prune_answers(writer: Writer, *, now: int) -> int:
    """Forget the answers that are older than they are kept, some thousand at most, and return how many these were."""
    old = "SELECT feed_id, key FROM main.idempotency_keys WHERE created_at <= ? LIMIT 5000"
    return await writer.execute(f"DELETE FROM main.idempotency_keys WHERE (feed_id, key) IN ({old})", now - KEPT)
