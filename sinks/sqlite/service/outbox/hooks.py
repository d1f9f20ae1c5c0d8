"""Webhooks: who is told of what, and how far each has come. Every function runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from engine.errors import NotFound
from sinks.sqlite import clock
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import ids
from sinks.sqlite.service.listing import Column, Condition, Listed, ListQuery, select_page

OF_FEED: Final = "sendWebhook"
"""The name of the webhook that a feed has by its own attributes; no other may bear it."""

Mark: TypeAlias = Literal["change_mark", "event_mark", "item_mark"]

ALL: Final = 0
"""Stands for a feed's id in `webhook_item_marks`: every feed that has no mark of its own."""

WEBHOOKS: Final = Listed(
    "main.webhooks",
    {
        "id": Column("id", "integer"),
        "name": Column("name"),
        "location": Column("location"),
        "topics": Column("topics", "json"),
        "inventoryFeedId": Column("feed_id", "integer"),
        "enabled": Column("enabled", "flag"),
        "failures": Column("failures", "integer"),
        "pausedAt": Column("paused_at", "time"),
        "pauseReason": Column("pause_reason"),
        "createdAt": Column("created_at", "time"),
        "updatedAt": Column("updated_at", "time"),
    },
)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as far as it matters for what it is told: its topics, the feed that narrows it, and its marks.

    Of items that were created it has been told up to `item_mark`, of those of `lagging` feeds up to theirs.
    """

    id: int
    topics: frozenset[str]
    feed: int | None
    change_mark: int
    event_mark: int
    item_mark: int
    lagging: Mapping[int, int]

    def wants(self, topic: str, feed: int) -> bool:
        """Return whether it is told of this topic for this feed."""
        return topic in self.topics and self.feed in (None, feed)

    def announced(self, item: int, feed: int) -> bool:
        """Return whether it has been told that an item was created, or will never be."""
        return not self.wants("inventoryFeedVariant.created", feed) or item <= self.lagging.get(feed, self.item_mark)


@dataclass(frozen=True, slots=True)
class NewHook:
    """What a webhook begins with. `location` is masked; the real one is `sealed`, with the secret."""

    name: str | None
    location: str
    sealed: bytes
    topics: tuple[str, ...]
    feed: int | None
    enabled: bool = True


async def read_one(reader: Writer, listed: Listed, number: int, what: str) -> Mapping[str, Any]:
    """Return one row of a list as it is shown. Raises `NotFound` when there is none of this id."""
    page = await select_page(reader, listed, ListQuery((Condition("id", "eq", (str(number),)),)))
    if not page.rows:
        raise NotFound(f"there is no {what} {number}")
    return page.rows[0]


async def read_hooks(reader: Writer) -> list[Hook]:
    """Return the webhooks that are enabled, paused ones too: what they miss now they are sent when they go on."""
    marks: dict[int, dict[int, int]] = {}
    for hook, feed, mark in await reader.query("SELECT webhook_id, feed_id, item_mark FROM main.webhook_item_marks"):
        marks.setdefault(int(str(hook)), {})[int(str(feed))] = int(str(mark))
    listed = "SELECT id, topics, feed_id, change_mark, event_mark FROM main.webhooks WHERE enabled ORDER BY id"
    hooks: list[Hook] = []
    for number, topics, feed, change_mark, event_mark in await reader.query(listed):
        lagging = marks.get(int(str(number)), {})
        item_mark = lagging.pop(ALL, 0)
        narrowed = None if feed is None else int(str(feed))
        told = frozenset(orjson.loads(str(topics)))
        hooks.append(Hook(int(str(number)), told, narrowed, int(str(change_mark)), int(str(event_mark)), item_mark, lagging))
    return hooks


async def insert_hook(writer: Writer, new: NewHook) -> int:
    """Store a webhook and return its id. It is told of what happens from now on."""
    now = clock.now()
    cursor = await writer.connection.execute(
        "INSERT INTO main.webhooks (name, location, topics, feed_id, enabled, sealed, change_mark, event_mark, created_at, updated_at)"
        f" VALUES (?, ?, ?, ?, ?, ?, {_END.format('inventory_feed_variant_changes')}, {_END.format('data_import_events')}, ?, ?)",
        (new.name, new.location, orjson.dumps(new.topics).decode(), new.feed, new.enabled, new.sealed, now, now),
    )
    number = int(str(cursor.lastrowid))
    await start_item_marks(writer, number)
    return number


async def start_item_marks(writer: Writer, hook: int) -> None:
    """Let a webhook be told of the items that are created from now on, those of a first load that is under way included."""
    await writer.execute("DELETE FROM main.webhook_item_marks WHERE webhook_id = ?", hook)
    end = _END.format("inventory_feed_variants")
    await writer.execute(f"INSERT INTO main.webhook_item_marks (webhook_id, feed_id, item_mark) VALUES (?, {ALL}, {end})", hook)
    await writer.execute(
        "INSERT INTO main.webhook_item_marks (webhook_id, feed_id, item_mark)"
        " SELECT ?, id, 0 FROM main.inventory_feeds WHERE loading_run_id IS NOT NULL",
        hook,
    )


_END: Final = "ifnull((SELECT seq FROM main.sqlite_sequence WHERE name = '{}'), 0)"
"""The last id that a table gave; it stays where rows go, so that a mark that has come so far has come to the end."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The last ids of what webhooks are told of."""

    changes: int
    items: int
    events: int


