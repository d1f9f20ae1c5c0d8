"""API tokens as they are made: 256 random bits that are shown once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from feedmill.service.keys import digest
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.service.tokens import ADMIN, Token, count_tokens, insert_token

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from sinks.sqlite.fence import Writer

PREFIX: Final = "fm_"
"""Begins every token, so that scanners for leaked secrets know one when they see it."""

SCOPE: Final = r"admin|read|feed:[1-9][0-9]{0,17}:push"
"""What a scope may be: everything, what changes nothing, the push calls of one feed."""

_HINT: Final = 4


def is_scope(text: str) -> bool:
    """Return whether a text is a scope, whatever feeds there are."""
    return re.fullmatch(SCOPE, text) is not None


async def create_token(writer: Writer, name: str, scopes: Sequence[str]) -> tuple[str, Token]:
    """Make a token and keep its digest; return it, which nobody can do again. Raises `InvalidItem` for a scope of an unknown feed."""
    text = f"{PREFIX}{secrets.token_urlsafe(32)}"
    return text, await insert_token(writer, name, scopes, digest(text), text[-_HINT:])


async def first_token(service: Service) -> str | None:
    """Make a token of scope `admin` where the database has none, not even a revoked one, and return it; None where it has."""
    async with service.store.writing() as writer:
        if await count_tokens(writer):
            return None
        return (await create_token(writer, "first start", [ADMIN]))[0]


def shape_token(token: Token) -> dict[str, object]:
    """Return a token as the API and the command line show it."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "hint": token.hint,
        "lastUsedAt": rfc3339(token.last_used_at),
        "revokedAt": rfc3339(token.revoked_at),
        "createdAt": rfc3339(token.created_at),
        "updatedAt": rfc3339(token.updated_at),
    }
