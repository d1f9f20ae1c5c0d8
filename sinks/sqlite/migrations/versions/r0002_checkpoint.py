"""What a complete run leaves for the next, and when a run asked its source."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of runs before them nothing is known."""
    op.add_column("inventory_feeds", sa.Column("checkpoint", sa.Text))
    op.add_column("data_imports", sa.Column("asked_at", sa.Integer))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("data_imports", "asked_at")
    op.drop_column("inventory_feeds", "checkpoint")
