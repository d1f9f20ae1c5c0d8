"""Dropship providers. Every function runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.errors import Conflict, NotFound
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.listing import ListQuery, Scope, select_page
from sinks.sqlite.service.resources.feed_lists import PROVIDERS

COLUMNS: Final[Mapping[str, str]] = {
    "name": "name",
    "externalId": "external_id",
    "status": "status",
    "websiteUrl": "website_url",
    "timezone": "timezone",
    "adminNotes": "admin_notes",
}
"""What may be set of a provider, with its column."""


async def read_provider(reader: Writer, number: int) -> dict[str, object]:
    """Return a provider as the API shows it. Raises `NotFound` when there is none."""
    page = await select_page(reader, PROVIDERS, ListQuery(limit=1), Scope("p.id = ?", (number,)))
    if not page.rows:
        raise NotFound(f"there is no dropship provider {number}")
    return dict(page.rows[0])


async def insert_provider(writer: Writer, values: Mapping[str, str | None], *, now: int) -> int:
    """Store a new provider and return its id; `values` has every key of `COLUMNS`."""
    made = await writer.query(
        f"INSERT INTO main.dropship_providers ({', '.join(COLUMNS.values())}, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        *(values[name] for name in COLUMNS),
        *(now, now),
    )
    return int(str(made[0][0]))


async def update_provider(writer: Writer, number: int, values: Mapping[str, str | None], *, now: int) -> None:
    """Store what is given of a provider, by the keys of `COLUMNS`."""
    assigned = "".join(f"{column} = ?, " for name, column in COLUMNS.items() if name in values)
    given = (values[name] for name in COLUMNS if name in values)
    await writer.execute(
        f"UPDATE main.dropship_providers SET {assigned}updated_at = max(?, updated_at + 1) WHERE id = ?", *given, now, number
    )


async def delete_provider(writer: Writer, number: int) -> None:
    """Remove a provider. Raises `Conflict` while feeds are of it."""
    ((feeds,),) = await writer.query("SELECT count(*) FROM main.inventory_feeds WHERE dropship_provider_id = ?", number)
    if feeds:
        raise Conflict(f"the dropship provider {number} has {feeds} inventory feeds: remove them first, or set status=archived")
    await writer.execute("DELETE FROM main.dropship_providers WHERE id = ?", number)
