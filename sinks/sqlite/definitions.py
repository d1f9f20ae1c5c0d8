"""The control rows of a feed: its provider, its settings, its mapping rows. Every function runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import orjson

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.mappings import COMMAND, note_change, read_mapping

ROW_KINDS: Final = ("jsonFields", "mappings", "parameters")
"""Attributes of a feed that are rows of a table of their own, with ids, beside `fields`."""

_STORED: Final = "SELECT id, settings, updated_at FROM main.inventory_feeds WHERE name = ?"
_FIELDS: Final = "main.inventory_feed_fields"
_ROWS: Final = "main.inventory_feed_rows"


async def read_definition(writer: Writer, name: str) -> FeedDefinition | None:
    """Return a feed's stored definition, None when there is no feed of that name."""
    found = await writer.query(_STORED, name)
    if not found:
        return None
    feed, settings = int(str(found[0][0])), str(found[0][1])
    rows = {kind: [dict(each) for each in kept] for kind in ROW_KINDS if (kept := await _read_rows(writer, feed, kind))}
    return FeedDefinition(name, {**orjson.loads(settings), **rows}, await _read_fields(writer, feed))


async def find_or_create(writer: Writer, feed: FeedDefinition, *, now: int) -> int:
    """Return a feed's id; a feed that does not exist is made as defined, one that does is left as it is."""
    known = await writer.query(_STORED, feed.name)
    if known:
        return int(str(known[0][0]))
    enabled = feed.attributes.get("enabled") is not False
    number = await _create(writer, feed.name, settings_text(feed), enabled=enabled, now=now)
    await _write_all_rows(writer, number, feed, now=now)
    await note_change(writer, number, None, COMMAND, since=now, now=now)
    return number


async def write_definition(writer: Writer, feed: FeedDefinition, *, now: int) -> None:
    """Make the stored definition of an existing feed equal to the given one.

    Nothing is written when nothing differs, so that `updated_at` tells when somebody last changed the feed. A row keeps its id where
    one stands at its place.
    """
    ((known, stored, changed_at),) = await writer.query(_STORED, feed.name)
    number, settings, enabled = int(str(known)), settings_text(feed), feed.attributes.get("enabled") is not False
    before = await read_mapping(writer, number)
    rows_differ = await _write_all_rows(writer, number, feed, now=now)
    if stored != settings or rows_differ:
        # Blank: a service has to look anew whether it can fetch the feed.
        written = "UPDATE main.inventory_feeds SET settings = ?, enabled = ?, validation_message = '', updated_at = ? WHERE id = ?"
        await writer.execute(written, settings, enabled, now, number)
        await note_change(writer, number, before, COMMAND, since=int(str(changed_at)), now=now)


def settings_text(feed: FeedDefinition) -> str:
    """Return the settings of a feed as they are stored: what is neither a row nor the name."""
    return dump_json({name: value for name, value in feed.attributes.items() if name not in ROW_KINDS})


async def _create(writer: Writer, name: str, settings: str, *, enabled: bool, now: int) -> int:
    known = await writer.query("SELECT id FROM main.dropship_providers WHERE name = ? LIMIT 1", name)
    if known:
        provider = int(str(known[0][0]))
    else:
        made = "INSERT INTO main.dropship_providers (name, created_at, updated_at) VALUES (?, ?, ?) RETURNING id"
        provider = await writer.number(made, name, now, now)
    # The secret of the inbound API is made by the service that has the keys to seal it; until then nothing has this digest.
    return await writer.number(
        "INSERT INTO main.inventory_feeds (name, dropship_provider_id, settings, hash, enabled, created_at, updated_at)"
        " VALUES (?, ?, ?, '', ?, ?, ?) RETURNING id",
        *(name, provider, settings, enabled, now, now),
    )


async def _write_all_rows(writer: Writer, feed: int, definition: FeedDefinition, *, now: int) -> bool:
    """Write what differs of the rows of a feed, and return whether anything did."""
    fields = [normal_row(row) for row in definition.fields]
    differs = fields != list(await _read_fields(writer, feed))
    if differs:
        await _replace(writer, _FIELDS, {"feed_id": feed}, list(map(field_columns, fields)), now)
    for kind in ROW_KINDS:
        rows = cast("Sequence[Mapping[str, JsonValue]]", definition.attributes.get(kind) or ())
        settings = [dump_json(row) for row in rows]
        if settings != [dump_json(row) for row in await _read_rows(writer, feed, kind)]:
            await _replace(writer, _ROWS, {"feed_id": feed, "kind": kind}, [{"settings": text} for text in settings], now)
            differs = True
    return differs


async def _replace(writer: Writer, table: str, of: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], now: int) -> None:
    """Make the rows of a feed these, each at its place, where a row that is there already keeps its id."""
    mine = " AND ".join(f"{name} = ?" for name in of)
    await writer.execute(f"DELETE FROM {table} WHERE {mine} AND position >= ?", *of.values(), len(rows))
    for position, row in enumerate(rows):
        set_ = ", ".join(f"{name} = ?" for name in (*row, "updated_at"))
        there = f"UPDATE {table} SET {set_} WHERE {mine} AND position = ?"
        if not await writer.execute(there, *row.values(), now, *of.values(), position):
            new = {**of, **row, "position": position, "created_at": now, "updated_at": now}
            await writer.execute(f"INSERT INTO {table} ({', '.join(new)}) VALUES ({', '.join('?' * len(new))})", *new.values())


async def _read_rows(writer: Writer, feed: int, kind: str) -> list[Mapping[str, JsonValue]]:
    rows = await writer.query(f"SELECT settings FROM {_ROWS} WHERE feed_id = ? AND kind = ? ORDER BY position", feed, kind)
    return [orjson.loads(str(settings)) for (settings,) in rows]


async def _read_fields(writer: Writer, feed: int) -> tuple[dict[str, JsonValue], ...]:
    rows = await writer.query(f"SELECT name, purpose, enabled, settings FROM {_FIELDS} WHERE feed_id = ? ORDER BY position", feed)
    return tuple(
        {"name": _text(name), "purpose": _text(purpose), "enabled": bool(enabled), **orjson.loads(str(settings))}
        for name, purpose, enabled, settings in rows
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


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
