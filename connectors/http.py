"""Documents over HTTP and HTTPS: one GET, streamed, complete or an error. What errors mean is in `connectors.web.errors`."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
import anyio
import anyio.to_thread
from yarl import URL

from connectors.web.body import Body
from connectors.web.coding import ACCEPTED, coding_of
from connectors.web.errors import Answer, explained, http_date, judge
from connectors.wire.pace import OneDocument
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, RefuseRun
from engine.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REDIRECTS: Final = 5

_CLOSE_SECONDS: Final = 2.0


class HttpConnector:
    """Fetch one document with a GET.

    Redirects are followed at most five times; credentials go along within a host and stay behind when it changes. Proxy
    settings and netrc of the environment are not read: what a feed does must stand in the feed.
    """

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        return _fetch(source)


@asynccontextmanager
async def _fetch(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    async with _session(source) as session:
        response = await _get(session, source)
        try:
            yield OneDocument(_document(response, source))
        finally:
            response.close()


@asynccontextmanager
async def _session(source: Source) -> AsyncIterator[aiohttp.ClientSession]:
    patience = source.patience
    session = aiohttp.ClientSession(
        headers=_headers(source, await anyio.to_thread.run_sync(user_agent)),
        timeout=aiohttp.ClientTimeout(total=None, connect=patience.connect, sock_connect=patience.connect, sock_read=patience.idle),
        auto_decompress=False,
        read_bufsize=CHUNK_BYTES,
        trust_env=False,
    )
    try:
        yield session
    finally:
        # Shielded, so that a cancelled run leaves no socket behind; bounded, so that a silent server cannot hold it.
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await session.close()


async def _get(session: aiohttp.ClientSession, source: Source) -> aiohttp.ClientResponse:
    patience = source.patience
    with explained(source):
        # The client's own timeouts start anew with every byte; a head that drips needs this one.
        with anyio.fail_after((patience.connect + patience.idle) * (MAX_REDIRECTS + 1)):
            response = await session.get(_url(source), max_redirects=MAX_REDIRECTS)
    sent = aiohttp.hdrs.AUTHORIZATION in response.request_info.headers
    error = judge(Answer(response.status, response.headers, sent, response.url.host or ""), source)
    if error is None and response.content_length == 0:
        error = RefuseRun(f"{source.name}: answered {response.status} with no content; ask the supplier for the right URL")
    if error is not None:
        response.close()
        raise error
    return response


def _document(response: aiohttp.ClientResponse, source: Source) -> Document:
    headers: Mapping[str, str] = response.headers
    coding = headers.get("Content-Encoding", "")
    plain = coding.strip().lower() in ("", "identity")
    body = Body(response, coding_of(coding, source), source)
    return Document(
        source.name,
        body,
        size=body.promised if plain else None,
        mtime=http_date(headers.get("Last-Modified", "")),
        etag=headers.get("ETag"),
        content_type=response.content_type if "Content-Type" in headers else None,
        charset=response.charset,
    )


def _url(source: Source) -> URL:
    # A URL that is written out in ASCII goes over the wire as it stands: signatures in it cover every byte. Anything else
    # (blanks, umlauts, international host names) has to be encoded first.
    written_out = source.url.isascii() and source.url.isprintable() and " " not in source.url
    return URL(source.url, encoded=written_out)


@cache
def user_agent() -> str:
    """Return how Feedmill names itself to suppliers. Reads the installed metadata, so not on the event loop."""
    return f"feedmill/{version('feedmill')}"


def _headers(source: Source, agent: str) -> dict[str, str]:
    headers = {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": ACCEPTED}
    if source.username is not None:
        headers["Authorization"] = _basic(source)
    return headers


def _basic(source: Source) -> str:
    """Return the Basic credentials in UTF-8 (RFC 7617)."""
    username = source.username or ""
    if ":" in username:
        raise ConfigError(f"{urlsplit(source.url).netloc}: a user name with a colon cannot be sent over HTTP (RFC 7617, section 2)")
    password = source.password.reveal() if source.password is not None else ""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
