"""The SQL of connecting: what items claim, who gives way, and what becomes of the items. Text only, no I/O.

`touched` and `claims` are temporary tables of one connection. A claim is what one item says it is: `matched` the variant it fits,
`target` the variant it is to have, `note` what is told of it in the item's messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sinks.sqlite.landing.statements import VARIANTS

CONNECTIONS: Final = "main.inventory_feed_variant_connections"

CREATE: Final = (
    "CREATE TEMP TABLE IF NOT EXISTS touched (item_id INTEGER PRIMARY KEY, restored INTEGER NOT NULL)",
    "CREATE TEMP TABLE IF NOT EXISTS claims (item_id INTEGER PRIMARY KEY, matched INTEGER, target INTEGER, held INTEGER NOT NULL,"
    " fresh INTEGER NOT NULL, note TEXT)",
    "DROP INDEX IF EXISTS temp.ix_claims",
    "DELETE FROM temp.touched",
    "DELETE FROM temp.claims",
)

INDEX_CLAIMS: Final = "CREATE INDEX temp.ix_claims ON claims (matched) WHERE matched IS NOT NULL"
"""Made when all claims are: a sort, where keeping it up to date would be a search a claim."""

_WATCHED: Final = ("vendor_sku", "original_sku", "barcode", "options", "status", "variant_id", "connection_scope")
"""Fields of an item whose change may connect it otherwise."""

_AUTOMATIC: Final = "v.status <> 'removed' AND coalesce(v.connection_scope, 'automated') = 'automated'"
"""The items that connecting by itself may change: what a person decided stays, and what is gone waits until it is back."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements for one feed. `run` is the run on whose behalf it is connected, if any, `now` the time of the changes."""

    feed: int
    run: int | None
    now: int

    @property
    def _run(self) -> str:
        return "NULL" if self.run is None else str(self.run)

    def touch_changed(self) -> str:
        """Note the items that were changed after a mark, and which of them came back from being removed."""
        watched = ", ".join(f"'{name}'" for name in _WATCHED)
        return (
            "INSERT INTO temp.touched SELECT c.item_id, max(f.field = 'status' AND f.before = 'removed')"
            " FROM main.inventory_feed_variant_changes AS c CROSS JOIN main.inventory_feed_variant_change_fields AS f"
            f" WHERE c.id > ? AND c.inventory_feed_id = {self.feed} AND f.change_id = c.id AND f.field IN ({watched}) GROUP BY c.item_id"
        )

    def touch_new(self) -> str:
        """Note the items that were made or came back since the marks, and those of which something was said: they may be clear now."""
        own = f"SELECT id, 0 FROM {VARIANTS} WHERE inventory_feed_id = {self.feed}"
        back = (
            "SELECT item_id, 0 FROM main.inventory_feed_variant_changes"
            f" WHERE id > ? AND inventory_feed_id = {self.feed} AND action = 'created'"
        )
        return f"INSERT OR IGNORE INTO temp.touched {own} AND id > ? UNION {own} AND messages IS NOT NULL UNION {back}"

    def touch_rivals(self) -> str:
        """Note the items that have what was changed to be another one's by hand, or is so again: they give way."""
        return (
            "INSERT OR IGNORE INTO temp.touched"
            f" SELECT v.id, 0 FROM temp.touched AS w CROSS JOIN {VARIANTS} AS h CROSS JOIN {VARIANTS} AS v"
            " WHERE h.id = w.item_id AND h.connection_scope = 'manual' AND h.status <> 'removed' AND h.variant_id IS NOT NULL"
            f" AND v.variant_id = h.variant_id AND v.inventory_feed_id = {self.feed} AND v.id <> h.id"
        )

    def page(self, size: int, *, whole: bool) -> str:
        """Select the next items after an id: all of the feed, or the touched ones."""
        fresh = "0" if self.run is None else f"v.created_run_id IS {self.run}"
        columns = (
            "v.id, v.vendor_sku, v.original_sku, v.barcode, v.options, v.variant_id, v.messages IS NOT NULL,"
            f" coalesce(w.restored, 0), {fresh}"
        )
        mine = f"v.inventory_feed_id = {self.feed} AND {_AUTOMATIC}"
        if whole:
            joined = f"{VARIANTS} AS v LEFT JOIN temp.touched AS w ON w.item_id = v.id WHERE v.id > ? AND {mine} ORDER BY v.id"
        else:
            joined = f"temp.touched AS w CROSS JOIN {VARIANTS} AS v WHERE w.item_id > ? AND v.id = w.item_id AND {mine} ORDER BY w.item_id"
        return f"SELECT {columns} FROM {joined} LIMIT {size}"

    @staticmethod
    def settle_rivals() -> str:
        """Take the target from items that fit the same variant, but for the oldest one that has it already."""
        holder = "SELECT min(o.item_id) FROM temp.claims AS o WHERE o.matched = claims.matched AND o.held"
        shared = "SELECT matched FROM temp.claims WHERE matched IS NOT NULL GROUP BY matched HAVING count(*) > 1"
        return f"UPDATE temp.claims SET target = NULL, note = {_RIVAL} WHERE matched IN ({shared}) AND item_id IS NOT ({holder})"

    def yield_to_holders(self) -> str:
        """Take the target from claims of a page whose variant an item has that makes no claim: it stays where it is."""
        holder = (
            f"SELECT 1 FROM {VARIANTS} AS h WHERE h.variant_id = claims.target AND h.inventory_feed_id = {self.feed}"
            " AND h.status <> 'removed' AND NOT EXISTS (SELECT 1 FROM temp.claims AS o WHERE o.item_id = h.id)"
        )
        page = "fresh = ? AND item_id > ? AND item_id <= ?"
        return f"UPDATE temp.claims SET target = NULL, note = {_RIVAL} WHERE {page} AND target IS NOT NULL AND EXISTS ({holder})"

    def release(self) -> tuple[str, str]:
        """Return the audit and the update of the items of a page that lose their variant, or of which something else is to be told."""
        differs = "(v.variant_id IS NOT NULL AND v.variant_id IS NOT c.target OR c.target IS NULL AND v.messages IS NOT c.note)"
        sets = (
            "variant_id = NULL, connection_scope = NULL, messages = c.note,"
            " status = CASE WHEN v.variant_id IS NULL THEN v.status ELSE 'pending' END"
        )
        audit = f"{self._audit('v.variant_id', 'disconnected', differs)} AND v.variant_id IS NOT NULL ORDER BY c.item_id"
        return audit, self._update(sets, differs)

    def connect(self) -> tuple[str, str]:
        """Return the audit and the update of the items of a page that get their variant."""
        differs = "c.target IS NOT NULL AND v.variant_id IS NOT c.target"
        settled = "c.target IS NOT NULL AND (v.variant_id IS NOT c.target OR v.messages IS NOT NULL)"
        sets = "variant_id = c.target, connection_scope = 'automated', status = 'connected', messages = NULL"
        return f"{self._audit('c.target', 'connected', differs)} ORDER BY c.item_id", self._update(sets, settled)

    def _audit(self, variant: str, action: str, condition: str) -> str:
        return (
            f"INSERT INTO {CONNECTIONS} (inventory_feed_variant_id, variant_id, action, scope, run_id, created_at, updated_at)"
            f" SELECT v.id, {variant}, '{action}', 'automated', {self._run}, {self.now}, {self.now}"
            f" FROM temp.claims AS c CROSS JOIN {VARIANTS} AS v {self._of_page(condition)}"
        )

    def _update(self, sets: str, condition: str) -> str:
        return f"UPDATE {VARIANTS} AS v SET {sets}, updated_at = {self.now} FROM temp.claims AS c {self._of_page(condition)}"

    def _of_page(self, condition: str) -> str:
        return (
            "WHERE c.fresh = ? AND c.item_id > ? AND c.item_id <= ?"
            f" AND v.id = c.item_id AND v.inventory_feed_id = {self.feed} AND {_AUTOMATIC} AND {condition}"
        )

    @staticmethod
    def page_end(size: int) -> str:
        """Select the last item of the next claims, NULL when none is left."""
        return f"SELECT max(item_id) FROM (SELECT item_id FROM temp.claims WHERE fresh = ? AND item_id > ? ORDER BY item_id LIMIT {size})"


_RIVAL: Final = "'[\"ambiguous: other items of the feed fit variant ' || matched || ' of the catalogue as well\"]'"
