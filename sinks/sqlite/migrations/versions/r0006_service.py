"""What a service needs: tokens, secrets, jobs, batches, schedules, webhooks and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LISTS = ("jsonFields", "mappings", "parameters")
"""Attributes of a feed that are rows, each with an id of its own."""

_ENDED = "('held', 'complete', 'error', 'skipped', 'cancelled')"


def upgrade() -> None:
    """Create the tables, move rows out of the settings, and log from now on what becomes of runs."""
    _extend_feeds()
    _extend_runs()
    _create_access()
    _create_inbox()
    _create_outbox()
    op.create_table("service_state", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))


def downgrade() -> None:
    """Put the rows back into the settings and drop the tables."""
    for trigger in ("log_run_begun_ended", "log_run_status"):
        op.execute(f"DROP TRIGGER {trigger}")
    for table in (
        *("service_state", "alerts", "webhook_payloads", "webhook_item_marks", "webhooks", "data_import_events"),
        *("idempotency_keys", "batch_later_fields", "batch_results", "batches", "jobs", "api_tokens"),
    ):
        op.drop_table(table)
    for name in _LISTS:
        op.execute(
            f"UPDATE inventory_feeds SET settings = json_set(settings, '$.{name}', (SELECT json_group_array(json(settings)) FROM"
            f" (SELECT r.settings FROM inventory_feed_rows AS r WHERE r.feed_id = inventory_feeds.id AND r.kind = '{name}'"
            " ORDER BY r.position)))"
            f" WHERE id IN (SELECT feed_id FROM inventory_feed_rows WHERE kind = '{name}')"
        )
    op.drop_table("inventory_feed_rows")
    op.drop_index("ix_data_imports_open", "data_imports")
    for name in ("enqueued_at", "requested"):
        op.drop_column("data_imports", name)
    for name in ("created_at", "updated_at"):
        op.drop_column("inventory_feed_fields", name)
    op.drop_index("ix_inventory_feed_variants_connected", "inventory_feed_variants")
    for index in ("ix_inventory_feeds_hash", "ix_inventory_feeds_next", "ix_inventory_feeds_unchecked"):
        op.drop_index(index, "inventory_feeds")
    for name in ("sealed", "next_fetch_at", "failures", "paused_at", "pause_reason", "validation_message"):
        op.drop_column("inventory_feeds", name)


def _extend_feeds() -> None:
    op.add_column("inventory_feeds", sa.Column("sealed", sa.LargeBinary))
    op.add_column("inventory_feeds", sa.Column("next_fetch_at", sa.Integer))
    op.add_column("inventory_feeds", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("inventory_feeds", sa.Column("paused_at", sa.Integer))
    op.add_column("inventory_feeds", sa.Column("pause_reason", sa.Text))
    op.add_column("inventory_feeds", sa.Column("validation_message", sa.Text, server_default=sa.text("''")))
    unchecked = sa.text("validation_message = ''")
    op.create_index("ix_inventory_feeds_unchecked", "inventory_feeds", ["id"], sqlite_where=unchecked)
    connected = sa.text("status = 'connected'")
    op.create_index(
        "ix_inventory_feed_variants_connected", "inventory_feed_variants", ["inventory_feed_id", "status"], sqlite_where=connected
    )
    # Nobody was ever told it: from now on the column holds the digest of what a service makes and seals.
    op.execute("UPDATE inventory_feeds SET hash = ''")
    op.create_index("ix_inventory_feeds_hash", "inventory_feeds", ["hash"], sqlite_where=sa.text("hash <> ''"))
    op.create_index("ix_inventory_feeds_next", "inventory_feeds", ["next_fetch_at"], sqlite_where=sa.text("next_fetch_at IS NOT NULL"))
    for name in ("created_at", "updated_at"):
        op.add_column("inventory_feed_fields", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
        op.execute(f"UPDATE inventory_feed_fields SET {name} = (SELECT {name} FROM inventory_feeds AS f WHERE f.id = feed_id)")
    op.create_table(
        "inventory_feed_rows",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.UniqueConstraint("feed_id", "kind", "position", name="uq_inventory_feed_rows_position"),
        sqlite_autoincrement=True,
    )
    for name in _LISTS:
        op.execute(
            "INSERT INTO inventory_feed_rows (feed_id, kind, position, settings, created_at, updated_at)"
            f" SELECT f.id, '{name}', j.key, j.value, f.created_at, f.updated_at"
            f" FROM inventory_feeds AS f, json_each(f.settings, '$.{name}') AS j"
        )
    paths = ", ".join(f"'$.{name}'" for name in _LISTS)
    moved = "id IN (SELECT feed_id FROM inventory_feed_rows)"
    op.execute(f"UPDATE inventory_feeds SET settings = json_remove(settings, {paths}) WHERE {moved}")


def _extend_runs() -> None:
    op.add_column("data_imports", sa.Column("enqueued_at", sa.Integer))
    op.add_column("data_imports", sa.Column("requested", sa.Text))
    # Whether anything of a feed is under way is asked at each tick of the scheduler, of feeds with years of runs.
    op.create_index("ix_data_imports_open", "data_imports", ["feed_id"], sqlite_where=sa.text("status IN ('pending', 'started')"))
    op.create_table(
        "data_import_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("feed_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    insert = (
        "INSERT INTO data_import_events (run_id, feed_id, kind, status, at)"
        " VALUES (new.id, new.feed_id, new.kind, new.status, coalesce(new.finished_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000000))"
    )
    op.execute(
        "CREATE TRIGGER log_run_status AFTER UPDATE OF status ON data_imports"
        f" WHEN new.status IN {_ENDED} AND new.status IS NOT old.status BEGIN {insert}; END"
    )
    op.execute(f"CREATE TRIGGER log_run_begun_ended AFTER INSERT ON data_imports WHEN new.status IN {_ENDED} BEGIN {insert}; END")


def _create_access() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("last_used_at", sa.Integer),
        sa.Column("revoked_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.UniqueConstraint("digest", name="uq_api_tokens_digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("available_at", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("owner", sa.Text),
        sa.Column("claimed_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.UniqueConstraint("dedupe_key", name="uq_jobs_dedupe_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_waiting", "jobs", ["kind", "available_at"], sqlite_where=sa.text("owner IS NULL"))


def _create_inbox() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("items", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("available_at", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("finished_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    waiting = ["id", "feed_id", "available_at", "bytes"]
    op.create_index("ix_batches_pending", "batches", waiting, sqlite_where=sa.text("status = 'pending'"))
    op.create_index("ix_batches_feed", "batches", ["feed_id"])
    op.create_table(
        "batch_results",
        sa.Column("batch_id", sa.Integer, sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("item_id", sa.Integer),
        sa.Column("external_id", sa.Text),
        sa.Column("problem", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batch_later_fields",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("batch_id", sa.Integer, nullable=False),
        sa.Column("placed", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"])


def _create_outbox() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("topics", sa.Text, nullable=False),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE")),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default="1"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("paused_at", sa.Integer),
        sa.Column("pause_reason", sa.Text),
        sa.Column("change_mark", sa.Integer, nullable=False),
        sa.Column("event_mark", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_item_marks",
        sa.Column("webhook_id", sa.Integer, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("feed_id", sa.Integer, primary_key=True),
        sa.Column("item_mark", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook_payloads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("webhook_id", sa.Integer, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("resource_id", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.Integer),
        sa.Column("response_status", sa.Integer),
        sa.Column("response_excerpt", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("delivered_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_payloads_webhook", "webhook_payloads", ["webhook_id"])
    due = sa.text("status = 'pending'")
    op.create_index("ix_webhook_payloads_due", "webhook_payloads", ["webhook_id", "next_attempt_at"], sqlite_where=due)
    op.create_index("ix_webhook_payloads_order", "webhook_payloads", ["webhook_id", "resource_id"], sqlite_where=due)
    ended = sa.text("status <> 'pending'")
    op.create_index("ix_webhook_payloads_ended", "webhook_payloads", ["updated_at"], sqlite_where=ended)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("feed_id", sa.Integer, sa.ForeignKey("inventory_feeds.id", ondelete="CASCADE")),
        sa.Column("run_id", sa.Integer),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False, server_default="1"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("sent_at", sa.Integer),
        sa.Column("resolved_at", sa.Integer),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("delivered", sa.Text, nullable=False, server_default="[]"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_alerts_open", "alerts", ["key"], unique=True, sqlite_where=sa.text("resolved_at IS NULL"))
    op.create_index("ix_alerts_due", "alerts", ["next_attempt_at"], sqlite_where=sa.text("next_attempt_at IS NOT NULL"))
