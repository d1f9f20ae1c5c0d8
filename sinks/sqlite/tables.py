"""The tables as SQLAlchemy Core sees them. The DDL that runs is that of the migrations; a test proves that both agree.

Timestamps are INTEGER microseconds since 1970 in UTC, money is INTEGER millionths, JSON is compact TEXT.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from engine.schema import ATTRIBUTES, Attribute, Kind
from sinks.sqlite.landing.statements import default_literal

METADATA: Final = MetaData()

PROVIDERS: Final = Table(
    "dropship_providers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("external_id", Text),
    Column("status", Text, nullable=False, server_default="accepted"),
    Column("website_url", Text),
    Column("timezone", Text),
    Column("admin_notes", Text),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    sqlite_autoincrement=True,
)

FEEDS: Final = Table(
    "inventory_feeds",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("dropship_provider_id", Integer, ForeignKey("dropship_providers.id"), nullable=False),
    Column("settings", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("loading_run_id", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("checkpoint", Text),
    # What is secret of the feed, sealed (`feedmill.service.keys`); `hash` is the digest of the secret of its inbound API.
    Column("sealed", LargeBinary),
    Column("next_fetch_at", Integer),
    # Runs that failed in a row, and since when the schedule leaves the feed alone for them.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("paused_at", Integer),
    Column("pause_reason", Text),
    # Why the feed as it stands cannot be fetched: NULL where nothing speaks against it, blank while no service has looked.
    Column("validation_message", Text, server_default=text("''")),
    Index("ix_inventory_feeds_unchecked", "id", sqlite_where=text("validation_message = ''")),
    Index("ix_inventory_feeds_hash", "hash", sqlite_where=text("hash <> ''")),
    Index("ix_inventory_feeds_next", "next_fetch_at", sqlite_where=text("next_fetch_at IS NOT NULL")),
    sqlite_autoincrement=True,
)

FIELDS: Final = Table(
    "inventory_feed_fields",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text),
    Column("purpose", Text),
    Column("enabled", Boolean, nullable=False),
    Column("settings", Text, nullable=False),
    Column("created_at", Integer, nullable=False, server_default="0"),
    Column("updated_at", Integer, nullable=False, server_default="0"),
    UniqueConstraint("feed_id", "position", name="uq_inventory_feed_fields_position"),
    sqlite_autoincrement=True,
)

ROWS: Final = Table(
    "inventory_feed_rows",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
    # The attribute of the feed that the row is of: `jsonFields`, `mappings`, `parameters`.
    Column("kind", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("settings", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    UniqueConstraint("feed_id", "kind", "position", name="uq_inventory_feed_rows_position"),
    sqlite_autoincrement=True,
)

MAPPING_VERSIONS: Final = Table(
    "inventory_feed_mapping_versions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
    Column("at", Integer, nullable=False),
    # `person`, `token`, `declared`, `command`, or `unknown`; and the name of the person or the token.
    Column("author_kind", Text, nullable=False),
    Column("author", Text),
    # The whole mapping as JSON, so that a version can be read without those before it.
    Column("mapping", Text, nullable=False),
    Index("ix_inventory_feed_mapping_versions_feed_id", "feed_id"),
    sqlite_autoincrement=True,
)

RUNS: Final = Table(
    "data_imports",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), nullable=False),
    Column("status", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("source", Text),
    Column("started_at", Integer, nullable=False),
    Column("finished_at", Integer),
    *(
        Column(counter, Integer, nullable=False, server_default="0")
        for counter in (
            "read",
            "created",
            "updated",
            "unchanged",
            "duplicate",
            "skipped",
            "rejected",
            "removed",
            "limited",
            "screened",
            "bytes",
        )
    ),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("stages", Text, nullable=False, server_default="{}"),
    Column("dialect", Text, nullable=False, server_default="{}"),
    Column("problems", Text, nullable=False, server_default="[]"),
    Column("asked_at", Integer),
    # `sync` or `undo`.
    Column("kind", Text, nullable=False, server_default="sync"),
    # With which settings and layouts the stage is applied: written when a run is held or decided, so that any process can go on.
    Column("plan", Text),
    Column("figures", Text),
    Column("decided_at", Integer),
    Column("comment", Text),
    Column("undoes", Integer),
    Column("cursor", Integer),
    Column("change_mark", Integer),
    Column("checkpoint_before", Text),
    # When the run was asked for, and how: as JSON, `trigger` and `refetch`. NULL for runs of the command line.
    Column("enqueued_at", Integer),
    Column("requested", Text),
    Index("ix_data_imports_feed_id", "feed_id"),
    Index("ix_data_imports_open", "feed_id", sqlite_where=text("status IN ('pending', 'started')")),
    sqlite_autoincrement=True,
)

REJECTS: Final = Table(
    "data_import_rejects",
    METADATA,
    Column("run_id", Integer, ForeignKey("data_imports.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    Column("record", Integer, nullable=False),
    Column("line", Integer, nullable=False),
    Column("column", Text),
    Column("value", Text),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("fate", Text, nullable=False),
    sqlite_with_rowid=False,
)


# NUMERIC keeps a whole quantity an integer and a fraction a real.
_TYPES: Final[dict[Kind, type[Text | Numeric[float]]]] = {Kind.TEXT: Text, Kind.JSON: Text, Kind.QUANTITY: Numeric}


def _stored(attribute: Attribute) -> Column[Any]:
    literal = default_literal(attribute)
    default = None if literal is None else text(literal)
    required = attribute.name == "externalId" or literal is not None
    return Column(attribute.column, _TYPES.get(attribute.kind, Integer), nullable=not required, server_default=default)


VARIANTS: Final = Table(
    "inventory_feed_variants",
    METADATA,
    Column("id", Integer, primary_key=True),
    # No foreign key: it would cost a lookup a row on the hottest path, where the fence has just proven that the feed exists.
    Column("inventory_feed_id", Integer, nullable=False),
    Column("content_hash", Integer),
    Column("created_run_id", Integer),
    Column("inventory_updated_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    *(_stored(attribute) for attribute in ATTRIBUTES.values()),
    # Complete runs in a row in which the item was missing and was left alone (`missingGraceRuns`).
    Column("missing_runs", Integer, nullable=False, server_default="0"),
    # Who connected the item, or took it off by hand: `automated`, `manual`, `off`.
    Column("connection_scope", Text),
    # Where the last call that said so stands among the calls of its sender; the time in microseconds.
    Column("sequence", Integer),
    Column("occurred_at", Integer),
    UniqueConstraint("inventory_feed_id", "external_id", name="uq_inventory_feed_variants_key"),
    Index("ix_inventory_feed_variants_feed", "inventory_feed_id"),
    Index("ix_inventory_feed_variants_missing", "inventory_feed_id", sqlite_where=text("missing_runs > 0")),
    Index("ix_inventory_feed_variants_removed", "inventory_feed_id", sqlite_where=text("status = 'removed'")),
    Index("ix_inventory_feed_variants_variant", "variant_id", sqlite_where=text("variant_id IS NOT NULL")),
    # With the status, so that they are counted without looking at a single row.
    Index("ix_inventory_feed_variants_connected", "inventory_feed_id", "status", sqlite_where=text("status = 'connected'")),
    Index("ix_inventory_feed_variants_told", "inventory_feed_id", sqlite_where=text("messages IS NOT NULL")),
    # Those that a screen must not take for what a run made of them.
    Index("ix_inventory_feed_variants_unhashed", "inventory_feed_id", sqlite_where=text("content_hash IS NULL")),
    # An id that was shown once must never come to mean another item.
    sqlite_autoincrement=True,
)

STAGE: Final = Table(
    "inventory_feed_stage",
    METADATA,
    Column("run_id", Integer, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("item_id", Integer),
    Column("content_hash", Integer, nullable=False),
    Column("layout", Integer, nullable=False),
    *(Column(attribute.column, _TYPES.get(attribute.kind, Integer)) for attribute in ATTRIBUTES.values() if attribute.name != "externalId"),
    # The ordinal of the record, for what has to be applied in the order of the feed.
    Column("record", Integer),
    sqlite_with_rowid=False,
)

SCREENS: Final = Table(
    "inventory_feed_screens",
    METADATA,
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("mark", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("pattern", LargeBinary, nullable=False),
)
"""What the last complete run has read (`engine.screen`). Triggers delete it when an item's digest becomes another one, or an item goes."""

