"""What happened becomes payloads: behind each webhook's marks, in slices, each with the new mark in one transaction.

So the change itself is the entry of the outbox: nothing is lost and nothing invented, whenever the process dies. Webhooks that have
come equally far are told together, so that what happened is read once and not once for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

import structlog

from engine.errors import NotFound
from feedmill.service.outbox.bodies import body_of, show_run
from sinks.sqlite import clock
from sinks.sqlite.service.alerts import raise_alert
from sinks.sqlite.service.outbox import hooks as marks
from sinks.sqlite.service.outbox.news import (
    ITEM_TOPICS,
    RUN_TOPICS,
    read_created,
    read_details,
    read_entries,
    read_loading,
    read_run_events,
    read_shown_items,
)
from sinks.sqlite.service.outbox.payloads import NewPayload, count_pending, insert_payloads

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from sinks.sqlite.service.outbox.hooks import Ends, Hook, Mark
    from sinks.sqlite.service.outbox.news import Detail, Entry, Item

MOST_PENDING: Final = 1_000
"""Payloads that wait for one webhook, beyond which it is told of nothing more until some have gone out."""

_WINDOW: Final = 1_000
"""Entries and ids that one slice looks at."""
_SLICE: Final = 100
"""Entries and items that one slice tells of."""

_CREATED, _UPDATED, _REMOVED = ITEM_TOPICS


@dataclass(slots=True)
class _Slice:
    """What one slice brings to webhooks that were at `mark`: they come to `upto`, and some begin to lag behind with some feeds."""

    mark: int
    upto: int
    payloads: list[NewPayload] = field(default_factory=list)
    lagging: set[tuple[int, int]] = field(default_factory=set)
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: `more` may be told at once; `quiet` means that nobody had anything to be told."""

    more: bool
    quiet: bool


async def fan_out(service: Service) -> Round:
    """Tell webhooks of what happened, a slice of each kind."""
    async with service.store.reading() as reader:
        every = await marks.read_hooks(reader)
        ends = await marks.read_ends(reader)
        behind = [hook for hook in every if _is_behind(hook, ends)]
        pending = await count_pending(reader) if behind else {}
    ready = [hook for hook in behind if pending.get(hook.id, 0) < MOST_PENDING]
    more = False
    # Changes first: what was created is told as it is by then, and of that changes need not be told.
    for group in _equal(ready, lambda hook: hook.change_mark, ends.changes):
        more |= await _store(service, group, "change_mark", await _changes(service, group))
    for group in _equal(ready, lambda hook: hook.event_mark, ends.events):
        more |= await _store(service, group, "event_mark", await _events(service, group))
    creating = [hook for hook in ready if _CREATED in hook.topics]
    for group in _equal(creating, lambda hook: hook.item_mark, ends.items):
        more |= await _store(service, group, "item_mark", await _created(service, group, ends.items))
    for hook in creating:
        for feed in hook.lagging:
            more |= await _catch_up(service, hook, feed)
    return Round(more, quiet=not behind)


def _is_behind(hook: Hook, ends: Ends) -> bool:
    created = _CREATED in hook.topics and (hook.item_mark < ends.items or bool(hook.lagging))
    return hook.change_mark < ends.changes or hook.event_mark < ends.events or created


def _equal(hooks: Iterable[Hook], mark: Callable[[Hook], int], end: int) -> list[list[Hook]]:
    behind = sorted((hook for hook in hooks if mark(hook) < end), key=mark)
    return [list(group) for _, group in groupby(behind, key=mark)]


async def _changes(service: Service, group: Sequence[Hook]) -> _Slice:
    mark = group[0].change_mark
    async with service.store.reading() as reader:
        # Asked again in this moment's view: whatever it holds up to its end is seen, so that a gap is what was pruned.
        end = (await marks.read_ends(reader)).changes
        entries = await read_entries(reader, mark, _WINDOW)
        wanted = [entry for entry in entries if any(_concerns(hook, entry) for hook in group)]
        upto = end if len(entries) < _WINDOW else entries[-1].id
        if len(wanted) > _SLICE:
            wanted, upto = wanted[:_SLICE], wanted[_SLICE].id - 1
        seen = sum(entry.id <= upto for entry in entries)
        found = _Slice(mark, upto, lost=upto - mark - seen)
        details = await read_details(reader, wanted)
        items = await read_shown_items(reader, (entry.item for entry in wanted))
    for entry in wanted:
        if (told := _news(entry, details[entry.id], items)) is not None:
            topic, rest = told
            found.payloads += [NewPayload(hook.id, topic, entry.item, rest) for hook in group if _tells(hook, topic, entry)]
    return found


def _concerns(hook: Hook, entry: Entry) -> bool:
    return hook.feed in (None, entry.feed) and not hook.topics.isdisjoint(ITEM_TOPICS) and hook.announced(entry.item, entry.feed)


def _tells(hook: Hook, topic: str, entry: Entry) -> bool:
    return hook.wants(topic, entry.feed) and hook.announced(entry.item, entry.feed)


