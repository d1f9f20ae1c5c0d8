"""The beginnings of sources, kept for as long as somebody works on a feed: a supplier is not asked anew at every keystroke."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

import orjson

from engine.decode import Decoding
from engine.flow.sample import sample_source

if TYPE_CHECKING:
    from engine.contracts import Connector
    from engine.document import Document
    from engine.feed import Feed
    from engine.flow.sample import Sample
    from engine.source import Source
    from feedmill.service.workers.paging import SeenPages

T = TypeVar("T")

KEPT_SECONDS: Final = 600.0
"""How long a beginning is kept after it was fetched; whoever looks says how old it may be."""

LARGEST: Final = 8 * 1024 * 1024
MOST: Final = 8
"""How many bytes of a source are kept, as sent, and of how many sources."""

_REACHING: Final = {
    *("resource_location", "resource_path", "authentication_token", "authentication_secret", "use_proxy", "proxy_url", "transport"),
    *("compression", "pagination", "parameters"),
}
"""Attributes that decide what is fetched; the others decide how it is read."""


def source_key(feed: Feed) -> bytes:
    """Return what decides what a fetch of a feed brings, as a digest.

    Credentials are part of it: who has others is not shown what these have brought.
    """
    # Whether it is read page by page is said by `pagination` alone: an API of one page is what stands at its address.
    reached = feed.model_dump(mode="json", by_alias=True, include=_REACHING)
    return hashlib.sha256(orjson.dumps(reached, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(slots=True)
class Made:
    """What was made of a beginning, so that it is not made again: its sample, the pages of an API, answers by what they were asked with."""

    sample: Sample | None = None
    pages: SeenPages | None = None
    answers: dict[str, str] = field(default_factory=dict)

    async def take_sample(self, feed: Feed, connector: Connector, source: Source) -> Sample:
        """Return the first plain bytes. Raises as `sample_source` does."""
        if self.sample is None:
            self.sample = await sample_source(Decoding.of(feed), connector, source)
        return self.sample


class _Spent(Exception):
    """More is read than is kept."""


@dataclass(slots=True)
class _Beginning:
    """What was read of a source: its documents with their chunks, how many had ended, whether that was all, and what was made of it."""

    key: bytes
    kind: type
    read_at: float
    documents: list[tuple[Document, list[bytes]]] = field(default_factory=list)
    ended: int = 0
    complete: bool = False
    size: int = 0
    made: Made = field(default_factory=Made)

    def forget_bytes(self) -> None:
        """Keep what was made of it alone."""
        self.documents, self.ended, self.complete, self.size = [], 0, False, 0


@dataclass(slots=True)
class Beginnings:
    """The beginnings that a process keeps, the oldest first."""

    _kept: list[_Beginning] = field(default_factory=list)

    async def look(
        self,
        key: bytes,
        connector: Connector,
        source: Source,
        work: Callable[[Connector, Made], Awaitable[T]],
        *,
        seconds: float,
        refetch: bool = False,
    ) -> T:
        """Return what `work` makes of a source, by what is kept of it where that is enough, else fetched anew and kept.

        What is kept is not used when it is older than `seconds`, or with `refetch`. Raises what `work` raises.
        """
        now, kind = monotonic(), type(connector)
        self._kept = [each for each in self._kept if now - each.read_at < KEPT_SECONDS]
        for found in [each for each in self._kept if (each.key, each.kind) == (key, kind)]:
            if not refetch and now - found.read_at < seconds:
                try:
                    return await work(_Replaying(found), found.made)
                except _Spent:
                    pass
            self._drop(found)
        fresh = _Beginning(key, kind, monotonic())
        try:
            return await work(_Recording(connector, fresh), fresh.made)
        finally:
            self._keep(fresh)

    def _keep(self, fresh: _Beginning) -> None:
        if fresh.size > LARGEST:
            fresh.forget_bytes()
        if fresh.documents or fresh.made.sample is not None:
            others = [each for each in self._kept if (each.key, each.kind) != (fresh.key, fresh.kind)]
            self._kept = [*others[1 - MOST :], fresh]

    def _drop(self, found: _Beginning) -> None:
        self._kept = [each for each in self._kept if each is not found]


@dataclass(frozen=True, slots=True)
class _Recording:
    """A connector that keeps what it has brought the last time."""

    connector: Connector
    beginning: _Beginning

    @asynccontextmanager
    async def fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        self.beginning.forget_bytes()
        async with self.connector.fetch(source) as documents, aclosing(self._documents(documents)) as recorded:
            yield recorded

    async def _documents(self, documents: AsyncIterator[Document]) -> AsyncGenerator[Document]:
        async for document in documents:
            chunks: list[bytes] = []
            self.beginning.documents.append((document, chunks))
            yield replace(document, chunks=self._chunks(document, chunks))
        self.beginning.complete = True

    async def _chunks(self, document: Document, kept: list[bytes]) -> AsyncGenerator[bytes]:
        async for chunk in document.chunks:
            self.beginning.size += len(chunk)
            if self.beginning.size <= LARGEST:
                kept.append(chunk)
            yield chunk
        self.beginning.ended += 1


@dataclass(frozen=True, slots=True)
class _Replaying:
    """A connector that brings what is kept, and says so where there is more."""

    beginning: _Beginning

    @asynccontextmanager
    async def fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        async with aclosing(self._documents()) as documents:
            yield documents

    async def _documents(self) -> AsyncGenerator[Document]:
        for place, (document, chunks) in enumerate(self.beginning.documents):
            yield replace(document, chunks=self._chunks(chunks, ended=place < self.beginning.ended))
        if not self.beginning.complete:
            raise _Spent

    async def _chunks(self, chunks: list[bytes], *, ended: bool) -> AsyncGenerator[bytes]:
        for chunk in chunks:
            yield chunk
        if not ended:
            raise _Spent
