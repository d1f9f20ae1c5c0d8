"""One feed of 50,000 rows behind every transport, served whole or broken as a test orders it, and how a run of it ends."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from aiohttp import web

from engine.source import mask_location
from tests.fault.fault_proxy import Fault, Meter, fault_proxy
from tests.servers.authority import Authority, authority
from tests.servers.debian import ACCOUNTS, FtpServer, free_pair
from tests.servers.ftp_reading import Mode, put
from tests.servers.proftpd import proftpd
from tests.servers.pyftpdlib import ScriptedServer, pyftpdlib
from tests.servers.rest import Api
from tests.servers.ssh import Door, File, Shelf, ssh_server
from tests.servers.sshd import Sshd, sshd
from tests.servers.vsftpd import vsftpd
from tests.servers.web import serving

ROWS: Final = 50_000
USER, PASSWORD = ACCOUNTS[0].user, ACCOUNTS[0].password
BREAK: Final = 0.6
"""Where in the feed a fault strikes, as a part of what is sent."""

_PROXIED: Final = "127.0.0.2"
"""An address of the loopback that no server listens on: there the proxies may have the servers' own port numbers."""


def _row(number: int) -> tuple[str, int, str]:
    return f"{number:06}", number * 7919 % 90, f"Part {number % 1000}"


FEED: Final = b"sku;stock;name\n" + b"".join(b"%b;%d;%b\n" % (sku.encode(), n, name.encode()) for sku, n, name in map(_row, range(ROWS)))


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be served: bytes, under which name (pages of JSON stand for them where there are no files), broken how."""

    fault: type[Fault] = Fault
    body: bytes = FEED
    name: str = "stock.csv"

    def proxied(self, port: int, size: int, meter: Meter, *, host: str = "127.0.0.1", at: int = 0) -> AbstractAsyncContextManager[int]:
        """Stand before a port with the fault that strikes within `size` bytes."""
        after = 1 << 40 if self.fault is Fault else int(size * BREAK)
        return fault_proxy(port, self.fault(after), host=host, at=at, meter=meter)


@dataclass(frozen=True, slots=True)
class Served:
    """A feed that is served: `base` is its URL up to the path, `size` the bytes that one download takes, `meter` what was sent.

    `trust` are the settings under which the server is known for who it is, `distrust` those under which it is a stranger.
    """

    base: str
    path: str
    size: int
    meter: Meter
    settings: Mapping[str, object] = field(default_factory=dict)
    trust: Mapping[str, object] = field(default_factory=dict)
    distrust: Mapping[str, object] = field(default_factory=dict)

    def url(self, *, password: str = PASSWORD, path: str | None = None) -> str:
        """Return the feed's URL, with everything right that is not said otherwise."""
        scheme, host = self.base.split("://")
        # Root of a machine needs no password, and the file has no user.
        login = f"{quote(USER, safe='')}:{quote(password, safe='')}@" if host else ""
        return f"{scheme}://{login}{host}{self.path if path is None else path}"

    def shown(self, url: str) -> str:
        """Return how an error names a URL of this feed."""
        return mask_location(url) if not url.startswith("file:") else url.removeprefix("file://")


class Transport(Protocol):
    """A way to reach a feed."""

    def serving(self, order: Order) -> AbstractAsyncContextManager[Served]:
        """Serve what is ordered."""
        ...


@dataclass(frozen=True, slots=True)
class Papers:
    """Files by which servers are known, or not."""

    tls: Authority
    stranger: Authority
    no_known_hosts: Path

    @property
    def trust(self) -> Mapping[str, object]:
        return {"transport.caFile": str(self.tls.ca_file)}

    @property
    def distrust(self) -> Mapping[str, object]:
        return {"transport.caFile": str(self.stranger.ca_file)}

    @classmethod
    def made(cls, folder: Path) -> Papers:
        """Write the files."""
        unknown = folder / "known_hosts"
        unknown.touch()
        return cls(authority(folder / "ours"), authority(folder / "theirs"), unknown)


def _context(papers: Papers) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.tls.whole_file)
    return context


def _knows(request: web.Request) -> bool:
    return request.headers.get("Authorization") == f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


class Web:
    """HTTP or HTTPS, by a server that knows ranges and a strong ETag."""

    def __init__(self, papers: Papers | None = None) -> None:
        self._papers = papers
        self._tls = _context(papers) if papers is not None else None

    @asynccontextmanager
    async def serving(self, order: Order) -> AsyncIterator[Served]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not _knows(request):
                return web.Response(status=401)
            if request.path != f"/feeds/{order.name}":
                return web.Response(status=404)
            begin = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            headers = {"ETag": '"v1"', "Content-Type": "text/csv"}
            if begin:
                headers["Content-Range"] = f"bytes {begin}-{len(order.body) - 1}/{len(order.body)}"
            return web.Response(status=206 if begin else 200, body=order.body[begin:], headers=headers)

        meter, papers = Meter(), self._papers
        async with serving(answer, tls=self._tls) as server, order.proxied(server, len(order.body), meter) as port:
            base = f"{'http' if papers is None else 'https'}://127.0.0.1:{port}"
            trust, distrust = ({}, {}) if papers is None else (papers.trust, papers.distrust)
            yield Served(base, f"/feeds/{order.name}?token=hush", len(order.body), meter, trust=trust, distrust=distrust)


_PAGE_ROWS: Final = 5_000


