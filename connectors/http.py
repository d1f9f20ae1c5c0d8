"""Documents over HTTP and HTTPS: one GET, streamed, complete or an error; skipped where unchanged, resumed where it can be proven.

What errors mean is in `connectors.web.errors`, by what bytes are known again in `connectors.web.validators`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.web.body import Body, Content, length_of
from connectors.web.client import READ_BUFFER_BYTES, open_session
from connectors.web.coding import coding_of
from connectors.web.errors import http_date
from connectors.web.oauth import get_authorised
from connectors.web.request import addressed
from connectors.web.validators import Validators, conditions, contradicts, goes_on, validators_of
from connectors.wire.pace import OneDocument
from connectors.wire.resuming import Resuming
from connectors.wire.retrying import persist
from engine.document import Document
from engine.errors import NotModified, RefuseRun, Retry
from engine.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp


class HttpConnector:
    """Fetch one document with a GET.

    A source that says it is unchanged since the run before is `NotModified`. What fails in passing is tried again, and a body
    that breaks off is gone on with where it stopped, if a strong validator proves that the rest belongs to the same bytes.
    """

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        return _fetch(source)


@asynccontextmanager
async def _fetch(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    source = addressed(source)
    async with open_session(source) as session:
        response = await persist(source, lambda: _ask(session, source))
        try:
            document, content = _document(session, response, source)
        except BaseException:
            response.close()
            raise
        try:
            yield OneDocument(document)
        finally:
            await content.aclose()


async def _ask(session: aiohttp.ClientSession, source: Source) -> aiohttp.ClientResponse:
    """Ask for the document if it is another than the last run read; raises `NotModified` when it is not."""
    known = source.known.get(source.name) if len(source.known) == 1 else None
    asked = conditions(known) if known is not None else {}
    response = await get_authorised(session, source, headers=asked, accept=(304,) if asked else ())
    if known is not None and response.status == 304:
        response.close()
        if not contradicts(response.headers, known):
            raise NotModified(f"{source.name}: unchanged since the last complete run, says the server (304)")
        response = await get_authorised(session, source)
    _check_head(response, source, known)
    return response


def _check_head(response: aiohttp.ClientResponse, source: Source, known: str | None) -> None:
    validators = validators_of(response.headers)
    if known is not None and validators.exact and validators.version == known:
        # A server that answers no condition, but whose ETag says what its 304 would have said.
        response.close()
        raise NotModified(f"{source.name}: unchanged since the last complete run, by its ETag")
    if response.content_length == 0:
        response.close()
        raise RefuseRun(f"{source.name}: answered {response.status} with no content; ask the supplier for the right URL")


def _document(session: aiohttp.ClientSession, response: aiohttp.ClientResponse, source: Source) -> tuple[Document, Content]:
    headers: Mapping[str, str] = response.headers
    coding = headers.get("Content-Encoding", "")
    validators = validators_of(headers)
    body = Body(response, source)
    proof = validators.range_condition
    raw = Resuming(source, body, _Rest(session, source, validators, proof, body.promised).open if proof is not None else None)
    content = Content(raw, coding_of(coding, source), source)
    document = Document(
        source.name,
        content,
        size=None if validators.coding else body.promised,
        mtime=http_date(headers.get("Last-Modified", "")),
        etag=headers.get("ETag"),
        content_type=response.content_type if "Content-Type" in headers else None,
        charset=response.charset,
        version=validators.version,
        buffer_bytes=READ_BUFFER_BYTES,
    )
    return document, content


@dataclass(frozen=True, slots=True)
class _Rest:
    """How to go on with a document of these validators and of `total` bytes as sent, None where that is not known.

    `proof` is the validator that stands for its very bytes.
    """

    session: aiohttp.ClientSession
    source: Source
    validators: Validators
    proof: str
    total: int | None

    async def open(self, offset: int) -> Body:
        """Ask for the bytes from `offset` on; raises `Retry` when what comes cannot be proven to be their rest."""
        headers = {"Range": f"bytes={offset}-", "If-Range": self.proof} if offset else {}
        response = await get_authorised(self.session, self.source, headers=headers, accept=(206, 416))
        body = self._rest(response, offset)
        if body is None:
            response.close()
            raise Retry(
                f"{self.source.name}: changed while it was read, or cannot be gone on with after {offset} bytes: nothing was applied; "
                "try again later"
            )
        return body

    def _rest(self, response: aiohttp.ClientResponse, offset: int) -> Body | None:
        now = validators_of(response.headers)
        # A server that knows ranges but not If-Range sends the rest of whatever it has now: the validator has to be in its answer.
        if (
            self.proof not in (now.etag, now.modified)
            or now.etag not in (None, self.validators.etag)
            or now.coding != self.validators.coding
        ):
            return None
        if response.status == 206:
            total = goes_on(response.headers, offset, self.total)
            return None if total is None else Body(response, self.source, begun=offset, left=total - offset)
        length = length_of(response)
        if response.status == 200 and (length == self.total or length is None or self.total is None):
            return Body(response, self.source, left=self.total, skip=offset)
        return None
