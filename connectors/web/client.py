"""The HTTP client of every connector over HTTP: a session within the rules of its source, and one GET with its redirects.

Redirects are followed here, hop by hop, and not by the client library: the address of each is held against the egress
policy, and what is secret stays with the host that it was given for.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import aiohttp
import anyio
import anyio.to_thread
from aiohttp.resolver import ThreadedResolver

from connectors.web.coding import ACCEPTED
from connectors.web.errors import Answer, explained, judge
from connectors.web.request import proxy_of, secret_headers, wire_url
from connectors.wire.courtesy import admitted
from connectors.wire.egress import check_address, check_url
from connectors.wire.tls import client_context
from engine.document import CHUNK_BYTES
from engine.errors import RefuseRun
from engine.source import Source, Tls

if TYPE_CHECKING:
    import ssl
    from http.cookies import BaseCookie

    from aiohttp.abc import ResolveResult
    from aiohttp.typedefs import LooseCookies
    from yarl import URL

MAX_REDIRECTS: Final = 5
READ_BUFFER_BYTES: Final = 2 * CHUNK_BYTES
"""What the client library holds of a body at most before it stops reading from the socket: twice what it is told to."""

_CLOSE_SECONDS: Final = 2.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@asynccontextmanager
async def open_session(source: Source) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a client session for one fetch of a source, admitted among the connections that its host is spared.

    Every address it connects to passes `source.egress`; cookies stay with the origin that set them and end with the session.
    Proxy settings and netrc of the environment are not read: what a feed does must stand in the feed. Raises `ConfigError`
    for TLS files that cannot be read.
    """
    async with admitted(source), open_unadmitted(source) as session:
        yield session


@asynccontextmanager
async def open_unadmitted(source: Source) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session as `open_session` does that waits in no line, for requests that are no fetch and may not wait for one."""
    agent = await anyio.to_thread.run_sync(user_agent)
    session = _session(source, agent, await anyio.to_thread.run_sync(_tls_context, source))
    try:
        yield session
    finally:
        # Shielded, so that a cancelled run leaves no socket behind; bounded, so that a silent server cannot hold it.
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await session.close()


async def get(
    session: aiohttp.ClientSession,
    source: Source,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    accept: Collection[int] = (),
) -> aiohttp.ClientResponse:
    """Send one GET, follow its redirects and return the response, whose body is still to be read and which is to be closed.

    `url` (the source's own where None) goes over the wire as it stands: see `connectors.web.request.addressed` for path and
    parameters. Credentials, header parameters and an `Authorization` among `headers` go along while scheme, host and port are
    those of the source, and stay behind for good where a redirect leaves them. Raises what `judge` makes of any status but 200,
    203 and those of `accept`, and what `explain` makes of a failing exchange; nothing is tried again here.
    """
    secrets = secret_headers(source)
    with explained(source):
        origin = wire_url(source.url)
        hop = _Hop(origin if url is None else wire_url(url), headers or {}, secrets)
        if not _same_keeper(origin, hop.url):
            hop = hop.without_secrets()
        response = await _follow(session, source, hop)
    if response.status not in accept:
        carried = response.request_info.headers
        sent = any(name in carried for name in ("Authorization", *(name for name, _ in secrets)))
        error = judge(Answer(response.status, response.headers, sent, response.url.host or ""), source)
        if error is not None:
            response.close()
            raise error
    return response


async def post(
    session: aiohttp.ClientSession, source: Source, form: Mapping[str, str], headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    """Send a form to the source's own URL and return the response, whatever its status; it is to be closed.

    Nothing goes along but `headers`, and no redirect is followed: a form with a secret is for the address it was given for.
    Raises what `explain` makes of a failing exchange.
    """
    with explained(source):
        return await send(session, source, form, headers)


async def send(
    session: aiohttp.ClientSession, source: Source, content: Mapping[str, str] | bytes, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    """POST a form, or bytes as they are, as `post` does. The client library's errors pass: what they mean is the caller's to say."""
    return await _ask(session, source, _Hop(wire_url(source.url), headers, [], content))


@cache
def user_agent() -> str:
    """Return how Feedmill names itself to suppliers. Reads the installed metadata, so not on the event loop."""
    return f"feedmill/{version('feedmill')}"


@dataclass(frozen=True, slots=True)
class _Hop:
    """One request of a chain of redirects; `secrets` are the headers that the next host may not see. With content it is a POST."""

    url: URL
    headers: Mapping[str, str]
    secrets: list[tuple[str, str]]
    content: Mapping[str, str] | bytes | None = None

    def without_secrets(self) -> _Hop:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("authorization", "cookie")}
        return replace(self, headers=kept, secrets=[])

    def fields(self) -> list[tuple[str, str]]:
        return [*self.secrets, *self.headers.items()]


async def _follow(session: aiohttp.ClientSession, source: Source, hop: _Hop) -> aiohttp.ClientResponse:
    for _ in range(MAX_REDIRECTS + 1):
        response = await _ask(session, source, hop)
        location = response.headers.get("Location") if response.status in _REDIRECTS else None
        if location is None:
            return response
        response.release()
        hop = _next(source, hop, location)
    raise RefuseRun(
        f"{source.name}: redirects in a circle or more than {MAX_REDIRECTS} times; use the address that finally serves the file"
    )


async def _ask(session: aiohttp.ClientSession, source: Source, hop: _Hop) -> aiohttp.ClientResponse:
    target = source if str(hop.url) == source.url else replace(source, url=str(hop.url), username=None, password=None)
    check_url(target)
    patience, fields = source.patience, hop.fields()
    proxy = proxy_of(source)
    through: dict[str, URL | dict[str, str]] = {}
    if proxy is not None:
        address, authorization = proxy
        check_url(replace(target, url=str(address), egress=replace(source.egress, schemes=None)))
        _check_literal(hop.url, target)
        through["proxy"] = address
        if authorization is not None and hop.url.scheme == "https":
            # For the tunnel's own head: inside it the supplier would read the proxy's password.
            through["proxy_headers"] = {"Proxy-Authorization": authorization}
        elif authorization is not None:
            fields.append(("Proxy-Authorization", authorization))
    # The client's own timeouts start anew with every byte; a head that drips needs this one.
    with anyio.fail_after(patience.connect + patience.idle):
        method = aiohttp.hdrs.METH_GET if hop.content is None else aiohttp.hdrs.METH_POST
        return await session.request(method, hop.url, data=hop.content, headers=fields, allow_redirects=False, **through)  # type: ignore[arg-type]


def _next(source: Source, hop: _Hop, location: str) -> _Hop:
    """Return the hop a redirect points to; a redirect that cannot be followed, or not in safety, is refused."""
    url = _target(hop.url, location)
    if url is None:
        raise RefuseRun(f"{source.name}: redirects to an address that cannot be followed; use the address that finally serves the file")
    if (hop.url.scheme, url.scheme) == ("https", "http"):
        raise RefuseRun(
            f"{source.name}: redirects from https to http ({url.host}), where anybody in between may read and change the file; "
            "ask the supplier for an https address"
        )
    further = replace(hop, url=url)
    return further if _same_keeper(hop.url, url) else further.without_secrets()


def _target(base: URL, location: str) -> URL | None:
    try:
        url = base.join(wire_url(location))
        return url if url.scheme in ("http", "https") and url.host and url.port is not None and url.user is None else None
    except ValueError:
        return None


def _same_keeper(one: URL, other: URL) -> bool:
    """Return whether what is secret to one address may be told the other: the same origin, or its own move from http to https."""
    if one.host != other.host:
        return False
    if one.scheme == other.scheme:
        return one.port == other.port
    return (one.scheme, one.port, other.scheme, other.port) == ("http", 80, "https", 443)


def _check_literal(url: URL, target: Source) -> None:
    """Hold an address behind a proxy against the policy where the URL itself says it; a name is the proxy's to resolve."""
    try:
        literal = ip_address(url.host or "")
    except ValueError:
        return
    check_address(str(literal), target, host=str(literal))


def _session(source: Source, agent: str, context: ssl.SSLContext | None) -> aiohttp.ClientSession:
    patience = source.patience
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=_Resolver(source),
            socket_factory=_SocketFactory(source),
            ssl=True if context is None else context,
        ),
        cookie_jar=_OriginJar(),
        headers={"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": ACCEPTED},
        timeout=aiohttp.ClientTimeout(total=None, connect=patience.connect, sock_connect=patience.connect, sock_read=patience.idle),
        auto_decompress=False,
        read_bufsize=CHUNK_BYTES,
        trust_env=False,
    )


