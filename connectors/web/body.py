"""The bytes of HTTP responses, gathered into chunks, counted to the last one, and decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Final

import aiohttp

from connectors.web.coding import Identity
from connectors.web.errors import explained
from connectors.wire.pace import Pace
from engine.decode.allowance import Allowance
from engine.decode.settings import Decoding
from engine.document import CHUNK_BYTES
from engine.errors import RefuseRun, Retry

if TYPE_CHECKING:
    from connectors.web.coding import Coding
    from connectors.wire.resuming import Resuming
    from engine.source import Source

_LINGER_SECONDS: Final = 0.25
"""How long reads are gathered into one chunk: small reads cost, but what a slow source has sent should flow."""


def length_of(response: aiohttp.ClientResponse) -> int | None:
    """Return how many bytes a response promises to send, None when it does not say (RFC 9112, section 6.3)."""
    return None if "Transfer-Encoding" in response.headers else response.content_length


class Body(AsyncIterator[bytes]):
    """Iterate one response's bytes as they were sent; raises `Retry` unless the server sent all it promised.

    `promised` is the length the server announced, None when it announced none. `begun` is how many bytes of the document came
    before those of the response, whose number is then `left`; `skip` of the response's own bytes are read and dropped. What
    was read before a failure is yielded before it is raised: it need not be sent again.
    """

    def __init__(self, response: aiohttp.ClientResponse, source: Source, *, begun: int = 0, left: int | None = None, skip: int = 0) -> None:
        self._response = response
        self._content = response.content
        self.promised = left if left is not None else length_of(response)
        self._framed = "Transfer-Encoding" in response.headers or self.promised is not None
        # Kept because the response lets go of its connection the moment the body ends, well or not.
        self._protocol = response.connection.protocol if response.connection is not None else None
        self._source = source
        self._pace = Pace(source)
        self._begun = begun
        self._skip = skip
        self._received = 0
        self._failure: Retry | None = None

    async def __anext__(self) -> bytes:
        while data := await self._gather():
            kept = data[self._skip :] if self._skip else data
            self._skip -= len(data) - len(kept)
            if kept:
                return kept
        self._finish()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the connection; closing again does nothing."""
        self._response.close()

    async def _gather(self) -> bytes:
        """Read about one chunk; empty at the end of the body."""
        if self._failure is not None:
            raise self._failure
        pieces: list[bytes] = []
        wanted = CHUNK_BYTES
        begun = monotonic()
        while wanted and monotonic() - begun < _LINGER_SECONDS:
            try:
                piece = await self._read(wanted)
            except Retry as error:
                if not pieces:
                    raise
                self._failure = error
                break
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    async def _read(self, limit: int) -> bytes:
        asked = monotonic()
        with explained(self._source):
            try:
                data = await self._content.read(limit)
            except (aiohttp.ClientPayloadError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                raise self._cut_short() from None
        if data:
            self._received += len(data)
            self._pace.note(len(data), monotonic() - asked)
        return data

    def _finish(self) -> None:
        if self.promised is not None and self._received != self.promised:
            raise self._cut_short()
        if not self._framed and self._was_reset():
            raise self._cut_short()
        if self._skip:
            raise self._cut_short()

    def _was_reset(self) -> bool:
        # A body whose only end mark is the end of the connection (RFC 9112, section 6.3) is reported as whole however the
        # connection ended; a reset is no end.
        return self._protocol is not None and isinstance(self._protocol.exception(), aiohttp.ClientOSError)

    def _cut_short(self) -> Retry:
        received = self._begun + max(self._received, self._content.total_bytes)
        of = f" of {self._begun + self.promised}" if self.promised is not None else ""
        return Retry(f"{self._source.name}: the body ended after {received}{of} bytes: nothing was applied; try again later")


class Content(AsyncIterator[bytes]):
    """Iterate a document's bytes, its coding undone over all the responses that bring it; `RefuseRun` when there are none."""

    def __init__(self, raw: Resuming, coding: Coding, source: Source) -> None:
        self._raw = raw
        self._coding = coding
        self._source = source
        self._allowance = None if isinstance(coding, Identity) else _allowance(source)
        self._pieces: Iterator[bytes] = iter(())
        self._empty = True

    async def __anext__(self) -> bytes:
        while (piece := next(self._pieces, None)) is None:
            try:
                data = await self._raw.__anext__()
            except StopAsyncIteration:
                self._finish()
                raise
            if self._allowance is not None:
                self._allowance.receive(len(data))
            self._pieces = self._coding.decode(data)
        if self._allowance is not None:
            self._allowance.unpack(0, len(piece))
        self._empty = False
        return piece

    async def aclose(self) -> None:
        """Close the connection; what was not read stays unread."""
        await self._raw.aclose()

    def _finish(self) -> None:
        self._coding.finish()
        if self._empty:
            raise RefuseRun(f"{self._source.name}: answered with no content; ask the supplier for the right URL")


def _allowance(source: Source) -> Allowance:
    # A coding is a layer like those of the decode stage, which sees only what comes out of it.
    return Allowance(Decoding(max_ratio=source.expansion.max_ratio, max_bytes=source.expansion.max_bytes), source.name)
