"""HTTPS: who is trusted, and who we are."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import trustme
from aiohttp import web

from connectors.http import HttpConnector
from engine.errors import ConfigError, FeedmillError, RefuseRun
from engine.source import Persistence, Secret, Source, Tls, parse_location
from tests.servers import reading
from tests.servers.web import serving

BODY = b"sku;stock\nold-1;11\n"


class Papers:
    """An authority with what a test needs of it, as PEM files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.client_file = str(folder / "client.pem")
        self.key_file = str(folder / "client.key")
        self.authority.cert_pem.write_to_path(self.ca_file)
        client = self.authority.issue_cert("feedmill@shop.example")
        Path(self.client_file).write_bytes(b"".join(blob.bytes() for blob in client.cert_chain_pems))
        client.private_key_pem.write_to_path(self.key_file)
        stranger = trustme.CA().issue_cert("stranger@shop.example")
        self.stranger_file = str(folder / "stranger.pem")
        stranger.private_key_and_cert_chain_pem.write_to_path(self.stranger_file)

    async def server(self, name: str = "127.0.0.1", *, demanding: bool = False, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """Return a server's context with a certificate for a name, which demands one of its clients if it is to."""
        return await anyio.to_thread.run_sync(self.make_server, name, demanding, version)

    def make_server(self, name: str, demanding: bool, version: ssl.TLSVersion | None) -> ssl.SSLContext:
        """Return the same, off the event loop."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        if demanding:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        if version is not None:
            context.maximum_version = version
        return context


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Give certificates; making them takes a moment."""
    return Papers(tmp_path_factory.mktemp("papers"))


@asynccontextmanager
async def _serving(tls: ssl.SSLContext) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        shown = request.transport.get_extra_info("peercert")
        return web.Response(body=BODY + (b"known;1\n" if shown else b""))

    async with serving(answer, tls=tls) as port:
        yield f"https://shop:hunter2@127.0.0.1:{port}/file"


def _source(url: str, tls: Tls) -> Source:
    return replace(parse_location(url), tls=tls, persistence=Persistence(attempts=1))


async def _fetch(source: Source) -> bytes:
    return await reading.read(HttpConnector(), source)


async def _failure(source: Source) -> FeedmillError:
    return await reading.failure(HttpConnector(), source, "hunter2")


async def test_a_supplier_with_an_authority_of_its_own_is_trusted_by_name(papers: Papers) -> None:
    """`caFile` lets a private authority in; without it the message says where to name it."""
    async with _serving(await papers.server()) as url:
        assert await _fetch(_source(url, Tls(ca_file=papers.ca_file))) == BODY
        error = await _failure(_source(url, Tls()))
    assert isinstance(error, RefuseRun)
    assert "certificate that is not trusted (" in str(error)
    assert "transport.caFile" in str(error)


async def test_a_certificate_for_another_host_is_refused(papers: Papers) -> None:
    """A trusted authority is not enough: the certificate has to be for the host that was asked."""
    async with _serving(await papers.server("other.example")) as url:
        error = await _failure(_source(url, Tls(ca_file=papers.ca_file)))
    assert isinstance(error, RefuseRun)
    assert "IP address mismatch" in str(error) or "ostname mismatch" in str(error)


async def test_a_client_certificate_is_shown_where_it_is_demanded(papers: Papers) -> None:
    """A server that lets in only whom it knows knows us by `clientCertificate` and `clientKey`."""
    async with _serving(await papers.server(demanding=True)) as url:
        known = Tls(ca_file=papers.ca_file, certificate_file=papers.client_file, key_file=papers.key_file)
        assert await _fetch(_source(url, known)) == BODY + b"known;1\n"


class _Doorkeeper:
    """A server that says why it lets nobody in, as most do: asyncio's own drops the connection without the alert."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False) as tls:
                    with suppress(ssl.SSLError):
                        tls.do_handshake()
                    # Until the client has read the alert and left: a reset would overtake it.
                    socket.socket.shutdown(tls, socket.SHUT_WR)
                    while socket.socket.recv(tls, 4096):
                        """Drop what it had to say."""

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def doorkeeper(papers: Papers, request: pytest.FixtureRequest) -> Iterator[int]:
    """Give the port of a server that demands a client certificate, in the TLS version of the parameter."""
    keeper = _Doorkeeper(papers.make_server("127.0.0.1", True, request.param))
    thread = threading.Thread(target=keeper.run)
    thread.start()
    yield keeper.port
    keeper.close()
    thread.join()


@pytest.mark.parametrize("doorkeeper", [ssl.TLSVersion.TLSv1_3], indirect=True)
async def test_without_the_client_certificate_the_setting_is_named(papers: Papers, doorkeeper: int) -> None:
    """A server that demands a certificate says so once we have asked; another than it knows is refused as well."""
    for tls in (Tls(ca_file=papers.ca_file), Tls(ca_file=papers.ca_file, certificate_file=papers.stranger_file)):
        error = await _failure(_source(f"https://shop:hunter2@127.0.0.1:{doorkeeper}/file", tls))
        assert isinstance(error, RefuseRun), error
        assert "transport.clientCertificate" in str(error)


@pytest.mark.parametrize("doorkeeper", [ssl.TLSVersion.TLSv1_2], indirect=True)
async def test_a_strange_client_certificate_fails_the_older_handshake(papers: Papers, doorkeeper: int) -> None:
    """TLS 1.2 tells a certificate that is not known apart from one that is missing, which is a handshake that failed, no more."""
    url = f"https://shop:hunter2@127.0.0.1:{doorkeeper}/file"
    strange = await _failure(_source(url, Tls(ca_file=papers.ca_file, certificate_file=papers.stranger_file)))
    missing = await _failure(_source(url, Tls(ca_file=papers.ca_file)))
    assert isinstance(strange, RefuseRun)
    assert "it does not know the authority of the certificate" in str(strange)
    assert "failed the TLS handshake" in str(missing)


@pytest.mark.parametrize(
    ("tls", "setting"),
    [
        (Tls(ca_file="/nowhere/ca.pem"), "transport.caFile"),
        (Tls(certificate_file="/nowhere/client.pem", key_password=Secret("hush")), "transport.clientCertificate"),
    ],
)
async def test_a_file_that_cannot_be_read_is_named_before_anything_is_sent(tls: Tls, setting: str) -> None:
    """A wrong path is a setting to change, on http too: a redirect may lead to https."""
    for url in ("http://127.0.0.1:9/", "https://127.0.0.1:9/"):
        error = await _failure(_source(url, tls))
        assert isinstance(error, ConfigError)
        assert setting in str(error)
        assert "hush" not in str(error)
