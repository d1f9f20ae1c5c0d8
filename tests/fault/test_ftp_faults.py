"""FTP sources that break in the middle: whatever happens, half a feed is never taken for a feed, and what can be is resumed.

The control connection goes through a proxy at 127.0.0.2, so data connections go there as well: further proxies wait on the
passive ports that the server has at 127.0.0.1.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.errors import FeedmillError, RefuseRun, Retry
from engine.source import Patience, Persistence, Source
from tests.fault.fault_proxy import Corrupt, Cut, Drip, Fault, Meter, Reset, Stall, Swallow, canned_server, fault_proxy
from tests.servers.authority import Authority, authority
from tests.servers.debian import FtpServer, free_pair, free_port
from tests.servers.ftp_reading import Mode, failure, put_now, read_one, source_of
from tests.servers.proftpd import proftpd
from tests.servers.pyftpdlib import ScriptedServer, pyftpdlib
from tests.servers.vsftpd import vsftpd

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(300_000))
QUICK = Patience(connect=2.0, idle=0.4, min_bytes_per_second=2_000.0)
PATIENT = Patience(connect=20.0, idle=20.0, min_bytes_per_second=2_000.0)
"""For connections that break by themselves: how long a busy machine takes for a greeting is no part of what is shown."""

TWICE = Persistence(attempts=2, wait_initial=0.01)
FAR = Fault(after=1 << 40)
PROXY = "127.0.0.2"


@dataclass(frozen=True)
class Case:
    """A server with two passive ports, and how it is spoken to."""

    mode: Mode
    server: FtpServer | ScriptedServer
    data_ports: tuple[int, int]
    tls: Authority

    @asynccontextmanager
    async def broken(self, data: Fault = FAR, control: Fault = FAR, meter: Meter | None = None) -> AsyncIterator[Source]:
        """Give a source whose connections break."""
        one, other = self.data_ports
        async with (
            fault_proxy(one, data, host=PROXY, at=one, meter=meter),
            fault_proxy(other, data, host=PROXY, at=other, meter=meter),
            fault_proxy(self.server.port, control, host=PROXY) as port,
        ):
            patience = PATIENT if isinstance(data, Cut) and control is FAR else QUICK
            yield replace(source_of(port, "stock.csv", self.mode, self.tls, host=PROXY), patience=patience)


def _serve(kind: str, folder: Path, tls: Authority | None, ports: tuple[int, int]) -> AbstractContextManager[FtpServer | ScriptedServer]:
    if kind == "vsftpd":
        return vsftpd(folder, tls, pasv_min_port=str(ports[0]), pasv_max_port=str(ports[1]))
    if kind == "proftpd":
        return proftpd(folder, tls, more=f"PassivePorts {ports[0]} {ports[1]}\n")
    return pyftpdlib(folder, tls, data_ports=ports)


@pytest.fixture(scope="module", params=[f"{kind} {mode}" for kind in ("vsftpd", "proftpd", "pyftpdlib") for mode in ("ftp", "explicit")])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Serve a file by every server, with TLS and without."""
    kind, mode = request.param.split(" ")
    tls, ports = authority(tmp_path_factory.mktemp("authority")), free_pair()
    folder = tmp_path_factory.getbasetemp() if kind == "vsftpd" else tmp_path_factory.mktemp(kind)
    with _serve(kind, folder, None if mode == "ftp" else tls, ports) as server:
        put_now(server.home, "stock.csv", BODY)
        yield Case(mode, server, ports, tls)


# How a connection breaks is the same for every server: one is enough, and its two modes.
_one = pytest.mark.parametrize("case", ["pyftpdlib ftp", "pyftpdlib explicit"], indirect=True)


