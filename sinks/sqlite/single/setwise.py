"""Many rows a statement: what is given to each travels as one JSON array, so that the interpreter is left once and not once a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final, TypeAlias

import orjson

from engine.batch import Value
from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.single.rows import STORED, StoredItem, read_stored

Cells: TypeAlias = "Mapping[str, Value]"
Key: TypeAlias = "tuple[int, str]"
"""Of an item: feed and external id."""

_FIND: Final = (
    f"SELECT v.inventory_feed_id, v.external_id, {', '.join(f'v.{column}' for column in STORED)}"
    f" FROM json_each(?) AS j CROSS JOIN {VARIANTS} AS v"
    " WHERE v.inventory_feed_id = json_extract(j.value, '$[0]') AND v.external_id = json_extract(j.value, '$[1]')"
)
_NAME_CALLS: Final = (
    "UPDATE main.inventory_feed_variant_changes AS c SET call = json_extract(j.value, '$[1]') FROM json_each(?) AS j"
    " WHERE c.item_id = json_extract(j.value, '$[0]') AND c.id > ?"
)
_COUNTED: Final = "SELECT item_id FROM main.plan_usage WHERE day = ? AND item_id IN (SELECT value FROM json_each(?))"


def find_items(connection: sqlite3.Connection, keys: Iterable[Key]) -> dict[Key, StoredItem]:
    """Return the items that there are of those asked for. Blocks, as everything here."""
    return {(row[0], row[1]): read_stored(row[2:]) for row in connection.execute(_FIND, (_json(keys),)).fetchall()}


def update_items(connection: sqlite3.Connection, rows: Sequence[tuple[int, Cells]]) -> None:
    """Write cells of items by their ids, each item at most once; rows of the same columns are one statement."""
    for columns, alike in _by_columns(rows).items():
        exact = [(number, *cells.values()) for number, cells in alike if not _has_float(cells)]
        if exact:
            connection.execute(_update_many(columns), (_json(exact),))
        for number, cells in alike:
            if _has_float(cells):
                connection.execute(_update_one(columns), (*cells.values(), number))


def create_items(connection: sqlite3.Connection, rows: Sequence[Cells]) -> dict[Key, int]:
    """Create items of their cells, in their order, and return their ids; successive rows of the same columns are one statement."""
    made: list[tuple[int, int, str]] = []
    for (columns, inexact), alike in groupby(rows, key=_shape):
        values = [tuple(cells.values()) for cells in alike]
        if inexact:
            for row in values:
                made += connection.execute(_insert_one(columns), row).fetchall()
        else:
            made += connection.execute(_insert_many(columns), (_json(values),)).fetchall()
    return {(feed, key): number for number, feed, key in made}


def name_calls(connection: sqlite3.Connection, calls: Mapping[int, str], *, since: int) -> None:
    """Give the logged changes of items after a change their calls, by the items' ids."""
    connection.execute(_NAME_CALLS, (_json(calls.items()), since))


def counted_items(connection: sqlite3.Connection, day: int, items: Collection[int]) -> set[int]:
    """Return those of the items that were counted on a day."""
    return {number for (number,) in connection.execute(_COUNTED, (day, _json(items))).fetchall()}


def _json(rows: Iterable[object]) -> str:
    return orjson.dumps(list(rows)).decode()


def _by_columns(rows: Sequence[tuple[int, Cells]]) -> dict[tuple[str, ...], list[tuple[int, Cells]]]:
    alike: dict[tuple[str, ...], list[tuple[int, Cells]]] = {}
    for row in rows:
        alike.setdefault(tuple(row[1]), []).append(row)
    return alike


def _has_float(cells: Cells) -> bool:
    """Return whether a cell is a number that SQLite would have to read out of JSON text, which not every version does to the last bit."""
    return float in map(type, cells.values())


def _shape(cells: Cells) -> tuple[tuple[str, ...], bool]:
    return tuple(cells), _has_float(cells)


def _extracts(columns: Sequence[str], first: int) -> list[str]:
    return [f"json_extract(j.value, '$[{position}]')" for position in range(first, len(columns) + first)]


@lru_cache(256)
def _update_many(columns: tuple[str, ...]) -> str:
    sets = ", ".join(f"{column} = {value}" for column, value in zip(columns, _extracts(columns, 1), strict=True))
    return f"UPDATE {VARIANTS} AS v SET {sets} FROM json_each(?) AS j WHERE v.id = json_extract(j.value, '$[0]')"


@lru_cache(256)
def _update_one(columns: tuple[str, ...]) -> str:
    return f"UPDATE {VARIANTS} SET {', '.join(f'{column} = ?' for column in columns)} WHERE id = ?"


@lru_cache(256)
def _insert_many(columns: tuple[str, ...]) -> str:
    values = ", ".join(_extracts(columns, 0))
    return f"INSERT INTO {VARIANTS} ({', '.join(columns)}) SELECT {values} FROM json_each(?) AS j WHERE true {_RETURNING}"


@lru_cache(256)
def _insert_one(columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {VARIANTS} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) {_RETURNING}"


_RETURNING: Final = "RETURNING id, inventory_feed_id, external_id"
