"""The first schema: providers, feeds with their mapping rows, runs with their rejects, items and the stage.

Everything is spelled out: a revision must go on doing the same when the program's own lists have changed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    _create_feeds()
    _create_runs()
    _create_items()
    _create_stage()


def downgrade() -> None:
    """Drop everything, in the order the references allow."""
    for table in (
        "inventory_feed_stage",
        "inventory_feed_variants",
        "data_import_rejects",
        "data_imports",
        "inventory_feed_fields",
        "inventory_feeds",
        "dropship_providers",
    ):
        op.drop_table(table)


def _create_feeds() -> None:
    op.create_table(
        "dropship_providers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default="accepted"),
        sa.Column("website_url", sa.Text),
        sa.Column("timezone", sa.Text),
        sa.Column("admin_notes", sa.Text),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inventory_feeds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("dropship_provider_id", sa.Integer, sa.ForeignKey("dropship_providers.id"), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("loading_run_id", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inventory_feed_fields",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("purpose", sa.Text),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.UniqueConstraint("feed_id", "position", name="uq_inventory_feed_fields_position"),
        sqlite_autoincrement=True,
    )


def _create_runs() -> None:
    op.create_table(
        "data_imports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("started_at", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.Integer),
        sa.Column("read", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created", sa.Integer, nullable=False, server_default="0"),
        sa.Column("updated", sa.Integer, nullable=False, server_default="0"),
        sa.Column("unchanged", sa.Integer, nullable=False, server_default="0"),
        sa.Column("duplicate", sa.Integer, nullable=False, server_default="0"),
        sa.Column("skipped", sa.Integer, nullable=False, server_default="0"),
        sa.Column("rejected", sa.Integer, nullable=False, server_default="0"),
        sa.Column("removed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("limited", sa.Integer, nullable=False, server_default="0"),
        sa.Column("bytes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("seconds", sa.Float, nullable=False, server_default="0"),
        sa.Column("stages", sa.Text, nullable=False, server_default="{}"),
        sa.Column("dialect", sa.Text, nullable=False, server_default="{}"),
        sa.Column("problems", sa.Text, nullable=False, server_default="[]"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_data_imports_feed_id", "data_imports", ["feed_id"])
    op.create_table(
        "data_import_rejects",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("data_imports.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("record", sa.Integer, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("column", sa.Text),
        sa.Column("value", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("fate", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_items() -> None:
    op.create_table(
        "inventory_feed_variants",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("inventory_feed_id", sa.Integer, nullable=False),
        sa.Column("content_hash", sa.Integer),
        sa.Column("run_id", sa.Integer),
        sa.Column("inventory_updated_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("external_group_id", sa.Text),
        sa.Column("vendor_sku", sa.Text),
        sa.Column("original_sku", sa.Text),
        sa.Column("barcode", sa.Text),
        sa.Column("mpn", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("handle", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("product_type", sa.Text),
        sa.Column("vendor_name", sa.Text),
        sa.Column("images", sa.Text, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("options", sa.Text, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("tags", sa.Text, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("meta_fields", sa.Text),
        sa.Column("inventory_quantity", sa.Numeric),
        sa.Column("locations", sa.Text),
        sa.Column("retail_price", sa.Integer),
        sa.Column("compare_at_price", sa.Integer),
        sa.Column("cost_price", sa.Integer),
        sa.Column("grams", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("taxable", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("requires_shipping", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("position", sa.Integer),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("inventory_policy", sa.Text, nullable=False, server_default=sa.text("'track'")),
        sa.Column("inventory_quantity_override", sa.Text, nullable=False, server_default=sa.text("'none'")),
        sa.Column("manual_inventory_quantity", sa.Integer),
        sa.Column("allocation_buffer_override", sa.Integer),
        sa.Column("variant_id", sa.Integer),
        sa.Column("messages", sa.Text),
        sa.UniqueConstraint("inventory_feed_id", "external_id", name="uq_inventory_feed_variants_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inventory_feed_variants_feed", "inventory_feed_variants", ["inventory_feed_id"])


def _create_stage() -> None:
    op.create_table(
        "inventory_feed_stage",
        sa.Column("run_id", sa.Integer, primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("item_id", sa.Integer),
        sa.Column("content_hash", sa.Integer, nullable=False),
        sa.Column("layout", sa.Integer, nullable=False),
        sa.Column("external_group_id", sa.Text),
        sa.Column("vendor_sku", sa.Text),
        sa.Column("original_sku", sa.Text),
        sa.Column("barcode", sa.Text),
        sa.Column("mpn", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("handle", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("product_type", sa.Text),
        sa.Column("vendor_name", sa.Text),
        sa.Column("images", sa.Text),
        sa.Column("options", sa.Text),
        sa.Column("tags", sa.Text),
        sa.Column("meta_fields", sa.Text),
        sa.Column("inventory_quantity", sa.Numeric),
        sa.Column("locations", sa.Text),
        sa.Column("retail_price", sa.Integer),
        sa.Column("compare_at_price", sa.Integer),
        sa.Column("cost_price", sa.Integer),
        sa.Column("grams", sa.Integer),
        sa.Column("taxable", sa.Integer),
        sa.Column("requires_shipping", sa.Integer),
        sa.Column("position", sa.Integer),
        sa.Column("status", sa.Text),
        sa.Column("inventory_policy", sa.Text),
        sa.Column("inventory_quantity_override", sa.Text),
        sa.Column("manual_inventory_quantity", sa.Integer),
        sa.Column("allocation_buffer_override", sa.Integer),
        sa.Column("variant_id", sa.Integer),
        sa.Column("messages", sa.Text),
        sqlite_with_rowid=False,
    )
