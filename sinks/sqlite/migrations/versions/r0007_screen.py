"""What the last complete run of a feed has read, by fingerprints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the triggers that void what another write makes untrue."""
    op.add_column("data_imports", sa.Column("screened", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "inventory_feed_screens",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("pattern", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "inventory_feed_screen_parts",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "ix_inventory_feed_variants_unhashed",
        "inventory_feed_variants",
        ["inventory_feed_id"],
        sqlite_where=sa.text("content_hash IS NULL"),
    )
    # Whoever writes an item but a run takes its digest away, and that is looked at. A digest that becomes another one is a run's
    # doing, or an undo's: what was known before is not what made the items any more.
    op.execute(
        "CREATE TRIGGER void_screen_update AFTER UPDATE OF content_hash ON inventory_feed_variants"
        " WHEN new.content_hash IS NOT NULL AND new.content_hash IS NOT old.content_hash"
        " BEGIN DELETE FROM inventory_feed_screens WHERE feed_id = new.inventory_feed_id; END"
    )
    op.execute(
        "CREATE TRIGGER void_screen_delete AFTER DELETE ON inventory_feed_variants"
        " BEGIN DELETE FROM inventory_feed_screens WHERE feed_id = old.inventory_feed_id; END"
    )


def downgrade() -> None:
    """Drop all of it: it is read from the source again."""
    for trigger in ("void_screen_update", "void_screen_delete"):
        op.execute(f"DROP TRIGGER {trigger}")
    op.drop_index("ix_inventory_feed_variants_unhashed", "inventory_feed_variants")
    op.drop_table("inventory_feed_screen_parts")
    op.drop_table("inventory_feed_screens")
    op.drop_column("data_imports", "screened")
