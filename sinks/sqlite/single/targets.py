"""The feeds that calls are for: what of them decides whether a call is taken, and how its item is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from engine.errors import Conflict, FeedmillError, UnderWay
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.queries import ItemFeed

WORKING: Final = ("accepted", "onboarding")
"""Statuses of a provider whose feeds are fetched and pushed to."""

_FEEDS: Final = (
    "SELECT f.id, f.name, f.settings, f.loading_run_id, f.enabled, p.status,"
    " (SELECT max(finished_at) FROM main.data_imports AS r WHERE r.feed_id = f.id AND r.status = 'complete' AND r.kind = 'sync')"
    " FROM json_each(?) AS j CROSS JOIN main.inventory_feeds AS f JOIN main.dropship_providers AS p ON p.id = f.dropship_provider_id"
    " WHERE f.id = j.value"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A feed that takes calls, or not: `loading` is the run that loads it for the first time, `paused` says why it is."""

    number: int
    name: str
    settings: Mapping[str, Any]
    loading: int | None
    paused: str | None
    shown: ItemFeed

    def refusal(self) -> FeedmillError | None:
        """Return why a push is not taken now, None where it is."""
        if self.paused is not None:
            return Conflict(f"feed {self.name!r} is paused, because {self.paused}: nothing was stored; send it again when it is not")
        if self.loading is not None:
            return UnderWay(
                f"run {self.loading} of feed {self.name!r} is under way, which loads it for the first time: nothing was stored;"
                " wait until it has ended",
                run=self.loading,
            )
        return None


def read_targets(connection: sqlite3.Connection, feeds: Collection[int]) -> dict[int, Target]:
    """Return those of the feeds that there are, by their ids. Blocks."""
    rows = connection.execute(_FEEDS, (orjson.dumps(sorted(feeds)).decode(),)).fetchall()
    return {row[0]: _target(*row) for row in rows}


def _target(number: int, name: str, text: str, loading: int | None, enabled: int, status: str, fetched: int | None) -> Target:
    settings: dict[str, Any] = orjson.loads(text)
    paused = f"its provider is {status}" if status not in WORKING else None if enabled else "it is not enabled"
    return Target(number, name, settings, loading, paused, ItemFeed(number, rfc3339(fetched), settings))
