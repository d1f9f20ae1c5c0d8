"""What happened behind a mark: changes out of the log, items that were created, runs that ended. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from engine.batch import JsonValue, Value
from engine.schema import ATTRIBUTES
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import AMONG, CHANGES, FIELDS, ids, shown
from sinks.sqlite.history.kinds import FieldChange
from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.queries import ITEM_COLUMNS, ItemFeed, read_item_feeds, shape_item

Item: TypeAlias = "dict[str, JsonValue | Any]"
"""An item as the API shows it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the change log: what was done to which item, by which run or call."""

    id: int
    feed: int
    item: int
    action: str
    run: int | None
    call: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Detail:
    """What an entry changed that readers see. `gone` is the item as it was, of one that was deleted; `removes`: it left the assortment."""

    fields: tuple[FieldChange, ...]
    removes: bool = False
    gone: Item | None = None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """What became of a run."""

    id: int
    run: int
    feed: int
    kind: str
    status: str


async def read_entries(reader: Writer, after: int, size: int) -> list[Entry]:
    """Return the next entries of the change log."""
    listed = f"SELECT id, inventory_feed_id, item_id, action, run_id, call, at FROM {CHANGES} WHERE id > ? ORDER BY id LIMIT ?"
    return [Entry(*cast("tuple[Any, ...]", row)) for row in await reader.query(listed, after, size)]


async def read_details(reader: Writer, entries: Iterable[Entry]) -> dict[int, Detail]:
    """Return what entries changed, by their ids."""
    entries = list(entries)
    fields: dict[int, dict[str, tuple[Value, Value]]] = {}
    found = f"SELECT f.change_id, f.field, f.before, f.after {AMONG} {FIELDS} AS f WHERE f.change_id = j.value"
    for change, field, before, after in await reader.query(found, ids(entry.id for entry in entries)):
        fields.setdefault(int(str(change)), {})[str(field)] = cast("tuple[Value, Value]", (before, after))
    gone = await _read_gone(reader, [entry for entry in entries if entry.action == "deleted"], fields)
    return {entry.id: _detail(entry, fields.get(entry.id, {}), gone.get(entry.id)) for entry in entries}


def _detail(entry: Entry, fields: Mapping[str, tuple[Value, Value]], gone: Item | None) -> Detail:
    changes = (FieldChange.of(name, *fields[name]) for name in shown(fields))
    # What only says again what is stored is logged for the runs that are under way; it is no news.
    told = tuple(each for each in changes if each.before != each.after)
    removed = fields.get("status", ("", ""))[1] == "removed"
    return Detail(told, removed or entry.action == "deleted", gone)


async def _read_gone(reader: Writer, entries: list[Entry], fields: Mapping[int, Mapping[str, tuple[Value, Value]]]) -> dict[int, Item]:
    """Return deleted items as they were: the log has every value but those that were null."""
    if not entries:
        return {}
    feeds = await read_item_feeds(reader, (entry.feed for entry in entries))
    found = f"SELECT c.id, c.external_id, c.content_hash, c.inventory_updated_at, c.created_at, c.updated_at {AMONG} {CHANGES} AS c"
    rows = await reader.query(f"{found} WHERE c.id = j.value", ids(entry.id for entry in entries))
    kept = {int(str(change)): rest for change, *rest in rows}
    gone: dict[int, Item] = {}
    for entry in entries:
        external_id, *image = kept[entry.id]
        before = {name: value for name, (value, _) in fields.get(entry.id, {}).items()}
        values = [external_id if each.name == "externalId" else before.get(each.column) for each in ATTRIBUTES.values()]
        feed = feeds.get(entry.feed) or ItemFeed(entry.feed, None, {})
        gone[entry.id] = shape_item((entry.item, *image, *values), feed)
    return gone


async def read_created(reader: Writer, after: int, upto: int, size: int) -> list[tuple[int, int]]:
    """Return the next items behind an id, each with its feed, whether they may be seen yet or not."""
    listed = f"SELECT id, inventory_feed_id FROM {VARIANTS} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    return [(int(str(item)), int(str(feed))) for item, feed in await reader.query(listed, after, upto, size)]


async def read_loading(reader: Writer) -> set[int]:
    """Return the feeds that are in their first load, whose items nobody may see."""
    return {int(str(row[0])) for row in await reader.query("SELECT id FROM main.inventory_feeds WHERE loading_run_id IS NOT NULL")}


async def read_shown_items(reader: Writer, items: Iterable[int]) -> dict[int, Item]:
    """Return items as the API shows them, by their ids; those that are gone are left out."""
    found = f"SELECT v.inventory_feed_id, {ITEM_COLUMNS} {AMONG} {VARIANTS} AS v WHERE v.id = j.value"
    rows = cast("list[tuple[Any, ...]]", await reader.query(found, ids(set(items))))
    feeds = await read_item_feeds(reader, {row[0] for row in rows})
    return {row[1]: shape_item(row[1:], feeds[row[0]]) for row in rows if row[0] in feeds}


async def read_run_events(reader: Writer, after: int, size: int) -> list[RunEvent]:
    """Return the next events of runs."""
    listed = "SELECT id, run_id, feed_id, kind, status FROM main.data_import_events WHERE id > ? ORDER BY id LIMIT ?"
    return [RunEvent(*cast("tuple[Any, ...]", row)) for row in await reader.query(listed, after, size)]


Topic: TypeAlias = Literal[
    "inventoryFeedVariant.created",
    "inventoryFeedVariant.updated",
    "inventoryFeedVariant.removed",
    "dataImport.finished",
    "dataImport.held",
    "dataImport.failed",
]
"""What a webhook may be told of."""

TOPICS: Final[tuple[Topic, ...]] = get_args(Topic)
ITEM_TOPICS: Final = TOPICS[:3]
RUN_TOPICS: Final[Mapping[str, Topic]] = {"complete": "dataImport.finished", "held": "dataImport.held", "error": "dataImport.failed"}
"""What is told of a run, by the status that it comes to."""
