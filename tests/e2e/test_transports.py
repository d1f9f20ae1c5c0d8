"""Every transport by the command line: loaded from a real server, then found unchanged without a download, and no password left behind."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import anyio
import anyio.to_thread
import pytest
from aiohttp import web

from sinks.sqlite.queries import open_queries
from tests.e2e.supplier import Outcome, feedmill
from tests.servers.authority import Authority, authority
from tests.servers.debian import ACCOUNTS, FtpServer
from tests.servers.ftp_reading import put_now
from tests.servers.proftpd import proftpd
from tests.servers.rest import api
from tests.servers.ssh import Door, File, Shelf, key, known_line, ssh_server
from tests.servers.vsftpd import vsftpd
from tests.servers.web import serving

BODY: Final = b"sku;stock\n" + b"".join(b"%05d;%d\n" % (n, n % 7) for n in range(1000))
USER, PASSWORD = ACCOUNTS[0].user, ACCOUNTS[0].password
LOGIN: Final = f"{USER}:{quote(PASSWORD, safe='')}"


@dataclass(frozen=True)
class Source:
    """A feed to sync: its URL, its settings, and how often its server has sent it so far."""

    url: str
    settings: Mapping[str, object]
    sent: Callable[[], Awaitable[int]]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority of the supplier's own."""
    return authority(tmp_path_factory.mktemp("authority"))


async def sync(source: Source, cwd: Path) -> Outcome:
    """Run the command as a person would."""
    settings = [argument for name, value in source.settings.items() for argument in ("--set", f"{name}={value}")]
    fields = ("--field", "sku=sku", "--field", "inventoryQuantity=stock")
    return await feedmill("sync", source.url, "--to", "sqlite:///shop.db", "--feed", "acme", *fields, *settings, "--json", cwd=cwd)


async def load(source: Source, cwd: Path, items: int = 1000) -> Outcome:
    """Sync for the first time; every item has to be there, with its quantity."""
    outcome = await sync(source, cwd)
    assert outcome.code == 0, outcome.out + outcome.err
    assert (outcome.json["status"], outcome.json["created"], outcome.json["problems"]) == ("complete", items, [])
    async with open_queries(f"sqlite:///{cwd / 'shop.db'}") as queries:
        stored = {str(item["externalId"]): item["inventoryQuantity"] async for item in queries.items("acme")}
    assert stored == {f"{n:05}": n % 7 for n in range(items)}
    return outcome


def _left_behind(cwd: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(cwd.iterdir()) if path.name.startswith("shop.db"))


async def check_silent(cwd: Path, *outcomes: Outcome) -> None:
    """Find the password in no output, no log, no database, where the source stands all the same."""
    left = await anyio.to_thread.run_sync(_left_behind, cwd)
    texts = [left, *(text.encode() for outcome in outcomes for text in (outcome.out, outcome.err))]
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert not any(secret.encode() in text for text in texts)
    assert f"//{USER}@".encode() in left or f"//{USER}:***@".encode() in left


async def check_loaded_once(source: Source, cwd: Path) -> None:
    """Sync twice: the first run loads, the second finds the source unchanged and downloads nothing."""
    first = await load(source, cwd)
    assert first.json["bytes"] == len(BODY)
    sent = await source.sent()
    second = await sync(source, cwd)
    assert (second.code, second.json["status"], second.json["bytes"]) == (0, "complete", 0), second.out + second.err
    assert [problem["code"] for problem in second.json["problems"]] == ["not-modified"]
    assert (second.json["read"], second.json["unchanged"]) == (1000, 1000)
    assert (await source.sent(), sent) == (1, 1)
    await check_silent(cwd, first, second)


FTP: Final[Mapping[str, tuple[Callable[..., Any], str | None]]] = {
    "ftp": (vsftpd, None),
    "ftps, session reuse required by vsftpd": (vsftpd, "explicit"),
    "ftps implicit": (vsftpd, "implicit"),
    "ftps, session reuse required by proftpd": (proftpd, "explicit"),
}


