"""The stored screen of a feed: read under a mark, written in the transaction that completes a run.

A row says what there is, and is deleted when it is not true any more; the arrays lie beside it, in pieces, since the database makes one
copy more of what it writes as one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, cast

import orjson

from engine.screen.screening import Remembered
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import VARIANTS

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.screen.known import Arrays

_PIECE: Final = 1 << 20
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
    arrays: Arrays
    same: bool = False

    def pieces(self, feed: int) -> Iterator[tuple[int, str, int, memoryview]]:
        """Yield the rows of the arrays' pieces."""
        for each in fields(self.arrays):
            whole = memoryview(getattr(self.arrays, each.name))
            # Of an empty one there is a piece too: that there is none is how a set that was not stored whole would look.
            for part, start in enumerate(range(0, max(1, len(whole)), _PIECE)):
                yield feed, each.name, part, whole[start : start + _PIECE]


async def store_screen(writer: Writer, feed: int, screen: StoredScreen | None) -> None:
    """Put a screen in the place of the one that is stored, inside the caller's transaction; with None there is none any more."""
    if screen is not None and screen.same and await writer.query(_IS_STORED, feed):
        return
    await writer.execute(_FORGET, feed)
    await writer.execute(_FORGET_PARTS, feed)
    if screen is not None:
        evidence = orjson.dumps(screen.evidence).decode()
        await writer.connection.execute(_STORE, (feed, screen.mark, evidence, screen.pattern))
        await writer.connection.executemany(_STORE_PART, screen.pieces(feed))


async def read_screen(reader: Writer, feed: int, mark: str) -> Remembered | None:
    """Return what is stored of a feed under a mark, None when nothing is.

    It is true of the items as they are, but for those whose digest somebody has taken away since.
    """
    found = cast("list[tuple[str, bytes, str, bytes]]", await reader.query(_READ, feed, mark))
    if not found:
        return None
    from engine.screen.known import Arrays

    evidence, pattern = found[0][:2]
    written = [int(str(item)) for (item,) in await reader.query(_WRITTEN_SINCE, feed)]
    pieces: dict[str, list[bytes]] = {each.name: [] for each in fields(Arrays)}
    while found:
        _, _, name, data = found.pop(0)
        pieces[name].append(data)
    # Each array's pieces go as soon as it is whole.
    arrays = {name: b"".join(pieces.pop(name)) for name in tuple(pieces)}
    return Remembered(pattern, Arrays(**arrays), orjson.loads(evidence), written)
