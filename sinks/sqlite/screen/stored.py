"""The stored screen of a feed: read under a mark, written in the transaction that completes a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, cast

import orjson

from engine.screen.screening import Remembered
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import VARIANTS

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.screen.known import Arrays

_ARRAYS: Final = ("prints", "items", "block_prints", "firsts", "records", "lines", "sizes")
_COLUMNS: Final = ", ".join(("mark", "evidence", "pattern", *_ARRAYS))
_READ: Final = f"SELECT evidence, pattern, {', '.join(_ARRAYS)} FROM main.inventory_feed_screens WHERE feed_id = ? AND mark = ?"
_WRITTEN_SINCE: Final = f"SELECT id FROM {VARIANTS} WHERE inventory_feed_id = ? AND content_hash IS NULL"

STORE: Final = f"INSERT OR REPLACE INTO main.inventory_feed_screens (feed_id, {_COLUMNS}) VALUES (:feed, :{_COLUMNS.replace(', ', ', :')})"
FORGET: Final = "DELETE FROM main.inventory_feed_screens WHERE feed_id = ?"
IS_STORED: Final = "SELECT 1 FROM main.inventory_feed_screens WHERE feed_id = ?"


@dataclass(frozen=True, slots=True)
class StoredScreen:
    """What a complete run stores. With `same` it is what is stored already, unless a write has voided that."""

    mark: str
    evidence: Mapping[str, JsonValue]
    pattern: bytes
    arrays: Arrays
    same: bool = False

    def parameters(self, feed: int) -> dict[str, str | bytes | int]:
        """Return the parameters of `STORE`."""
        arrays = {each.name: getattr(self.arrays, each.name) for each in fields(self.arrays)}
        return {"feed": feed, "mark": self.mark, "evidence": orjson.dumps(self.evidence).decode(), "pattern": self.pattern, **arrays}


async def read_screen(reader: Writer, feed: int, mark: str) -> Remembered | None:
    """Return what is stored of a feed under a mark, None when nothing is.

    It is true of the items as they are, but for those whose digest somebody has taken away since.
    """
    found = await reader.query(_READ, feed, mark)
    if not found:
        return None
    from engine.screen.known import Arrays

    evidence, pattern, *arrays = found[0]
    written = [int(str(item)) for (item,) in await reader.query(_WRITTEN_SINCE, feed)]
    blobs = cast("list[bytes]", arrays)
    return Remembered(cast("bytes", pattern), Arrays(*blobs), orjson.loads(str(evidence)), written)
