"""The daily limit in a run: up to it the stage is applied in the order of the feed, the rest is left to the next run.

A chunk is a stretch of keys, not of the feed, so where the limit cuts the feed has to be known before the first of them: at the
record at which the items that may still be written today end. Whoever writes meanwhile can only move that place forward. Then the
chunks that come first take what is left, which keeps the limit, if not the order. What is left out goes from the stage unapplied,
its digest unstored, so that the next run finds it changed again. What takes an item out of stock is never left out, see
`sinks.sqlite.single.plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from engine.run import Counts
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.left_out import LIMITED, TOLD, keep_left_out
from sinks.sqlite.landing.rows import json_text
from sinks.sqlite.landing.statements import VARIANTS, Layout, StageTable
from sinks.sqlite.single.plan import Allowance, count_items, read_allowance

_LAST: Final = (
    f"SELECT coalesce((SELECT max(id) FROM {VARIANTS}), 0), coalesce((SELECT max(id) FROM main.inventory_feed_variant_changes), 0)"
)
_EFFECT: Final = (
    f"SELECT v.id FROM json_each(?) AS j CROSS JOIN {VARIANTS} AS v WHERE v.inventory_feed_id = ? AND v.external_id = j.value AND (v.id > ?"
    " OR EXISTS (SELECT 1 FROM main.inventory_feed_variant_changes AS c WHERE c.item_id = v.id AND c.id > ?))"
)


class RunLimit:
    """Hold the chunks of one run to what may still be written on the day of each of them."""

    def __init__(self, writer: Writer, stage: StageTable, layouts: Sequence[Layout]) -> None:
        self._writer = writer
        self._stage = stage
        self._layouts = layouts
        self._day = -1
        self._left = 0
        self._cut: int | None = None
        self._allowance: Allowance | None = None
        self._within: list[str] = []
        self._last = (0, 0)

    async def leave_out(self, end: str) -> int:
        """Take the rows up to a key that are over the limit out of the stage and return how many; before the others are applied."""
        self._allowance = allowance = await read_allowance(self._writer)
        if allowance is None or not self._layouts:
            return 0
        if allowance.day != self._day or allowance.left > self._left:
            # Another day, or another limit. What was left out before stays so: it is the next run's.
            self._cut = await self._find_cut(allowance)
        self._day, self._left = allowance.day, allowance.left
        limited = " UNION ALL ".join(self._limited(allowance.day, " AND s.external_id <= ?"))
        rows = await self._writer.query(f"SELECT record, external_id FROM ({limited}) ORDER BY record", *[end] * limited.count("?"))
        keys = [str(key) for record, key in rows if self._cut is None or int(str(record)) < self._cut]
        self._within = keys[: allowance.left]
        within = set(self._within)
        over = [str(key) for _, key in rows if str(key) not in within]
        if over:
            left = await self._writer.query(f"{self._stage.unstage()} RETURNING {TOLD}", json_text(over))
            await keep_left_out(self._writer, self._stage, LIMITED, left)
        ((item, change),) = await self._writer.query(_LAST)
        self._last = (int(str(item)), int(str(change)))
        return len(over)

    async def count(self) -> None:
        """Count what became of the rows within the limit, by what the database did with them."""
        if self._allowance is None or not self._within:
            return
        done = await self._writer.query(_EFFECT, json_text(self._within), self._stage.feed, *self._last)
        await count_items(self._writer, self._allowance, [int(str(item)) for (item,) in done])
        self._left -= len(done)

    async def foresee(self, counts: Counts) -> Counts:
        """Return what applying the whole stage now would do, of what it would do without a limit."""
        allowance = await read_allowance(self._writer)
        cut = None if allowance is None or not self._layouts else await self._find_cut(allowance)
        if allowance is None or cut is None:
            return counts
        limited = " UNION ALL ".join(self._limited(allowance.day, ""))
        over = f"SELECT count(*), coalesce(sum(created), 0) FROM ({limited}) WHERE record >= ?"
        ((total, new),) = await self._writer.query(over, cut)
        out, created = int(str(total)), int(str(new))
        kept = replace(counts, created=counts.created - created, updated=counts.updated - out + created)
        return replace(kept, skipped=counts.skipped + out, limited=out)

    async def _find_cut(self, allowance: Allowance) -> int | None:
        """Return the first record that is over the limit, in the order of the feed; None when there is none."""
        limited = " UNION ALL ".join(self._limited(allowance.day, ""))
        found = await self._writer.query(f"SELECT record FROM ({limited}) ORDER BY record LIMIT 1 OFFSET ?", allowance.left)
        return int(str(found[0][0])) if found else None

    def _limited(self, day: int, further: str) -> Iterator[str]:
        fresh = f" AND NOT EXISTS (SELECT 1 FROM main.plan_usage AS u WHERE u.day = {day} AND u.item_id = s.item_id)"
        for number, layout in enumerate(self._layouts):
            yield f"{self._stage.updates(number, layout)}{fresh}{further}"
            yield f"{self._stage.creations(number)}{further}"


async def is_limited(reader: Writer) -> bool:
    """Return whether a limit is set, so that a run has to be staged to be held to it."""
    return await read_allowance(reader) is not None