async def test_a_download_cut_at_60_percent_goes_on_where_it_stopped(case: Case) -> None:
    """The rest is asked for with REST, at most 45 % more bytes are sent, and the result is the same to the last byte."""
    told: list[str] = []
    meter = Meter()
    async with case.broken(Cut(len(BODY) * 6 // 10), meter=meter) as source:
        assert await read_one(replace(source, persistence=TWICE, tell=told.append)) == BODY
    first, rest = meter.connections
    assert first == len(BODY) * 6 // 10
    assert rest <= len(BODY) * 45 // 100
    assert len(told) == 1
    assert "going on after" in told[0]


async def test_a_download_that_may_not_be_tried_again_is_a_retry(case: Case) -> None:
    """Cut short and out of attempts, nothing is taken for complete, though the connection ended in good order."""
    async with case.broken(Cut(len(BODY) // 2)) as source:
        error = await failure(source)
    assert isinstance(error, Retry)
    assert "nothing was applied" in str(error)


@_one
@pytest.mark.parametrize("fault", [Reset(1_000_000), Stall(1_000_000), Drip(1_000_000)], ids=["reset", "stall", "drip"])
async def test_what_breaks_or_stalls_goes_on_over_a_new_connection(case: Case, fault: Fault) -> None:
    """A reset, silence and a trickle cost a new connection each time, and no byte of the feed."""
    told: list[str] = []
    async with case.broken(fault) as source:
        assert await read_one(replace(source, persistence=TWICE, tell=told.append)) == BODY
    assert len(told) >= 2


@_one
async def test_a_server_that_stalls_is_a_retry_after_the_idle_time(case: Case) -> None:
    """A data connection that stays silent is given up after `Patience.idle`, and a control connection too."""
    for data, control in ((Stall(300_000), FAR), (FAR, Stall(0))):
        begun = time.monotonic()
        async with case.broken(data, control) as source:
            error = await failure(source)
        assert isinstance(error, Retry)
        assert "sent nothing for 0.4 s" in str(error)
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize("case", ["pyftpdlib ftp"], indirect=True)  # of a TLS record that drips nothing can be read
async def test_a_server_that_drips_is_a_retry_that_names_its_rate(case: Case) -> None:
    """A source that sends a byte now and then is stalled too."""
    async with case.broken(Drip(3_000)) as source:
        error = await failure(replace(source, patience=replace(QUICK, min_bytes_per_second=1e6)))
    assert isinstance(error, Retry)
    assert "bytes a second over" in str(error)


@_one
async def test_a_reset_in_mid_file_is_a_lost_connection(case: Case) -> None:
    """What broke is said as it was."""
    async with case.broken(Reset(1_000_000)) as source:
        assert "lost the connection (Connection reset by peer): nothing was applied" in str(await failure(source))


@_one
async def test_a_control_connection_that_breaks_is_a_retry(case: Case) -> None:
    """Before the greeting, during the login and during the transfer: without the final reply nothing is complete."""
    for fault in (Cut(0), Reset(30), Cut(200)):
        async with case.broken(control=fault) as source:
            assert isinstance(await failure(source), Retry)


async def test_bytes_changed_on_the_way_never_pass_as_protected(case: Case) -> None:
    """One bit flipped in a TLS record ends the download; plain FTP has no means to notice."""
    if case.mode == "ftp":
        async with case.broken(Corrupt(300_000)) as source:
            assert await read_one(source) != BODY
        return
    async with case.broken(Corrupt(300_000)) as source:
        error = await failure(source)
    assert isinstance(error, FeedmillError)
    assert "nothing was applied" in str(error)


@_one
async def test_a_cut_that_the_server_did_not_notice_is_noticed(case: Case) -> None:
    """Somebody in between lets the server believe that it sent all: size, or TLS's mark of the end, know better than its reply."""
    server = case.server
    assert isinstance(server, ScriptedServer)
    async with case.broken(Swallow(len(BODY) // 2)) as source:
        assert f"of {len(BODY)} bytes: nothing was applied" in str(await failure(source))
        if case.mode == "explicit":
            server.replies["SIZE"] = "500"
            assert "without TLS's mark of the end" in str(await failure(source))
            server.replies.clear()


@_one
async def test_a_last_reply_that_says_no_is_believed(case: Case) -> None:
    """All bytes arrived and the server says that it failed: alone that is a retry; asked again, no byte has to be sent twice."""
    server = case.server
    assert isinstance(server, ScriptedServer)
    server.replies["226"] = "451 Failed."
    async with case.broken() as source:
        error = await failure(source)
        assert isinstance(error, Retry)
        assert "answered 451 (Failed.) while the file was sent" in str(error)
        begun = await server.count("RETR")
        assert await read_one(replace(source, persistence=TWICE, tell=lambda _: server.replies.clear())) == BODY
        assert await server.count("RETR") == begun + 1


@pytest.mark.parametrize("case", ["pyftpdlib ftp"], indirect=True)
async def test_a_server_that_refuses_to_begin_in_the_middle_cannot_be_resumed(case: Case) -> None:
    """Where REST is unknown a cut download is a retry as a whole."""
    server = case.server
    assert isinstance(server, ScriptedServer)
    server.replies["REST"] = "502"
    try:
        async with case.broken(Cut(len(BODY) // 2)) as source:
            error = await failure(replace(source, persistence=TWICE))
    finally:
        server.replies.clear()
    assert isinstance(error, Retry)


@_one
async def test_a_server_that_begins_anew_where_it_promised_to_go_on_is_noticed(case: Case) -> None:
    """It answers REST with 350 and sends the file from its start: two halves that are the same one make up no feed."""
    server = case.server
    assert isinstance(server, ScriptedServer)
    assert len(BODY) % 2 == 0
    server.replies["REST"] = "350 Restarting."
    try:
        async with case.broken(Cut(len(BODY) // 2)) as source:
            error = await failure(replace(source, persistence=TWICE))
    finally:
        server.replies.clear()
    assert isinstance(error, Retry)
    assert "did not go on where it was asked to" in str(error)


@pytest.mark.parametrize("case", ["pyftpdlib ftp"], indirect=True)
async def test_a_listing_that_drips_is_given_up(case: Case) -> None:
    """A folder's listing has to come as fast as a file: a name now and then would go on for days."""
    async with case.broken(Drip(0)) as source:
        error = await failure(replace(source, url=source.url.removesuffix("stock.csv"), path="*.csv"))
    assert isinstance(error, Retry)
    assert "bytes a second over" in str(error)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH\r\n", b"<html>\r\n", b"\0\0\0\0\r\n", b"9999 hello\r\n"])
async def test_a_server_that_speaks_no_ftp_is_refused(greeting: bytes) -> None:
    """A port on which something else answers will not become an FTP server by itself."""
    async with canned_server(greeting, at_once=True) as port:
        error = await failure(replace(source_of(port, "stock.csv"), patience=QUICK))
    assert isinstance(error, RefuseRun)
    assert "did not answer in FTP" in str(error)


async def test_tls_of_the_other_kind_names_the_setting(tmp_path: Path) -> None:
    """Explicit TLS spoken to an implicit port waits for a greeting that never comes, the other way round the handshake fails."""
    async with canned_server(b"220 hello\r\n", at_once=True) as port:
        error = await failure(replace(source_of(port, "stock.csv", "implicit"), patience=QUICK))
    assert isinstance(error, Retry)
    assert "transport.ftps" in str(error)


@pytest.mark.parametrize(
    "greeting", [b"220-hello\r\n" * 100_000, b"220-hello\r\n" + (b"y" * 200_000 + b"\r\n") * 10], ids=["lines", "bytes"]
)
async def test_a_greeting_without_end_is_given_up(greeting: bytes) -> None:
    """A server that never stops talking is not read for ever, nor held in memory."""
    async with canned_server(greeting, at_once=True) as port:
        error = await failure(replace(source_of(port, "stock.csv"), patience=QUICK))
    assert isinstance(error, RefuseRun)


async def test_a_host_that_takes_no_connection_is_a_retry() -> None:
    """Nobody listening may be better later."""
    assert isinstance(await failure(source_of(free_port(), "stock.csv")), Retry)
