"""Loading the catalogue: a source of products is staged whole, then becomes variants, as a run of a feed becomes items.

A variant is known again by its SKU, or by its barcode where it has no SKU. Where several rows or several variants share that, as
all sizes of a product may, its options belong to it; where one row and one variant have it alone, their options may differ, and
are updated.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.batch import ItemBatch, JsonValue, Reject, Value
from engine.contracts import Checkpoint, FeedDefinition, SinkSession, StageSummary
from engine.errors import RefuseRun
from engine.run import Counts, RunRecord
from sinks.sqlite import clock
from sinks.sqlite.catalogue.barcodes import read_gtin
from sinks.sqlite.catalogue.matching import option_key, sku_key
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.landing.rows import insert_rows
from sinks.sqlite.landing.statements import VARIANTS, Insert

TARGETS: Final = ("externalId", "vendorSku", "barcode", "name", "externalGroupId", "handle", "options")
"""What a variant is made of, as attributes of an item."""

_CREATE: Final = (
    "CREATE TEMP TABLE catalogue_rows (identity TEXT NOT NULL, option_key TEXT NOT NULL, variant_id INTEGER, sku TEXT, sku_key TEXT,"
    " barcode TEXT, gtin TEXT, name TEXT, options TEXT NOT NULL, product TEXT, PRIMARY KEY (identity, option_key)) WITHOUT ROWID"
)
_STAGE: Final = Insert(
    "INSERT OR REPLACE INTO temp.catalogue_rows (identity, option_key, sku, sku_key, barcode, gtin, name, options, product)",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
)
_KNOW_AGAIN: Final = (
    "UPDATE temp.catalogue_rows AS r SET variant_id = (SELECT id FROM main.variants AS v"
    " WHERE v.identity = r.identity AND v.option_key = r.option_key)",
    "CREATE TEMP TABLE lone AS SELECT identity FROM temp.catalogue_rows GROUP BY identity HAVING count(*) = 1 AND max(variant_id) IS NULL",
    "UPDATE temp.catalogue_rows AS r SET variant_id = (SELECT CASE count(*) WHEN 1 THEN max(v.id) END FROM main.variants AS v"
    " WHERE v.identity = r.identity) WHERE identity IN (SELECT identity FROM temp.lone)",
    "DROP TABLE temp.lone",
)
_PRODUCT_ID: Final = "(SELECT p.id FROM main.products AS p WHERE p.external_id = r.product)"
_SAME: Final = ("sku", "barcode", "name", "options")
_DIFFERS: Final = " OR ".join((f"v.product_id IS NOT {_PRODUCT_ID}", *(f"v.{name} IS NOT r.{name}" for name in _SAME)))
_COUNT_UPDATED: Final = (
    f"SELECT count(*) FROM temp.catalogue_rows AS r CROSS JOIN main.variants AS v WHERE v.id = r.variant_id AND ({_DIFFERS})"
)
_GONE: Final = "FROM main.variants WHERE id NOT IN (SELECT variant_id FROM temp.catalogue_rows WHERE variant_id IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class CatalogueSink:
    """The catalogue of a database as a place for rows, see `engine.contracts.Sink`; with `replace` a load is all there is after it."""

    database: Database
    replace: bool = False

    async def feed(self, name: str) -> FeedDefinition | None:
        """Return None: how a catalogue is read is not stored."""
        return None

    def session(self, feed: FeedDefinition, *, dry_run: bool = False) -> AbstractAsyncContextManager[SinkSession]:
        return _open(self.database, self.replace, dry_run)


@asynccontextmanager
async def _open(database: Database, replace: bool, dry_run: bool) -> AsyncIterator[CatalogueSession]:
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name, locking=True)
        await writer.execute(_CREATE)
        yield CatalogueSession(writer, replace=replace, dry_run=dry_run)


class CatalogueSession:
    """One load, see `engine.contracts.SinkSession`: staged in a table of its own connection, applied in one transaction."""

    run = 0
    checkpoint: Checkpoint | None = None
    asked_at: datetime | None = None

    def __init__(self, writer: Writer, *, replace: bool, dry_run: bool) -> None:
        self._writer = writer
        self._replace = replace
        self._dry = dry_run
        self._rows = 0
        self._anonymous = 0
        self._rejected = 0
        self.dialect: Mapping[str, JsonValue] = {}

    async def stage(self, batch: ItemBatch) -> None:
        """Take rows; of those that are one variant the last counts."""
        rows = [row for row in map(_Columns(batch).row, batch.rows) if row is not None]
        self._rows += len(rows)
        self._anonymous += len(batch) - len(rows)
        await insert_rows(self._writer, _STAGE, rows)

    async def keep(self, rejects: Sequence[Reject]) -> None:
        """Count what cannot be read: there is no run to keep it with."""
        self._rejected += sum(reject.fate == "rejected" for reject in rejects)

    async def summary(self) -> StageSummary:
        """Count what applying would do. Raises `RefuseRun` where a variant would go only because its row cannot be read."""
        if self._replace and self._rejected:
            raise RefuseRun(
                f"{self._rejected} rows cannot be read, and their variants would be deleted: correct the source, or load without --replace"
            )
        async with self._writer.transaction():
            counts = await self._count()
        # What a load does not name it does not miss: that is gone only where `replace` says so, and counted as removed.
        met = counts.updated + counts.unchanged
        return StageSummary(
            met, met, counts.created, counts.updated, counts.unchanged, counts.duplicate, counts.skipped, removed=counts.removed
        )

    async def apply(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> Counts:
        """Make the rows the catalogue, in one transaction; what was connected to a variant that goes is not any more."""
        if self._dry:
            return record.counts
        now = clock.now()
        async with self._writer.changing(Origin(now, call=f"catalogue:{secrets.token_hex(8)}")) as writer:
            counts = await self._count()
            await writer.execute(_upsert_products(now))
            await writer.execute(_update_variants(now))
            if self._replace:
                # Before new ones come: those are of the load, though no row names their ids.
                for statement in delete_variants(_GONE, now):
                    await writer.execute(statement)
            await writer.execute(_create_variants(now))
            if counts.created or counts.updated or counts.removed:
                await writer.execute(raise_version())
        return counts

    async def _count(self) -> Counts:
        writer = self._writer
        for statement in _KNOW_AGAIN:
            await writer.execute(statement)
        kept = await writer.number("SELECT count(*) FROM temp.catalogue_rows")
        created = await writer.number("SELECT count(*) FROM temp.catalogue_rows WHERE variant_id IS NULL")
        updated = await writer.number(_COUNT_UPDATED)
        removed = await writer.number(f"SELECT count(*) {_GONE}") if self._replace else 0
        return Counts(created, updated, kept - created - updated, self._rows - kept, removed, self._anonymous)

    async def hold(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> None:
        """Refuse: there is nothing to keep a load in until somebody decides."""
        raise RefuseRun("a load of the catalogue cannot wait for a decision: leave reviewChanges unset")

    async def discard(self) -> None:
        await self._writer.execute("DELETE FROM temp.catalogue_rows")

    async def finish(self, record: RunRecord, checkpoint: Checkpoint | None = None) -> RunRecord:
        """Store nothing: a load is no run."""
        return record


class _Columns:
    """Where a batch has what a variant is made of."""

    def __init__(self, batch: ItemBatch) -> None:
        places = {name: batch.columns.index(name) for name in TARGETS if name in batch.columns}
        self._places = [places.get(name) for name in ("vendorSku", "barcode", "name", "externalGroupId", "handle", "options")]

    def row(self, cells: tuple[Value, ...]) -> tuple[Value, ...] | None:
        """Return a row as it is staged, None where nothing tells what it is."""
        sku, barcode, name, group, handle, options = (None if place is None else trimmed(cells[place]) for place in self._places)
        if sku is None and barcode is None:
            return None
        listed = options or "[]"
        keys = VariantKeys.of(sku, barcode, listed)
        return keys.identity, keys.option_key, sku, keys.sku_key, barcode, keys.gtin, name, listed, group or handle


@dataclass(frozen=True, slots=True)
class VariantKeys:
    """What a variant is known again by, and what items find it by."""

    identity: str
    option_key: str
    sku_key: str | None
    gtin: str | None

    @classmethod
    def of(cls, sku: str | None, barcode: str | None, options: str) -> VariantKeys:
        """Return the keys of a variant that has a SKU or a barcode, both trimmed; `options` is JSON text."""
        gtin = read_gtin(barcode)
        identity = f"barcode:{gtin or barcode}" if sku is None else f"sku:{sku}"
        return cls(identity, option_key(options), None if sku is None else sku_key(sku), gtin)


def trimmed(value: Value) -> str | None:
    """Return a text without the blanks around it, None where nothing is left."""
    return None if value is None else str(value).strip() or None


def raise_version() -> str:
    """Say that the catalogue is another one than it was, so that all items are looked at again; goes with every change of it."""
    return "INSERT INTO main.catalogue_state (id, version) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET version = version + 1"


def _upsert_products(now: int) -> str:
    return (
        "INSERT INTO main.products (external_id, name, created_at, updated_at)"
        f" SELECT product, max(name), {now}, {now} FROM temp.catalogue_rows WHERE product IS NOT NULL GROUP BY product"
        " ON CONFLICT (external_id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at"
        " WHERE name IS NOT excluded.name"
    )


def _update_variants(now: int) -> str:
    sets = ", ".join(f"{name} = r.{name}" for name in (*_SAME, "option_key", "sku_key", "gtin"))
    return (
        f"UPDATE main.variants AS v SET product_id = {_PRODUCT_ID}, {sets}, updated_at = {now}"
        f" FROM temp.catalogue_rows AS r WHERE v.id = r.variant_id AND ({_DIFFERS})"
    )


def _create_variants(now: int) -> str:
    names = "identity, option_key, sku, sku_key, barcode, gtin, name, options"
    return (
        f"INSERT INTO main.variants ({names}, product_id, created_at, updated_at)"
        f" SELECT {names}, {_PRODUCT_ID}, {now}, {now} FROM temp.catalogue_rows AS r WHERE variant_id IS NULL ORDER BY identity, option_key"
    )


def delete_variants(which: str, now: int) -> tuple[str, ...]:
    """Return what takes the items off variants and deletes these; `which` is what stands behind SELECT id, each time it is asked."""
    connected = f"variant_id IS NOT NULL AND variant_id IN (SELECT id {which})"
    return (
        "INSERT INTO main.inventory_feed_variant_connections"
        " (inventory_feed_variant_id, variant_id, action, scope, created_at, updated_at)"
        f" SELECT id, variant_id, 'disconnected', coalesce(connection_scope, 'automated'), {now}, {now} FROM {VARIANTS}"
        f" WHERE {connected} ORDER BY id",
        f"UPDATE {VARIANTS} SET variant_id = NULL, connection_scope = NULL, updated_at = {now},"
        f" status = CASE status WHEN 'connected' THEN 'pending' ELSE status END WHERE {connected}",
        f"DELETE {which}",
    )
