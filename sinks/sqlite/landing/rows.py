"""From item batches to rows: the last row of a key, the digest as it is stored, many rows a statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import fsum
from time import perf_counter, thread_time
from typing import Final, cast

import orjson
import xxhash

from engine.batch import ItemBatch, Value, ValuesByColumn
from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import ROWS_ALONE, ROWS_BESIDE, Insert, Layout

_MOSTLY: Final = 4.0
_HARDLY: Final = 1.5
"""How much longer than their thread works statements take where the interpreter lock is wanted, and where it no longer is."""


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


class Pace:
    """How many rows a statement takes: few where nobody else wants the interpreter, many beside a busy thread.

    Which it is shows in the time that statements take beyond what their thread works: it is spent waiting for the lock.
    """

    def __init__(self) -> None:
        self._beside = False
        self._took = 0.0
        self._worked = 0.0

    @property
    def sizes(self) -> Sequence[int]:
        """Return the sizes of the next statements."""
        return ROWS_BESIDE if self._beside else ROWS_ALONE

    def timed(self, parameters: Iterator[list[Value]]) -> Iterator[list[Value]]:
        """Yield the parameters of statements and time these, in the thread that runs them."""
        begun, worked = perf_counter(), thread_time()
        yield from parameters
        self.add(perf_counter() - begun, thread_time() - worked)

    def add(self, took: float, worked: float) -> None:
        """Note how many seconds statements took, and how many of these their thread worked."""
        self._took += took
        self._worked += worked

    def judge(self) -> None:
        """Take it that the lock is wanted where what was timed waited most of the time, and no longer where it hardly did."""
        self._beside = self._took > (_HARDLY if self._beside else _MOSTLY) * self._worked
        self._took = self._worked = 0.0


@dataclass(frozen=True, slots=True)
class KeyedRows:
    """Rows of (key, digest, *cells), as the parts they come in: putting them together is left to the driver's thread."""

    keys: Sequence[str]
    digests: Sequence[int]
    rows: Sequence[tuple[Value, ...]]

    @classmethod
    def of(cls, batch: ItemBatch, digests: Sequence[int], order: Sequence[int]) -> KeyedRows:
        """Return the rows of a batch that `order` names."""
        if len(order) == len(batch):
            return cls(batch.keys, digests, batch.rows)
        return cls([batch.keys[index] for index in order], [digests[index] for index in order], [batch.rows[index] for index in order])

    def __len__(self) -> int:
        return len(self.keys)

    def cells(self) -> list[Value]:
        """Return all cells, row by row. Each column goes to all of its places in one step: no step is taken a row, nor a tuple made."""
        columns = [self.keys, self.digests, *(self.rows.columns if isinstance(self.rows, ValuesByColumn) else zip(*self.rows, strict=True))]
        width = len(columns)
        cells: list[Value] = [None] * (len(self) * width)
        for place, column in enumerate(columns):
            cells[place::width] = column
        return cells

    def total(self, place: int) -> float:
        """Return the sum of what is above zero in a column of numbers."""
        column = self.rows.columns[place] if isinstance(self.rows, ValuesByColumn) else [row[place] for row in self.rows]
        numbers = cast("list[float | None]", column)
        return fsum([number for number in numbers if number is not None and number > 0])


def keyed_text(rows: KeyedRows) -> str:
    """Return the digests of rows by their keys, of which none occurs twice, as a JSON object."""
    return orjson.dumps(dict(zip(rows.keys, rows.digests, strict=True))).decode()


async def insert_rows(writer: Writer, insert: Insert, rows: Sequence[tuple[Value, ...]]) -> int:
    """Insert all rows and return how many the database says it inserted."""
    return await _insert(writer, insert.pieces(list(chain.from_iterable(rows)), len(rows), ROWS_BESIDE))


async def insert_keyed(writer: Writer, insert: Insert, rows: KeyedRows, pace: Pace) -> int:
    """Insert all rows at a pace and return how many the database says it inserted."""
    pieces = insert.pieces(rows.cells(), len(rows), pace.sizes)
    inserted = await _insert(writer, ((text, pace.timed(parameters)) for text, parameters in pieces))
    pace.judge()
    return inserted


async def _insert(writer: Writer, pieces: Iterator[tuple[str, Iterator[list[Value]]]]) -> int:
    inserted = 0
    with explained(writer.name):
        for text, parameters in pieces:
            # The parameters are an iterator, so they are made in the connection's thread, not on the event loop.
            inserted += (await writer.connection.executemany(text, parameters)).rowcount
    return inserted