class _PagedFeed(Api):
    """The feed as pages of JSON."""

    def body(self, number: int, style: str = "page") -> bytes:
        return _page(number)


@cache
def _page(number: int) -> bytes:
    """Return a page, counted from one; the one after the last is empty."""
    rows = range(ROWS)[(number - 1) * _PAGE_ROWS : number * _PAGE_ROWS]
    return json.dumps([dict(zip(("sku", "stock", "name"), _row(n), strict=True)) for n in rows]).encode()


class Pages:
    """A REST API over HTTPS, in pages of JSON."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers
        self._tls = _context(papers)

    @asynccontextmanager
    async def serving(self, order: Order) -> AsyncIterator[Served]:
        feed, meter = _PagedFeed(count=ROWS, size=_PAGE_ROWS, allows=_knows), Meter()
        size = sum(len(_page(number + 1)) for number in range(ROWS // _PAGE_ROWS))
        settings = {"resourceType": "json", "pagination.style": "page"}
        async with serving(feed.answer, tls=self._tls) as server, order.proxied(server, size, meter) as port:
            trust, distrust = self._papers.trust, self._papers.distrust
            yield Served(f"https://127.0.0.1:{port}", "/page?token=hush", size, meter, settings, trust, distrust)


@dataclass(frozen=True, slots=True)
class Ftp:
    """FTP by a running server whose data connections go to these ports."""

    server: FtpServer | ScriptedServer
    data_ports: tuple[int, int]
    mode: Mode
    papers: Papers

    @asynccontextmanager
    async def serving(self, order: Order) -> AsyncIterator[Served]:
        await put(self.server.home, f"feeds/{order.name}", order.body)
        meter, size = Meter(), len(order.body)
        async with AsyncExitStack() as proxies:
            port = await proxies.enter_async_context(Order().proxied(self.server.port, size, Meter(), host=_PROXIED))
            for data in self.data_ports:
                await proxies.enter_async_context(order.proxied(data, size, meter, host=_PROXIED, at=data))
            base = f"{'ftp' if self.mode == 'ftp' else 'ftps'}://{_PROXIED}:{port}"
            settings = {} if self.mode == "ftp" else {"transport.ftps": self.mode}
            yield Served(base, f"/feeds/{order.name}", size, meter, settings, self.papers.trust, self.papers.distrust)


@dataclass(frozen=True, slots=True)
class Asyncssh:
    """SFTP by asyncssh's server, with a password."""

    papers: Papers

    @asynccontextmanager
    async def serving(self, order: Order) -> AsyncIterator[Served]:
        shelf, meter = Shelf({f"/feeds/{order.name}": File(order.body)}), Meter()
        async with (
            ssh_server(shelf, Door(USER, PASSWORD)) as server,
            order.proxied(server.port, len(order.body), meter) as port,
        ):
            trust, distrust = {"transport.hostKey": server.fingerprint}, {"transport.knownHosts": str(self.papers.no_known_hosts)}
            yield Served(f"sftp://127.0.0.1:{port}", f"/feeds/{order.name}", len(order.body), meter, {}, trust, distrust)


@dataclass(frozen=True, slots=True)
class Openssh:
    """SFTP by OpenSSH's sshd, which refuses the password unless it runs as root."""

    server: Sshd
    papers: Papers

    @asynccontextmanager
    async def serving(self, order: Order) -> AsyncIterator[Served]:
        server, meter = self.server, Meter()
        await put(server.home, order.name, order.body)
        async with order.proxied(server.port, len(order.body), meter) as port:
            trust, distrust = {"transport.hostKey": server.fingerprint}, {"transport.knownHosts": str(self.papers.no_known_hosts)}
            yield Served(f"sftp://127.0.0.1:{port}", f"{server.inside}/{order.name}", len(order.body), meter, {}, trust, distrust)


@dataclass(frozen=True, slots=True)
class Files:
    """A file of this machine; a fault is in the file."""

    folder: Path

    @asynccontextmanager
    async def serving(self, order: Order) -> AsyncIterator[Served]:
        body = bytearray(order.body)
        if order.fault is not Fault:
            body[int(len(body) * BREAK)] ^= 1
        await put(self.folder, order.name, bytes(body))
        yield Served("file://", str(self.folder / order.name), len(body), Meter())


@contextmanager
def transport(name: str, papers: Papers, folder: Path, shared: Path) -> Iterator[Transport]:
    """Make a transport, with whatever server of it has to be started first. vsftpd's files are in `shared`."""
    data = free_pair()
    match name:
        case "file":
            yield Files(folder)
        case "http":
            yield Web()
        case "https":
            yield Web(papers)
        case "rest":
            yield Pages(papers)
        case "ftp":
            with pyftpdlib(folder, data_ports=data) as scripted:
                yield Ftp(scripted, data, "ftp", papers)
        case "ftps explicit" | "ftps implicit":
            mode: Mode = "implicit" if name.endswith("implicit") else "explicit"
            with vsftpd(shared, papers.tls, implicit=mode == "implicit", pasv_min_port=str(data[0]), pasv_max_port=str(data[1])) as server:
                yield Ftp(server, data, mode, papers)
        case "ftps proftpd":
            with proftpd(folder, papers.tls, more=f"PassivePorts {data[0]} {data[1]}\n") as server:
                yield Ftp(server, data, "explicit", papers)
        case "sftp":
            yield Asyncssh(papers)
        case "sftp openssh":
            with sshd() as daemon:
                yield Openssh(daemon, papers)
        case _:
            raise LookupError(name)
