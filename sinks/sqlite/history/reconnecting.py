"""What an undo does to connections, beside setting fields back: the audit of it, and what cannot be as it was any more."""

from __future__ import annotations

from typing import Final

from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.history.effects import CHANGES, FIELDS
from sinks.sqlite.landing.statements import VARIANTS

_CONNECTIONS: Final = "main.inventory_feed_variant_connections"
_AUDIT: Final = (
    f"INSERT INTO {_CONNECTIONS} (inventory_feed_variant_id, variant_id, action, scope, run_id, created_at, updated_at)"
    " SELECT c.item_id, f.{side}, '{action}', coalesce((SELECT s.{side} FROM {fields} AS s"
    " WHERE s.change_id = c.id AND s.field = 'connection_scope'), v.connection_scope, 'automated'), c.run_id, c.at, c.at"
    " FROM {changes} AS c CROSS JOIN {fields} AS f LEFT JOIN {variants} AS v ON v.id = c.item_id"
    " WHERE c.run_id = ? AND c.id > ? AND f.change_id = c.id AND f.field = 'variant_id' AND f.{side} IS NOT NULL ORDER BY c.id"
)


def _audit(side: str, action: str) -> str:
    return _AUDIT.format(side=side, action=action, fields=FIELDS, changes=CHANGES, variants=VARIANTS)


_AUDITS: Final = (_audit("before", "disconnected"), _audit("after", "connected"))

_GIVEN: Final = (
    f"EXISTS (SELECT 1 FROM {CHANGES} AS c LEFT JOIN {FIELDS} AS f ON f.change_id = c.id WHERE c.item_id = {{item}} AND c.run_id = ?1"
    " AND (c.action = 'created' OR f.field IN ('variant_id', 'status')))"
)
"""Whether the undo has an item stand with its variant again."""

_GONE: Final = "NOT EXISTS (SELECT 1 FROM main.variants AS k WHERE k.id = v.variant_id)"
_STANDS: Final = (
    "{0}.variant_id = {1}.variant_id AND {0}.inventory_feed_id = {1}.inventory_feed_id AND {0}.id <> {1}.id AND {0}.status <> 'removed'"
)
_BY_HAND: Final = "{0}.connection_scope IS 'manual'"
_HELD: Final = (
    f"EXISTS (SELECT 1 FROM {VARIANTS} AS h WHERE {_STANDS.format('h', 'v')} AND NOT {_GIVEN.format(item='h.id')}"
    f" AND ({_BY_HAND.format('h')} OR NOT {_BY_HAND.format('v')}))"
)
_UNDONE: Final = f"(SELECT DISTINCT item_id FROM {CHANGES} WHERE run_id = ?1) AS u CROSS JOIN {VARIANTS}"
_LOST: Final = (
    f"SELECT v.id FROM {_UNDONE} AS v WHERE v.id = u.item_id AND v.variant_id IS NOT NULL AND {_GIVEN.format(item='v.id')}"
    f" AND ({_GONE} OR v.status <> 'removed' AND {_HELD})"
    f" UNION SELECT h.id FROM {_UNDONE} AS v CROSS JOIN {VARIANTS} AS h WHERE v.id = u.item_id AND {_BY_HAND.format('v')}"
    f" AND v.variant_id IS NOT NULL AND v.status <> 'removed' AND {_GIVEN.format(item='v.id')} AND {_STANDS.format('h', 'v')}"
    f" AND NOT {_BY_HAND.format('h')} AND NOT {_GONE}"
)
"""The items that cannot have their variant: what a person connected goes before what was connected by itself, then the later one."""

_TOLD: Final = "'[\"ambiguous: other items of the feed fit variant ' || v.variant_id || ' of the catalogue as well\"]'"
_RELEASE: Final = (
    f"UPDATE {VARIANTS} AS v SET variant_id = NULL, connection_scope = NULL, updated_at = ?2,"
    f" messages = CASE WHEN {_GONE} THEN NULL ELSE {_TOLD} END,"
    f" status = CASE v.status WHEN 'connected' THEN 'pending' ELSE v.status END WHERE v.id IN ({_LOST})"
)


async def audit_connections(writer: Writer, run: int, since: int) -> None:
    """Write down what a run's changes after number `since` connected and disconnected; in the transaction that made them."""
    for statement in _AUDITS:
        await writer.execute(statement, run, since)


async def release_lost(writer: Writer, run: int, at: int) -> None:
    """Take variants from items that an undo gave them back, where the catalogue has them no more or another item has them now.

    The later connection stays, as any later write does, unless a person made the one that comes back. Done again it does nothing.
    """
    if not await writer.query(f"SELECT 1 FROM ({_LOST}) LIMIT 1", run):
        return
    async with writer.changing(Origin(at, run=run)):
        since = await writer.number(f"SELECT max(id) FROM {CHANGES}")
        await writer.execute(_RELEASE, run, at)
        await audit_connections(writer, run, since)
