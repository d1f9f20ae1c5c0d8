"""The control rows of a feed: its provider, its settings, its mapping rows. Every function runs inside the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, cast

import orjson
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from sinks.sqlite.tables import FEEDS, FIELDS, PROVIDERS


async def read_definition(connection: AsyncConnection, name: str) -> FeedDefinition | None:
    """Return a feed's stored definition, None when there is no feed of that name."""
    row = (await connection.execute(select(FEEDS.c.id, FEEDS.c.settings).where(FEEDS.c.name == name))).one_or_none()
    if row is None:
        return None
    return FeedDefinition(name, orjson.loads(row.settings), await _read_fields(connection, row.id))


async def find_or_create(connection: AsyncConnection, feed: FeedDefinition, *, now: int) -> int:
    """Return a feed's id; a feed that does not exist is made as defined, one that does is left as it is."""
    known = (await connection.execute(select(FEEDS.c.id).where(FEEDS.c.name == feed.name))).scalar_one_or_none()
    if known is not None:
        return int(known)
    settings, enabled = _dump(feed.attributes), feed.attributes.get("enabled") is not False
    number = await _create(connection, feed.name, settings, enabled=enabled, now=now)
    await _write_fields(connection, number, feed)
    return number


async def write_definition(connection: AsyncConnection, feed: FeedDefinition, *, now: int) -> None:
    """Make the stored definition of an existing feed equal to the given one.

    Nothing is written when nothing differs, so that `updated_at` tells when somebody last changed the feed.
    """
    known = (await connection.execute(select(FEEDS.c.id, FEEDS.c.settings).where(FEEDS.c.name == feed.name))).one()
    settings, enabled = _dump(feed.attributes), feed.attributes.get("enabled") is not False
    number = int(known.id)
    fields_differ = [_normal(row) for row in feed.fields] != list(await _read_fields(connection, number))
    if known.settings != settings or fields_differ:
        await connection.execute(update(FEEDS).where(FEEDS.c.id == number).values(settings=settings, enabled=enabled, updated_at=now))
    if fields_differ:
        await connection.execute(delete(FIELDS).where(FIELDS.c.feed_id == number))
        await _write_fields(connection, number, feed)


async def _create(connection: AsyncConnection, name: str, settings: str, *, enabled: bool, now: int) -> int:
    provider = (await connection.execute(select(PROVIDERS.c.id).where(PROVIDERS.c.name == name).limit(1))).scalar_one_or_none()
    if provider is None:
        made = await connection.execute(insert(PROVIDERS).values(name=name, created_at=now, updated_at=now))
        provider = _key(made.inserted_primary_key)
    secret = secrets.token_urlsafe(32)
    values = {"name": name, "dropship_provider_id": provider, "settings": settings, "hash": secret, "enabled": enabled}
    made = await connection.execute(insert(FEEDS).values(**values, created_at=now, updated_at=now))
    return _key(made.inserted_primary_key)


async def _read_fields(connection: AsyncConnection, feed: int) -> tuple[dict[str, JsonValue], ...]:
    rows = await connection.execute(select(FIELDS).where(FIELDS.c.feed_id == feed).order_by(FIELDS.c.position))
    return tuple({"name": row.name, "purpose": row.purpose, "enabled": row.enabled, **orjson.loads(row.settings)} for row in rows)


async def _write_fields(connection: AsyncConnection, feed: int, definition: FeedDefinition) -> None:
    for position, row in enumerate(map(_normal, definition.fields)):
        rest = {name: value for name, value in row.items() if name not in ("name", "purpose", "enabled")}
        values = {"name": row["name"], "purpose": row["purpose"], "enabled": row["enabled"], "settings": _dump(rest)}
        await connection.execute(insert(FIELDS).values(feed_id=feed, position=position, **values))


def _normal(row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a mapping row as it comes back from the table."""
    name, purpose = row.get("name"), row.get("purpose")
    fixed: dict[str, JsonValue] = {
        "name": None if name is None else str(name),
        "purpose": None if purpose is None else str(purpose),
        "enabled": row.get("enabled") is not False,
    }
    rest = {key: value for key, value in row.items() if key not in fixed}
    return {**fixed, **cast("dict[str, JsonValue]", orjson.loads(_dump(rest)))}


def _dump(value: Mapping[str, JsonValue]) -> str:
    return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS).decode()


def _key(primary_key: Any) -> int:
    return int(primary_key[0])
