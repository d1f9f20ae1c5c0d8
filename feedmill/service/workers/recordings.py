"""The beginnings of sources, kept for as long as somebody works on a mapping: a supplier is not asked anew at every keystroke."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from engine.contracts import Connector
    from engine.document import Document
    from engine.source import Source

T = TypeVar("T")
_Made: TypeAlias = dict[str, str]

KEPT_SECONDS: Final = 120.0
"""How long a beginning is used after it was fetched: somebody who judges by it must not judge yesterday's file."""

LARGEST: Final = 8 * 1024 * 1024
MOST: Final = 4
"""How many bytes of a source are kept, as sent, and of how many sources."""


class _Spent(Exception):
    """More is read than is kept."""


@dataclass(slots=True)
class _Sample:
    """What was read of the documents of a source, each with its chunks, whether that was the whole, and what was made of it by name."""

    feed: int
    source: Source
    kind: type
    read_at: float
    documents: list[tuple[Document, list[bytes]]] = field(default_factory=list)
    ended: int = 0
    complete: bool = False
    size: int = 0
    made: dict[str, str] = field(default_factory=dict)

    def fits(self, feed: int, source: Source, kind: type) -> bool:
        """Return whether it is what a connector of this kind would bring."""
        # Credentials are part of the source: who has others is not shown what these have brought.
        return (self.feed, self.source, self.kind) == (feed, source, kind) and monotonic() - self.read_at < KEPT_SECONDS


@dataclass(slots=True)
class Recordings:
    """The recordings of a process, the oldest first."""

    _kept: list[_Sample] = field(default_factory=list)

    async def look(self, feed: int, connector: Connector, source: Source, work: Callable[[Connector, _Made], Awaitable[T]]) -> T:
        """Return what `work` makes of a source, by what is kept of it where that is enough, else fetched anew and kept.

        `work` also gets a place for what it would have to make of the same bytes again.
        """
        kind = type(connector)
        self._kept = [each for each in self._kept if monotonic() - each.read_at < KEPT_SECONDS]
        for sample in [each for each in self._kept if each.fits(feed, source, kind)]:
            try:
                return await work(_Replaying(sample), sample.made)
            except _Spent:
                self._drop(sample)
        sample = _Sample(feed, source, kind, monotonic())
        try:
            return await work(_Recording(connector, sample), sample.made)
        finally:
            self._keep(sample)

    def _keep(self, sample: _Sample) -> None:
        if sample.documents and sample.size <= LARGEST:
            self._kept = [*[each for each in self._kept if each.feed != sample.feed][1 - MOST :], sample]

    def _drop(self, sample: _Sample) -> None:
        self._kept = [each for each in self._kept if each is not sample]


@dataclass(frozen=True, slots=True)
class _Recording:
    """A connector that keeps what it has brought."""

    connector: Connector
    sample: _Sample

    @asynccontextmanager
    async def fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        async with self.connector.fetch(source) as documents, aclosing(self._documents(documents)) as recorded:
            yield recorded

    async def _documents(self, documents: AsyncIterator[Document]) -> AsyncGenerator[Document]:
        async for document in documents:
            chunks: list[bytes] = []
            self.sample.documents.append((document, chunks))
            yield replace(document, chunks=self._chunks(document, chunks))
        self.sample.complete = True

    async def _chunks(self, document: Document, kept: list[bytes]) -> AsyncGenerator[bytes]:
        async for chunk in document.chunks:
            self.sample.size += len(chunk)
            if self.sample.size <= LARGEST:
                kept.append(chunk)
            yield chunk
        self.sample.ended += 1


@dataclass(frozen=True, slots=True)
class _Replaying:
    """A connector that brings what is kept, and says so where there is more."""

    sample: _Sample

    @asynccontextmanager
    async def fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        async with aclosing(self._documents()) as documents:
            yield documents

    async def _documents(self) -> AsyncGenerator[Document]:
        for place, (document, chunks) in enumerate(self.sample.documents):
            yield replace(document, chunks=self._chunks(chunks, ended=place < self.sample.ended))
        if not self.sample.complete:
            raise _Spent

    async def _chunks(self, chunks: list[bytes], *, ended: bool) -> AsyncGenerator[bytes]:
        for chunk in chunks:
            yield chunk
        if not ended:
            raise _Spent
