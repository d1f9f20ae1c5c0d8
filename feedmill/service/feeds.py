"""Making, changing and removing feeds: what the API does, and `feedmill feeds apply`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson
from anyio import to_thread

from engine.errors import ConfigError, FeedmillError, Retry
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.merging import State, build, merge_changes, merge_new, with_ids
from feedmill.service.definition.planning import Change, first_fetch, make_record, plan_change
from feedmill.service.definition.reading import is_same, open_secrets
from feedmill.service.definition.showing import show_feed
from feedmill.service.keys import digest
from feedmill.service.outbox.feed_hooks import keep_feed_hook
from feedmill.shapes import dump
from sinks.sqlite import clock
from sinks.sqlite.history.mappings import UNKNOWN
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.service.resources import feeds as stored
from sinks.sqlite.service.resources.health import Health, read_health
from sinks.sqlite.service.resources.removal import remove_chunk, retire_feed

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.history.mappings import Author

Unheld: TypeAlias = Callable[[Mapping[str, object]], FeedmillError | None]

ATTEMPTS: Final = 16
"""How often a change is tried that another one came before, between reading and writing."""


async def create_feed(service: Service, attributes: Mapping[str, object], author: Author = UNKNOWN) -> int:
    """Make a feed of attributes by API names and return its id; what it still lacks shows in `validationMessage`.

    Raises `ConfigError` with every fault, `Conflict` when the name is taken.
    """

    def prepare() -> tuple[stored.FeedRecord, int | None]:
        feed = build(merge_new(attributes))
        problem = Judge(service.registry, service.egress).judge(feed)
        return make_record(service, feed, problem, None), first_fetch(feed, problem)

    record, next_fetch_at = await to_thread.run_sync(prepare)
    async with service.store.writing() as writer:
        await _require_provider(writer, record.provider)
        number = await stored.insert_feed(writer, record, next_fetch_at=next_fetch_at, now=clock.now(), author=author)
        await keep_feed_hook(writer, service.keys, number)
    service.bells.schedule.ring()
    return number


async def change_feed(
    service: Service, number: int, changes: Mapping[str, object], author: Author = UNKNOWN, *, unheld: Unheld | None = None
) -> None:
    """Change what is sent of a feed, by API names; null is the default, and what was shown and is sent back changes nothing.

    Raises `NotFound`, `Conflict` when the name is taken, `ConfigError` with every fault. A fault that the feed had before is no
    reason to refuse another change: it shows in `validationMessage`. `unheld` looks at the feed as an admin is shown it, which it still is
    when it is written but for figures of its runs, and says why it is not to be changed.
    """

    def prepare(state: State, shown: Mapping[str, object]) -> Change:
        feed = build(merge_changes(state, changes, shown))
        return plan_change(service, state, feed, with_ids(feed, state), changes)

    await _change(service, number, prepare, author, unheld)


async def change_rows(
    service: Service, number: int, edit: Callable[[State], dict[str, Any]], author: Author = UNKNOWN
) -> dict[str, list[int]]:
    """Change the mapping rows of a feed and return the ids of the new ones, by the attribute they are of.

    `edit` returns all rows, by that attribute, as (id, row), where None is the id of a new one.

    Raises what `change_feed` does, and what `edit` raises.
    """

    def prepare(state: State, _: Mapping[str, object]) -> Change:
        given = edit(state)
        rows = {kind: [row for _, row in of_kind] for kind, of_kind in given.items()}
        feed = build({**state.attributes(), **rows})
        return plan_change(service, state, feed, with_ids(feed, state, given), {})

    return await _change(service, number, prepare, author)


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
    service.gate.forget()
    service.bells.schedule.ring()


async def rotate_hash(service: Service, number: int) -> str:
    """Give a feed a new secret for its inbound API and return it; the old one ends at once. Raises `NotFound`."""
    secret = secrets.token_urlsafe(32)
    async with service.store.writing() as writer:
        row = await stored.read_feed(writer, number)
        sealed = await to_thread.run_sync(lambda: service.keys.seal({**open_secrets(service, row), "hash": secret}))
        await stored.seal(writer, number, sealed, digest(secret).hex())
        await stored.touch(writer, row, now=clock.now())
    service.gate.forget()
    return secret


async def _change(
    service: Service,
    number: int,
    prepare: Callable[[State, Mapping[str, object]], Change],
    author: Author,
    unheld: Unheld | None = None,
) -> dict[str, list[int]]:
    """Read, prepare in a thread, and write unless somebody else wrote meanwhile; then once more."""
    for _ in range(ATTEMPTS):
        async with service.store.reading() as reader:
            row = await stored.read_feed(reader, number)
            rows = (await stored.read_rows(reader, [number]))[number]
            health = (await read_health(reader, [number], service.store.connected))[number]

        def work(row: stored.FeedRow = row, rows: stored.Rows = rows, health: Health = health) -> Change:
            state = State(row, open_secrets(service, row), rows)
            shown = show_feed(state, health, reveal=True)
            if unheld is not None and (error := unheld(shown)) is not None:
                raise error
            return prepare(state, orjson.loads(dump(shown)))

        change = await to_thread.run_sync(work)
        async with service.store.writing() as writer:
            if is_same(await stored.read_feed(writer, number), row):
                made = await _write(writer, row, change, author)
                if change.differs:
                    await keep_feed_hook(writer, service.keys, number)
                break
    else:
        raise Retry(f"the inventory feed {number} is being changed by others: nothing was changed; send it again", retry_after=1.0)
    if change.plans:
        service.bells.schedule.ring()
    return made


async def _write(writer: Writer, row: stored.FeedRow, change: Change, author: Author) -> dict[str, list[int]]:
    made: dict[str, list[int]] = {}
    if change.differs:
        if change.record.provider != row.provider:
            await _require_provider(writer, change.record.provider)
        made = await stored.update_feed(writer, row, change.record, now=clock.now(), author=author)
    if change.resumes:
        await stored.resume(writer, row.number)
    if change.plans:
        await stored.plan_anew(writer, row.number, change.next_fetch_at)
    return made


async def _require_provider(writer: Writer, number: int) -> None:
    if number >= 2**63 or not await stored.is_provider(writer, number):
        problem = f"dropshipProviderId: there is no dropship provider {number}"
        raise ConfigError("the feed cannot be taken so", problems=(problem,))
