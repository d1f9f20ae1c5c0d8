"""A feed that is pushed to, made behind the API's back, with the secrets that a service would have sealed."""

from __future__ import annotations

import orjson

from engine.batch import JsonValue
from feedmill.service.context import Service
from feedmill.service.keys import digest
from sinks.sqlite import clock

SECRET = "s3cret-of-the-feed"


async def make_feed(service: Service, name: str = "pushed", *, secret: str = SECRET, **sealed: JsonValue) -> int:
    """Make a feed with its provider and return its id; `secret` is what inbound calls show, `sealed` are attributes that are secrets."""
    now = clock.now()
    async with service.store.writing() as writer:
        made = await writer.query(
            "INSERT INTO main.dropship_providers (name, created_at, updated_at) VALUES (?, ?, ?) RETURNING id", name, now, now
        )
        document = service.keys.seal({"hash": secret, **sealed})
        rows = await writer.connection.execute_fetchall(
            "INSERT INTO main.inventory_feeds (name, dropship_provider_id, settings, sealed, hash, enabled, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, 1, ?, ?) RETURNING id",
            (name, made[0][0], orjson.dumps({}).decode(), document, digest(secret).hex(), now, now),
        )
    return int(next(iter(rows))[0])
