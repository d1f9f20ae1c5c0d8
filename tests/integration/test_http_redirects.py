"""Redirects, hop by hop: every address is checked, and what is secret stays with the host it was given for."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from connectors.http import HttpConnector
from connectors.web.client import _Resolver, get, open_session
from engine.errors import ConfigError, FeedmillError, RefuseRun
from engine.source import Egress, Persistence, Request, RequestParameter, Secret, Source, Tls, parse_location
from tests.servers import reading
from tests.servers.authority import Authority, authority
from tests.servers.web import serving

BODY = b"sku;stock\nold-1;11\n"
KEYED = Request(parameters=(RequestParameter("X-Key", Secret("hush-key"), "header"), RequestParameter("token", Secret("hush-query"))))


@dataclass
class Site:
    """A server that redirects where `moves` says, by path, and notes each request."""

    moves: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    seen: list[web.Request] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        target = self.moves.get(request.path)
        response = web.Response(body=BODY) if target is None else web.Response(status=302, headers={"Location": target})
        if request.path in self.cookies:
            response.headers["Set-Cookie"] = self.cookies[request.path]
        return response


@asynccontextmanager
async def _site(tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    site = Site()
    async with serving(site.answer, tls=tls) as port:
        site.port = port
        yield site


def _source(port: int, **more: Any) -> Source:
    source = parse_location(f"http://shop:hunter2@127.0.0.1:{port}/start")
    return replace(source, persistence=Persistence(attempts=1), **more)


async def _fetch(source: Source) -> bytes:
    return await reading.read(HttpConnector(), source)


async def _failure(source: Source) -> FeedmillError:
    return await reading.failure(HttpConnector(), source, "hunter2", "hush")


async def test_on_one_host_secrets_go_along() -> None:
    """Credentials and header parameters are for the host; a query belongs to the first address only, as its server redirects."""
    async with _site() as site:
        site.moves = {"/start": "/next?sig=%2b+%7e%2F"}
        assert await _fetch(_source(site.port, request=KEYED)) == BODY
    first, second = site.seen
    assert (first.headers["X-Key"], first.query["token"]) == ("hush-key", "hush-query")
    assert first.headers["Authorization"] == second.headers["Authorization"]
    assert second.headers["X-Key"] == "hush-key"
    assert second.raw_path == "/next?sig=%2b+%7e%2F"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["host", "port"])
async def test_another_host_or_port_gets_no_secret(host: str) -> None:
    """Neither user and password nor header or query parameters follow a redirect to another host or port (quirk 4)."""
    async with _site() as site, _site() as other:
        site.moves = {"/start": f"http://{host}:{other.port}/file"}
        assert await _fetch(_source(site.port, request=KEYED)) == BODY
    (seen,) = other.seen
    assert "Authorization" not in seen.headers
    assert "X-Key" not in seen.headers
    assert "hush" not in repr(dict(seen.headers)) + seen.raw_path


async def test_secrets_do_not_come_back_with_a_redirect() -> None:
    """What another host sends back to ours is that host's wish: it does not carry our credentials."""
    async with _site() as site, _site() as other:
        site.moves = {"/start": f"http://127.0.0.1:{other.port}/hop"}
        other.moves = {"/hop": f"http://127.0.0.1:{site.port}/file"}
        assert await _fetch(_source(site.port)) == BODY
    assert ["Authorization" in request.headers for request in site.seen] == [True, False]


async def test_a_foreign_address_given_outright_gets_no_secret() -> None:
    """A page's link to another host (as REST follows) is asked without credentials, an `Authorization` of the caller included."""
    async with _site() as site, _site() as other:
        source = _source(site.port)
        async with open_session(source) as session:
            for port in (site.port, other.port):
                response = await get(session, source, f"http://127.0.0.1:{port}/page", {"Authorization": "Bearer hush", "X-Page": "2"})
                response.close()
    assert "Authorization" in site.seen[0].headers
    assert "Authorization" not in other.seen[0].headers
    assert other.seen[0].headers["X-Page"] == "2"


async def test_cookies_stay_with_their_origin() -> None:
    """A cookie set on the way is sent to where it came from, on later hops too, and to no other port or host."""
    async with _site() as site, _site() as other:
        site.moves = {"/start": "/login", "/login": f"http://127.0.0.1:{other.port}/hop"}
        site.cookies = {"/start": "session=s1; Path=/"}
        other.moves = {"/hop": f"http://127.0.0.1:{site.port}/file"}
        assert await _fetch(_source(site.port)) == BODY
        assert await _fetch(replace(_source(site.port), url=f"http://127.0.0.1:{site.port}/again")) == BODY
    assert [request.headers.get("Cookie") for request in site.seen] == [None, "session=s1", "session=s1", None]
    assert [request.headers.get("Cookie") for request in other.seen] == [None]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://[fe80::1]/", "fe80::1"),
        ("http://0.0.0.0:{port}/file", "0.0.0.0"),
        ("http://[::ffff:169.254.169.254]/", "169.254.169.254"),
    ],
)
async def test_no_hop_leads_to_a_forbidden_address(target: str, said: str) -> None:
    """Link-local, metadata and unspecified addresses are refused wherever a redirect points to them (quirk 4)."""
    async with _site() as site:
        site.moves = {"/start": target.replace("{port}", str(site.port))}
        error = await _failure(_source(site.port))
    assert isinstance(error, RefuseRun)
    assert said in str(error)
    assert len(site.seen) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_private_however_it_is_written(host: str) -> None:
    """Where private addresses are not allowed, no spelling of the loopback is connected to, name or number."""
    async with _site() as site:
        source = replace(_source(site.port), url=f"http://{host}:{site.port}/start", egress=Egress(allow_private=False))
        error = await _failure(source)
    assert isinstance(error, RefuseRun | ConfigError)
    assert site.seen == []


async def test_a_name_is_refused_before_its_addresses_race_each_other() -> None:
    """In the race a refusal would be one failure among others, so the addresses that are not allowed never get there."""
    source = replace(_source(80), egress=Egress(allow_private=False))
    with pytest.raises(RefuseRun, match="localhost"):
        await _Resolver(source).resolve("localhost", 80, socket.AF_UNSPEC)
    assert await _Resolver(_source(80)).resolve("localhost", 80, socket.AF_UNSPEC)


async def test_every_hop_keeps_to_the_allowed_ports_and_schemes() -> None:
    """A redirect to a port outside of the allowlist is not followed."""
    async with _site() as site, _site() as other:
        site.moves = {"/start": f"http://127.0.0.1:{other.port}/file"}
        error = await _failure(_source(site.port, egress=Egress(ports=frozenset({site.port}))))
    assert isinstance(error, ConfigError)
    assert f"port {other.port}" in str(error)
    assert other.seen == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give a certificate for the loopback."""
    return authority(tmp_path_factory.mktemp("tls"))


async def test_a_redirect_out_of_tls_is_refused(made: Authority) -> None:
    """What came over https is not taken over http, where anybody in between could change it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate_file, made.key_file)
    async with AsyncExitStack() as stack:
        site, plain = await stack.enter_async_context(_site(context)), await stack.enter_async_context(_site())
        site.moves = {"/start": f"http://127.0.0.1:{plain.port}/file"}
        source = replace(_source(0, tls=Tls(ca_file=str(made.ca_file))), url=f"https://127.0.0.1:{site.port}/start")
        error = await _failure(source)
        site.moves = {}
        assert await _fetch(source) == BODY
    assert isinstance(error, RefuseRun)
    assert "from https to http" in str(error)
    assert plain.seen == []
