"""Decoding on an event loop: the decoder works in a thread, one piece at a time, and not at all for what is plain."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Self

from anyio import to_thread

from engine.contracts import DocumentFacts
from engine.decode import Decoder, Ended, Opened

if TYPE_CHECKING:
    from types import TracebackType

    from engine.contracts import Connector
    from engine.decode import Decoding, Part
    from engine.document import Document
    from engine.source import Source


class Unpacking:
    """Turn the documents of a source, as sent, into plain ones. A context manager: leaving it lets go of temporary files.

    `take` one part, then ask for `next_part` until it is None, then take the next. Asking for one piece at a time is what
    keeps a few kilobytes that unpack to gigabytes from ever standing in memory at once.
    """

    def __init__(self, decoding: Decoding, *, inline: bool = False) -> None:
        self._decoding = decoding
        self._inline = inline
        self._decoder: Decoder | None = None
        self._parts: Iterator[Part] = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._decoder is not None:
            self._decoder.close()

    @property
    def how(self) -> str | None:
        """Return how the document is unpacked, None while it is plain."""
        return self._decoder.reason if self._decoder is not None else None

    def take(self, part: Part) -> None:
        """Take the next part as the source sent it."""
        if isinstance(part, Opened):
            if self._decoder is not None:
                self._decoder.close()
            self._decoder = Decoder(self._decoding, part.facts)
        elif self._decoder is not None:
            self._parts = self._decoder.finish() if isinstance(part, Ended) else self._decoder.feed(part)

    async def next_part(self) -> Part | None:
        """Return the next plain part, None when what was taken is used up."""
        if self._inline or (self._decoder is not None and self._decoder.passthrough):
            return next(self._parts, None)
        return await to_thread.run_sync(next, self._parts, None)


@asynccontextmanager
async def unpack_source(unpacking: Unpacking, connector: Connector, source: Source) -> AsyncIterator[AsyncIterator[Part]]:
    """Fetch a source and give its plain parts, one at a time: whoever has seen enough leaves off, and no more is fetched."""
    # The connector is left as a context, not by closing a generator around it: a task group that a connector may hold makes a group
    # of whatever leaves it, also of the end of a generator.
    async with connector.fetch(source) as documents, aclosing(_unpack(unpacking, documents)) as parts:
        yield parts


async def _unpack(unpacking: Unpacking, documents: AsyncIterator[Document]) -> AsyncGenerator[Part]:
    async with aclosing(_parts(documents)) as parts:
        async for part in parts:
            unpacking.take(part)
            while (decoded := await unpacking.next_part()) is not None:
                yield decoded


async def _parts(documents: AsyncIterator[Document]) -> AsyncGenerator[Part]:
    async for document in documents:
        yield Opened(DocumentFacts.of(document))
        async for chunk in document.chunks:
            yield chunk
        yield Ended()
