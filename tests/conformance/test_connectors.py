"""The built-in connectors keep the contract of connectors, checked with the kit that plugin authors get."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from connectors.file import FileConnector
from connectors.ftp import FtpConnector
from connectors.http import HttpConnector
from connectors.sftp import SftpConnector
from engine.document import Document
from engine.source import Source, Ssh, parse_location
from plugins.conformance.connector import CHECKS, ConnectorCase, ConnectorCheck
from tests.servers.authority import authority
from tests.servers.ftp_reading import put_now, source_of
from tests.servers.pyftpdlib import pyftpdlib
from tests.servers.ssh import File, Shelf, ssh_server

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(200_000))


@pytest.fixture
async def http_case() -> AsyncIterator[ConnectorCase]:
    """Give the HTTP connector with a server that wants a password and knows one path."""

    async def handler(request: web.Request) -> web.StreamResponse:
        headers = {"Last-Modified": "Sun, 01 Nov 2026 06:30:00 GMT"}
        return web.Response(body=BODY, headers=headers) if request.path == "/stock.csv" else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://shop:p%40ss-hunter2@127.0.0.1:{runner.addresses[0][1]}"
    yield ConnectorCase(
        HttpConnector(), parse_location(f"{base}/stock.csv?key=hush-1"), BODY, parse_location(f"{base}/missing.csv?key=hush-2")
    )
    await runner.cleanup()


@pytest.fixture
async def sftp_case() -> AsyncIterator[ConnectorCase]:
    """Give the SFTP connector with a server that wants a password and has one file."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:
        found, missing = parse_location(server.url("/stock.csv")), parse_location(server.url("/missing.csv"))
        ssh = Ssh(host_key=server.fingerprint)
        yield ConnectorCase(SftpConnector(), replace(found, ssh=ssh), BODY, replace(missing, ssh=ssh))


@pytest.fixture
def file_case(tmp_path: Path) -> ConnectorCase:
    """Give the file connector with a file that is there and one that is not."""
    path = tmp_path / "stock.csv"
    path.write_bytes(BODY)
    return ConnectorCase(FileConnector(), parse_location(str(path)), BODY, parse_location(str(tmp_path / "missing.csv")))


@pytest.fixture(params=["ftp", "explicit", "implicit"])
def ftp_case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConnectorCase]:
    """Give the FTP connector with a server that wants a password, without TLS and with either kind of it."""
    tls = authority(tmp_path) if request.param != "ftp" else None
    with pyftpdlib(tmp_path, tls, implicit=request.param == "implicit") as server:
        put_now(server.home, "stock.csv", BODY)
        present, missing = (source_of(server.port, name, request.param, tls) for name in ("stock.csv", "missing.csv"))
        yield ConnectorCase(FtpConnector(), present, BODY, missing)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_ftp_connector_keeps_the_contract(check: ConnectorCheck, ftp_case: ConnectorCase) -> None:
    """Every rule of the kit holds for FTP and FTPS."""
    await check(ftp_case)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_http_connector_keeps_the_contract(check: ConnectorCheck, http_case: ConnectorCase) -> None:
    """Every rule of the kit holds for HTTP."""
    await check(http_case)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_sftp_connector_keeps_the_contract(check: ConnectorCheck, sftp_case: ConnectorCase) -> None:
    """Every rule of the kit holds for SFTP."""
    await check(sftp_case)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_file_connector_keeps_the_contract(check: ConnectorCheck, file_case: ConnectorCase) -> None:
    """Every rule of the kit holds for files."""
    await check(file_case)


class _Careless:
    """A connector as a beginner writes it: it answers anything, with the whole URL as the name and an empty chunk at the end."""

    @asynccontextmanager
    async def fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        password = source.password.reveal() if source.password is not None else ""

        async def chunks() -> AsyncIterator[bytes]:
            yield BODY
            yield b""

        async def documents() -> AsyncIterator[Document]:
            yield Document(f"{source.username}:{password}@{source.url}", chunks(), size=1)

        yield documents()


async def test_the_kit_finds_a_careless_connector() -> None:
    """A kit that cannot fail proves nothing: this connector breaks these rules and no others."""
    source = parse_location("careless://shop:hunter2@host/stock.csv")
    case = ConnectorCase(_Careless(), source, BODY, source)
    failed = {check.__name__ for check in CHECKS if await _fails(check, case)}
    assert failed == {"yields_chunks_of_bounded_size", "tells_a_true_size", "refuses_what_is_missing", "shows_no_secret"}


async def _fails(check: ConnectorCheck, case: ConnectorCase) -> bool:
    try:
        await check(case)
    except AssertionError:
        return True
    return False
