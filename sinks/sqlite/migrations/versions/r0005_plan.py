"""The plan: how many items may be updated a day, and which were today. What a sender said of the order of its calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PLACES = "".join(
    " INSERT INTO inventory_feed_variant_change_fields"
    f" SELECT last_insert_rowid(), '{name}', old.{name}, NULL WHERE old.{name} IS NOT NULL;"
    for name in ("sequence", "occurred_at")
)


def upgrade() -> None:
    """Create the tables; there is no limit until somebody sets one.

    The log keeps the place of a deleted item among its sender's calls, so that one that comes back still knows which are older.
    """
    op.create_table("plan", sa.Column("id", sa.Integer, primary_key=True), sa.Column("sku_limit", sa.Integer))
    op.create_table("plan_days", sa.Column("day", sa.Integer, primary_key=True), sa.Column("used", sa.Integer, nullable=False))
    op.create_table(
        "plan_usage",
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("item_id", sa.Integer, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.add_column("inventory_feed_variants", sa.Column("sequence", sa.Integer))
    op.add_column("inventory_feed_variants", sa.Column("occurred_at", sa.Integer))
    _replace_trigger(" END", f"{_PLACES} END")


def downgrade() -> None:
    """Drop the tables."""
    _replace_trigger(f"{_PLACES} END", " END")
    op.drop_column("inventory_feed_variants", "occurred_at")
    op.drop_column("inventory_feed_variants", "sequence")
    for table in ("plan_usage", "plan_days", "plan"):
        op.drop_table(table)


def _replace_trigger(end: str, other: str) -> None:
    """Give the trigger that logs deletions another end."""
    written = str(op.get_bind().execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'log_delete'")).scalar_one())
    op.execute("DROP TRIGGER log_delete")
    op.execute(written.removesuffix(end) + other)
