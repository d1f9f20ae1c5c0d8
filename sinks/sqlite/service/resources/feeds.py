"""Feeds and their mapping rows as a service keeps them. Every function runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

import orjson

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from engine.errors import Conflict, NotFound
from sinks.sqlite.definitions import ROW_KINDS, dump_json, field_columns, normal_row, settings_text
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.mappings import UNKNOWN, Author, note_change, read_mapping

Settings: TypeAlias = Mapping[str, JsonValue]
Rows: TypeAlias = "Mapping[str, Sequence[tuple[int | None, Settings]]]"
"""The rows of a feed by the attribute they are of, `fields` among them, in order; each with its id, None for one that is new."""

FIELDS: Final = "fields"


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed as it is stored. Times are in microseconds; `problem` says why it cannot be fetched, blank that nobody has looked."""

    number: int
    provider: int
    name: str
    settings: Settings
    sealed: bytes | None
    digest: str
    next_fetch_at: int | None
    failures: int
    paused_at: int | None
    pause_reason: str | None
    problem: str | None
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, values: Sequence[object]) -> FeedRow:
        """Return the row that `COLUMNS` were selected as."""
        found: dict[str, Any] = dict(zip(_NAMES, values, strict=True))
        return cls(**{**found, "settings": orjson.loads(found["settings"])})


_NAMES: Final = tuple(each.name for each in fields(FeedRow))

COLUMNS: Final = tuple(
    f"f.{name}"
    for name in (
        *("id", "dropship_provider_id", "name", "settings", "sealed", "hash", "next_fetch_at", "failures", "paused_at", "pause_reason"),
        *("validation_message", "created_at", "updated_at"),
    )
)


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """What is written of a feed; its definition has no secret in it, and all rows but for their ids."""

    definition: FeedDefinition
    provider: int
    sealed: bytes
    digest: str
    problem: str | None
    rows: Rows


async def read_feed(reader: Writer, number: int) -> FeedRow:
    """Return a feed by its id. Raises `NotFound` when there is none."""
    rows = await reader.query(f"SELECT {', '.join(COLUMNS)} FROM main.inventory_feeds AS f WHERE f.id = ?", number)
    if not rows:
        raise NotFound(f"there is no inventory feed {number}")
    return FeedRow.of(rows[0])


async def read_rows(reader: Writer, feeds: Sequence[int]) -> dict[int, dict[str, list[tuple[int | None, Settings]]]]:
    """Return the rows of several feeds, by feed and by the attribute they are of."""
    asked = orjson.dumps(list(feeds)).decode()
    among = "FROM json_each(?) AS j CROSS JOIN"
    mapped = await reader.query(
        f"SELECT r.feed_id, r.id, r.name, r.purpose, r.enabled, r.settings {among} main.inventory_feed_fields AS r"
        " WHERE r.feed_id = j.value ORDER BY r.feed_id, r.position",
        asked,
    )
    others = await reader.query(
        f"SELECT r.feed_id, r.kind, r.id, r.settings {among} main.inventory_feed_rows AS r"
        " WHERE r.feed_id = j.value ORDER BY r.feed_id, r.kind, r.position",
        asked,
    )
    found: dict[int, dict[str, list[tuple[int | None, Settings]]]] = {feed: {} for feed in feeds}
    for feed, number, name, purpose, enabled, rest in mapped:
        row = {"name": name, "purpose": purpose, "enabled": bool(enabled), **orjson.loads(str(rest))}
        found[int(str(feed))].setdefault(FIELDS, []).append((int(str(number)), row))
    for feed, kind, number, settings in others:
        found[int(str(feed))].setdefault(str(kind), []).append((int(str(number)), orjson.loads(str(settings))))
    return found


async def refuse_taken(writer: Writer, name: str, *, but: int | None = None) -> None:
    """Raise `Conflict` when another feed has the name."""
    for (number,) in await writer.query("SELECT id FROM main.inventory_feeds WHERE name = ? AND id IS NOT ?", name, but):
        raise Conflict(f"the name {name!r} is taken by inventory feed {number}: give another")


async def is_provider(reader: Writer, number: int) -> bool:
    """Return whether there is a provider of that id."""
    return bool(await reader.query("SELECT 1 FROM main.dropship_providers WHERE id = ?", number))


async def insert_feed(writer: Writer, record: FeedRecord, *, next_fetch_at: int | None, now: int, author: Author = UNKNOWN) -> int:
    """Store a new feed with its rows and return its id. Raises `Conflict` when the name is taken."""
    definition = record.definition
    await refuse_taken(writer, definition.name)
    made = await writer.query(
        "INSERT INTO main.inventory_feeds (name, dropship_provider_id, settings, hash, enabled, sealed, next_fetch_at, validation_message,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?) RETURNING id",
        *(definition.name, record.provider, settings_text(definition), record.digest, _enabled(definition)),
        *(next_fetch_at, record.problem, now, now),
    )
    number = int(str(made[0][0]))
    await seal(writer, number, record.sealed, record.digest)
    await write_rows(writer, number, record.rows, now=now)
    await note_change(writer, number, None, author, since=now, now=now)
    return number


