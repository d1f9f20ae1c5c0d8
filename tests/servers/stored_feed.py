"""A feed as a service keeps it, put into its database behind the API's back."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from feedmill.service.keys import digest
from sinks.sqlite import clock

if TYPE_CHECKING:
    from feedmill.service.context import Service

_PROVIDER = "INSERT INTO main.dropship_providers (name, status, created_at, updated_at) VALUES (?, 'accepted', ?, ?) RETURNING id"
_FEED = (
    "INSERT INTO main.inventory_feeds (name, dropship_provider_id, settings, hash, enabled, sealed, created_at, updated_at)"
    " VALUES (?, ?, '{}', ?, 1, ?, ?, ?) RETURNING id"
)


async def store_feed(service: Service, name: str, location: str = "https://feeds.example/stock.csv") -> tuple[int, str]:
    """Store a feed with a provider of its own and an inbound secret; return its id and the secret."""
    secret, now = secrets.token_urlsafe(32), clock.now()
    sealed = service.keys.seal({"hash": secret, "resourceLocation": location})
    async with service.store.writing() as writer:
        ((provider,),) = await writer.query(_PROVIDER, name, now, now)
        rows = await writer.connection.execute_fetchall(_FEED, (name, int(str(provider)), digest(secret).hex(), sealed, now, now))
        return int(next(iter(rows))[0]), secret
