"""API tokens as they are kept: by the digest of each, with what it may do, and when it was last used or revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

import orjson

from engine.errors import Conflict, InvalidItem, NotFound
from sinks.sqlite import clock
from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.listing import Column, Listed

ADMIN: Final = "admin"

LISTED: Final = Listed(
    "main.api_tokens",
    {
        "id": Column("id", "integer"),
        "name": Column("name"),
        "scopes": Column("scopes", "json"),
        "hint": Column("hint"),
        "lastUsedAt": Column("last_used_at", "time"),
        "revokedAt": Column("revoked_at", "time"),
        "createdAt": Column("created_at", "time"),
        "updatedAt": Column("updated_at", "time"),
    },
)

_INSERT: Final = (
    "INSERT INTO main.api_tokens (name, scopes, digest, hint, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)"
    " RETURNING id, name, scopes, hint, last_used_at, revoked_at, created_at, updated_at"
)
_SELECT: Final = "SELECT id, name, scopes, hint, last_used_at, revoked_at, created_at, updated_at FROM main.api_tokens"
_FIND: Final = "SELECT id, scopes, digest FROM main.api_tokens WHERE digest = ? AND revoked_at IS NULL"
_OTHER_ADMINS: Final = (
    "SELECT count(*) FROM main.api_tokens WHERE revoked_at IS NULL AND id <> ?"
    " AND EXISTS (SELECT 1 FROM json_each(scopes) AS s WHERE s.value = 'admin')"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token without itself: `hint` holds its last four characters. Times in microseconds."""

    id: int
    name: str
    scopes: tuple[str, ...]
    hint: str
    last_used_at: int | None
    revoked_at: int | None
    created_at: int
    updated_at: int


async def insert_token(writer: Writer, name: str, scopes: Sequence[str], digest: bytes, hint: str) -> Token:
    """Keep a new token. Raises `InvalidItem` for a scope of a feed that is not there."""
    await _check_feeds(writer, scopes)
    now = clock.now()
    with explained(writer.name):
        rows = await writer.connection.execute_fetchall(_INSERT, (name, orjson.dumps(scopes).decode(), digest, hint, now, now))
    return _token(tuple(*rows))


async def read_token(reader: Writer, number: int) -> Token:
    """Return a token by its id. Raises `NotFound` when there is none."""
    rows = await reader.query(f"{_SELECT} WHERE id = ?", number)
    if not rows:
        raise NotFound(f"there is no API token {number}")
    return _token(rows[0])


async def read_tokens(reader: Writer) -> list[Token]:
    """Return every token, revoked ones too, by id."""
    return [_token(row) for row in await reader.query(f"{_SELECT} ORDER BY id")]


async def update_token(writer: Writer, number: int, *, name: str | None = None, scopes: Sequence[str] | None = None) -> Token:
    """Change the name or the scopes of a token; None leaves them.

    Raises `NotFound`, `InvalidItem` for a scope of a feed that is not there, `Conflict` for a revoked token, and for the last one of
    scope `admin` when it would lose it.
    """
    token = await read_token(writer, number)
    if token.revoked_at is not None:
        raise Conflict(f"API token {number} was revoked, so nothing of it can be changed; make a new one")
    kept = token.scopes if scopes is None else tuple(scopes)
    if scopes is not None:
        await _check_feeds(writer, scopes)
        if ADMIN in token.scopes and ADMIN not in scopes:
            await _check_last(writer, number)
    changed = "UPDATE main.api_tokens SET name = ?, scopes = ?, updated_at = ? WHERE id = ?"
    await writer.execute(changed, token.name if name is None else name, orjson.dumps(kept).decode(), clock.now(), number)
    return await read_token(writer, number)


async def revoke_token(writer: Writer, number: int, *, even_last: bool = False) -> Token:
    """Revoke a token; one that was is left as it is. Raises `NotFound`, `Conflict` for the last of scope `admin` unless `even_last`."""
    token = await read_token(writer, number)
    if token.revoked_at is not None:
        return token
    if ADMIN in token.scopes and not even_last:
        await _check_last(writer, number)
    now = clock.now()
    await writer.execute("UPDATE main.api_tokens SET revoked_at = ?, updated_at = ? WHERE id = ?", now, now, number)
    return await read_token(writer, number)


async def find_token(reader: Writer, digest: bytes) -> tuple[int, frozenset[str]] | None:
    """Return the id and the scopes of the token with a digest, None when there is none or it was revoked."""
    with explained(reader.name):
        rows = await reader.connection.execute_fetchall(_FIND, (digest,))
    for number, scopes, stored in rows:
        if compare_digest(stored, digest):
            return int(number), frozenset(orjson.loads(scopes))
    return None


async def find_feed_by_hash(reader: Writer, digest: bytes) -> int | None:
    """Return the feed whose inbound secret has a digest, None when none has."""
    shown = digest.hex()
    for number, stored in await reader.query("SELECT id, hash FROM main.inventory_feeds WHERE hash = ?", shown):
        if compare_digest(str(stored), shown):
            return int(str(number))
    return None


async def count_tokens(reader: Writer) -> int:
    """Return how many tokens there are, revoked ones too."""
    return await reader.number("SELECT count(*) FROM main.api_tokens")


async def note_uses(writer: Writer, uses: Mapping[int, int]) -> None:
    """Note when tokens were last used, by id, in microseconds; an older moment changes nothing."""
    later = "UPDATE main.api_tokens SET last_used_at = ? WHERE id = ? AND coalesce(last_used_at, 0) < ?"
    for number, at in uses.items():
        await writer.execute(later, at, number, at)


async def _check_last(writer: Writer, number: int) -> None:
    if not await writer.number(_OTHER_ADMINS, number):
        raise Conflict(
            f"API token {number} is the last one of scope admin: make another one first, or nobody could administer this service"
        )


async def _check_feeds(writer: Writer, scopes: Sequence[str]) -> None:
    for scope in scopes:
        if scope.startswith("feed:"):
            number = int(scope.split(":")[1])
            if not await writer.query("SELECT 1 FROM main.inventory_feeds WHERE id = ?", number):
                raise InvalidItem("the token cannot be kept:", {"scopes": f"names inventory feed {number}, which is not there"})


def _token(row: Sequence[object]) -> Token:
    number, name, scopes, hint, used, revoked, created, updated = row
    return Token(
        int(str(number)),
        str(name),
        tuple(orjson.loads(str(scopes))),
        str(hint),
        None if used is None else int(str(used)),
        None if revoked is None else int(str(revoked)),
        int(str(created)),
        int(str(updated)),
    )