async def update_feed(writer: Writer, feed: FeedRow, record: FeedRecord, *, now: int, author: Author = UNKNOWN) -> dict[str, list[int]]:
    """Store what became of a feed and return the ids of its new rows.

    `updated_at` moves on, so that no run in progress puts its own definition in place of this one. Raises `Conflict` when the name
    is taken.
    """
    definition = record.definition
    await refuse_taken(writer, definition.name, but=feed.number)
    before = await read_mapping(writer, feed.number)
    await writer.execute(
        "UPDATE main.inventory_feeds SET name = ?, dropship_provider_id = ?, settings = ?, enabled = ?, validation_message = ?,"
        " updated_at = ? WHERE id = ?",
        *(definition.name, record.provider, settings_text(definition), _enabled(definition), record.problem),
        *(max(now, feed.updated_at + 1), feed.number),
    )
    await seal(writer, feed.number, record.sealed, record.digest)
    made = await write_rows(writer, feed.number, record.rows, now=now)
    await note_change(writer, feed.number, before, author, since=feed.updated_at, now=now)
    return made


async def plan_anew(writer: Writer, feed: int, next_fetch_at: int | None) -> None:
    """Have the scheduler plan a feed anew (0), or leave it alone (None)."""
    await writer.execute("UPDATE main.inventory_feeds SET next_fetch_at = ? WHERE id = ?", next_fetch_at, feed)


async def resume(writer: Writer, feed: int) -> None:
    """Take the pause off a feed that failed too often."""
    await writer.execute("UPDATE main.inventory_feeds SET failures = 0, paused_at = NULL, pause_reason = NULL WHERE id = ?", feed)


async def seal(writer: Writer, feed: int, sealed: bytes, digest: str) -> None:
    """Store the sealed secrets of a feed, and by what the secret of its inbound API is known."""
    await writer.connection.execute("UPDATE main.inventory_feeds SET sealed = ?, hash = ? WHERE id = ?", (sealed, digest, feed))


async def touch(writer: Writer, feed: FeedRow, *, now: int) -> None:
    """Note that a feed was changed."""
    await writer.execute("UPDATE main.inventory_feeds SET updated_at = ? WHERE id = ?", max(now, feed.updated_at + 1), feed.number)


async def write_problem(writer: Writer, feed: int, problem: str | None) -> None:
    """Store why a feed cannot be fetched, None where nothing speaks against it."""
    await writer.execute("UPDATE main.inventory_feeds SET validation_message = ? WHERE id = ?", problem, feed)


async def unchecked(reader: Writer, most: int) -> list[int]:
    """Return feeds that no service has looked at since a run of the command line wrote them."""
    rows = await reader.query("SELECT id FROM main.inventory_feeds WHERE validation_message = '' ORDER BY id LIMIT ?", most)
    return [int(str(row[0])) for row in rows]


async def write_rows(writer: Writer, feed: int, rows: Rows, *, now: int) -> dict[str, list[int]]:
    """Make the rows of a feed these, in this order, and return the ids of the new ones by the attribute they are of.

    A row that has an id keeps it, and one that does not differ is left alone.
    """
    known = (await read_rows(writer, [feed]))[feed]
    made: dict[str, list[int]] = {}
    for kind in (FIELDS, *ROW_KINDS):
        wanted = [(number, normal_row(row) if kind == FIELDS else row) for number, row in rows.get(kind, ())]
        if wanted != known.get(kind, []):
            made[kind] = await _write_kind(writer, feed, kind, wanted, dict(known.get(kind, [])), now)
    return made


async def _write_kind(
    writer: Writer, feed: int, kind: str, wanted: Sequence[tuple[int | None, Settings]], known: Mapping[int | None, Settings], now: int
) -> list[int]:
    table, mine, of = _TABLES[kind]
    key: tuple[str | int, ...] = (feed, *of)
    kept = orjson.dumps([number for number, _ in wanted if number is not None]).decode()
    await writer.execute(f"DELETE FROM {table} WHERE {mine} AND id NOT IN (SELECT value FROM json_each(?))", *key, kept)
    made: list[int] = []
    # Rows that are kept are in their order, and only ever move to the front: each place is free by the time it is taken.
    for position, (number, row) in enumerate(wanted):
        columns: dict[str, Any] = field_columns(row) if kind == FIELDS else {"settings": dump_json(row)}
        if number is None:
            names = ["feed_id", *(["kind"] if of else []), *columns, "position", "created_at", "updated_at"]
            insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) RETURNING id"
            ((new,),) = await writer.query(insert, *key, *columns.values(), position, now, now)
            made.append(int(str(new)))
            continue
        moved: dict[str, Any] = {**columns, "position": position, **({"updated_at": now} if known.get(number) != row else {})}
        assigned = ", ".join(f"{name} = ?" for name in moved)
        await writer.execute(f"UPDATE {table} SET {assigned} WHERE id = ?", *moved.values(), number)
    return made


_TABLES: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    FIELDS: ("main.inventory_feed_fields", "feed_id = ?", ()),
    **{kind: ("main.inventory_feed_rows", "feed_id = ? AND kind = ?", (kind,)) for kind in ROW_KINDS},
}


def _enabled(definition: FeedDefinition) -> int:
    return int(definition.attributes.get("enabled") is not False)
