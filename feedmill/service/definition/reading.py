"""Feeds as they are read for callers, and those that the command line made, which a service takes over."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from engine.errors import ConfigError
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.merging import State
from feedmill.service.definition.planning import first_fetch
from feedmill.service.keys import digest
from sinks.sqlite.service.resources import feeds as stored
from sinks.sqlite.service.resources.health import Health, read_health

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from feedmill.service.context import Service
    from sinks.sqlite.fence import Writer

ADOPTED_AT_ONCE: Final = 1000


async def read_states(service: Service, reader: Writer, rows: Sequence[stored.FeedRow]) -> list[tuple[State, Health]]:
    """Return feeds as `show_feed` takes them. One whose secrets no key opens is told as one that cannot be fetched."""
    numbers = [row.number for row in rows]
    mapped = await stored.read_rows(reader, numbers)
    health = await read_health(reader, numbers, service.store.connected)
    return [(_readable(service, row, mapped[row.number]), health[row.number]) for row in rows]


async def adopt_feeds(service: Service) -> None:
    """Look at feeds that the command line made or changed: judge them, and make them a secret for the inbound API."""
    async with service.store.reading() as reader:
        numbers = await stored.unchecked(reader, ADOPTED_AT_ONCE)
        if not numbers:
            return
        rows = [await stored.read_feed(reader, number) for number in numbers]
        mapped = await stored.read_rows(reader, numbers)
    for row in rows:
        adopted = await to_thread.run_sync(_adopt, service, row, mapped[row.number])
        async with service.store.writing() as writer:
            if adopted is not None and is_same(await stored.read_feed(writer, row.number), row):
                problem, sealed, known = adopted
                await stored.seal(writer, row.number, sealed, known)
                await stored.write_problem(writer, row.number, problem)


async def plan_provider(service: Service, writer: Writer, provider: int) -> None:
    """Have the scheduler plan the feeds of a provider anew; those that the command line made and nobody has scheduled stay so."""
    found = await writer.query(
        f"SELECT {', '.join(stored.COLUMNS)} FROM main.inventory_feeds AS f WHERE f.dropship_provider_id = ?", provider
    )
    rows = [stored.FeedRow.of(values) for values in found]
    mapped = await stored.read_rows(writer, [row.number for row in rows])

    def choose() -> list[int]:
        states = [_readable(service, row, mapped[row.number]) for row in rows]
        return [state.row.number for state in states if "resourceLocation" in state.secrets and _is_fetched(state)]

    for number in await to_thread.run_sync(choose):
        await stored.plan_anew(writer, number, 0)


def _adopt(service: Service, row: stored.FeedRow, rows: stored.Rows) -> tuple[str | None, bytes, str] | None:
    """Return why a feed cannot be fetched, its sealed secrets and the digest of its own; None while no key opens what is sealed."""
    state = _readable(service, row, rows)
    if state.row.problem:
        return None
    try:
        problem = Judge(service.registry, service.egress).judge(state.feed())
    except ConfigError as error:
        problem = "; ".join(error.problems) or str(error)
    if row.sealed is not None and row.digest:
        return problem, row.sealed, row.digest
    secret = str(state.secrets.get("hash") or secrets.token_urlsafe(32))
    return problem, service.keys.seal({**state.secrets, "hash": secret}), digest(secret).hex()


def open_secrets(service: Service, row: stored.FeedRow) -> dict[str, JsonValue]:
    """Return the secrets of a feed. Raises `ConfigError` when no key opens them."""
    return service.keys.open(row.sealed) if row.sealed is not None else {}


def _readable(service: Service, row: stored.FeedRow, rows: stored.Rows) -> State:
    try:
        return State(row, open_secrets(service, row), rows)
    except ConfigError as error:
        return State(replace(row, problem=str(error)), {}, rows)


def _is_fetched(state: State) -> bool:
    try:
        return first_fetch(state.feed(), state.row.problem) is not None
    except ConfigError:
        return False


def is_same(now: stored.FeedRow, before: stored.FeedRow) -> bool:
    """Return whether nobody has written a feed since it was read."""
    return (now.updated_at, now.sealed, now.digest) == (before.updated_at, before.sealed, before.digest)
