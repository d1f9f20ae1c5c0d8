"""What the mappings of feeds were, and who changed them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; it is empty, and the first change of a feed notes what stood before it too."""
    op.create_table(
        "inventory_feed_mapping_versions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("author_kind", sa.Text, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("mapping", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inventory_feed_mapping_versions_feed_id", "inventory_feed_mapping_versions", ["feed_id"])


def downgrade() -> None:
    """Drop it: the mappings stay as they are."""
    op.drop_table("inventory_feed_mapping_versions")