@pytest.fixture(params=list(FTP))
def ftp(request: pytest.FixtureRequest, tls: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Serve the feed by FTP."""
    serve, mode = FTP[request.param]
    folder = tmp_path_factory.getbasetemp() if serve is vsftpd else tmp_path_factory.mktemp("proftpd")
    server: FtpServer
    with serve(folder, tls if mode else None, implicit=mode == "implicit") as server:
        put_now(server.home, "feeds/stock.csv", BODY)
        url = f"{'ftps' if mode else 'ftp'}://{LOGIN}@127.0.0.1:{server.port}/feeds/stock.csv"
        settings: dict[str, object] = {"transport.caFile": tls.ca_file} if mode else {}
        if mode == "implicit":
            settings["transport.ftps"] = mode
        yield Source(url, settings, lambda: server.count("RETR"))


async def test_ftp_loads_and_then_downloads_nothing(ftp: Source, tmp_path: Path) -> None:
    """FTP and FTPS by real servers, whose logs show one RETR for two runs."""
    await check_loaded_once(ftp, tmp_path)


@pytest.mark.parametrize("way", ["password", "key"])
async def test_sftp_loads_and_then_downloads_nothing(way: str, tmp_path: Path) -> None:
    """SFTP by password and by key, with the server in known_hosts: the file is opened once for two runs."""
    shelf = Shelf({"/feeds/stock.csv": File(BODY)})
    door = Door(USER, PASSWORD) if way == "password" else Door(USER, None, keys=(key("client"),))
    async with ssh_server(shelf, door) as server:
        await anyio.Path(tmp_path / "known_hosts").write_text(known_line(server.host_key, f"[127.0.0.1]:{server.port}"))
        settings: dict[str, object] = {"transport.knownHosts": tmp_path / "known_hosts"}
        if way == "key":
            await anyio.to_thread.run_sync(key("client").write_private_key, str(tmp_path / "id_ed25519"))
            settings["transport.privateKey"] = tmp_path / "id_ed25519"
        login = LOGIN if way == "password" else USER

        async def opened() -> int:
            return len(shelf.opened)

        await check_loaded_once(Source(f"sftp://{login}@127.0.0.1:{server.port}/feeds/stock.csv", settings, opened), tmp_path)


@asynccontextmanager
async def _https(tls: Authority) -> AsyncIterator[Source]:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304, headers={"ETag": '"v1"'})
        sent += 1
        return web.Response(body=BODY, headers={"ETag": '"v1"'})

    async def count() -> int:
        return sent

    async with serving(answer, tls=await anyio.to_thread.run_sync(_context, tls)) as port:
        yield Source(f"https://{LOGIN}@127.0.0.1:{port}/stock.csv", {"transport.caFile": tls.ca_file}, count)


def _context(tls: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.whole_file)
    return context


async def test_https_with_a_private_authority_loads_and_then_downloads_nothing(tls: Authority, tmp_path: Path) -> None:
    """The supplier's own authority is named in a setting, and the second answer is a 304."""
    async with _https(tls) as source:
        await check_loaded_once(source, tmp_path)


@pytest.mark.parametrize(
    ("style", "paging"),
    [
        ("page", {}),
        ("offset", {"pagination.size": 300}),
        ("cursor", {"pagination.cursorPath": "meta.next", "jsonRoot": "items"}),
        ("link", {}),
    ],
)
async def test_rest_loads_every_page(style: str, paging: dict[str, object], tmp_path: Path) -> None:
    """However an API says where the next page is, all its items are read; the password goes into no log on the way."""
    async with api(count=1000, size=300) as supplier:

        async def asked() -> int:
            return len(supplier.asked)

        settings = {"resourceType": "json", "pagination.style": style, **paging}
        source = Source(f"http://{LOGIN}@127.0.0.1:{supplier.port}/{style}", settings, asked)
        first = await load(source, tmp_path)
        assert sorted(set(supplier.asked) & {1, 2, 3, 4}) == [1, 2, 3, 4]
        assert all("Authorization" in request.headers for request in supplier.requests)
        if style == "page":
            # Pages have no version: they are read again, and nothing is written.
            second = await sync(source, tmp_path)
            assert (second.json["status"], second.json["unchanged"], second.json["updated"]) == ("complete", 1000, 0)
    await check_silent(tmp_path, first)
