"""The tables of the stock machine's database as they are, and as the change log says that they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.schema import ATTRIBUTES

Row = dict[str, Any]

_MOMENTS: Final = ("inventory_feed_id", "created_run_id", "inventory_updated_at", "created_at", "updated_at")
_LOGGED: Final = (*(each.column for each in ATTRIBUTES.values()), "missing_runs", "connection_scope")


@dataclass(frozen=True)
class Snapshot:
    """The items at a moment: the last entry of the change log, the last id given, the load under way, and the rows by id."""

    mark: int
    last: int
    loading: int
    rows: dict[int, Row]


class Tables:
    """One database, read from outside, and what its items were at each moment that was noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._snapshots: list[Snapshot] = []

    def query(self, sql: str, *parameters: object) -> list[Row]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def newest(self) -> tuple[int, str, bool]:
        rows = self.query("SELECT id, status, decided_at IS NOT NULL AS decided FROM data_imports ORDER BY id DESC LIMIT 1")
        return (rows[0]["id"], rows[0]["status"], bool(rows[0]["decided"])) if rows else (0, "", False)

    def items(self) -> dict[int, Row]:
        """Return the rows that a reader sees, by id, in what the log keeps of them: all but the digest, and the order of pushes."""
        rows = self.query("SELECT * FROM inventory_feed_variants WHERE created_run_id IS NOT ?", self.loading() or 0)
        return {row["id"]: {name: row[name] for name in ("id", *_MOMENTS, *_LOGGED)} for row in rows}

    def loading(self) -> int | None:
        rows = self.query("SELECT loading_run_id FROM inventory_feeds")
        return rows[0]["loading_run_id"] if rows else None

    def entries(self) -> list[tuple[Row, dict[str, Any]]]:
        changes = self.query("SELECT * FROM inventory_feed_variant_changes ORDER BY id")
        fields: dict[int, dict[str, Any]] = {}
        for row in self.query("SELECT * FROM inventory_feed_variant_change_fields"):
            fields.setdefault(row["change_id"], {})[row["field"]] = row["before"]
        return [(change, fields.get(change["id"], {})) for change in changes]

    def replay(self) -> list[tuple[object, ...]]:
        """Take back what the log holds, newest first, and return what differs from any moment that was noted; then note this one."""
        rows, entries, differences = self.items(), self.entries(), list[tuple[object, ...]]()
        mark = entries[-1][0]["id"] if entries else 0
        last = max((row["seq"] for row in self.query("SELECT seq FROM sqlite_sequence WHERE name = 'inventory_feed_variants'")), default=0)
        for snapshot in reversed(self._snapshots):
            while entries and entries[-1][0]["id"] > snapshot.mark:
                _take_back(rows, *entries.pop())
            there = (row for row in rows.values() if row["id"] <= snapshot.last and row["created_run_id"] != snapshot.loading)
            differences += find_differences({row["id"]: row for row in there}, snapshot.rows)
        self._snapshots.append(Snapshot(mark, last, self.loading() or 0, self.items()))
        return differences


def find_differences(found: Mapping[Any, Row], expected: Mapping[Any, Row]) -> list[tuple[object, ...]]:
    """Return each cell, or each row, that is otherwise than expected: which, what was found, what should be."""
    return [
        (key, name, found.get(key, {}).get(name), expected.get(key, {}).get(name))
        for key in [*found, *(key for key in expected if key not in found)]
        for name in {**found.get(key, {}), **expected.get(key, {})}
        if found.get(key, {}).get(name, "no item") != expected.get(key, {}).get(name, "no item")
    ]


def _take_back(rows: dict[int, Row], change: Row, fields: Mapping[str, Any]) -> None:
    number = change["item_id"]
    if change["action"] == "created":
        del rows[number]
        return
    before = {**{name: change[name] for name in ("external_id", *_MOMENTS)}, **fields}
    if change["action"] == "deleted":
        rows[number] = {"id": number, **dict.fromkeys(_LOGGED), **before}
    else:
        rows[number] = {**rows[number], **before}
