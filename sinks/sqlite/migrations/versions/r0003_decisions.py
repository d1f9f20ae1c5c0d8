"""What a run decided and on which figures, the change log, and what an item remembers of missing and connecting.

The triggers write the log, so that no statement that changes an item can forget it. They work only while `write_origin` says
who writes: loads that nobody has seen yet, and their removal, are no changes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FIELDS = (
    *("external_group_id", "vendor_sku", "original_sku", "barcode", "mpn", "name", "handle", "description", "product_type", "vendor_name"),
    *("images", "options", "tags", "meta_fields", "inventory_quantity", "locations", "retail_price", "compare_at_price", "cost_price"),
    *("grams", "taxable", "requires_shipping", "position", "status", "inventory_policy", "inventory_quantity_override"),
    *("manual_inventory_quantity", "allocation_buffer_override", "variant_id", "messages", "missing_runs", "connection_scope"),
)
_ADDED_TO_RUNS = ("plan", "figures", "decided_at", "comment", "undoes", "cursor", "change_mark", "checkpoint_before")


def upgrade() -> None:
    """Add everything; of earlier runs nothing is known, so none of them can be undone."""
    op.add_column("data_imports", sa.Column("kind", sa.Text, nullable=False, server_default="sync"))
    for name in _ADDED_TO_RUNS:
        kind = sa.Text if name in ("plan", "figures", "comment", "checkpoint_before") else sa.Integer
        op.add_column("data_imports", sa.Column(name, kind))
    op.execute("ALTER TABLE inventory_feed_variants RENAME COLUMN run_id TO created_run_id")
    op.add_column("inventory_feed_variants", sa.Column("missing_runs", sa.Integer, nullable=False, server_default="0"))
    op.add_column("inventory_feed_variants", sa.Column("connection_scope", sa.Text))
    op.add_column("inventory_feed_stage", sa.Column("record", sa.Integer))
    op.execute("CREATE INDEX ix_inventory_feed_variants_missing ON inventory_feed_variants (inventory_feed_id) WHERE missing_runs > 0")
    op.execute("CREATE INDEX ix_inventory_feed_variants_removed ON inventory_feed_variants (inventory_feed_id) WHERE status = 'removed'")
    op.create_table(
        "write_origin", sa.Column("run_id", sa.Integer), sa.Column("call", sa.Text), sa.Column("at", sa.Integer, nullable=False)
    )
    # What was missing was left in stock until now, so an unchanged source has to be read once more.
    unread = "json_remove(json_set(checkpoint, '$.versions', json('{}')), '$.digests')"
    op.execute(f"UPDATE inventory_feeds SET checkpoint = {unread} WHERE checkpoint IS NOT NULL")
    _create_log()
    _create_triggers()


def downgrade() -> None:
    """Drop everything."""
    op.execute("DROP TRIGGER log_update")
    op.execute("DROP TRIGGER log_delete")
    for table in ("inventory_feed_variant_change_fields", "inventory_feed_variant_changes", "write_origin"):
        op.drop_table(table)
    op.execute("DROP INDEX ix_inventory_feed_variants_removed")
    op.execute("DROP INDEX ix_inventory_feed_variants_missing")
    op.drop_column("inventory_feed_stage", "record")
    op.drop_column("inventory_feed_variants", "connection_scope")
    op.drop_column("inventory_feed_variants", "missing_runs")
    op.execute("ALTER TABLE inventory_feed_variants RENAME COLUMN created_run_id TO run_id")
    for name in ("kind", *_ADDED_TO_RUNS):
        op.drop_column("data_imports", name)


def _create_log() -> None:
    op.create_table(
        "inventory_feed_variant_changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("inventory_feed_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Integer),
        sa.Column("call", sa.Text),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Integer),
        sa.Column("created_run_id", sa.Integer),
        sa.Column("inventory_updated_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inventory_feed_variant_changes_item", "inventory_feed_variant_changes", ["item_id"])
    op.create_index("ix_inventory_feed_variant_changes_run", "inventory_feed_variant_changes", ["run_id"])
    op.create_index("ix_inventory_feed_variant_changes_at", "inventory_feed_variant_changes", ["inventory_feed_id", "at"])
    op.create_table(
        "inventory_feed_variant_change_fields",
        sa.Column("change_id", sa.Integer, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        # BLOB is the affinity that converts nothing: a value is kept as it was, text or number.
        sa.Column("before", sa.LargeBinary),
        sa.Column("after", sa.LargeBinary),
        sqlite_with_rowid=False,
    )


def _create_triggers() -> None:
    head = (
        "INSERT INTO inventory_feed_variant_changes (inventory_feed_id, item_id, external_id, run_id, call, at, action, content_hash,"
        " created_run_id, inventory_updated_at, created_at, updated_at)"
        " SELECT old.inventory_feed_id, old.id, old.external_id, run_id, call, at, '{}', old.content_hash, old.created_run_id,"
        " old.inventory_updated_at, old.created_at, old.updated_at FROM write_origin;"
    )
    field = "INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), '{0}', old.{0}, {1} WHERE old.{0} IS NOT {1};"
    differs = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _FIELDS)
    updated = "".join(field.format(name, f"new.{name}") for name in _FIELDS)
    op.execute(
        f"CREATE TRIGGER log_update AFTER UPDATE OF {', '.join(_FIELDS)} ON inventory_feed_variants"
        f" WHEN EXISTS (SELECT 1 FROM write_origin) AND ({differs}) BEGIN {head.format('updated')} {updated} END"
    )
    deleted = "".join(field.format(name, "NULL") for name in _FIELDS)
    op.execute(
        "CREATE TRIGGER log_delete AFTER DELETE ON inventory_feed_variants WHEN EXISTS (SELECT 1 FROM write_origin)"
        f" BEGIN {head.format('deleted')} {deleted} END"
    )