SCREEN_PARTS: Final = Table(
    "inventory_feed_screen_parts",
    METADATA,
    Column("feed_id", Integer, ForeignKey("inventory_feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""The arrays of a screen in pieces. They mean nothing without its row: to void it that alone is deleted, whatever their size."""

ORIGIN: Final = Table("write_origin", METADATA, Column("run_id", Integer), Column("call", Text), Column("at", Integer, nullable=False))
"""Who writes items in the transaction under way, empty between transactions; the triggers of the change log read it."""

CHANGES: Final = Table(
    "inventory_feed_variant_changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("inventory_feed_id", Integer, nullable=False),
    Column("item_id", Integer, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("run_id", Integer),
    Column("call", Text),
    Column("at", Integer, nullable=False),
    # `updated`, `deleted`; `created` where an item came back under its old id.
    Column("action", Text, nullable=False),
    # What is no attribute, as it was before the change.
    Column("content_hash", Integer),
    Column("created_run_id", Integer),
    Column("inventory_updated_at", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("ix_inventory_feed_variant_changes_item", "item_id"),
    Index("ix_inventory_feed_variant_changes_run", "run_id"),
    Index("ix_inventory_feed_variant_changes_at", "inventory_feed_id", "at"),
    sqlite_autoincrement=True,
)

CHANGE_FIELDS: Final = Table(
    "inventory_feed_variant_change_fields",
    METADATA,
    Column("change_id", Integer, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("before", LargeBinary),
    Column("after", LargeBinary),
    sqlite_with_rowid=False,
)

PRODUCTS: Final = Table(
    "products",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("name", Text),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    sqlite_autoincrement=True,
)

CATALOGUE: Final = Table(
    "variants",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("product_id", Integer, ForeignKey("products.id")),
    Column("sku", Text),
    Column("barcode", Text),
    Column("name", Text),
    Column("options", Text, nullable=False, server_default="[]"),
    # By which a load knows a variant again: its SKU, else its barcode, and its options where several share that.
    Column("identity", Text, nullable=False),
    Column("option_key", Text, nullable=False),
    # By which items find it: the SKU trimmed and casefolded, the barcode as a GTIN of 14 digits.
    Column("sku_key", Text),
    Column("gtin", Text),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    UniqueConstraint("identity", "option_key", name="uq_variants_identity"),
    Index("ix_variants_sku_key", "sku_key", sqlite_where=text("sku_key IS NOT NULL")),
    Index("ix_variants_gtin", "gtin", sqlite_where=text("gtin IS NOT NULL")),
    sqlite_autoincrement=True,
)

CATALOGUE_STATE: Final = Table(
    "catalogue_state", METADATA, Column("id", Integer, primary_key=True), Column("version", Integer, nullable=False)
)
"""One row, whose version every change of the catalogue raises."""

CONNECTIONS: Final = Table(
    "inventory_feed_variant_connections",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("inventory_feed_variant_id", Integer, nullable=False),
    Column("variant_id", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("run_id", Integer),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Index("ix_inventory_feed_variant_connections_item", "inventory_feed_variant_id"),
    sqlite_autoincrement=True,
)

CONNECTING: Final = Table(
    "inventory_feed_connecting",
    METADATA,
    Column("inventory_feed_id", Integer, primary_key=True),
    # How far connecting has come: the catalogue, the settings, the last change and the last item that it has seen.
    Column("catalogue_version", Integer, nullable=False),
    Column("settings", Text, nullable=False),
    Column("change_mark", Integer, nullable=False),
    Column("item_mark", Integer, nullable=False),
)

PLAN: Final = Table("plan", METADATA, Column("id", Integer, primary_key=True), Column("sku_limit", Integer))
"""One row, `id` 1, or none. How many items may be updated a day (UTC); NULL where there is no limit."""

PLAN_DAYS: Final = Table("plan_days", METADATA, Column("day", Integer, primary_key=True), Column("used", Integer, nullable=False))
"""How many items were counted on each day since 1970, so that nobody has to count the rows of `plan_usage`."""

PLAN_USAGE: Final = Table(
    "plan_usage",
    METADATA,
    Column("day", Integer, primary_key=True),
    Column("item_id", Integer, primary_key=True),
    sqlite_with_rowid=False,
)
"""The items that were counted lately, each once a day."""
