"""The bytes of one file over as many transfers as it takes, believed only when every witness agrees that they are whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from connectors.ftpwire.errors import GivenUp, Phase, explained
from connectors.wire.pace import Pace
from engine.document import CHUNK_BYTES
from engine.errors import RefuseRun, Retry

if TYPE_CHECKING:
    from connectors.ftpwire.client import Facts, FtpClient
    from connectors.ftpwire.data import DataChannel
    from connectors.wire.resuming import Resuming
    from engine.source import Source

_LINGER_SECONDS: Final = 0.25
"""How long reads are gathered into one chunk: small reads cost, but what a slow source has sent should flow."""
_TAIL_BYTES: Final = 1024


class Tail:
    """The last bytes of a file that have arrived: a rest that begins with them again is the rest of the same bytes."""

    def __init__(self) -> None:
        self.bytes = b""

    def note(self, chunk: bytes) -> None:
        """Move on behind a chunk."""
        self.bytes = chunk[-_TAIL_BYTES:] if len(chunk) >= _TAIL_BYTES else (self.bytes + chunk)[-_TAIL_BYTES:]


class Transfer:
    """One RETR from an offset to the end of the file; a `connectors.wire.resuming.Stretch`.

    It ends quietly only when the server has confirmed the end on the control connection and the bytes are as many as `size`;
    where that is not known a protected connection must have been ended by the sender, not merely cut. Without a channel there
    is nothing left to receive.

    It begins at `begun`, which is where the bytes of `tail` begin: they are expected once more and not yielded again. Servers
    that promise to begin in the middle (350) and send the file from its start were otherwise believed once the count fits.
    """

    def __init__(
        self, client: FtpClient, channel: DataChannel | None, name: str, source: Source, *, begun: int, size: int | None, tail: Tail
    ) -> None:
        self._client = client
        self._channel = channel
        self._name = name
        self._source = source
        self._position = begun
        self._size = size
        self._tail = tail
        self._repeated = tail.bytes
        self._pace = Pace(source)
        self._failure: OSError | None = None

    async def __anext__(self) -> bytes:
        if self._channel is None:
            raise StopAsyncIteration
        chunk = await self._gather(self._channel)
        self._position += len(chunk)
        if self._size is not None and self._position > self._size:
            raise GivenUp(grown(self._name))
        if not chunk:
            await self._finish(self._channel)
            raise StopAsyncIteration
        return self._fresh(chunk)

    async def aclose(self) -> None:
        """Close the data connection, and the control connection too unless the transfer ended well."""
        channel, self._channel = self._channel, None
        if channel is not None:
            try:
                await channel.aclose()
            finally:
                await self._client.aclose()

    def _fresh(self, chunk: bytes) -> bytes:
        """Return what of a chunk has not arrived before."""
        expected, self._repeated = self._repeated[: len(chunk)], self._repeated[len(chunk) :]
        if not chunk.startswith(expected):
            raise GivenUp(
                f"{self._name}: the server did not go on where it was asked to, or with another file: nothing was applied; try again later"
            )
        fresh = chunk[len(expected) :]
        self._tail.note(fresh)
        return fresh

    async def _gather(self, channel: DataChannel) -> bytes:
        """Read about one chunk; empty at the end of the connection. An error waits until what came before it is out."""
        pieces: list[bytes] = []
        wanted = CHUNK_BYTES
        begun = asked = monotonic()
        with explained(self._source, Phase.TRANSFER, self._name):
            if self._failure is not None:
                raise self._failure
            while wanted and asked - begun < _LINGER_SECONDS:
                try:
                    piece = await channel.read(self._source.patience.idle, wanted)
                except OSError as error:
                    self._failure = error
                    if not pieces:
                        raise
                    break
                if not piece:
                    break
                now = monotonic()
                self._pace.note(len(piece), now - asked)
                asked = now
                pieces.append(piece)
                wanted -= len(piece)
        return b"".join(pieces)

    async def _finish(self, channel: DataChannel) -> None:
        whole = channel.ended_by_sender
        await channel.aclose()
        with explained(self._source, Phase.TRANSFER, self._name):
            await self._client.finished()
        if self._size is not None and self._position < self._size:
            raise Retry(f"{self._name}: ended after {self._position} of {self._size} bytes: nothing was applied; try again later")
        if self._size is None and channel.protected and not whole:
            raise Retry(
                f"{self._name}: ended after {self._position} bytes without TLS's mark of the end, and the server tells no size: "
                "it may have been cut, nothing was applied; try again later"
            )
        self._channel = None


class Content(AsyncIterator[bytes]):
    """A file's bytes; after the last of them the server is asked again what it says of the file.

    Raises `Retry` when that is not what it said at the start, `RefuseRun` when there are no bytes.
    """

    def __init__(self, raw: Resuming, name: str, facts: Facts, look: Callable[[], Awaitable[Facts]]) -> None:
        self._raw = raw
        self._name = name
        self._facts = facts
        self._look = look
        self._empty = True

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._raw.__anext__()
        except StopAsyncIteration:
            await self._check_end()
            raise
        except GivenUp as error:
            moved = Retry(str(error))
        else:
            self._empty = False
            return chunk
        raise moved

    async def aclose(self) -> None:
        """Close the connections; what was not read stays unread."""
        await self._raw.aclose()

    async def _check_end(self) -> None:
        if await self._look() != self._facts:
            raise Retry(grown(self._name))
        if self._empty:
            raise RefuseRun(f"{self._name}: the file is empty; check what should have written it")


def grown(name: str) -> str:
    """Say that a file is still being written."""
    return (
        f"{name}: is still being written (its size or its time changed while it was read): nothing was applied; try again when its "
        "writer is done, or have it renamed into place"
    )
