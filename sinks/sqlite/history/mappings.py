"""The versions of a feed's mapping: what it was after each change, and who changed it.

Whoever writes a feed's settings or rows notes the mapping before and after, in the same transaction. Every function runs inside the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from sinks.sqlite.fence import Writer

MOST: Final = 100
"""How many versions of a feed are kept, the newest."""

ATTRIBUTES: Final = ("resourceType", "mapping", "xmlMapping", "xmlPath", "xmlNamespaces", "jsonMapping", "jsonRoot", "jsonStructure")
"""The attributes of a feed that say how its source is mapped, beside its rows."""

ROWS: Final = ("fields", "jsonFields", "mappings")
"""The rows that do. Parameters are no mapping, and hold secrets."""

AuthorKind: TypeAlias = Literal["person", "token", "declared", "command", "unknown"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes a feed: a person by name, a token by its id, a file of declared feeds, or the command line."""

    kind: AuthorKind = "unknown"
    name: str | None = None
    token: int | None = None


UNKNOWN: Final = Author()
COMMAND: Final = Author("command")
DECLARED: Final = Author("declared")


@dataclass(frozen=True, slots=True)
class Version:
    """What a mapping was from `at` (microseconds) on, by whose doing."""

    number: int
    at: int
    kind: str
    author: str | None
    mapping: Mapping[str, Any]


async def read_mapping(reader: Writer, feed: int) -> str:
    """Return the present mapping of a feed as it is kept: JSON of its attributes and rows, so that equal ones are equal texts."""
    ((settings,),) = await reader.query("SELECT settings FROM main.inventory_feeds WHERE id = ?", feed)
    stored = orjson.loads(str(settings))
    mapping: dict[str, Any] = {name: stored[name] for name in ATTRIBUTES if name in stored}
    fields = await reader.query(
        "SELECT name, purpose, enabled, settings FROM main.inventory_feed_fields WHERE feed_id = ? ORDER BY position", feed
    )
    mapping["fields"] = [
        {"name": name, "purpose": purpose, **({} if enabled else {"enabled": False}), **orjson.loads(str(rest))}
        for name, purpose, enabled, rest in fields
    ]
    for kind in ROWS[1:]:
        rows = await reader.query(
            "SELECT settings FROM main.inventory_feed_rows WHERE feed_id = ? AND kind = ? ORDER BY position", feed, kind
        )
        mapping[kind] = [orjson.loads(str(row)) for (row,) in rows]
    return orjson.dumps({name: value for name, value in mapping.items() if value not in ([], {})}, option=orjson.OPT_SORT_KEYS).decode()


async def note_change(writer: Writer, feed: int, before: str | None, author: Author, *, since: int, now: int) -> None:
    """Keep what the mapping of a feed has become; nothing where it is what it was `before`, None for a feed that is new.

    What stood before is kept too, as of `since`, where the last version says otherwise: feeds are older than this history.
    """
    after = await read_mapping(writer, feed)
    if after == before:
        return
    last = await writer.query("SELECT mapping FROM main.inventory_feed_mapping_versions WHERE feed_id = ? ORDER BY id DESC LIMIT 1", feed)
    if before is not None and (not last or last[0][0] != before):
        await _insert(writer, feed, since, UNKNOWN, before)
    await _insert(writer, feed, now, author, after)
    await writer.execute(
        "DELETE FROM main.inventory_feed_mapping_versions WHERE feed_id = ? AND id NOT IN"
        " (SELECT id FROM main.inventory_feed_mapping_versions WHERE feed_id = ? ORDER BY id DESC LIMIT ?)",
        *(feed, feed, MOST),
    )


async def _insert(writer: Writer, feed: int, at: int, author: Author, mapping: str) -> None:
    await writer.execute(
        "INSERT INTO main.inventory_feed_mapping_versions (feed_id, at, author_kind, author, mapping)"
        " VALUES (?, ?, ?, COALESCE(?, (SELECT name FROM main.api_tokens WHERE id = ?)), ?)",
        *(feed, at, author.kind, author.name, author.token, mapping),
    )


async def read_versions(reader: Writer, feed: int) -> Sequence[Version]:
    """Return the versions of a feed's mapping that are kept, the newest first."""
    rows = await reader.query(
        "SELECT id, at, author_kind, author, mapping FROM main.inventory_feed_mapping_versions WHERE feed_id = ? ORDER BY id DESC", feed
    )
    return [
        Version(int(str(number)), int(str(at)), str(kind), None if name is None else str(name), orjson.loads(str(mapping)))
        for number, at, kind, name, mapping in rows
    ]
