"""What a service remembers of its callers, so that a call costs no round trip to the database.

What is remembered is asked again after a second, so that a token that another process revoked is dead by then; whoever changes
tokens or hashes in this process calls `Gate.forget` after the commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import anyio
import structlog

from engine.errors import FeedmillError
from feedmill.service.security.buckets import LeakyBucket
from sinks.sqlite import clock
from sinks.sqlite.service.tokens import find_feed_by_hash, find_token, note_uses

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.settings import Limits
    from sinks.sqlite.fence import Writer

    Reading = Callable[[], AbstractAsyncContextManager[Writer]]

V = TypeVar("V")

FRESH_SECONDS: Final = 1.0
_USES_SECONDS: Final = 60.0
_MOST: Final = 4096
_WRONG_PER_SECOND: Final = 1 / 30
_WRONG_AT_ONCE: Final = 10
"""How many wrong passwords may come at once, after which one is tried every half a minute."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A token that was shown: its id and its scopes, `admin`, `read`, `feed:7:push`; or the `person` who is signed in, by name."""

    token: int
    scopes: frozenset[str]
    person: str | None = None


class _Remembered(Generic[V]):
    """What digests stand for, each asked of the database at most once a second, and by one caller at a time."""

    def __init__(self, find: Callable[[Writer, bytes], Awaitable[V | None]]) -> None:
        self._find = find
        self._known: dict[bytes, tuple[V, float]] = {}
        self._valid: set[bytes] = set()
        self._lock = anyio.Lock()
        self._era = 0

    def known(self, digest: bytes) -> V | None:
        """Return what a digest stands for if that was asked within the last second."""
        held = self._known.get(digest)
        return held[0] if held is not None and monotonic() - held[1] < FRESH_SECONDS else None

    def seen(self, digest: bytes) -> bool:
        """Return whether a digest stood for something when it was asked for last, as far as that is remembered."""
        return digest in self._valid

    async def get(self, reading: Reading, digest: bytes) -> V | None:
        """Return what a digest stands for, None for nothing; that it stands for nothing is never remembered."""
        if (found := self.known(digest)) is not None:
            return found
        async with self._lock:
            if (found := self.known(digest)) is not None:
                return found
            asked, era = monotonic(), self._era
            async with reading() as reader:
                found = await self._find(reader, digest)
            self._keep(digest, found, asked, era)
        return found

    def _keep(self, digest: bytes, found: V | None, asked: float, era: int) -> None:
        self._known.pop(digest, None)
        self._valid.discard(digest)
        if len(self._known) >= _MOST:
            self._known.clear()
        if len(self._valid) >= _MOST:
            self._valid.clear()
        if found is not None:
            self._valid.add(digest)
        # What was read before somebody called `forget` may be what was to be forgotten.
        if found is not None and era == self._era:
            self._known[digest] = found, asked

    def forget(self) -> None:
        self._known.clear()
        self._era += 1


async def _find_caller(reader: Writer, digest: bytes) -> Caller | None:
    found = await find_token(reader, digest)
    return None if found is None else Caller(*found)


@dataclass(slots=True)
class Gate:
    """Tokens and inbound hashes that were shown lately, and when each token was last used, in microseconds.

    `reads` and `writes` bound the calls of a token, `failures` the addresses that show what is none; None bounds nothing. `sign_ins`
    bounds wrong passwords, by address and by name.
    """

    tokens: _Remembered[Caller] = field(default_factory=lambda: _Remembered(_find_caller))
    hashes: _Remembered[int] = field(default_factory=lambda: _Remembered(find_feed_by_hash))
    uses: dict[int, int] = field(default_factory=dict)
    reads: LeakyBucket | None = None
    writes: LeakyBucket | None = None
    failures: LeakyBucket | None = None
    sign_ins: LeakyBucket = field(default_factory=lambda: LeakyBucket(_WRONG_PER_SECOND, _WRONG_AT_ONCE))

    def forget(self) -> None:
        """Ask the database anew for every token and hash; call it after a commit that changed one."""
        self.tokens.forget()
        self.hashes.forget()

    def note_use(self, caller: Caller) -> None:
        """Note that a token was used; the database learns of it within a minute."""
        self.uses[caller.token] = clock.now()


def make_gate(limits: Limits) -> Gate:
    """Return a gate that remembers nothing yet, with the buckets that the settings ask for."""
    return Gate(
        reads=_bucket(limits.reads_per_second, limits.burst),
        writes=_bucket(limits.writes_per_second, limits.burst),
        failures=_bucket(limits.failures_per_second, limits.failures_burst),
    )


def _bucket(rate: float | None, burst: int) -> LeakyBucket | None:
    return None if rate is None else LeakyBucket(rate, burst)


async def flush_uses(service: Service) -> None:
    """Write down when tokens were last used, all in one transaction."""
    uses, service.gate.uses = service.gate.uses, {}
    if uses:
        async with service.store.writing() as writer:
            await note_uses(writer, uses)


async def run_token_uses(service: Service) -> None:
    """Write down once a minute, and at the end, when tokens were last used; a moment that cannot be written is let go."""
    try:
        while True:
            await anyio.sleep(_USES_SECONDS)
            await _try_flush(service)
    finally:
        with anyio.CancelScope(shield=True):
            await _try_flush(service)


async def _try_flush(service: Service) -> None:
    try:
        await flush_uses(service)
    except FeedmillError as error:
        structlog.get_logger("feedmill").warning("the last uses of tokens could not be written down", error=str(error))
