"""Every column that holds something sealed, for whoever changes the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Writer

_COLUMNS: Final = {
    "feed": (
        "SELECT id, sealed FROM main.inventory_feeds WHERE sealed IS NOT NULL ORDER BY id",
        "UPDATE main.inventory_feeds SET sealed = ? WHERE id = ?",
    ),
    "webhook": ("SELECT id, sealed FROM main.webhooks ORDER BY id", "UPDATE main.webhooks SET sealed = ? WHERE id = ?"),
}
"""By what a person calls its rows: how they are read and written."""


async def read_sealed(reader: Writer, limit: int = -1) -> list[tuple[str, bytes]]:
    """Return what is sealed, each with the name of its row, such as `feed 7`; at most `limit` of a kind."""
    found: list[tuple[str, bytes]] = []
    for kind, (select, _) in _COLUMNS.items():
        with explained(reader.name):
            rows = await reader.connection.execute_fetchall(f"{select} LIMIT ?", (limit,))
        found += [(f"{kind} {number}", sealed) for number, sealed in rows]
    return found


async def renew_sealed(writer: Writer, renew: Callable[[bytes], bytes]) -> int:
    """Replace everything that is sealed by what `renew` makes of it, inside the caller's transaction; return how many there were."""
    count = 0
    for select, update in _COLUMNS.values():
        with explained(writer.name):
            rows = await writer.connection.execute_fetchall(select)
            renewed = [(renew(sealed), number) for number, sealed in rows]
            await writer.connection.executemany(update, renewed)
        count += len(renewed)
    return count
