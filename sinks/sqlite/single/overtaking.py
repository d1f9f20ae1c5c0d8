"""Calls that are made at once while batches of their feed wait: what they said is later, and stays when the batches are applied.

Field by field, as with runs: what a call says of a name must not keep a batch's stock out. Only while batches wait is anything kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

import orjson

from sinks.sqlite.landing.statements import VARIANTS

WHOLE: Final = ""
"""Stands for all fields of an item: it was removed."""

_TOGETHER: Final = frozenset(("inventoryQuantityOverride", "manualInventoryQuantity"))

# The plus keeps SQLite to the index of what waits, which is short; of a feed there may be a week's batches.
_WAITING: Final = (
    "SELECT feed_id, max(id) FROM main.batches WHERE status = 'pending' AND +feed_id IN (SELECT value FROM json_each(?)) GROUP BY +feed_id"
)
_NOTE: Final = "INSERT OR REPLACE INTO main.batch_later_fields (feed_id, external_id, field, batch_id, placed) VALUES (?, ?, ?, ?, ?)"
NOTE_REMOVAL: Final = (
    "INSERT OR REPLACE INTO main.batch_later_fields (feed_id, external_id, field, batch_id, placed)"
    f" SELECT v.inventory_feed_id, v.external_id, '{WHOLE}', max(b.id), 0 FROM {VARIANTS} AS v CROSS JOIN main.batches AS b"
    " WHERE v.id = ? AND b.status = 'pending' AND +b.feed_id = v.inventory_feed_id GROUP BY v.id"
)
"""Keeps that the item of an id is removed later than the batches that wait were accepted; before it is."""

_FIND: Final = (
    "SELECT l.feed_id, l.external_id, l.field, l.batch_id, l.placed FROM json_each(?) AS j CROSS JOIN main.batch_later_fields AS l"
    " WHERE l.feed_id = json_extract(j.value, '$[0]') AND l.external_id = json_extract(j.value, '$[1]')"
)
_FORGET: Final = (
    "DELETE FROM main.batch_later_fields WHERE feed_id = (SELECT feed_id FROM main.batches WHERE id = ?1) AND NOT EXISTS"
    " (SELECT 1 FROM main.batches AS b WHERE b.status = 'pending' AND +b.feed_id = batch_later_fields.feed_id)"
)


class Later(NamedTuple):
    """A field that a call wrote after batches up to `batch` were accepted; `placed` where it said when among its sender's it was."""

    field: str
    batch: int
    placed: bool


Key: TypeAlias = "tuple[int, str]"


def find_waiting(connection: sqlite3.Connection, feeds: Collection[int]) -> dict[int, int]:
    """Return the newest batch that waits, of the feeds of which some do. Blocks, as everything here."""
    return dict(connection.execute(_WAITING, (orjson.dumps(list(feeds)).decode(),)).fetchall())


def note_fields(connection: sqlite3.Connection, key: Key, fields: Iterable[str], batch: int, *, placed: bool) -> None:
    """Keep that a call wrote fields of an item later than a batch, and all before it, was accepted. What was said is there: not gone."""
    written = {"status", *fields}
    if not _TOGETHER.isdisjoint(written):
        written |= _TOGETHER
    connection.executemany(_NOTE, [(*key, field, batch, placed) for field in sorted(written)])


def note_removal(connection: sqlite3.Connection, key: Key, batch: int) -> None:
    """Keep that an item, which is not there, was to be removed later than a batch, and all before it, was accepted."""
    connection.execute(_NOTE, (*key, WHOLE, batch, False))


def find_later(connection: sqlite3.Connection, keys: Iterable[Key]) -> Mapping[Key, list[Later]]:
    """Return what was kept of items."""
    found: dict[Key, list[Later]] = {}
    for feed, key, field, batch, placed in connection.execute(_FIND, (orjson.dumps(list(keys)).decode(),)).fetchall():
        found.setdefault((feed, key), []).append(Later(field, batch, bool(placed)))
    return found


def forget_fields(connection: sqlite3.Connection, batch: int) -> None:
    """Forget what was kept for the feed of a batch that has ended, unless more batches of it wait."""
    connection.execute(_FORGET, (batch,))
