"""Documents of a JSON API, page by page: each page a document, each read whole before any of it is passed on.

While the engine reads a page the next one is on its way, and never the one after. An API that is not paged is a file over HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

from connectors.http import HttpConnector
from connectors.web.body import Body, Content
from connectors.web.client import open_session
from connectors.web.coding import coding_of
from connectors.web.oauth import get_authorised
from connectors.web.pages import PAGE_BYTES, Page, read_page
from connectors.web.rate import await_turn
from connectors.web.request import addressed
from connectors.web.showing import show_address
from connectors.web.walking import Census, Step, Walk
from connectors.wire.resuming import Resuming
from connectors.wire.retrying import persist
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry
from engine.source import Source

if TYPE_CHECKING:
    import aiohttp
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from connectors.web.pages import Place
    from engine.source import Paging

_PREFIX: Final = "rest+"
_NOTHING_THERE: Final = frozenset({204, 400, 404, 410, 416, 422})
"""What APIs say to a page past the last one, when they do not send an empty one."""


class RestConnector:
    """Fetch a JSON API with GETs: one document where it is not paged, else one for each page that has items, in order.

    A page that fails in passing is asked for again, alone. Pages that repeat, that hold no list, or that are more than the limits
    allow are `RefuseRun`; an announced number of items that changes between two pages is `Retry`. Paged sources have no version:
    each fetch reads them all.
    """

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        source = replace(source, url=source.url.removeprefix(_PREFIX))
        paging = source.request.paging
        return _fetch_whole(source) if paging is None else _fetch_pages(source, paging)


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A page that was looked at: where it was asked for and where the next one is, None after the last, both as they may be shown.

    `items` are its own, `total` those that the API announces, `place` is where they stand, names joined by dots.
    """

    asked: str
    items: int
    total: int | None
    place: str
    next: str | None


@dataclass(frozen=True, slots=True)
class Peek:
    """The first pages of an API, the first of them as a document; `problem` is why there are no more, None where nothing is wrong."""

    pages: tuple[SeenPage, ...]
    document: Document
    problem: str | None


async def peek(source: Source, most: int) -> Peek:
    """Read the first `most` pages of a paged API and no more.

    Raises what a fetch raises where that is of the first page; of a later one it is the `problem`.
    """
    source = replace(source, url=source.url.removeprefix(_PREFIX))
    if source.request.paging is None:
        raise ConfigError(f"{source.name}: is not paged: set pagination.style")
    pages = _Pages(source, source.request.paging)
    async with open_session(pages.source) as session:
        return await pages.peek(session, most)