def _tls_context(source: Source) -> ssl.SSLContext | None:
    """Return the TLS context a feed's own settings ask for, None where the client's default, made once, says the same."""
    if source.tls == Tls():
        return None
    context = client_context(source)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Resolver(ThreadedResolver):
    """Resolve names as this machine does, leaving out the addresses that are not allowed; a name with no other is refused.

    Here and not only in the socket factory: where several addresses race each other, a refusal would be one loser among others.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        allowed: list[ResolveResult] = []
        refused: RefuseRun | None = None
        for entry in await super().resolve(host, port, family):
            try:
                check_address(entry["host"], self._source, host=host)
            except RefuseRun as error:
                refused = refused or error
            else:
                allowed.append(entry)
        if not allowed and refused is not None:
            raise refused
        return allowed


class _SocketFactory:
    """Make the socket for one address, checking the very address that will be connected to: addresses in URLs are not resolved."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self, address: tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _, where = address
        check_address(str(where[0]), self._source, host=str(where[0]))
        return socket.socket(family, kind, protocol)


class _OriginJar(aiohttp.CookieJar):
    """Keep cookies apart by scheme, host and port, whatever domain they claim: a login may need one, no other host gets it."""

    def __init__(self) -> None:
        super().__init__(unsafe=True)
        self._jars: dict[URL, aiohttp.CookieJar] = {}

    def update_cookies(self, cookies: LooseCookies, response_url: URL | None = None) -> None:
        if response_url is not None:
            self._of(response_url).update_cookies(cookies, response_url)

    def update_cookies_from_headers(self, headers: list[str], response_url: URL) -> None:  # type: ignore[override]
        self._of(response_url).update_cookies_from_headers(headers, response_url)

    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:  # type: ignore[override]
        return self._of(request_url).filter_cookies(request_url)

    def _of(self, url: URL) -> aiohttp.CookieJar:
        # "unsafe" is the library's word for cookies of hosts that are bare addresses.
        return self._jars.setdefault(url.origin(), aiohttp.CookieJar(unsafe=True))
