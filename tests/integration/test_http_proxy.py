"""HTTP and HTTPS through a real forward proxy: what it is told, what it is not, and what its refusals mean."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from connectors.http import HttpConnector
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry
from engine.source import Egress, Persistence, Request, Secret, Source, Tls, parse_location
from tests.servers import reading
from tests.servers.authority import Authority, authority
from tests.servers.proxy import forward_proxy
from tests.servers.web import serving

BODY = b"sku;stock\nold-1;11\n"
LOGIN = "Basic c2hvcDpodW50ZXIy"
PROXY_LOGIN = "Basic dXNlcjpodXNo"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give a certificate for the loopback."""
    return authority(tmp_path_factory.mktemp("tls"))


class Site:
    """A server that notes what it is asked, and redirects once."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        return web.Response(body=BODY) if request.path == "/file" else web.Response(status=302, headers={"Location": "/file"})


def _source(url: str, proxy: str, **more: Any) -> Source:
    return replace(parse_location(url), request=Request(proxy=Secret(proxy)), persistence=Persistence(attempts=1), **more)


async def _fetch(source: Source) -> bytes:
    return await reading.read(HttpConnector(), source)


async def _failure(source: Source) -> FeedmillError:
    return await reading.failure(HttpConnector(), source, "hunter2", "hush")


async def test_http_goes_through_a_proxy_in_absolute_form() -> None:
    """Every hop of a plain fetch asks the proxy, with the proxy's credentials, which the supplier never sees."""
    site = Site()
    async with serving(site.answer) as port, forward_proxy(credentials="user:hush") as proxy:
        base = f"http://127.0.0.1:{port}"
        assert (
            await _fetch(_source(f"http://shop:hunter2@127.0.0.1:{port}/start?q=%2b", f"http://user:hush@127.0.0.1:{proxy.port}")) == BODY
        )
    assert [(method, target) for method, target, _ in proxy.heads] == [("GET", f"{base}/start?q=%2b"), ("GET", f"{base}/file")]
    assert all(headers["proxy-authorization"] == PROXY_LOGIN for _, _, headers in proxy.heads)
    assert [request.headers["Authorization"] for request in site.seen] == [LOGIN, LOGIN]
    assert not any("Proxy-Authorization" in request.headers for request in site.seen)


async def test_https_goes_through_a_tunnel(made: Authority) -> None:
    """The proxy learns host and port and its own credentials; the supplier's stay inside of TLS, the proxy's outside of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate_file, made.key_file)
    site = Site()
    async with serving(site.answer, tls=context) as port, forward_proxy(credentials="user:hush") as proxy:
        url, address = f"https://shop:hunter2@localhost:{port}/file", f"http://user:hush@127.0.0.1:{proxy.port}"
        assert await _fetch(_source(url, address, tls=Tls(ca_file=str(made.ca_file)))) == BODY
        untrusted = await _failure(_source(url, address))
    for method, target, headers in proxy.heads:
        assert (method, target, headers["proxy-authorization"]) == ("CONNECT", f"localhost:{port}", PROXY_LOGIN)
        assert "authorization" not in headers
    assert site.seen[0].headers["Authorization"] == LOGIN
    assert "Proxy-Authorization" not in site.seen[0].headers
    assert isinstance(untrusted, RefuseRun)
    assert "certificate that is not trusted" in str(untrusted)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_other_credentials_says_so(scheme: str) -> None:
    """407 is the proxy's and not the supplier's: the setting to look at is named."""
    async with forward_proxy(credentials="user:hush") as proxy:
        error = await _failure(_source(f"{scheme}://shop:hunter2@127.0.0.1:9/file", f"http://user:hush-no@127.0.0.1:{proxy.port}"))
    assert isinstance(error, RefuseRun)
    assert "407" in str(error)
    assert "check user and password in proxyUrl" in str(error)


@pytest.mark.parametrize(("status", "fate"), [(502, Retry), (503, Retry), (403, RefuseRun)])
async def test_a_tunnel_that_is_refused_means_what_its_status_does(status: int, fate: type[FeedmillError]) -> None:
    """A gateway's failure passes, a prohibition does not; the proxy is named without its password."""
    async with forward_proxy(refusal=status) as proxy:
        error = await _failure(_source("https://supplier.example/file", f"http://127.0.0.1:{proxy.port}"))
        assert f"the proxy http://127.0.0.1:{proxy.port} answered {status}" in str(error)
    assert type(error) is fate


@pytest.mark.parametrize("host", ["127.0.0.1:9", "proxy.invalid:3128"])
async def test_a_proxy_that_is_not_there_is_a_retry_that_names_it(host: str) -> None:
    """It is the proxy that cannot be reached, whatever the supplier's name is."""
    error = await _failure(_source("http://supplier.example/file", f"http://user:hush@{host}"))
    assert isinstance(error, Retry)
    assert f"the proxy http://user:***@{host}, which cannot be reached" in str(error)


async def test_the_policy_holds_for_the_proxy_and_for_addresses_behind_it() -> None:
    """The proxy's own address and port are checked, and a number behind it; names behind it are the proxy's to resolve."""
    async with forward_proxy() as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        private = await _failure(_source("http://supplier.example/file", address, egress=Egress(allow_private=False)))
        behind = await _failure(_source("http://169.254.169.254/latest/meta-data", address))
        port = await _failure(_source("http://supplier.example/file", address, egress=Egress(ports=frozenset({80}))))
        scheme = await _failure(_source("http://supplier.example/file", address, egress=Egress(schemes=frozenset({"https"}))))
    assert (type(private), type(behind), type(port), type(scheme)) == (RefuseRun, RefuseRun, ConfigError, ConfigError)
    assert "169.254.169.254" in str(behind)
    assert proxy.heads == []
