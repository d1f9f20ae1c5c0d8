"""Who may use the dashboard: people, the links by which they set a password, and where they are signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password", sa.Text),
        sa.Column("seen_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.UniqueConstraint("name", name="uq_people_name"),
        sa.CheckConstraint("role IN ('admin', 'viewer')", name="ck_people_role"),
        sqlite_autoincrement=True,
    )
    for table in ("password_links", "sessions"):
        op.create_table(
            table,
            sa.Column("digest", sa.LargeBinary, primary_key=True),
            sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
            sa.Column("expires_at", sa.Integer, nullable=False),
            sa.Column("created_at", sa.Integer, nullable=False),
        )
        op.create_index(f"ix_{table}_person_id", table, ["person_id"])


def downgrade() -> None:
    """Drop them: nobody can sign in then, and tokens go on."""
    for table in ("sessions", "password_links", "people"):
        op.drop_table(table)
