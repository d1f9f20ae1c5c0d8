"""Making, changing and removing feeds: what the API does, and `feedmill feeds apply`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson
from anyio import to_thread

from engine.errors import ConfigError, Retry
from feedmill.assembly import PUSHED
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.masks import is_masked
from feedmill.service.definition.merging import State, build, merge_changes, merge_new, stored_definition, with_ids
from feedmill.service.definition.showing import show_feed
from feedmill.service.keys import digest
from feedmill.service.stored_feeds import split_secrets
from feedmill.shapes import dump
from sinks.sqlite import clock
from sinks.sqlite.definitions import normal_row
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.service import feeds as stored
from sinks.sqlite.service.removal import remove_chunk, retire_feed

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.feed import Feed
    from feedmill.service.context import Service
    from sinks.sqlite.fence import Writer

ATTEMPTS: Final = 16
"""How often a change is tried that another one came before, between reading and writing."""

ADOPTED_AT_ONCE: Final = 1000

SCHEDULING: Final = frozenset({"resourceType", "resourceLocation", "enabled", "automatedFetching", "fetchFrequency", "fetchSchedule"})
"""Attributes that say whether and when a feed is fetched by itself."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be written, None where nothing differs; `resumes` takes a pause off, `plans` says what the scheduler is told."""

    record: stored.FeedRecord
    differs: bool
    resumes: bool
    plans: bool
    next_fetch_at: int | None


async def check_feed(service: Service, feed: Feed) -> None:
    """Raise `ConfigError` with everything for which this service would refuse a feed. Fetches nothing."""
    await to_thread.run_sync(Judge(service.registry, service.egress).judge, feed)


async def create_feed(service: Service, attributes: Mapping[str, object]) -> int:
    """Make a feed of attributes by API names and return its id; what it still lacks shows in `validationMessage`.

    Raises `ConfigError` with every fault, `Conflict` when the name is taken.
    """

    def prepare() -> tuple[stored.FeedRecord, int | None]:
        feed = build(merge_new(attributes))
        problem = Judge(service.registry, service.egress).judge(feed)
        return _record(service, feed, problem, None), _first_fetch(feed, problem)

    record, next_fetch_at = await to_thread.run_sync(prepare)
    async with service.store.writing() as writer:
        await _require_provider(writer, record.provider)
        number = await stored.insert_feed(writer, record, next_fetch_at=next_fetch_at, now=clock.now())
    service.bells.schedule.ring()
    return number


async def change_feed(service: Service, number: int, changes: Mapping[str, object]) -> None:
    """Change what is sent of a feed, by API names; null is the default, and what was shown and is sent back changes nothing.

    Raises `NotFound`, `Conflict` when the name is taken, `ConfigError` with every fault. A fault that the feed had before is no
    reason to refuse another change: it shows in `validationMessage`.
    """

    def prepare(state: State, shown: Mapping[str, object]) -> _Change:
        feed = build(merge_changes(state, changes, shown))
        return _plan(service, state, feed, with_ids(feed, state), changes)

    await _change(service, number, prepare)


async def change_rows(service: Service, number: int, edit: Callable[[State], dict[str, Any]]) -> dict[str, list[int]]:
    """Change the mapping rows of a feed and return the ids of the new ones, by the attribute they are of.

    `edit` returns all rows, by that attribute, as (id, row), where None is the id of a new one.

    Raises what `change_feed` does, and what `edit` raises.
    """

    def prepare(state: State, _: Mapping[str, object]) -> _Change:
        given = edit(state)
        rows = {kind: [row for _, row in of_kind] for kind, of_kind in given.items()}
        feed = build({**state.attributes(), **rows})
        return _plan(service, state, feed, with_ids(feed, state, given), {})

    return await _change(service, number, prepare)


async def delete_feed(service: Service, number: int) -> None:
    """Remove a feed, its items, runs, batches and history. Raises `NotFound`, and `UnderWay` while a run of it is under way."""
    async with AsyncExitStack() as stack:
        async with service.store.reading() as reader:
            feed = await stored.read_feed(reader, number)
            # What the command line does with the feed is no row of the database before it begins.
            await stack.enter_async_context(hold_feed(service.store.database, reader, number, feed.name))
        async with service.store.writing() as writer:
            await retire_feed(writer, number, feed.name, now=clock.now())
        more = True
        while more:
            async with service.store.writing() as writer:
                more = await remove_chunk(writer, number)
    service.bells.schedule.ring()


