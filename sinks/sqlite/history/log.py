"""The history of one item: what was done to it, newest first, by whom, with the values before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal

from engine.batch import Value
from engine.errors import ConfigError, NotFound
from sinks.sqlite.clock import moment
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import CHANGES, FIELDS, SHOWN, read_rows, shown
from sinks.sqlite.history.kinds import FieldChange
from sinks.sqlite.landing.statements import VARIANTS


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What one run or call did to an item at one moment. Of a creation, `fields` are what the item began with.

    `known` is False of a creation whose values are not known any more, since the log of that time is pruned or never was.
    """

    at: datetime
    run: int | None
    call: str | None
    action: Literal["created", "updated", "deleted"]
    fields: tuple[FieldChange, ...]
    known: bool = True


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """An item, by its feed and key, with all that is known of what was done to it, newest first."""

    feed: str
    item: int
    external_id: str
    exists: bool
    entries: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    item: int
    external_id: str
    number: int
    feed: str


async def read_history(reader: Writer, named: str, feed: str | None = None) -> ItemHistory:
    """Return the history of the item that `named` means: an externalId, a SKU, or `#` and an id; of deleted items an externalId or id.

    `feed` narrows it to one feed. Raises `ConfigError` when nothing or several items are meant, and names these.
    """
    return await _history_of(reader, await _find(reader, named, feed))


async def read_history_of(reader: Writer, item: int) -> ItemHistory:
    """Return the history of the item with this id, deleted ones included. Raises `NotFound` when none is known."""
    for question in (_BY_ID, _DELETED.format("c.item_id")):
        rows: list[tuple[Any, ...]] = await reader.query(question, item, None)
        if rows:
            return await _history_of(reader, _Found(*rows[0]))
    raise NotFound(f"there is no inventory feed variant {item}, and none was deleted that the log still knows")


async def _history_of(reader: Writer, found: _Found) -> ItemHistory:
    rows = await read_rows(reader, found.number, [found.item])
    changes = await _read_changes(reader, found)
    row = rows.get(found.item)
    entries = [entry for entry in (_entry(*change) for change in changes) if entry.fields or entry.action != "updated"]
    entries.append(await _creation(reader, found, row, changes))
    return ItemHistory(found.feed, found.item, found.external_id, row is not None, tuple(entries))


_Change = tuple[tuple[Any, ...], dict[str, tuple[Value, Value]]]


async def _read_changes(reader: Writer, found: _Found) -> list[_Change]:
    """Return the changes of an item, newest first: (run, call, at, action, created_run_id, created_at) and the fields by column."""
    rows = await reader.query(
        f"SELECT c.id, c.run_id, c.call, c.at, c.action, c.created_run_id, c.created_at, f.field, f.before, f.after FROM {CHANGES} AS c"
        f" LEFT JOIN {FIELDS} AS f ON f.change_id = c.id WHERE c.item_id = ? AND c.inventory_feed_id = ? ORDER BY c.id DESC",
        found.item,
        found.number,
    )
    return list(_grouped(rows))


def _grouped(rows: Iterable[tuple[Any, ...]]) -> Iterator[_Change]:
    for _, of_change in groupby(rows, key=lambda row: row[0]):
        lines = list(of_change)
        yield lines[0][1:7], {field: (before, after) for *_, field, before, after in lines if field is not None}


def _entry(head: tuple[Any, ...], fields: Mapping[str, tuple[Value, Value]]) -> HistoryEntry:
    run, call, at, action, *_ = head
    told = (FieldChange.of(name, *fields[name]) for name in shown(fields))
    return HistoryEntry(moment(at), run, call, action, tuple(each for each in told if each.before != each.after))


async def _creation(reader: Writer, found: _Found, row: Mapping[str, Any] | None, changes: Sequence[_Change]) -> HistoryEntry:
    """Return the entry that stands in no log: a field began as what it was before its first change, else as it is now."""
    values: dict[str, Value] = {} if row is None else {name: row[name] for name in SHOWN}
    for _, fields in changes:
        values.update({name: before for name, (before, _) in fields.items()})
    run: int | None
    at: int
    run, at = changes[-1][0][4:6] if changes else ((row or {}).get("created_run_id"), (row or {}).get("created_at", 0))
    known = await _is_known(reader, found.number, run, at)
    begun = [FieldChange.of(name, None, values[name]) for name in shown(values) if known and name != "external_id"]
    return HistoryEntry(moment(at), run, None, "created", tuple(each for each in begun if each.after != each.before), known)


async def _is_known(reader: Writer, feed: int, run: int | None, at: int) -> bool:
    """Return whether nothing that was logged since a run, or since a moment where no run is named, has been forgotten."""
    if run is not None:
        whole = "SELECT 1 FROM main.data_imports WHERE id = ? AND decided_at IS NOT NULL AND change_mark IS NOT NULL"
        return bool(await reader.query(whole, run))
    pruned = "SELECT 1 FROM main.data_imports WHERE feed_id = ? AND change_mark IS NULL AND started_at >= ? LIMIT 1"
    return not await reader.query(pruned, feed, at)


_SEEN: Final = "AND (f.loading_run_id IS NULL OR v.created_run_id IS NOT f.loading_run_id) AND (?2 IS NULL OR f.name = ?2)"
_BY_KEY: Final = (
    f"SELECT v.id, v.external_id, f.id, f.name FROM main.inventory_feeds AS f CROSS JOIN {VARIANTS} AS v"
    f" WHERE v.inventory_feed_id = f.id AND v.external_id = ?1 {_SEEN}"
)
_BY_SKU: Final = (
    f"SELECT v.id, v.external_id, f.id, f.name FROM {VARIANTS} AS v JOIN main.inventory_feeds AS f ON f.id = v.inventory_feed_id"
    f" WHERE v.vendor_sku = ?1 {_SEEN} ORDER BY v.id"
)
_BY_ID: Final = (
    f"SELECT v.id, v.external_id, f.id, f.name FROM {VARIANTS} AS v JOIN main.inventory_feeds AS f ON f.id = v.inventory_feed_id"
    f" WHERE v.id = ?1 {_SEEN}"
)
_DELETED: Final = (
    f"SELECT c.item_id, c.external_id, f.id, f.name FROM {CHANGES} AS c JOIN main.inventory_feeds AS f ON f.id = c.inventory_feed_id"
    " WHERE {} = ?1 AND c.action = 'deleted' AND (?2 IS NULL OR f.name = ?2) GROUP BY c.item_id ORDER BY c.item_id"
)


async def _find(reader: Writer, named: str, feed: str | None) -> _Found:
    number = named[1:] if named[:1] == "#" and named[1:].isdecimal() and len(named) < 20 else None
    questions: list[tuple[str, str | int]] = [(_BY_KEY, named), (_BY_SKU, named), (_DELETED.format("c.external_id"), named)]
    if number is not None:
        questions += [(_BY_ID, int(number)), (_DELETED.format("c.item_id"), int(number))]
    for question, asked in questions:
        rows: list[tuple[Any, ...]] = await reader.query(question, asked, feed)
        if len(rows) == 1:
            return _Found(*rows[0])
        if rows:
            said = ", ".join(f"#{item} ({key!r} of feed {name!r})" for item, key, _, name in rows[:10])
            more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""
            raise ConfigError(f"{named!r} means several items: {said}{more}; give the id, as in '#{rows[0][0]}'")
    where = reader.name if feed is None else f"feed {feed!r} of {reader.name}"
    raise ConfigError(f"there is no item {named!r} in {where}, by externalId, SKU or #id, and none was deleted that the log still knows")
