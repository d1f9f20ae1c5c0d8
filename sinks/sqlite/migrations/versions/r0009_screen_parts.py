"""A screen in pieces, so that storing and reading one holds no copy of the whole in memory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WHOLE = ("prints", "items", "block_prints", "firsts", "records", "lines")


def upgrade() -> None:
    """Keep the arrays in a table of pieces; what was known is read from the sources again."""
    op.execute("DELETE FROM inventory_feed_screens")
    for name in _WHOLE:
        op.drop_column("inventory_feed_screens", name)
    op.create_table(
        "inventory_feed_screen_parts",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Keep the arrays whole again; what was known is read from the sources again."""
    op.execute("DELETE FROM inventory_feed_screens")
    op.drop_table("inventory_feed_screen_parts")
    for name in _WHOLE:
        op.add_column("inventory_feed_screens", sa.Column(name, sa.LargeBinary, nullable=False, server_default=sa.text("x''")))