@asynccontextmanager
async def _fetch_whole(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    await await_turn(source)
    async with HttpConnector().fetch(source) as documents:
        yield documents


@asynccontextmanager
async def _fetch_pages(source: Source, paging: Paging) -> AsyncIterator[AsyncIterator[Document]]:
    failure: BaseException | None = None
    pages = _Pages(source, paging)
    # No room in between: a page is handed over when it is asked for, and only then is the next but one begun.
    send, receive = anyio.create_memory_object_stream[Document | FeedmillError](0)
    with send, receive:
        try:
            async with open_session(pages.source) as session, anyio.create_task_group() as tasks:
                tasks.start_soon(_read_ahead, pages, session, send)
                try:
                    yield _Ahead(receive)
                finally:
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # The reader's own error, in the group's wrapping: what the reading task fails with is handed over, not raised.
            failure = group.exceptions[0]
    if failure is not None:
        raise failure


async def _read_ahead(pages: _Pages, session: aiohttp.ClientSession, send: MemoryObjectSendStream[Document | FeedmillError]) -> None:
    with send:
        try:
            while (document := await pages.next(session)) is not None:
                await send.send(document)
        except FeedmillError as error:
            await send.send(error)


class _Ahead(AsyncIterator[Document]):
    """Iterate the documents that were read ahead; an error of the reading is raised when its turn comes."""

    def __init__(self, receive: MemoryObjectReceiveStream[Document | FeedmillError]) -> None:
        self._receive = receive

    async def __anext__(self) -> Document:
        try:
            found = await self._receive.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None
        if isinstance(found, FeedmillError):
            raise found
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    """A page that was read, and what its response said beside it."""

    page: Page
    data: bytes
    url: str
    links: tuple[str, ...]
    content_type: str | None
    charset: str | None


class _Pages:
    """The pages of one fetch, one after the other."""

    def __init__(self, source: Source, paging: Paging) -> None:
        self.source = addressed(source)
        query = [(parameter.name, parameter.value.reveal()) for parameter in source.request.parameters if parameter.place == "query"]
        self._hidden = frozenset(name for name, _ in query)
        self._name = source.name
        self._walk = Walk(self.source, paging, query)
        self._census = Census(self.source, paging)
        self._step: Step | None = self._walk.first()
        self._place: Place | None = None
        self._number = 0

    async def next(self, session: aiohttp.ClientSession) -> Document | None:
        """Return the next page as a document, None when the one before was the last and all of them make up one whole."""
        while self._step is not None:
            self._number += 1
            document = await self._take(session, self._step)
            if document is not None:
                return document
        self._census.close()
        return None

    async def peek(self, session: aiohttp.ClientSession, most: int) -> Peek:
        """Read the first pages and no more, see `peek`."""
        seen: list[SeenPage] = []
        document: Document | None = None
        problem: str | None = None
        while self._step is not None and self._number < most and problem is None:
            step, self._number = self._step, self._number + 1
            try:
                found = await self._read_page(session, step)
            except FeedmillError as error:
                if document is None:
                    raise
                problem = str(error)
            else:
                document = document if document is not None or found is None else self._document(found)
                seen.append(self._see(step, found))
        if document is None:
            raise RefuseRun(f"{self._name} holds no document")
        return Peek(tuple(seen), document, problem)

    def _see(self, step: Step, found: _Found | None) -> SeenPage:
        asked, following = (None if each is None else self._show(each.url) for each in (step, self._step))
        if found is None:
            return SeenPage(asked or "", 0, None, "", None)
        return SeenPage(asked or "", found.page.items, found.page.total, ".".join(found.page.place), following)

    def _show(self, url: str) -> str:
        return show_address(replace(self.source, url=url), self._hidden)

    async def _take(self, session: aiohttp.ClientSession, step: Step) -> Document | None:
        """Return one page; None when it has no items. An empty first page is a document all the same."""
        found = await self._read_page(session, step)
        return self._document(found) if found is not None and (found.page.items or self._number == 1) else None

    async def _read_page(self, session: aiohttp.ClientSession, step: Step) -> _Found | None:
        """Read one page and find the step after it; None where the end is."""
        found = await persist(self.source, lambda: self._ask(session, step))
        if found is None or (step.doubtful and self._census.repeats(found.page)):
            self._step = None
            return None
        with _located(self._number):
            self._step = self._judge(found)
        return found

    def _judge(self, found: _Found) -> Step | None:
        """Count a page and return the step after it."""
        page, self._place = found.page, found.page.place
        self._census.take(page)
        step = self._walk.after(page, found.url, found.links, self._census)
        if page.items or step is not None:
            self._census.refuse_more_pages()
        return step

    async def _ask(self, session: aiohttp.ClientSession, step: Step) -> _Found | None:
        """Ask for a page once; None when nothing is there, and that is no surprise."""
        with _located(self._number):
            return await self._fetch(session, step)

    async def _fetch(self, session: aiohttp.ClientSession, step: Step) -> _Found | None:
        await await_turn(self.source)
        response = await get_authorised(session, self.source, step.url, accept=_NOTHING_THERE if step.doubtful else ())
        try:
            if step.doubtful and (response.status in _NOTHING_THERE or response.content_length == 0):
                return None
            data = await self._read(response)
        finally:
            response.close()
        headers, charset = response.headers, response.charset
        page = await to_thread.run_sync(read_page, data, headers, charset, self._place, self.source)
        kind = response.content_type if "Content-Type" in headers else None
        return _Found(page, data, str(response.url), tuple(headers.getall("Link", ())), kind, charset)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the bytes of a page, whole or not at all."""
        coding = coding_of(response.headers.get("Content-Encoding", ""), self.source)
        pieces: list[bytes] = []
        size = 0
        async for piece in Content(Resuming(self.source, Body(response, self.source), None), coding, self.source):
            size += len(piece)
            if size > PAGE_BYTES:
                raise RefuseRun(
                    f"{self.source.name}: a page of more than {PAGE_BYTES // 1024**2} MiB; ask for smaller ones with "
                    "pagination.sizeParameter and pagination.size"
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _document(self, found: _Found) -> Document:
        size = len(found.data)
        return Document(
            f"{self._name} (page {self._number})",
            _Slices(found.data),
            size=size,
            content_type=found.content_type,
            charset=found.charset,
            buffer_bytes=size,
        )


class _Slices(AsyncIterator[bytes]):
    """Iterate bytes that are in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    async def __anext__(self) -> bytes:
        piece = self._data[self._place : self._place + CHUNK_BYTES]
        if not piece:
            raise StopAsyncIteration
        self._place += len(piece)
        return piece


@contextmanager
def _located(number: int) -> Iterator[None]:
    """Say in an error which page it was; the first is where everything fails that fails for all of them."""
    try:
        yield
    except Retry as error:
        raise error if number == 1 else Retry(f"page {number}: {error}", retry_after=error.retry_after) from None
    except RefuseRun as error:
        raise error if number == 1 else RefuseRun(f"page {number}: {error}") from None
