"""The stored screen of a feed: read under a mark, written in the transaction that completes a run.

A row says what there is, and is deleted when it is not true any more; the arrays lie beside it, in pieces, since the database makes one
copy more of what it writes as one row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import orjson
from anyio import to_thread

from engine.screen.scratch import Scratch
from engine.screen.screening import Remembered
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import VARIANTS

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.screen.known import Arrays
    from engine.screen.settling import Settled

_FILED: Final = frozenset({"prints", "items"})
"""Arrays that have entries for records, not for blocks."""

_READ: Final = (
    # One statement, so that what is read was stored together: a dry run holds no lock.
    "SELECT s.evidence, s.pattern, p.name, p.data FROM main.inventory_feed_screens AS s JOIN main.inventory_feed_screen_parts AS p"
    " ON p.feed_id = s.feed_id WHERE s.feed_id = ? AND s.mark = ? ORDER BY p.name, p.part"
)
_WRITTEN_SINCE: Final = f"SELECT id FROM {VARIANTS} WHERE inventory_feed_id = ? AND content_hash IS NULL"

_STORE: Final = "INSERT INTO main.inventory_feed_screens (feed_id, mark, evidence, pattern) VALUES (?, ?, ?, ?)"
_STORE_PART: Final = "INSERT INTO main.inventory_feed_screen_parts (feed_id, name, part, data) VALUES (?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM main.inventory_feed_screens WHERE feed_id = ?"
_FORGET_PARTS: Final = "DELETE FROM main.inventory_feed_screen_parts WHERE feed_id = ?"
_IS_STORED: Final = "SELECT 1 FROM main.inventory_feed_screens WHERE feed_id = ?"


@dataclass(frozen=True, slots=True)
class StoredScreen:
    """What a complete run stores. With `same` it is what is stored already, unless a write has voided that."""

    mark: str
    evidence: Mapping[str, JsonValue]
    pattern: bytes
    settled: Settled
    same: bool = False

    def pieces(self, feed: int) -> Iterator[tuple[int, str, int, bytes]]:
        """Yield the rows of the arrays' pieces. Raises `OSError` when one cannot be read again."""
        for name, part, piece in self.settled.pieces():
            yield feed, name, part, piece


async def store_screen(writer: Writer, feed: int, screen: StoredScreen | None) -> None:
    """Put a screen in the place of the one that is stored, inside the caller's transaction; with None there is none any more."""
    if screen is not None and screen.same and await writer.query(_IS_STORED, feed):
        return
    await _forget(writer, feed)
    if screen is None:
        return
    evidence = orjson.dumps(screen.evidence).decode()
    await writer.connection.execute(_STORE, (feed, screen.mark, evidence, screen.pattern))
    try:
        await writer.connection.executemany(_STORE_PART, screen.pieces(feed))
    except OSError:
        # What was gathered cannot be read again. The run is complete all the same, and the next one knows nothing.
        await _forget(writer, feed)


async def _forget(writer: Writer, feed: int) -> None:
    await writer.execute(_FORGET, feed)
    await writer.execute(_FORGET_PARTS, feed)


async def read_screen(reader: Writer, feed: int, mark: str) -> Remembered | None:
    """Return what is stored of a feed under a mark, None when nothing is, or there is no place to put it.

    It is true of the items as they are, but for those whose digest somebody has taken away since.
    """
    try:
        found = await _read_parts(reader, feed, mark)
    except OSError:
        return None
    if found is None:
        return None
    written = [int(str(item)) for (item,) in await reader.query(_WRITTEN_SINCE, feed)]
    evidence, pattern, arrays = found
    return Remembered(pattern, arrays, orjson.loads(evidence), written)


async def _read_parts(reader: Writer, feed: int, mark: str) -> tuple[str, bytes, Arrays] | None:
    """Read piece by piece: the arrays of records go to files, so that no more than a piece of them is in memory."""
    told: tuple[str, bytes] | None = None
    arrays: dict[str, Scratch] = {}
    async with reader.each(_READ, feed, mark) as rows:
        async for evidence, pattern, name, data in cast("AsyncIterator[tuple[str, bytes, str, bytes]]", rows):
            told = evidence, pattern
            array = arrays.setdefault(name, Scratch())
            array.put(data)
            if array.heavy and name in _FILED:
                await to_thread.run_sync(array.flush)
    if told is None:
        return None
    from engine.screen.known import Arrays

    whole = {name: await to_thread.run_sync(array.whole) for name, array in arrays.items()}
    for array in arrays.values():
        await to_thread.run_sync(array.close)
    prints, items = (whole.pop(name, b"") for name in ("prints", "items"))
    return *told, Arrays(prints, items, **{name: bytes(each) for name, each in whole.items()})
