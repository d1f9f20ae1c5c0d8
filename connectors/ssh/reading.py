"""A file's bytes in order, with several requests under way, over as many logins as it takes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Final

import anyio

from connectors.ssh.errors import LATER
from connectors.wire.pace import Pace
from connectors.wire.resuming import Resuming, Stretch
from engine.document import CHUNK_BYTES
from engine.errors import FeedmillError, RefuseRun, Retry

if TYPE_CHECKING:
    import asyncssh

    from connectors.ssh.session import Facts, Session, Site

_CLOSE_SECONDS: Final = 1.0
_LEAST_BLOCK_BYTES: Final = 1024
_SILENCE_BYTES: Final = 256
"""What arrives in a wait without being an answer: the server's replies to keepalives."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open in a session; `name` is its URL."""

    path: str
    name: str
    session: Session
    file: asyncssh.SFTPClientFile
    facts: Facts


class Content(AsyncIterator[bytes]):
    """A document's bytes, resumed when a connection breaks.

    Raises `Retry` when size or time of the file moved between the first byte and the last, over however many connections,
    and `RefuseRun` when there is not one byte.
    """

    def __init__(self, site: Site, opened: Opened) -> None:
        self._site = site
        self._opened = opened
        self._received = 0
        self._last: _Stretch | _Moved = _Stretch(site, opened, 0)
        self._resuming = Resuming(site.source, self._last, self._reopen if opened.facts.version is not None else None)

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._resuming)
        except StopAsyncIteration:
            self._check_end()
            raise
        self._received += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Let go of the file; the session stays."""
        await self._resuming.aclose()

    async def _reopen(self, offset: int) -> Stretch:
        await self._site.drop()
        session = await self._site.session()
        file, facts = await session.open(self._opened.path, self._opened.name)
        # Only a file of the same size and time is gone on with. Trying again would not make it the same, so this is no error
        # of the stretch.
        again = replace(self._opened, session=session, file=file, facts=facts)
        self._last = _Stretch(self._site, again, offset) if facts == self._opened.facts else _Moved(facts)
        return self._last

    def _check_end(self) -> None:
        before, now, name = self._opened.facts, self._last.facts_at_end, self._opened.name
        if now != before:
            raise still_written(name, before, now)
        if self._last.goes_on:
            raise Retry(f"{name}: holds more than the {before.size} bytes of its size, so it is still being written: {LATER}")
        if before.size is not None and self._received != before.size:
            raise Retry(f"{name}: ended after {self._received} of {before.size} bytes: {LATER}")
        if not self._received:
            raise RefuseRun(f"{name}: is empty; ask the supplier what should have written it")


def still_written(name: str, before: Facts, now: Facts | None) -> Retry:
    """Return what it means that a file's facts moved."""
    then = (
        "gone" if now is None else f"{now.size} bytes of {now.changed_at:%Y-%m-%d %H:%M:%S} UTC" if now.changed_at else f"{now.size} bytes"
    )
    return Retry(
        f"{name}: is still being written, or was replaced while it was read ({before.size} bytes at first, {then} now): "
        f"{LATER}, or have it renamed into place"
    )


class _Block:
    """One stretch of bytes that was asked for, as it comes in."""

    __slots__ = ("done", "ended", "failure", "offset", "pieces", "scope", "size")

    def __init__(self, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.pieces: list[bytes] = []
        self.ended = False
        self.failure: FeedmillError | None = None
        self.done = anyio.Event()
        self.scope = anyio.CancelScope()


class _Stretch:
    """The bytes of one open file from an offset on: at most `max_requests` blocks are asked for ahead, and held."""

    def __init__(self, site: Site, opened: Opened, offset: int) -> None:
        self._site = site
        self._source = site.source
        self._session = opened.session
        self._file = opened.file
        self._next = offset
        self._end = opened.facts.size
        self._ended = False
        asked = site.source.ssh.block_bytes
        self._block_bytes = min(asked, opened.session.most_bytes or asked)
        self._blocks: deque[_Block] = deque()
        self._pace = Pace(site.source)
        self.facts_at_end: Facts | None = None
        self.goes_on = False

    async def __anext__(self) -> bytes:
        pieces: list[bytes] = []
        gathered = 0
        self._ask()
        # What has arrived already is taken along, so that small blocks do not make small chunks.
        while self._blocks and (not gathered or (self._blocks[0].done.is_set() and gathered + self._blocks[0].size <= CHUNK_BYTES)):
            block = await self._arrived(self._blocks[0])
            self._blocks.popleft()
            if block.offset == self._end:
                self.goes_on = any(block.pieces)
                break
            pieces += block.pieces
            gathered += sum(map(len, block.pieces))
            self._ended = self._ended or block.ended
            if self._ended:
                self._forget()
            self._ask()
        if not gathered:
            self.facts_at_end = await self._session.facts_of(self._file)
            raise StopAsyncIteration
        return b"".join(pieces)

    async def aclose(self) -> None:
        self._forget()
        # One that did not end well goes with its session, which may not answer any more.
        if self.facts_at_end is not None:
            with anyio.move_on_after(_CLOSE_SECONDS):
                await self._session.close(self._file)

    def _ask(self) -> None:
        while len(self._blocks) < self._source.ssh.max_requests and not self._ended and (self._end is None or self._next <= self._end):
            # Where the size says that the file ends one byte more is asked for: a size that is out of date would cut the feed.
            size = self._block_bytes if self._end is None else min(self._block_bytes, self._end - self._next) or 1
            block = _Block(self._next, size)
            self._next += size
            self._blocks.append(block)
            self._site.tasks.start_soon(self._fetch, block)

    def _forget(self) -> None:
        while self._blocks:
            self._blocks.popleft().scope.cancel()

    async def _fetch(self, block: _Block) -> None:
        """Fill a block, with as many requests as the server needs for it. What goes wrong is raised by who waits for it."""
        with block.scope:
            try:
                await self._fill(block)
            except FeedmillError as failure:
                block.failure = failure
            block.done.set()

    async def _fill(self, block: _Block) -> None:
        left = block.size
        while left and not block.ended:
            asked = min(left, self._block_bytes)
            piece = await self._session.read(self._file, block.offset + block.size - left, asked)
            block.pieces.append(piece)
            left -= len(piece)
            # No bytes before the end that the server told are checked like any other early end, by who counts them.
            block.ended = not piece
            if 0 < len(piece) < asked:
                # It gives less than it is asked for: from now on it is asked for no more than it gives.
                self._block_bytes = max(_LEAST_BLOCK_BYTES, min(self._block_bytes, len(piece)))

    async def _arrived(self, block: _Block) -> _Block:
        """Wait for a block; raises `Retry` when the connection is silent for `patience.idle`, or slower than the floor."""
        line, idle = self._session.line, self._source.patience.idle
        while not block.done.is_set():
            before, asked = line.received, monotonic()
            with anyio.move_on_after(idle):
                await block.done.wait()
            received = line.received - before
            if not block.done.is_set() and received < _SILENCE_BYTES:
                sent = "nothing" if not received else f"only {received} bytes"
                raise Retry(f"{self._source.name}: sent {sent} for {idle:g} s: {LATER}")
            self._pace.note(received, monotonic() - asked)
        if block.failure is not None:
            raise block.failure
        return block


class _Moved:
    """The rest of a file that is not the one the document began with: there is none, and its facts say why."""

    def __init__(self, facts: Facts) -> None:
        self.facts_at_end: Facts | None = facts
        self.goes_on = False

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hold nothing."""