async def read_ends(reader: Writer) -> Ends:
    """Return where changes, items and the events of runs end."""
    tables = ("inventory_feed_variant_changes", "inventory_feed_variants", "data_import_events")
    ((changes, items, events),) = await reader.query(f"SELECT {', '.join(_END.format(table) for table in tables)}")
    return Ends(int(str(changes)), int(str(items)), int(str(events)))


@dataclass(frozen=True, slots=True)
class State:
    """What tells that something may be news to somebody: where all ends, how many webhooks there are, and when one was changed last."""

    ends: Ends
    hooks: int
    changed: int


async def read_state(reader: Writer) -> State:
    """Return the state; a few looks into small tables."""
    ((hooks, changed),) = await reader.query("SELECT count(*), ifnull(max(updated_at), 0) FROM main.webhooks")
    return State(await read_ends(reader), int(str(hooks)), int(str(changed)))


async def still_at(writer: Writer, hooks: Iterable[int], column: Mark, mark: int) -> set[int]:
    """Return those of the webhooks that are there, enabled and at this mark, so that what was read for them may be stored."""
    rows = await writer.query(
        f"SELECT w.id FROM json_each(?) AS j CROSS JOIN main.webhooks AS w WHERE w.id = j.value AND w.enabled AND {_MARKS[column]} = ?",
        *(ids(hooks), mark),
    )
    return {int(str(row[0])) for row in rows}


_MARKS: Final[Mapping[Mark, str]] = {
    "change_mark": "w.change_mark",
    "event_mark": "w.event_mark",
    "item_mark": f"(SELECT m.item_mark FROM main.webhook_item_marks AS m WHERE m.webhook_id = w.id AND m.feed_id = {ALL})",
}


async def move_mark(writer: Writer, hooks: Iterable[int], column: Mark, mark: int) -> None:
    """Note that webhooks were told of all up to a mark."""
    if column == "item_mark":
        await move_item_mark(writer, hooks, ALL, mark)
    else:
        await writer.execute(f"UPDATE main.webhooks SET {column} = ? WHERE id IN (SELECT value FROM json_each(?))", mark, ids(hooks))


async def move_item_mark(writer: Writer, hooks: Iterable[int], feed: int, mark: int) -> None:
    """Note how far webhooks were told of the created items of a feed, or of `ALL`."""
    moved = "UPDATE main.webhook_item_marks SET item_mark = ? WHERE feed_id = ? AND webhook_id IN (SELECT value FROM json_each(?))"
    await writer.execute(moved, mark, feed, ids(hooks))


async def let_lag(writer: Writer, hook: int, feed: int, mark: int) -> None:
    """Keep how far a webhook was told of the items of a feed that nobody may see yet, while it goes on with the others."""
    await writer.execute(
        "INSERT OR IGNORE INTO main.webhook_item_marks (webhook_id, feed_id, item_mark) VALUES (?, ?, ?)", hook, feed, mark
    )


async def end_lag(writer: Writer, hook: int, feed: int) -> None:
    """Note that a webhook was told of as much of a feed as of all others."""
    await writer.execute("DELETE FROM main.webhook_item_marks WHERE webhook_id = ? AND feed_id = ?", hook, feed)


async def pause_hook(writer: Writer, hook: int, reason: str, *, now: int) -> None:
    """Send a webhook nothing more until a person lets it go on."""
    await writer.execute(
        "UPDATE main.webhooks SET paused_at = ?, pause_reason = ?, updated_at = ? WHERE id = ? AND paused_at IS NULL",
        now,
        reason,
        now,
        hook,
    )


async def resume_hook(writer: Writer, hook: int, *, now: int) -> None:
    """Let a webhook go on, at once, with what it has not been delivered."""
    await writer.execute("UPDATE main.webhooks SET paused_at = NULL, pause_reason = NULL, failures = 0 WHERE id = ?", hook)
    await writer.execute(
        "UPDATE main.webhook_payloads SET next_attempt_at = ? WHERE webhook_id = ? AND status = 'pending' AND next_attempt_at > ?",
        *(now, hook, now),
    )
