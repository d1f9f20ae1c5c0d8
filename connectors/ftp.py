"""Documents over FTP and FTPS (RFC 959, 1738, 3659, 4217), skipped where unchanged, resumed where it can be proven.

What errors mean is in `connectors.ftpwire.errors`. `ftp:` never speaks TLS and `ftps:` never goes without: `ftps:` is explicit
TLS (AUTH TLS) on any port but 990, where it is implicit; `source.tls.ftps` overrides that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import anyio.to_thread

from connectors.ftpwire.client import Facts, FtpClient
from connectors.ftpwire.errors import GivenUp
from connectors.ftpwire.target import Target, document_name, target_of
from connectors.ftpwire.transfer import Content, Tail, Transfer, grown
from connectors.wire.choosing import Entry, choose, fits
from connectors.wire.courtesy import admitted
from connectors.wire.egress import check_url
from connectors.wire.resuming import Resuming
from connectors.wire.retrying import persist
from connectors.wire.settling import settle
from connectors.wire.tls import client_context
from engine.document import CHUNK_BYTES, Document
from engine.errors import NotModified, Retry
from engine.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.ftpwire.listing import Listed

T = TypeVar("T")

_CLOSE_SECONDS: Final = 4.0
_LIST_TOLERANCE: Final = timedelta(days=1)


class FtpConnector:
    """Fetch a file, the newest that a pattern fits, or all of them, one after the other over one control connection."""

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        return _fetch(source)


@asynccontextmanager
async def _fetch(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    check_url(source)
    target = target_of(source, datetime.now(UTC))
    context = None if target.security == "none" else await anyio.to_thread.run_sync(client_context, source)
    async with admitted(source):
        line = _Line(lambda: FtpClient(source, target, context), source)
        documents: _Documents | None = None
        try:
            found = await line.persistently(lambda client: _survey(client, target, source))
            _check_news(found, source)
            documents = _Documents(found, line, source)
            yield documents
        finally:
            # Shielded, so that a cancelled run leaves no socket behind; bounded, so that a silent server cannot hold it.
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                if documents is not None:
                    await documents.aclose()
                await line.drop()


class _Line:
    """The control connection of a fetch, made when it is needed and made anew when it broke."""

    def __init__(self, create: Callable[[], FtpClient], source: Source) -> None:
        self._create = create
        self._source = source
        self._client: FtpClient | None = None

    async def once(self, step: Callable[[FtpClient], Awaitable[T]]) -> T:
        """Run a step on the connection; one that fails leaves none, since no later reply could be told from a late one."""
        try:
            if self._client is None or self._client.closed:
                self._client = self._create()
                await self._client.ready()
            return await step(self._client)
        except BaseException:
            await self.drop()
            raise

    async def persistently(self, step: Callable[[FtpClient], Awaitable[T]]) -> T:
        """Run a step, again on a new connection as `Source.persistence` says."""
        return await persist(self._source, lambda: self.once(step))

    async def drop(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


@dataclass(frozen=True, slots=True)
class _Found:
    """A file to fetch, with what the server said of it."""

    file: str
    name: str
    facts: Facts


async def _survey(client: FtpClient, target: Target, source: Source) -> list[_Found]:
    """Find the files that are meant and ask for their facts; raises `Retry` for one that is written just now."""
    files = await _chosen(client, target, source) if target.pattern else [target.file]
    found = [_Found(file, document_name(source, target, file), await client.facts(file)) for file in files]
    for known in found:
        # Settled before anything is read: a second change within the same second would look like none the next time.
        if await settle(known.facts.mtime) and await client.facts(known.file) != known.facts:
            raise Retry(grown(known.name))
    return found


async def _chosen(client: FtpClient, target: Target, source: Source) -> list[str]:
    listed = await _timed(client, (await client.listing()).files, target)
    entries = [Entry(file.name, file.size, file.mtime) for file in listed]
    return [entry.name for entry in choose(entries, target.file, source.select, source)]


async def _timed(client: FtpClient, listed: Sequence[Listed], target: Target) -> list[Listed]:
    """Ask for the exact times of those files among which the newest must be, where the listing does not know them.

    LIST shows minutes or days of an unknown zone: what lies more than a day behind the newest by it cannot be the newest.
    """
    fitting = [file for file in listed if fits(file.name, target.file)]
    latest = max((file.mtime for file in fitting if file.mtime is not None), default=None)
    asked = dict[str, datetime]()
    for file in fitting if len(fitting) > 1 else ():
        near = file.mtime is None or latest is None or latest - file.mtime <= _LIST_TOLERANCE
        if near and not file.exact and (exact := (await client.facts(file.name)).mtime) is not None:
            asked[file.name] = exact
    return [replace(file, mtime=asked.get(file.name, file.mtime)) for file in listed]


def _check_news(found: Sequence[_Found], source: Source) -> None:
    versions = {known.name: known.facts.version for known in found}
    if versions == dict(source.known):
        raise NotModified(f"{source.name}: size and time are those of the last complete run")


class _Documents(AsyncIterator[Document]):
    """Open one file after the other."""

    def __init__(self, found: Sequence[_Found], line: _Line, source: Source) -> None:
        self._left = list(found)
        self._line = line
        self._source = source
        self._content: Content | None = None

    async def __anext__(self) -> Document:
        await self.aclose()
        if not self._left:
            raise StopAsyncIteration
        found = self._left.pop(0)
        self._content = await self._open(found)
        facts = found.facts
        return Document(found.name, self._content, size=facts.size, mtime=facts.mtime, version=facts.version, buffer_bytes=2 * CHUNK_BYTES)

    async def aclose(self) -> None:
        """Close the document that was given last."""
        content, self._content = self._content, None
        if content is not None:
            await content.aclose()

    async def _open(self, found: _Found) -> Content:
        line, source, facts, tail = self._line, self._source, found.facts, Tail()

        async def begin(client: FtpClient, offset: int = 0) -> Transfer:
            # Only the reply was lost when all bytes are here, and servers differ in what they say to a wish for none.
            begun = offset - len(tail.bytes)
            channel = await client.retrieve(found.file, begun) if not offset or offset != facts.size else None
            return Transfer(client, channel, found.name, source, begun=begun, size=facts.size, tail=tail)

        async def go_on(client: FtpClient, offset: int) -> Transfer:
            if await client.facts(found.file) != facts:
                raise GivenUp(grown(found.name))
            return await begin(client, offset)

        # Size and time together stand for the bytes; with one of them missing, a rest could be another file's.
        provable = facts.version is not None
        opened = await line.persistently(begin)
        raw = Resuming(source, opened, (lambda offset: line.once(lambda client: go_on(client, offset))) if provable else None)
        return Content(raw, found.name, facts, lambda: line.persistently(lambda client: client.facts(found.file)))
