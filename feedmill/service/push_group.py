"""What one commit of the service does with the calls that were gathered: pushes, removals, batches to be kept. On a worker thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from engine.errors import Conflict, FeedmillError, InternalError, NotFound, Retry, StoreFailed
from feedmill.shapes import dump_bytes
from sinks.sqlite import clock
from sinks.sqlite.service.idempotency import Once, find_answer, store_answers
from sinks.sqlite.service.inbox import NewBatch, accept_batch, measure_waiting
from sinks.sqlite.single.group import Push, Pushed, push_all
from sinks.sqlite.single.inline import locked
from sinks.sqlite.single.removal import Removal, remove_item
from sinks.sqlite.single.targets import read_targets

if TYPE_CHECKING:
    from feedmill.service.settings import Push as PushSettings

_FULL_SECONDS: Final = 5.0


class KeyReused(Conflict):
    """Report an `Idempotency-Key` under which something else was asked for. Nothing was done."""


class Request(NamedTuple):
    """What a call asks for, and who it says it is, if it does."""

    work: Push | Removal | NewBatch
    once: Once | None = None


class Reply(NamedTuple):
    """What a call is answered: status, body, what became of the item; `replayed` where it is what was answered before."""

    status: int
    body: bytes
    outcome: str | None = None
    replayed: bool = False


Ended: TypeAlias = "Reply | FeedmillError | None"
"""How a request ended; None for one that has to come again, because its twin goes before it."""


def commit_group(connection: sqlite3.Connection, name: str, requests: Sequence[Request], limits: PushSettings) -> list[Ended]:
    """Do what calls ask for in one transaction, and return what each is answered once it is on disk. Blocks.

    What only the database refuses is tried again alone, so that it is answered with its own error and nobody else's. A database that
    cannot be written, as on a full disk, is nobody's fault who calls: it is `StoreFailed`, and what was sent is sent again.
    """
    try:
        with locked(connection, name):
            return _Commit(connection, name, limits).work(requests)
    except Retry as error:
        return [error] * len(requests)
    except StoreFailed as error:
        return [error] * len(requests)
    except (FeedmillError, ValueError, OverflowError, RecursionError) as error:
        if len(requests) > 1:
            return [ended for request in requests for ended in commit_group(connection, name, [request], limits)]
        return [error if isinstance(error, FeedmillError) else InternalError(f"a call could not be stored: {error}")]


class _Commit:
    def __init__(self, connection: sqlite3.Connection, name: str, limits: PushSettings) -> None:
        self._connection = connection
        self._name = name
        self._limits = limits
        self._now = clock.now()
        self._seen: set[tuple[int, str]] = set()

    def work(self, requests: Sequence[Request]) -> list[Ended]:
        ended: list[Ended] = [None] * len(requests)
        todo: list[int] = []
        for place, request in enumerate(requests):
            known = self._recall(request)
            if isinstance(known, Reply | FeedmillError):
                ended[place] = known
            elif known:
                todo.append(place)
        # Pushes and removals in the order in which they came: who gave one up and sent the next means the next.
        for kind, places in groupby(todo, lambda place: type(requests[place].work)):
            mine = list(places)
            for place, reply in zip(mine, self._do(kind, [requests[place].work for place in mine]), strict=True):
                ended[place] = reply
        fresh = [
            (request.work.feed, request.once, reply.status, reply.body)
            for request, reply in zip(requests, ended, strict=True)
            if request.once is not None and isinstance(reply, Reply) and not reply.replayed
        ]
        if fresh:
            store_answers(self._connection, fresh, now=self._now)
        return ended

    def _do(self, kind: type[object], work: list[Push | Removal | NewBatch]) -> Sequence[Reply | FeedmillError]:
        if kind is Push:
            return self._push(work)
        return self._remove(work) if kind is Removal else self._accept(work)

    def _recall(self, request: Request) -> Reply | FeedmillError | bool:
        """Return what was answered to a call's key; else whether the call is to be made now."""
        feed, once = request.work.feed, request.once
        if once is None:
            return True
        first = find_answer(self._connection, feed, once.key, now=self._now)
        if first is not None and first.digest != once.digest:
            return KeyReused(f"the Idempotency-Key {once.key[:80]!r} was used for another call within 24 hours: nothing was stored")
        if first is not None:
            return Reply(first.status, first.body, replayed=True)
        if (feed, once.key) in self._seen:
            return False
        self._seen.add((feed, once.key))
        return True

    def _push(self, pushes: Sequence[Push | Removal | NewBatch]) -> Sequence[Reply | FeedmillError]:
        made = [push for push in pushes if isinstance(push, Push)]
        return list(map(_reply, push_all(self._connection, self._name, made, now=self._now)))

    def _remove(self, removals: Sequence[Push | Removal | NewBatch]) -> Sequence[Reply | FeedmillError]:
        made = (removal for removal in removals if isinstance(removal, Removal))
        return [_reply(remove_item(self._connection, self._name, removal, now=self._now)) for removal in made]

    def _accept(self, batches: Sequence[Push | Removal | NewBatch]) -> Sequence[Reply | FeedmillError]:
        targets = read_targets(self._connection, {batch.feed for batch in batches})
        count, size = measure_waiting(self._connection)
        replies: list[Reply | FeedmillError] = []
        for batch in batches:
            target = targets.get(batch.feed)
            if not isinstance(batch, NewBatch) or target is None:
                replies.append(NotFound(f"there is no inventory feed {batch.feed}"))
            elif target.paused is not None and (refusal := target.refusal()) is not None:
                replies.append(refusal)
            elif count >= self._limits.max_inbox_batches or size + len(batch.body) > self._limits.max_inbox_bytes:
                told = f"{count} batches of {size} bytes wait to be applied, and no more may: nothing was stored; send it again later"
                replies.append(Retry(told, retry_after=_FULL_SECONDS))
            else:
                count, size = count + 1, size + len(batch.body)
                number = accept_batch(self._connection, batch, now=self._now)
                replies.append(Reply(202, dump_bytes({"batchId": number})))
        return replies


def _reply(result: Pushed | FeedmillError) -> Reply | FeedmillError:
    if isinstance(result, FeedmillError):
        return result
    return Reply(200, dump_bytes(result.show()), result.outcome)
