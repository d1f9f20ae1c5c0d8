"""The records that the store itself leaves out of a run, kept with those that the mapper skipped, so that each can be looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import StageTable

REJECTS_KEPT: Final = 100_000
"""Rejected and skipped records stored for one run; the count goes on. A feed with more is broken, and the first ones tell how."""

TOLD: Final = "record, external_id, vendor_sku, inventory_quantity"
"""What the stage knows of a record that a person can find it by. It knows neither line nor raw text."""

LIMITED: Final = "is over the daily limit of updated items; the next run that may takes it"
OVERTAKEN: Final = "its item was written by somebody else after the run had begun, and is left as it is"

_KEEP: Final = (
    'INSERT INTO main.data_import_rejects (run_id, seq, document, record, line, "column", value, reason, raw, fate)'
    " VALUES (?, ?, '', ?, 0, 'externalId', ?, ?, ?, 'skipped')"
)


async def keep_left_out(writer: Writer, stage: StageTable, reason: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Keep records, rows of `TOLD`, in the order of the feed, as skipped ones of the run; inside the transaction that leaves them out.

    As of all that a run keeps, not more than `REJECTS_KEPT`.
    """
    if not rows:
        return
    kept = await writer.number("SELECT coalesce(max(seq), 0) FROM main.data_import_rejects WHERE run_id = ?", stage.run)
    told = sorted((int(str(record)), str(key), sku, quantity) for record, key, sku, quantity in rows)
    await writer.connection.executemany(
        _KEEP,
        [
            (
                stage.run,
                seq,
                record,
                key,
                reason,
                orjson.dumps({"externalId": key, "vendorSku": sku, "inventoryQuantity": quantity}).decode(),
            )
            for seq, (record, key, sku, quantity) in enumerate(told[: max(REJECTS_KEPT - kept, 0)], start=kept + 1)
        ],
    )


async def keep_unwanted(writer: Writer, stage: StageTable, end: str) -> None:
    """Keep the new items, up to a key, that the run will not create: of too little stock, or gone by the source's own word."""
    new = (
        f"SELECT {TOLD} FROM {stage.table} AS s WHERE s.run_id = {stage.run} AND s.external_id <= ? AND s.layout >= 0 AND s.item_id IS NULL"
    )
    gone = await writer.query(f"{new} AND s.status IS NOT NULL", end)
    await keep_left_out(writer, stage, "is gone by the source's own word, and was never imported", gone)
    if stage.creates_above is not None:
        few = await writer.query(f"{new} AND s.status IS NULL AND NOT coalesce(s.inventory_quantity > {stage.creates_above}, 0)", end)
        reason = f"is new, and its stock is not above inventoryRestrictionLevel {stage.creates_above}"
        await keep_left_out(writer, stage, reason, few)
