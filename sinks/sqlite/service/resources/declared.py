"""Whose each feed is, and the provider of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sinks.sqlite import clock

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

_OWNERS: Final = (
    "SELECT f.name, f.id, p.name FROM main.inventory_feeds AS f"
    " JOIN main.dropship_providers AS p ON p.id = f.dropship_provider_id ORDER BY f.id"
)


async def feed_owners(reader: Writer) -> dict[str, tuple[int, str]]:
    """Return the id of every feed, by its name, and the name of its provider."""
    return {str(name): (int(str(number)), str(provider)) for name, number, provider in await reader.query(_OWNERS)}


async def provide(writer: Writer, name: str) -> int:
    """Return the id of the provider of a name, the oldest where several have it; one is made where there is none."""
    rows = await writer.query("SELECT id FROM main.dropship_providers WHERE name = ? ORDER BY id LIMIT 1", name)
    if not rows:
        now = clock.now()
        made = "INSERT INTO main.dropship_providers (name, created_at, updated_at) VALUES (?, ?, ?) RETURNING id"
        rows = await writer.query(made, name, now, now)
    return int(str(rows[0][0]))
