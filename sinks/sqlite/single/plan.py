"""The daily limit: at most so many distinct items are created or updated a UTC day, by calls and runs together.

An item is counted in the transaction that writes it, under the write lock, so that no two writers take the last place both. The
day is that of the transaction's clock. What takes an item out of stock is neither stopped nor counted: a limit on it would go on
selling what the supplier no longer has, and counting it would let a supplier's sell-out stop the news of everything else. It is:
an item that is missing or said to be gone, and one whose stock falls to nothing. A fall to something is an update like any other.
Edits by hand and removals are not the supplier's, and are not counted either. Where no limit is set nothing is counted; a limit
that is set in the middle of a day counts from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from anyio import to_thread

from engine.errors import ConfigError, LimitReached
from sinks.sqlite import clock
from sinks.sqlite.database import locate
from sinks.sqlite.fence import Writer
from sinks.sqlite.migrate import migrate, require_head

DAY: Final = 86_400_000_000
"""Microseconds of a UTC day, leap seconds not counted, as everywhere."""

_DAYS_KEPT: Final = 2
"""Today and yesterday: a clock that is set back over midnight finds its day again."""

_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PlanState:
    """The plan as it is now: `sku_limit` items a day, None where there is no limit; `used_today` counts from 0 at `resets_at`."""

    sku_limit: int | None
    used_today: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may still be written on `day`, in days since 1970: `left` items of the `limit`."""

    limit: int
    day: int
    left: int
    now: int

    def reached(self, what: str) -> LimitReached:
        """Return the error of a write that is over the limit."""
        wait = ((self.day + 1) * DAY - self.now) / 1_000_000
        return LimitReached(
            f"{what} was not written: the daily limit of {self.limit} items is reached;"
            f" send it again after midnight UTC, in {wait:.0f} s, or raise the limit with feedmill plan --sku-limit",
            retry_after=wait,
        )


async def read_allowance(writer: Writer) -> Allowance | None:
    """Return what may still be written today, None where there is no limit; inside the transaction that is going to write."""
    now = clock.now()
    day = now // DAY
    used = "coalesce((SELECT used FROM main.plan_days WHERE day = ?), 0)"
    rows = await writer.query(f"SELECT sku_limit, {used} FROM main.plan WHERE sku_limit IS NOT NULL", day)
    if not rows:
        return None
    limit, counted = (int(str(each)) for each in rows[0])
    return Allowance(limit, day, max(limit - counted, 0), now)


async def count_items(writer: Writer, allowance: Allowance, items: Sequence[int]) -> None:
    """Count items that the transaction under way has written; each once a day."""
    fresh = await writer.execute(
        "INSERT OR IGNORE INTO main.plan_usage (day, item_id) SELECT ?, value FROM json_each(?)",
        allowance.day,
        orjson.dumps(list(items)).decode(),
    )
    if not fresh:
        return
    await writer.execute(
        "INSERT INTO main.plan_days (day, used) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET used = used + excluded.used",
        allowance.day,
        fresh,
    )
    for table in ("plan_usage", "plan_days"):
        await writer.execute(f"DELETE FROM main.{table} WHERE day <= ?", allowance.day - _DAYS_KEPT)


async def read_plan(url: str) -> PlanState:
    """Return the plan of a database. Raises `ConfigError` when it does not exist or has another schema."""
    database = locate(url)
    await to_thread.run_sync(require_head, database)
    async with database.connect() as connection:
        return await read_state(Writer(connection, None, database.name))


async def set_limit(url: str, limit: int | None) -> PlanState:
    """Set the limit, or take it away with None, and return the plan; the database is created and migrated when absent.

    A limit of 0 lets nothing new in. A first load that is under way is not held up by it. Raises `ConfigError` for a negative one.
    """
    _check_limit(limit)
    database = locate(url)
    await to_thread.run_sync(migrate, database)
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name, locking=True)
        async with writer.transaction():
            await write_limit(writer, limit)
        return await read_state(writer)


async def write_limit(writer: Writer, limit: int | None) -> None:
    """Set the limit, or take it away with None, inside the caller's transaction. Raises as `set_limit` does."""
    _check_limit(limit)
    await writer.execute(
        "INSERT INTO main.plan (id, sku_limit) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET sku_limit = excluded.sku_limit", limit
    )


def _check_limit(limit: int | None) -> None:
    if limit is not None and not 0 <= limit <= _LARGEST:
        raise ConfigError(f"{limit} is no limit of items a day: give a number from 0, or none")


async def read_state(reader: Writer) -> PlanState:
    """Return the plan as it is now."""
    day = clock.now() // DAY
    rows = await reader.query("SELECT sku_limit FROM main.plan")
    used = await reader.query("SELECT used FROM main.plan_days WHERE day = ?", day)
    limit = rows[0][0] if rows else None
    return PlanState(None if limit is None else int(str(limit)), int(str(used[0][0])) if used else 0, clock.moment((day + 1) * DAY))
