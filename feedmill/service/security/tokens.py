"""The tokens of a service: the first one, without which nobody could make another."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from feedmill.service.keys import digest
from sinks.sqlite import clock

if TYPE_CHECKING:
    from feedmill.service.context import Service


async def first_token(service: Service) -> str | None:
    """Make an admin token and return it when the database has none at all, not even a revoked one."""
    async with service.store.writing() as writer:
        if await writer.number("SELECT count(*) FROM main.api_tokens"):
            return None
        token, now = secrets.token_urlsafe(32), clock.now()
        await writer.connection.execute(
            "INSERT INTO main.api_tokens (name, scopes, digest, hint, created_at, updated_at) VALUES ('first', '[\"admin\"]', ?, ?, ?, ?)",
            (digest(token), token[-4:], now, now),
        )
    return token
