"""Variants of the catalogue looked for while somebody types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

import orjson

from sinks.sqlite.catalogue.barcodes import read_gtin
from sinks.sqlite.catalogue.listing import VARIANTS
from sinks.sqlite.catalogue.matching import sku_key
from sinks.sqlite.service.browsing.questions import contains, prefix_end
from sinks.sqlite.service.browsing.walking import CATALOGUE, Walk
from sinks.sqlite.service.listing import ListQuery, Scope, select_page

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

SECONDS: Final = 0.05

_KEYS: Final = (
    "SELECT id FROM main.variants WHERE sku_key = ? UNION SELECT id FROM main.variants WHERE gtin = ?"
    " UNION SELECT id FROM"
    " (SELECT id FROM main.variants WHERE identity >= 'sku:' || ? AND identity < 'sku:' || ? ORDER BY identity LIMIT ?)"
    " LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Variants as the catalogue lists them; `after` is the id behind which to look further, None where all of it was looked through."""

    variants: Sequence[Mapping[str, object]]
    after: int | None


async def find_variants(reader: Writer, text: str, *, after: int | None, limit: int) -> Candidates:
    """Return variants whose SKU or barcode begins with a text or whose name has its words: those by index first."""
    text = text.strip()
    ids = [] if after is not None else await _by_index(reader, text, limit)
    ahead: int | None = after
    if len(ids) < limit:
        walk = Walk(CATALOGUE, [contains(text, ("v.sku", "v.barcode"), "v.name")])
        place = None if after is None else (after,)
        taken = await walk.take(reader, place, backward=False, limit=limit + 1, until=monotonic() + SECONDS)
        met = [row for _, row in taken.rows if row not in ids]
        room = limit - len(ids)
        ahead = met[room - 1] if len(met) > room else None if taken.end is None else int(taken.end[0])
        ids += met[:room]
    page = await select_page(reader, VARIANTS, ListQuery(limit=len(ids) or 1), _among(ids))
    by_id = {row["id"]: row for row in page.rows}
    return Candidates([by_id[number] for number in ids if number in by_id], ahead)


async def _by_index(reader: Writer, text: str, limit: int) -> list[int]:
    rows = await reader.query(_KEYS, sku_key(text), read_gtin(text), text, prefix_end(text), limit, limit)
    return [int(str(row[0])) for row in rows]


def _among(ids: Sequence[int]) -> Scope:
    return Scope("v.id IN (SELECT value FROM json_each(?))", (orjson.dumps(list(ids)).decode(),))
