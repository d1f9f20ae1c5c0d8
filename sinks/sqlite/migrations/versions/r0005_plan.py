"""The plan: how many items may be updated a day, and which were today. What a sender said of the order of its calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PLACE = ("sequence", "occurred_at")
_LOGGED = "".join(
    "INSERT INTO inventory_feed_variant_change_fields"
    f" SELECT max(id), '{name}', old.{name}, NULL FROM inventory_feed_variant_changes WHERE item_id = old.id AND old.{name} IS NOT NULL"
    " HAVING max(id) IS NOT NULL;"
    for name in _PLACE
)
"""What the log keeps of a deleted item besides: it may come back, and then must not take an older call for a newer one."""


def upgrade() -> None:
    """Create the tables; there is no limit until somebody sets one."""
    op.create_table("plan", sa.Column("id", sa.Integer, primary_key=True), sa.Column("sku_limit", sa.Integer))
    op.create_table("plan_days", sa.Column("day", sa.Integer, primary_key=True), sa.Column("used", sa.Integer, nullable=False))
    op.create_table(
        "plan_usage",
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("item_id", sa.Integer, primary_key=True),
        sqlite_with_rowid=False,
    )
    for name in _PLACE:
        op.add_column("inventory_feed_variants", sa.Column(name, sa.Integer))
    log_delete = _drop_log_delete()
    op.execute(f"{log_delete.removesuffix('END')}{_LOGGED} END")


def downgrade() -> None:
    """Drop the tables."""
    op.execute(_drop_log_delete().replace(_LOGGED, ""))
    for name in reversed(_PLACE):
        op.drop_column("inventory_feed_variants", name)
    for table in ("plan_usage", "plan_days", "plan"):
        op.drop_table(table)


def _drop_log_delete() -> str:
    """Drop the trigger of the change log that this revision extends, and return what it was."""
    (text,) = op.get_bind().execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'log_delete'")).one()
    op.execute("DROP TRIGGER log_delete")
    return str(text)
