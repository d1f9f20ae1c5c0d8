"""The control rows of a feed: its provider, its settings, its mapping rows. Every function runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import orjson
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from sinks.sqlite.tables import FEEDS, FIELDS, PROVIDERS, ROWS

ROW_KINDS: Final = ("jsonFields", "mappings", "parameters")
"""Attributes of a feed that are rows of a table of their own, with ids, beside `fields`."""


async def read_definition(connection: AsyncConnection, name: str) -> FeedDefinition | None:
    """Return a feed's stored definition, None when there is no feed of that name."""
    row = (await connection.execute(select(FEEDS.c.id, FEEDS.c.settings).where(FEEDS.c.name == name))).one_or_none()
    if row is None:
        return None
    rows = {kind: [dict(each) for each in found] for kind in ROW_KINDS if (found := await _read_rows(connection, row.id, kind))}
    return FeedDefinition(name, {**orjson.loads(row.settings), **rows}, await _read_fields(connection, row.id))


async def find_or_create(connection: AsyncConnection, feed: FeedDefinition, *, now: int) -> int:
    """Return a feed's id; a feed that does not exist is made as defined, one that does is left as it is."""
    known = (await connection.execute(select(FEEDS.c.id).where(FEEDS.c.name == feed.name))).scalar_one_or_none()
    if known is not None:
        return int(known)
    enabled = feed.attributes.get("enabled") is not False
    number = await _create(connection, feed.name, settings_text(feed), enabled=enabled, now=now)
    await _write_all_rows(connection, number, feed, now=now)
    return number


async def write_definition(connection: AsyncConnection, feed: FeedDefinition, *, now: int) -> None:
    """Make the stored definition of an existing feed equal to the given one.

    Nothing is written when nothing differs, so that `updated_at` tells when somebody last changed the feed. A row keeps its id where
    one stands at its place.
    """
    known = (await connection.execute(select(FEEDS.c.id, FEEDS.c.settings).where(FEEDS.c.name == feed.name))).one()
    settings, enabled = settings_text(feed), feed.attributes.get("enabled") is not False
    rows_differ = await _write_all_rows(connection, int(known.id), feed, now=now)
    if known.settings != settings or rows_differ:
        # Blank: a service has to look anew whether it can fetch the feed.
        values = {"settings": settings, "enabled": enabled, "validation_message": "", "updated_at": now}
        await connection.execute(update(FEEDS).where(FEEDS.c.id == known.id).values(**values))


def settings_text(feed: FeedDefinition) -> str:
    """Return the settings of a feed as they are stored: what is neither a row nor the name."""
    return dump_json({name: value for name, value in feed.attributes.items() if name not in ROW_KINDS})


async def _create(connection: AsyncConnection, name: str, settings: str, *, enabled: bool, now: int) -> int:
    provider = (await connection.execute(select(PROVIDERS.c.id).where(PROVIDERS.c.name == name).limit(1))).scalar_one_or_none()
    if provider is None:
        made = await connection.execute(insert(PROVIDERS).values(name=name, created_at=now, updated_at=now))
        provider = _key(made.inserted_primary_key)
    # The secret of the inbound API is made by the service that has the keys to seal it; until then nothing has this digest.
    values = {"name": name, "dropship_provider_id": provider, "settings": settings, "hash": "", "enabled": enabled}
    made = await connection.execute(insert(FEEDS).values(**values, created_at=now, updated_at=now))
    return _key(made.inserted_primary_key)


async def _write_all_rows(connection: AsyncConnection, feed: int, definition: FeedDefinition, *, now: int) -> bool:
    """Write what differs of the rows of a feed, and return whether anything did."""
    fields = [normal_row(row) for row in definition.fields]
    differs = fields != list(await _read_fields(connection, feed))
    if differs:
        await _replace(connection, FIELDS, {"feed_id": feed}, list(map(field_columns, fields)), now)
    for kind in ROW_KINDS:
        rows = cast("Sequence[Mapping[str, JsonValue]]", definition.attributes.get(kind) or ())
        settings = [dump_json(row) for row in rows]
        if settings != [dump_json(row) for row in await _read_rows(connection, feed, kind)]:
            await _replace(connection, ROWS, {"feed_id": feed, "kind": kind}, [{"settings": text} for text in settings], now)
            differs = True
    return differs


async def _replace(connection: AsyncConnection, table: Table, of: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], now: int) -> None:
    """Make the rows of a feed these, each at its place, where a row that is there already keeps its id."""
    mine = [table.c[name] == value for name, value in of.items()]
    await connection.execute(delete(table).where(*mine, table.c.position >= len(rows)))
    for position, row in enumerate(rows):
        there = update(table).where(*mine, table.c.position == position).values(**row, updated_at=now)
        if not (await connection.execute(there)).rowcount:
            await connection.execute(insert(table).values(**of, **row, position=position, created_at=now, updated_at=now))


async def _read_rows(connection: AsyncConnection, feed: int, kind: str) -> list[Mapping[str, JsonValue]]:
    mine = select(ROWS.c.settings).where(ROWS.c.feed_id == feed, ROWS.c.kind == kind).order_by(ROWS.c.position)
    return [orjson.loads(settings) for settings in (await connection.execute(mine)).scalars()]


async def _read_fields(connection: AsyncConnection, feed: int) -> tuple[dict[str, JsonValue], ...]:
    rows = await connection.execute(select(FIELDS).where(FIELDS.c.feed_id == feed).order_by(FIELDS.c.position))
    return tuple({"name": row.name, "purpose": row.purpose, "enabled": row.enabled, **orjson.loads(row.settings)} for row in rows)


def field_columns(row: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return a row of `fields` as the columns of its table; `row` is as `normal_row` returns it."""
    rest = {name: value for name, value in row.items() if name not in ("name", "purpose", "enabled")}
    return {"name": row["name"], "purpose": row["purpose"], "enabled": row["enabled"], "settings": dump_json(rest)}


def normal_row(row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a mapping row as it comes back from the table."""
    name, purpose = row.get("name"), row.get("purpose")
    fixed: dict[str, JsonValue] = {
        "name": None if name is None else str(name),
        "purpose": None if purpose is None else str(purpose),
        "enabled": row.get("enabled") is not False,
    }
    rest = {key: value for key, value in row.items() if key not in fixed}
    return {**fixed, **cast("dict[str, JsonValue]", orjson.loads(dump_json(rest)))}


def dump_json(value: Mapping[str, JsonValue]) -> str:
    """Return an object as it is stored, so that equal ones are equal texts."""
    return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS).decode()


def _key(primary_key: Any) -> int:
    return int(primary_key[0])
