"""What a run did to items, out of the change log: all that it wrote to an item taken together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple, cast

import orjson

from engine.batch import Value
from engine.schema import ATTRIBUTES, Attribute
from sinks.sqlite.fence import Writer

CHANGES: Final = "main.inventory_feed_variant_changes"
FIELDS: Final = "main.inventory_feed_variant_change_fields"

IMAGE: Final = ("content_hash", "created_run_id", "inventory_updated_at", "created_at", "updated_at")
"""Columns of an item that are no attributes; the log keeps them with every change, as they were before it."""

LOGGED: Final = (
    *(each.column for each in ATTRIBUTES.values() if each.column != "external_id"),
    *("missing_runs", "connection_scope", "sequence", "occurred_at"),
)
"""Columns of an item that the log keeps as fields: all the others."""

_AMONG_LOGGED: Final = frozenset(LOGGED)

WHOLE_ROW: Final = ("external_id", *IMAGE, *LOGGED)
"""Every column of an item but its id and its feed."""

SHOWN: Final[Mapping[str, Attribute]] = {each.column: each for each in ATTRIBUTES.values()}
"""The columns that readers see, with their attributes; `missing_runs` and `connection_scope` are the store's own."""

_PLACE: Final = {column: place for place, column in enumerate(SHOWN)}

AMONG: Final = "FROM json_each(?) AS j CROSS JOIN"
"""Begins what is asked for the ids of a JSON array; CROSS JOIN makes SQLite look each of them up by index."""


# Tuples, because some are made for every item that a run has changed, and a frozen dataclass takes three times as long to make.
class Image(NamedTuple):
    """What is no attribute of an item: its digest, the run that created it, and its times in microseconds."""

    content_hash: int | None
    created_run_id: int | None
    inventory_updated_at: int | None
    created_at: int
    updated_at: int

    @property
    def values(self) -> tuple[int | None, ...]:
        """Return the values in the order of `IMAGE`."""
        return (self.content_hash, self.created_run_id, self.inventory_updated_at, self.created_at, self.updated_at)


class FieldEffect(NamedTuple):
    """A column before the run's first change of it and after its last, and the id of the first."""

    before: Value
    after: Value
    first: int


class Effect(NamedTuple):
    """What a run did to one item. `image` is the item's before its `first` change; `fields` are those that differ in the end."""

    item: int
    external_id: str
    first: int
    image: Image
    fields: Mapping[str, FieldEffect]
    existed: bool
    exists: bool


def ids(numbers: Iterable[int]) -> str:
    """Return ids as the JSON array that `AMONG` takes."""
    return orjson.dumps(list(numbers)).decode()


async def read_effects(reader: Writer, run: int, *, after: int, size: int) -> tuple[list[Effect], int | None]:
    """Return what a run did to the items whose first change by it is among its next `size` changes, and the last of these.

    The last is None when there is none after `after`. An item that the run changed several times is told of once.
    """
    window = f"SELECT id, item_id FROM {CHANGES} WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?"
    rows = await reader.query(window, run, after, size)
    if not rows:
        return [], None
    # The plus keeps SQLite from going through all that the run changed.
    found = await reader.query(
        f"SELECT c.item_id, c.id, c.external_id, c.action, {', '.join(f'c.{name}' for name in IMAGE)}, f.field, f.before, f.after"
        f" {AMONG} {CHANGES} AS c LEFT JOIN {FIELDS} AS f ON f.change_id = c.id"
        " WHERE c.item_id = j.value AND +c.run_id = ? ORDER BY c.item_id, c.id",
        ids({int(str(item)) for _, item in rows}),
        run,
    )
    effects = [effect for effect in _grouped(found) if effect.first > after]
    return sorted(effects, key=lambda effect: effect.first), int(str(rows[-1][0]))


def _grouped(rows: Iterable[tuple[Any, ...]]) -> Iterator[Effect]:
    for item, of_item in groupby(rows, key=itemgetter(0)):
        changes = list(of_item)
        first, last = changes[0], changes[-1]
        fields: dict[str, FieldEffect] = {}
        for row in changes:
            field, before, after = row[9:]
            if field in _AMONG_LOGGED:
                known = fields.get(field)
                fields[field] = FieldEffect(before, after, row[1]) if known is None else FieldEffect(known.before, after, known.first)
        differing = {name: each for name, each in fields.items() if each.before != each.after}
        exists = last[3] != "deleted"
        yield Effect(item, first[2], first[1], Image(*first[4:9]), differing, existed=first[3] != "created", exists=exists)


async def read_rows(reader: Writer, feed: int, items: Iterable[int], columns: Iterable[str] = WHOLE_ROW) -> dict[int, dict[str, Value]]:
    """Return stored columns of items by id, which is always among them."""
    columns = ("id", *columns)
    rows = await reader.query(
        f"SELECT {', '.join(f'v.{name}' for name in columns)} {AMONG} main.inventory_feed_variants AS v"
        " WHERE v.id = j.value AND v.inventory_feed_id = ?",
        ids(items),
        feed,
    )
    return {int(str(row[0])): cast("dict[str, Value]", dict(zip(columns, row, strict=True))) for row in rows}


async def values_after(reader: Writer, run: int, rows: Mapping[int, Mapping[str, Value]]) -> dict[int, dict[str, Value]]:
    """Return the values of items as the run that created them left them.

    A field is what it was before anybody else's first change of it, and what it is now where nobody else changed it.
    """
    later = await reader.query(
        f"SELECT c.item_id, f.field, min(c.id), f.before {AMONG} {CHANGES} AS c JOIN {FIELDS} AS f ON f.change_id = c.id"
        " WHERE c.item_id = j.value AND c.run_id IS NOT ? GROUP BY 1, 2",
        ids(rows),
        run,
    )
    left = {item: dict(row) for item, row in rows.items()}
    for item, field, _, before in later:
        left[int(str(item))][str(field)] = cast("Value", before)
    return left


def shown(columns: Iterable[str]) -> list[str]:
    """Return those of some columns that readers see, in the order in which an item is shown."""
    return sorted(SHOWN.keys() & columns, key=_PLACE.__getitem__)


def show(column: str, value: Value) -> str:
    """Return a stored value as the JSON text of what the API shows."""
    return orjson.dumps(SHOWN[column].to_json(value), default=_exact).decode()


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")
