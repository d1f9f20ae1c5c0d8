"""The merchant's catalogue, the audit of what was connected to it, and how far connecting has come with each feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and the indexes by which connected items and those with messages are found."""
    _create_catalogue()
    op.create_table(
        "inventory_feed_variant_connections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("inventory_feed_variant_id", sa.Integer, nullable=False),
        sa.Column("variant_id", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("run_id", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    audit = "inventory_feed_variant_connections"
    op.create_index("ix_inventory_feed_variant_connections_item", audit, ["inventory_feed_variant_id"])
    op.create_table(
        "inventory_feed_connecting",
        sa.Column("inventory_feed_id", sa.Integer, primary_key=True),
        sa.Column("catalogue_version", sa.Integer, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("change_mark", sa.Integer, nullable=False),
        sa.Column("item_mark", sa.Integer, nullable=False),
    )
    # Partial: an item that is not connected and has no message costs these indexes nothing.
    op.execute("CREATE INDEX ix_inventory_feed_variants_variant ON inventory_feed_variants (variant_id) WHERE variant_id IS NOT NULL")
    op.execute("CREATE INDEX ix_inventory_feed_variants_told ON inventory_feed_variants (inventory_feed_id) WHERE messages IS NOT NULL")


def downgrade() -> None:
    """Drop everything."""
    op.execute("DROP INDEX ix_inventory_feed_variants_told")
    op.execute("DROP INDEX ix_inventory_feed_variants_variant")
    for table in ("inventory_feed_connecting", "inventory_feed_variant_connections", "catalogue_state", "variants", "products"):
        op.drop_table(table)


def _create_catalogue() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("external_id", sa.Text, unique=True),
        sa.Column("name", sa.Text),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "variants",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("product_id", sa.Integer, sa.ForeignKey("products.id")),
        sa.Column("sku", sa.Text),
        sa.Column("barcode", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("options", sa.Text, nullable=False, server_default="[]"),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("option_key", sa.Text, nullable=False),
        sa.Column("sku_key", sa.Text),
        sa.Column("gtin", sa.Text),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.UniqueConstraint("identity", "option_key", name="uq_variants_identity"),
        sqlite_autoincrement=True,
    )
    op.execute("CREATE INDEX ix_variants_sku_key ON variants (sku_key) WHERE sku_key IS NOT NULL")
    op.execute("CREATE INDEX ix_variants_gtin ON variants (gtin) WHERE gtin IS NOT NULL")
    op.create_table("catalogue_state", sa.Column("id", sa.Integer, primary_key=True), sa.Column("version", sa.Integer, nullable=False))