async def rotate_hash(service: Service, number: int) -> str:
    """Give a feed a new secret for its inbound API and return it; the old one ends at once. Raises `NotFound`."""
    secret = secrets.token_urlsafe(32)
    async with service.store.writing() as writer:
        row = await stored.read_feed(writer, number)
        sealed = await to_thread.run_sync(lambda: service.keys.seal({**_open(service, row), "hash": secret}))
        await stored.seal(writer, number, sealed, digest(secret).hex())
        await stored.touch(writer, row, now=clock.now())
    return secret


async def read_states(service: Service, reader: Writer, rows: Sequence[stored.FeedRow]) -> list[tuple[State, stored.Health]]:
    """Return feeds as `show_feed` takes them. One whose secrets no key opens is told as one that cannot be fetched."""
    numbers = [row.number for row in rows]
    mapped = await stored.read_rows(reader, numbers)
    health = await stored.read_health(reader, numbers)
    return [(_readable(service, row, mapped[row.number]), health[row.number]) for row in rows]


async def adopt_feeds(service: Service) -> None:
    """Look at feeds that the command line made or changed: judge them, and make them a secret for the inbound API."""
    async with service.store.reading() as reader:
        numbers = await stored.unchecked(reader, ADOPTED_AT_ONCE)
        rows = [await stored.read_feed(reader, number) for number in numbers]
        mapped = await stored.read_rows(reader, numbers)
    for row in rows:
        adopted = await to_thread.run_sync(_adopt, service, row, mapped[row.number])
        async with service.store.writing() as writer:
            if adopted is not None and _is_same(await stored.read_feed(writer, row.number), row):
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


async def _change(service: Service, number: int, prepare: Callable[[State, Mapping[str, object]], _Change]) -> dict[str, list[int]]:
    """Read, prepare in a thread, and write unless somebody else wrote meanwhile; then once more."""
    for _ in range(ATTEMPTS):
        async with service.store.reading() as reader:
            row = await stored.read_feed(reader, number)
            rows = (await stored.read_rows(reader, [number]))[number]
            health = (await stored.read_health(reader, [number]))[number]

        def work(row: stored.FeedRow = row, rows: stored.Rows = rows, health: stored.Health = health) -> _Change:
            state = State(row, _open(service, row), rows)
            return prepare(state, orjson.loads(dump(show_feed(state, health, reveal=True))))

        change = await to_thread.run_sync(work)
        async with service.store.writing() as writer:
            if _is_same(await stored.read_feed(writer, number), row):
                made = await _write(writer, row, change)
                break
    else:
        raise Retry(f"the inventory feed {number} is being changed by others: nothing was changed; send it again", retry_after=1.0)
    if change.plans:
        service.bells.schedule.ring()
    return made


async def _write(writer: Writer, row: stored.FeedRow, change: _Change) -> dict[str, list[int]]:
    made: dict[str, list[int]] = {}
    if change.differs:
        if change.record.provider != row.provider:
            await _require_provider(writer, change.record.provider)
        made = await stored.update_feed(writer, row, change.record, now=clock.now())
    if change.resumes:
        await stored.resume(writer, row.number)
    if change.plans:
        await stored.plan_anew(writer, row.number, change.next_fetch_at)
    return made


