"""From item batches to rows: the last row of a key, the digest as it is stored, many rows a statement."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import xxhash

from engine.batch import ItemBatch, Value
from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import Insert, Layout


def latest(keys: list[str]) -> list[int] | None:
    """Return the index of the last row of each key, in order; None when no key occurs twice."""
    if len(set(keys)) == len(keys):
        return None
    return sorted({key: index for index, key in enumerate(keys)}.values())


def counting(batch: ItemBatch) -> Sequence[int]:
    """Return the indices of the rows that count, in order: the last of each key, where no rejected record comes after it."""
    order = latest(batch.keys) or range(len(batch))
    if not batch.spoiled:
        return order
    keys, records, spoiled = batch.keys, batch.records, batch.spoiled
    return [index for index in order if keys[index] not in spoiled or spoiled[keys[index]] < records[index]]


def stored_digests(batch: ItemBatch, layout: Layout | None = None) -> list[int]:
    """Return the digests as they are stored.

    The invariant of `content_hash`: where it equals the stored digest of a row, applying that row changes nothing. A digest
    is over columns and row and does not know which blank cells clear and which values are settled, so that is mixed in: a feed
    whose blanks begin to clear must not find yesterday's rows unchanged. Any other writer of an item sets its hash to NULL, which
    equals nothing.
    """
    marks = (Layout(batch.columns, batch.clears) if layout is None else layout).marks
    if not marks:
        return batch.digests
    salt = xxhash.xxh3_64_intdigest(orjson.dumps(marks)) - (1 << 63)
    return [digest ^ salt for digest in batch.digests]


def json_text(values: Sequence[str] | Sequence[int]) -> str:
    """Return texts, or ids, as a JSON array, as `json_each` takes them."""
    return orjson.dumps(values).decode()


async def insert_rows(writer: Writer, insert: Insert, rows: Sequence[tuple[Value, ...]]) -> int:
    """Insert all rows and return how many the database says it inserted."""
    inserted = 0
    with explained(writer.name):
        for text, parameters in insert.pieces(rows):
            # The parameters are an iterator, so they are made in the connection's thread, not on the event loop.
            inserted += (await writer.connection.executemany(text, parameters)).rowcount
    return inserted
