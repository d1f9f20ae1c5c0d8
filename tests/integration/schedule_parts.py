"""Feeds and runs as the tables have them, for tests of the schedule: made and ended without a supplier."""

from __future__ import annotations

from typing import Any

import orjson

from engine.run import Problem
from feedmill.service.context import Service
from sinks.sqlite.control import dump_problems

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


async def make_feed(service: Service, name: str, *, provider: str = "Acme", due: int | None = 0, **settings: Any) -> int:
    """Make a feed of a provider, and the provider where it is new, and return its id."""
    async with service.store.writing() as writer:
        find = "SELECT id FROM main.dropship_providers WHERE name = ?"
        if not await writer.query(find, provider):
            await writer.execute("INSERT INTO main.dropship_providers (name, created_at, updated_at) VALUES (?, 0, 0)", provider)
        rows = await writer.query(
            "INSERT INTO main.inventory_feeds (name, dropship_provider_id, settings, hash, enabled, next_fetch_at, created_at, updated_at)"
            f" VALUES (?, ({find}), ?, '', 1, ?, 0, 0) RETURNING id",
            *(name, provider, orjson.dumps(settings).decode(), due),
        )
        return int(str(rows[0][0]))


async def end_run(service: Service, feed: int, status: str, *problems: Problem, kind: str = "sync", limited: int = 0) -> int:
    """End the pending run of a feed, or one made for it, as a worker would, and return its number."""
    async with service.store.writing() as writer:
        rows = await writer.query("SELECT id FROM main.data_imports WHERE feed_id = ? AND status IN ('pending', 'started')", feed)
        if not rows:
            made = "INSERT INTO main.data_imports (feed_id, status, epoch, started_at, kind) VALUES (?, 'started', 1, 0, ?) RETURNING id"
            rows = await writer.query(made, feed, kind)
        run = int(str(rows[0][0]))
        ended = "UPDATE main.data_imports SET status = ?, problems = ?, limited = ? WHERE id = ?"
        await writer.execute(ended, status, dump_problems(problems), limited, run)
        await writer.execute("DELETE FROM main.jobs WHERE json_extract(payload, '$.feed') = ?", feed)
        return run


async def feed_row(service: Service, feed: int) -> dict[str, Any]:
    """Return what the schedule knows of a feed."""
    names = ("next_fetch_at", "failures", "paused_at", "pause_reason", "updated_at")
    async with service.store.reading() as reader:
        rows = await reader.query(f"SELECT {', '.join(names)} FROM main.inventory_feeds WHERE id = ?", feed)
    return dict(zip(names, rows[0], strict=True))


async def runs_of(service: Service, feed: int) -> list[str]:
    """Return the statuses of the runs of a feed, the first one first."""
    async with service.store.reading() as reader:
        return [str(row[0]) for row in await reader.query("SELECT status FROM main.data_imports WHERE feed_id = ? ORDER BY id", feed)]


async def alerts_of(service: Service) -> dict[str, tuple[int, bool]]:
    """Return for each alert how often it was raised, and whether it is open; of alerts of one key the last."""
    async with service.store.reading() as reader:
        rows = await reader.query("SELECT key, count, resolved_at IS NULL FROM main.alerts ORDER BY id")
    return {str(key): (int(str(count)), bool(is_open)) for key, count, is_open in rows}


async def write(service: Service, sql: str, *parameters: str | int | None) -> None:
    """Change the database as another part of the service would."""
    async with service.store.writing() as writer:
        await writer.execute(sql, *parameters)
