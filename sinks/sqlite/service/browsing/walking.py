"""A stretch that no index answers: the table in the order of its ids, as far as a moment allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import orjson

from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.service.browsing.places import Place, Taken, misplaced

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.service.browsing.questions import Condition

_FIRST_STEP: Final = 2_000
_LONGEST_STEP: Final = 400_000
_STEP_SECONDS: Final = 0.008
"""How long one step of a walk should take: it can be given up between two of them only."""

_SEEN: Final = "(SELECT id FROM main.inventory_feeds WHERE loading_run_id IS NULL)"


@dataclass(frozen=True, slots=True)
class Table:
    """A table `v` that is walked through by its `id`: what of it is seen, and the id next to ? that is."""

    name: str
    seen: str
    up: str
    down: str
    parameters: tuple[int, ...] = ()


def items_of(feed: int | None) -> Table:
    """Return the items of a feed, of all for None, without those of a feed that is loaded for the first time."""
    if feed is not None:
        seen = f"v.inventory_feed_id = ? AND ? IN {_SEEN}"
        one = f"SELECT {{}}(v.id) FROM {VARIANTS} AS v WHERE v.inventory_feed_id = ? AND ? IN {_SEEN} AND v.id {{}} ?"
        return Table(VARIANTS, seen, one.format("min", ">"), one.format("max", "<"), (feed, feed))
    index = "INDEXED BY ix_inventory_feed_variants_feed"
    of_feed = f"SELECT {{0}}(v.id) FROM {VARIANTS} AS v {index} WHERE v.inventory_feed_id = f.id AND v.id {{1}} ?"
    each = f"SELECT {{0}}(({of_feed})) FROM main.inventory_feeds AS f WHERE f.loading_run_id IS NULL"
    # The plus keeps the walk on the table itself, whose order is that of the ids.
    return Table(VARIANTS, f"+v.inventory_feed_id IN {_SEEN}", each.format("min", ">"), each.format("max", "<"))


CATALOGUE: Final = Table(
    "main.variants", "1", "SELECT min(id) FROM main.variants WHERE id > ?", "SELECT max(id) FROM main.variants WHERE id < ?"
)


@dataclass(frozen=True, slots=True)
class Walk:
    """The rows of a table that fulfil conditions, in the order of their ids."""

    table: Table
    conditions: Sequence[Condition]
    descending: bool = False

    async def take(self, reader: Writer, place: Place | None, *, backward: bool, limit: int, until: float) -> Taken:
        """Return the next rows, as many as were met in time; steps are as long as the machine is fast."""
        down = self.descending is not backward
        if place is not None and (len(place) != 1 or not isinstance(place[0], int)):
            raise misplaced()
        at = int(place[0]) if place is not None else _FARTHEST if down else 0
        step, looked, rows = _FIRST_STEP, 0, list[int]()
        jumps = True
        while len(rows) < limit:
            if jumps:
                there = await self._next(reader, at, down=down)
                if there is None:
                    return Taken([((row,), row) for row in rows], looked)
                at = there + (1 if down else -1)
            begun = monotonic()
            far = at - step if down else at + step
            seen, met = await self._look(reader, (far - 1, at - 1) if down else (at, far))
            rows += sorted(met, reverse=down)[: limit - len(rows)]
            looked, at, jumps = looked + seen, far, not seen
            took = monotonic() - begun
            step = min(step * 2, _LONGEST_STEP) if took < _STEP_SECONDS else max(step // 2, 100)
            if len(rows) < limit and monotonic() > until:
                return Taken([((row,), row) for row in rows], looked, (at,))
        return Taken([((row,), row) for row in rows], looked)

    async def _next(self, reader: Writer, at: int, *, down: bool) -> int | None:
        found = await reader.query(self.table.down if down else self.table.up, *self.table.parameters, at)
        return None if found[0][0] is None else int(str(found[0][0]))

    async def _look(self, reader: Writer, span: tuple[int, int]) -> tuple[int, list[int]]:
        """Return how many rows there are with ids above the first and up to the second of a span, and which of them fulfil all."""
        wanted = " AND ".join((*(each.sql for each in self.conditions), "1"))
        parameters = [value for each in self.conditions for value in each.parameters]
        rows: list[tuple[Any, ...]] = await reader.query(
            f"SELECT count(*), json_group_array(v.id) FILTER (WHERE {wanted}) FROM {self.table.name} AS v"
            f" WHERE v.id > ? AND v.id <= ? AND {self.table.seen}",
            *parameters, *span, *self.table.parameters,
        )  # fmt: skip
        return int(rows[0][0]), orjson.loads(rows[0][1])


_FARTHEST: Final = 2**63 - 1