def _plan(service: Service, state: State, feed: Feed, rows: stored.Rows, sent: Mapping[str, object]) -> _Change:
    problem = _judge_change(service, state, feed)
    record = _record(service, feed, problem, state, rows)
    row = state.row
    definition = record.definition
    before = {**row.settings, **_filled(state.rows)}
    after = {**{name: value for name, value in definition.attributes.items() if name not in record.rows}, **_filled(record.rows)}
    differs = (before, row.name, row.provider, row.problem) != (after, definition.name, record.provider, problem)
    differs = differs or record.sealed is not row.sealed
    # Who sends back the whole of what was shown has not asked for a fetch, nor for the end of a pause.
    asked = "id" not in sent
    resumes = asked and sent.get("enabled") is True and row.paused_at is not None
    first = _first_fetch(feed, problem)
    rescheduled = (
        any(before.get(name) != after.get(name) for name in SCHEDULING) or problem != row.problem or record.provider != row.provider
    )
    wanted = first is not None and row.next_fetch_at is None and asked and not SCHEDULING.isdisjoint(sent)
    plans = resumes or (rescheduled and _is_managed(state)) or wanted or (first is None and row.next_fetch_at is not None)
    return _Change(record, differs, resumes, plans, first)


def _filled(rows: stored.Rows) -> dict[str, Any]:
    return {
        kind: [(number, normal_row(row) if kind == stored.FIELDS else row) for number, row in of_kind]
        for kind, of_kind in rows.items()
        if of_kind
    }


def _judge_change(service: Service, state: State, feed: Feed) -> str | None:
    judge = Judge(service.registry, service.egress)
    try:
        return judge.judge(feed)
    except ConfigError as error:
        if not _had(judge, state, error):
            raise
        return "; ".join(error.problems)


def _had(judge: Judge, state: State, error: ConfigError) -> bool:
    """Return whether a feed had all these faults before: plugins went, or the operator narrowed what may be reached."""
    try:
        judge.judge(state.feed())
    except ConfigError as before:
        return set(error.problems) <= set(before.problems)
    return False


def _record(service: Service, feed: Feed, problem: str | None, state: State | None, rows: stored.Rows | None = None) -> stored.FeedRecord:
    """Return what is stored of a feed; what is sealed already and is the same stays as it is."""
    sealed_before = state.row.sealed if state is not None else None
    secret = (state.secrets.get("hash") if state is not None else None) or secrets.token_urlsafe(32)
    document: dict[str, JsonValue] = {**split_secrets(feed), "hash": secret}
    if feed.resource_location is not None and is_masked(feed.resource_location):
        del document["resourceLocation"]
    same = state is not None and sealed_before is not None and document == dict(state.secrets)
    sealed = sealed_before if same and sealed_before is not None else service.keys.seal(document)
    provider = feed.dropship_provider_id
    if provider is None:
        raise ConfigError(f"feed {feed.name!r} cannot be taken so", problems=("dropshipProviderId: is mandatory",))
    return stored.FeedRecord(
        stored_definition(feed), provider, sealed, digest(str(secret)).hex(), problem, rows if rows is not None else with_ids(feed, None)
    )


def _first_fetch(feed: Feed, problem: str | None) -> int | None:
    """Return 0 where the scheduler is to plan a feed, None where nothing fetches it by itself."""
    fetched = feed.enabled and feed.automated_fetching == "enabled" and feed.fetch_frequency not in ("never", "webhook")
    return 0 if fetched and problem is None and feed.resource_type not in PUSHED else None


def _is_fetched(state: State) -> bool:
    try:
        return _first_fetch(state.feed(), state.row.problem) is not None
    except ConfigError:
        return False


def _is_managed(state: State) -> bool:
    """Return whether a service has had the feed's definition, or only the command line."""
    return "resourceLocation" in state.secrets or state.row.settings.get("resourceLocation") is None


def _is_same(now: stored.FeedRow, before: stored.FeedRow) -> bool:
    return (now.updated_at, now.sealed, now.digest) == (before.updated_at, before.sealed, before.digest)


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


def _open(service: Service, row: stored.FeedRow) -> dict[str, JsonValue]:
    return service.keys.open(row.sealed) if row.sealed is not None else {}


def _readable(service: Service, row: stored.FeedRow, rows: stored.Rows) -> State:
    try:
        return State(row, _open(service, row), rows)
    except ConfigError as error:
        return State(replace(row, problem=str(error)), {}, rows)


async def _require_provider(writer: Writer, number: int) -> None:
    if number >= 2**63 or not await stored.is_provider(writer, number):
        problem = f"dropshipProviderId: there is no dropship provider {number}"
        raise ConfigError("the feed cannot be taken so", problems=(problem,))
