"""A download that goes on where it broke off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from connectors.wire.retrying import Attempts
from engine.errors import Retry

if TYPE_CHECKING:
    from engine.source import Source

_CLOSE_SECONDS: Final = 2.0


class Stretch(Protocol):
    """The bytes of one connection, from the offset it was opened at to the end of the source.

    It ends quietly only at the source's own end, and raises `Retry` when it was cut short of it. `aclose` lets go of the
    connection, may be called at any time and raises nothing.
    """

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


class Resuming(AsyncIterator[bytes]):
    """Yield the bytes of a source over as many stretches as it takes, each byte once and in order.

    After a `Retry` the stretch is closed and `reopen` is asked for one that begins after the bytes that were yielded so far,
    as often as `Source.persistence` allows without progress, which is what one window of `Source.patience` has to bring.
    `reopen` raises when it cannot prove that the rest belongs to the same bytes; None means that there is no way to resume,
    and the `Retry` goes out. Any other error goes out, and so does cancellation: the stretch is closed then. What failed once
    never ends quietly afterwards, since a quiet end means that the document is complete.
    """

    __slots__ = ("_attempts", "_ended", "_floor", "_moved", "_received", "_reopen", "_source", "_stretch")

    def __init__(self, source: Source, opened: Stretch, reopen: Callable[[int], Awaitable[Stretch]] | None) -> None:
        self._source = source
        self._stretch: Stretch | None = opened
        self._reopen = reopen
        self._attempts = Attempts(source)
        self._received = 0
        self._ended = False
        # As much as one window of waiting has to bring within a stretch: connections that bring a byte each would go on for ever.
        self._floor = max(1.0, source.patience.idle * source.patience.min_bytes_per_second)
        self._moved = 0

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = await self._next()
        except BaseException:
            await self.aclose()
            raise
        self._received += len(chunk)
        self._moved += len(chunk)
        if self._moved >= self._floor:
            self._attempts.progressed()
        return chunk

    async def aclose(self) -> None:
        """Close the connection; what was not read stays unread."""
        stretch, self._stretch = self._stretch, None
        if stretch is None:
            return
        # Shielded, so that a cancelled run leaves no socket behind; bounded, so that a silent server cannot hold it.
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await stretch.aclose()

    async def _next(self) -> bytes:
        while True:
            if self._stretch is None:
                raise Retry(f"{self._source.name}: the document was closed before its end: nothing was applied; try again later")
            try:
                while not (chunk := await self._stretch.__anext__()):
                    """Skip what is empty: it would be taken for progress."""
                return chunk
            except StopAsyncIteration:
                self._ended = True
                raise
            except Retry as error:
                failure = error
            await self.aclose()
            self._moved = 0
            self._stretch = await self._again(failure)

    async def _again(self, failure: Retry) -> Stretch:
        if self._reopen is None:
            raise failure
        while True:
            await self._attempts.pause(failure, going_on=f", going on after {self._received} bytes")
            try:
                return await self._reopen(self._received)
            except Retry as error:
                failure = error