def _news(entry: Entry, detail: Detail, items: dict[int, Item]) -> tuple[str, bytes] | None:
    """Return what an entry tells, None where it is nothing, or nothing any more: of an item that is gone its removal is told."""
    topic = _CREATED if entry.action == "created" else _REMOVED if detail.removes else _UPDATED
    data = detail.gone or items.get(entry.item)
    if data is None or (topic == _UPDATED and not detail.fields):
        return None
    return topic, body_of(topic, data, changes=detail.fields, run=entry.run, call=entry.call)


async def _events(service: Service, group: Sequence[Hook]) -> _Slice:
    mark = group[0].event_mark
    async with service.store.reading() as reader:
        events = await read_run_events(reader, mark, _SLICE)
        found = _Slice(mark, events[-1].id if events else (await marks.read_ends(reader)).events)
        for event in events:
            topic = RUN_TOPICS.get(event.status, "")
            told = [hook for hook in group if hook.wants(topic, event.feed)]
            try:
                rest = body_of(topic, await show_run(reader, event.run, event.feed), run=event.run) if told else b""
            except NotFound:
                continue
            found.payloads += [NewPayload(hook.id, topic, event.run, rest) for hook in told]
    return found


async def _created(service: Service, group: Sequence[Hook], end: int) -> _Slice:
    mark = group[0].item_mark
    async with service.store.reading() as reader:
        loading = await read_loading(reader)
        rows = await read_created(reader, mark, end, _WINDOW)
        told = [
            (item, feed, [hook for hook in group if hook.feed in (None, feed) and feed not in hook.lagging])
            for item, feed in rows
            if feed not in loading
        ]
        wanted = [entry for entry in told if entry[2]]
        upto = end if len(rows) < _WINDOW else rows[-1][0]
        if len(wanted) > _SLICE:
            wanted, upto = wanted[:_SLICE], wanted[_SLICE][0] - 1
        items = await read_shown_items(reader, (item for item, _, _ in wanted))
    found = _Slice(mark, upto)
    hidden = {feed for item, feed in rows if item <= upto and feed in loading}
    found.lagging = {(hook.id, feed) for hook in group for feed in hidden if hook.feed in (None, feed)}
    for item, _, among in wanted:
        if item in items:
            rest = body_of(_CREATED, items[item])
            found.payloads += [NewPayload(hook.id, _CREATED, item, rest) for hook in among]
    return found


async def _store(service: Service, group: Sequence[Hook], column: Mark, found: _Slice) -> bool:
    """Store a slice for those of the webhooks that are still where it begins: somebody may have changed or deleted one meanwhile."""
    if found.upto <= found.mark:
        return False
    async with service.store.writing() as writer:
        still = await marks.still_at(writer, (hook.id for hook in group), column, found.mark)
        await insert_payloads(writer, [each for each in found.payloads if each.hook in still], now=clock.now())
        for hook, feed in found.lagging:
            if hook in still:
                await marks.let_lag(writer, hook, feed, found.mark)
        await marks.move_mark(writer, still, column, found.upto)
        for hook in still if found.lost > 0 else ():
            await raise_alert(writer, key=f"webhook:{hook}:lost", kind="webhookLost", message=_lost(hook, found.lost))
    if found.lost > 0:
        structlog.get_logger("feedmill").warning("webhooks lost changes", webhooks=sorted(still), changes=found.lost)
    return True


def _lost(hook: int, changes: int) -> str:
    return (
        f"webhook {hook} was not told of up to {changes} changes, which were pruned from the change log before it had got to them; "
        "let the receiver read the items anew, and raise historyDays, or let paused webhooks go on sooner"
    )


async def _catch_up(service: Service, hook: Hook, feed: int) -> bool:
    """Tell of a slice of the items of a first load that has ended; what it lags behind ends where all others have come to."""
    mark = hook.lagging[feed]
    async with service.store.reading() as reader:
        if feed in await read_loading(reader):
            return False
        rows = await read_created(reader, mark, hook.item_mark, _WINDOW)
        wanted = [item for item, of in rows if of == feed and hook.feed in (None, feed)]
        upto = hook.item_mark if len(rows) < _WINDOW else rows[-1][0]
        if len(wanted) > _SLICE:
            wanted, upto = wanted[:_SLICE], wanted[_SLICE] - 1
        items = await read_shown_items(reader, wanted)
    payloads = [NewPayload(hook.id, _CREATED, item, body_of(_CREATED, items[item])) for item in wanted if item in items]
    async with service.store.writing() as writer:
        at = {each.id: each for each in await marks.read_hooks(writer)}.get(hook.id)
        if at is not None and at.lagging.get(feed) == mark:
            await insert_payloads(writer, payloads, now=clock.now())
            # Meanwhile it may have gone on with all others, past items of this feed.
            if upto >= at.item_mark:
                await marks.end_lag(writer, hook.id, feed)
            else:
                await marks.move_item_mark(writer, [hook.id], feed, upto)
    return True
