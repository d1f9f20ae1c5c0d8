"""The tables of the service as SQLAlchemy sees them; a test proves that the migrations make the same.

Statements are written out where they are used: what a service asks is answered in one round trip to the database's thread.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from sinks.sqlite.tables import METADATA

__all__ = [
    "ALERTS",
    "BATCHES",
    "BATCH_RESULTS",
    "IDEMPOTENCY_KEYS",
    "JOBS",
    "METADATA",
    "PASSWORD_LINKS",
    "PEOPLE",
    "RUN_EVENTS",
    "SESSIONS",
    "STATE",
    "TOKENS",
    "WEBHOOKS",
    "WEBHOOK_ITEM_MARKS",
    "WEBHOOK_PAYLOADS",
]

STATE: Final = Table(
    "service_state",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What loops remember, by name: how far they have come."""

RUN_EVENTS: Final = Table(
    "data_import_events",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, nullable=False),
    Column("feed_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Integer, nullable=False),
    sqlite_autoincrement=True,
)

TOKENS: Final = Table(
    "api_tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", Text, nullable=False),
    Column("last_used_at", Integer),
    Column("revoked_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    UniqueConstraint("digest", name="uq_api_tokens_digest"),
    sqlite_autoincrement=True,
)

PEOPLE: Final = Table(
    "people",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password", Text),
    Column("seen_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    UniqueConstraint("name", name="uq_people_name"),
    CheckConstraint("role IN ('admin', 'viewer')", name="ck_people_role"),
    sqlite_autoincrement=True,
)


def _shown_secrets(name: str) -> Table:
    """Return a table of secrets that a person holds, by their digests."""
    return Table(
        name,
        METADATA,
        Column("digest", LargeBinary, primary_key=True),
        Column("person_id", Integer, ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        Column("expires_at", Integer, nullable=False),
        Column("created_at", Integer, nullable=False),
        Index(f"ix_{name}_person_id", "person_id"),
    )


PASSWORD_LINKS: Final = _shown_secrets("password_links")
SESSIONS: Final = _shown_secrets("sessions")

JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("dedupe_key", Text),
    Column("payload", Text, nullable=False),
    Column("available_at", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("claimed_at", Integer),
    Column("created_at", Integer, nullable=False),
    UniqueConstraint("dedupe_key", name="uq_jobs_dedupe_key"),
    Index("ix_jobs_waiting", "kind", "available_at", sqlite_where=text("owner IS NULL")),
    sqlite_autoincrement=True,
)

BATCHES: Final = Table(
    "batches",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
    Column("origin", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("body", LargeBinary),
    Column("bytes", Integer, nullable=False),
    Column("items", Integer),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("available_at", Integer, nullable=False),
    Column("problem", Text),
    Column("finished_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("ix_batches_pending", "id", "feed_id", "available_at", "bytes", sqlite_where=text("status = 'pending'")),
    Index("ix_batches_feed", "feed_id"),
    sqlite_autoincrement=True,
)

BATCH_RESULTS: Final = Table(
    "batch_results",
    METADATA,
    Column("batch_id", Integer, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("item_id", Integer),
    Column("external_id", Text),
    Column("problem", Text),
    sqlite_with_rowid=False,
)

BATCH_LATER_FIELDS: Final = Table(
    "batch_later_fields",
    METADATA,
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("placed", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

IDEMPOTENCY_KEYS: Final = Table(
    "idempotency_keys",
    METADATA,
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", Integer, nullable=False),
    Index("ix_idempotency_keys_created", "created_at"),
    sqlite_with_rowid=False,
)

WEBHOOKS: Final = Table(
    "webhooks",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text),
    Column("location", Text, nullable=False),
    Column("topics", Text, nullable=False),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE")),
    Column("enabled", Boolean, nullable=False, server_default="1"),
    Column("sealed", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("paused_at", Integer),
    Column("pause_reason", Text),
    Column("change_mark", Integer, nullable=False),
    Column("event_mark", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    sqlite_autoincrement=True,
)

WEBHOOK_ITEM_MARKS: Final = Table(
    "webhook_item_marks",
    METADATA,
    Column("webhook_id", Integer, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("feed_id", Integer, primary_key=True),
    Column("item_mark", Integer, nullable=False),
    sqlite_with_rowid=False,
)

WEBHOOK_PAYLOADS: Final = Table(
    "webhook_payloads",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", Integer, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("topic", Text, nullable=False),
    Column("resource_id", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Integer),
    Column("response_status", Integer),
    Column("response_excerpt", Text),
    Column("error", Text),
    Column("delivered_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("ix_webhook_payloads_webhook", "webhook_id"),
    Index("ix_webhook_payloads_due", "webhook_id", "next_attempt_at", sqlite_where=text("status = 'pending'")),
    Index("ix_webhook_payloads_order", "webhook_id", "resource_id", sqlite_where=text("status = 'pending'")),
    Index("ix_webhook_payloads_ended", "updated_at", sqlite_where=text("status <> 'pending'")),
    sqlite_autoincrement=True,
)

ALERTS: Final = Table(
    "alerts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE")),
    Column("run_id", Integer),
    Column("message", Text, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Integer),
    Column("error", Text),
    Column("sent_at", Integer),
    Column("resolved_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    # The ways by which it has been told already, as JSON.
    Column("delivered", Text, nullable=False, server_default="[]"),
    Index("uq_alerts_open", "key", unique=True, sqlite_where=text("resolved_at IS NULL")),
    Index("ix_alerts_due", "next_attempt_at", sqlite_where=text("next_attempt_at IS NOT NULL")),
    sqlite_autoincrement=True,
)
