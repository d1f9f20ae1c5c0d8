"""SFTP sources that break in the middle: resumed where the file is provably the same one, and never half a feed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from itertools import chain, repeat

import anyio
import asyncssh
import pytest
from anyio.abc import SocketAttribute, SocketStream

from connectors.sftp import SftpConnector
from engine.errors import FeedmillError, RefuseRun, Retry
from engine.source import Patience, Persistence, Source, Ssh, parse_location
from tests.fault.fault_proxy import Corrupt, Cut, Drip, Fault, Meter, Reset, Stall, fault_proxy
from tests.servers.ssh import LONG_AGO, File, Shelf, SshServer, key, ssh_server

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(200_000))
PATIENT = Patience(connect=5.0, idle=5.0, min_bytes_per_second=2_000.0)
QUICK = replace(PATIENT, idle=0.3)
"""For servers that are silent: a busy machine must not be taken for one."""
ONCE = Persistence(attempts=1)
THRICE = Persistence(attempts=3, wait_initial=0.01)


def _source(server: SshServer, port: int, persistence: Persistence = THRICE, told: list[str] | None = None) -> Source:
    location = parse_location(server.url("/stock.csv", port=port), patience=PATIENT)
    tell = (lambda _: None) if told is None else told.append
    return replace(location, persistence=persistence, ssh=Ssh(host_key=server.fingerprint), tell=tell)


async def _read(source: Source) -> bytes:
    async with SftpConnector().fetch(source) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def _failure(source: Source) -> FeedmillError:
    with pytest.raises(FeedmillError) as caught:
        await _read(source)
    assert "p@ss" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def _serving() -> Shelf:
    return Shelf({"/stock.csv": File(BODY)})


@asynccontextmanager
async def _accepting(handle: Callable[[SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    """Hand each connection to a port of the loopback to `handle`."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


def _greeter(greeting: bytes, *, stay: bool = False) -> AbstractAsyncContextManager[int]:
    """Say one thing to whoever connects, then close, or wait for ever."""

    async def handle(client: SocketStream) -> None:
        async with client:
            await client.send(greeting)
            if stay:
                await anyio.sleep_forever()
            await client.send_eof()
            with suppress(anyio.BrokenResourceError):
                async for _ in client:
                    """Take what is said, so that the greeting is not lost to a reset."""

    return _accepting(handle)


def _slow(port: int, piece: int, pause: float) -> AbstractAsyncContextManager[int]:
    """Pass on what the server on `port` sends in pieces with a pause before each."""

    async def handle(client: SocketStream) -> None:
        async with client, await anyio.connect_tcp("127.0.0.1", port) as server, anyio.create_task_group() as tasks:
            tasks.start_soon(_pump, client, server)
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                while True:
                    data = await server.receive(piece)
                    await anyio.sleep(pause)
                    await client.send(data)
            tasks.cancel_scope.cancel()

    return _accepting(handle)


def _switch(*ports: int) -> AbstractAsyncContextManager[int]:
    """Pass the first connection on to the first port, and so on; the last port takes all that follow."""
    turns = iter(ports)

    async def handle(client: SocketStream) -> None:
        async with client, await anyio.connect_tcp("127.0.0.1", next(turns, ports[-1])) as server, anyio.create_task_group() as tasks:
            tasks.start_soon(_pump, client, server)
            await _pump(server, client)
            tasks.cancel_scope.cancel()

    return _accepting(handle)


async def _pump(come: SocketStream, go: SocketStream) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in come:
            await go.send(data)
        await go.send_eof()


@pytest.mark.parametrize("kind", [Cut, Reset, Stall, Corrupt], ids=lambda kind: kind.__name__.lower())
async def test_a_download_that_breaks_at_60_percent_goes_on_there(kind: type[Fault]) -> None:
    """The bytes are the same, at most 45 % more than the file went over the wire, and the break is told."""
    meter, told = Meter(), list[str]()
    async with ssh_server(_serving()) as server, fault_proxy(server.port, kind(after=len(BODY) * 6 // 10), meter=meter) as port:
        source = replace(_source(server, port, told=told), patience=QUICK if kind is Stall else PATIENT)
        assert await _read(source) == BODY
    # A busy machine may look silent for a moment more.
    assert len(meter.connections) == 2 or kind is Stall
    assert meter.bytes < 1.45 * len(BODY)
    assert len(told) == len(meter.connections) - 1
    assert all("going on after" in line for line in told)


async def test_a_break_at_the_very_end_does_not_make_the_file_be_read_again() -> None:
    """When all bytes are there but the last look at the file fails, only that is asked again."""
    meter = Meter()
    async with ssh_server(_serving()) as server, fault_proxy(server.port, Fault(1 << 40), meter=meter) as port:
        await _read(_source(server, port))
    whole, meter = meter.bytes, Meter()
    async with ssh_server(_serving()) as server, fault_proxy(server.port, Cut(whole - 150), meter=meter) as port:
        assert await _read(_source(server, port)) == BODY
    assert meter.bytes < len(BODY) * 1.1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Cut(400_000), "closed the connection"),
        (Reset(400_000), "lost the connection"),
        (Stall(400_000), "sent nothing for 0.3 s"),
        (Drip(400_000), "sent only "),
        (Corrupt(400_000), "damaged on its way"),
    ],
    ids=lambda value: type(value).__name__.lower() if isinstance(value, Fault) else "",
)
async def test_what_breaks_the_last_attempt_is_a_retry_that_says_how(fault: Fault, said: str) -> None:
    """Without another attempt the failure itself goes out, and what damages a byte is found by SSH's own checksum."""
    async with ssh_server(_serving()) as server, fault_proxy(server.port, fault) as port:
        begun = time.monotonic()
        patience = QUICK if isinstance(fault, Stall | Drip) else PATIENT
        error = await _failure(replace(_source(server, port, ONCE), patience=patience))
    assert isinstance(error, Retry)
    assert said in str(error)
    assert time.monotonic() - begun < 5


async def test_a_slow_server_is_not_a_stalled_one() -> None:
    """A block that takes longer than `idle` is waited for while its bytes come in."""
    body = BODY[:100_000]
    async with ssh_server(Shelf({"/stock.csv": File(body)})) as server, _slow(server.port, 8_192, 0.02) as port:
        source = replace(_source(server, port, ONCE), patience=Patience(connect=5.0, idle=0.1, min_bytes_per_second=1_000.0))
        begun = time.monotonic()
        assert await _read(source) == body
    assert time.monotonic() - begun > 0.2


async def test_a_login_that_is_cancelled_ends_at_once() -> None:
    """A run that is cancelled while a server is silent leaves no connection behind."""
    async with ssh_server(_serving()) as server, fault_proxy(server.port, Stall(1_000)) as port:
        begun = time.monotonic()
        with anyio.move_on_after(0.1) as scope:
            await _read(_source(server, port, ONCE))
        assert scope.cancelled_caught
        assert time.monotonic() - begun < 1


@pytest.mark.parametrize("kind", [Cut, Reset, Stall, Corrupt], ids=lambda kind: kind.__name__.lower())
@pytest.mark.parametrize("after", [0, 10, 300, 1_500])
async def test_a_login_that_breaks_is_a_retry(kind: type[Fault], after: int) -> None:
    """Whatever happens before the first byte of the file passes, as far as anybody can tell, unless it names another key."""
    async with ssh_server(_serving()) as server, fault_proxy(server.port, kind(after)) as port:
        source = replace(_source(server, port, ONCE), patience=replace(QUICK, connect=0.3))
        error = await _failure(source)
    assert isinstance(error, Retry | RefuseRun)
    assert isinstance(error, Retry) or kind is Corrupt


async def test_a_file_that_changes_while_the_connection_is_down_is_not_gone_on_with() -> None:
    """A file of another time behind the same name is another file: the run ends as a retry, without a third attempt."""
    meter = Meter()
    async with ssh_server(_serving()) as server, fault_proxy(server.port, Cut(len(BODY) // 2), meter=meter) as port:

        def replaced(_: str) -> None:
            server.shelf.files["/stock.csv"] = File(BODY[::-1], LONG_AGO + 60)

        error = await _failure(replace(_source(server, port), tell=replaced))
    assert isinstance(error, Retry)
    assert "is still being written, or was replaced while it was read" in str(error)
    assert len(meter.connections) == 2


async def test_a_file_without_a_time_is_not_gone_on_with() -> None:
    """Where nothing proves that the rest belongs to the same bytes, a break is a break."""
    meter = Meter()
    async with (
        ssh_server(Shelf({"/stock.csv": File(BODY, mtime=None)})) as server,
        fault_proxy(server.port, Cut(len(BODY) // 2), meter=meter) as port,
    ):
        error = await _failure(_source(server, port))
    assert isinstance(error, Retry)
    assert len(meter.connections) == 1


async def test_a_changed_host_key_stops_a_resumed_download() -> None:
    """The second connection is judged as the first one was."""
    async with (
        ssh_server(_serving()) as ours,
        ssh_server(_serving(), host_keys=[key("somebody")]) as theirs,
        fault_proxy(ours.port, Cut(len(BODY) // 2)) as broken,
        _switch(broken, theirs.port) as port,
    ):
        error = await _failure(_source(ours, port))
        assert isinstance(error, RefuseRun)
        assert "transport.hostKey pins" in str(error)
        assert not theirs.door.tried


def _listing(*names: bytes, for_ever: bytes = b"", pause: float = 0.0) -> type[asyncssh.SFTPServer]:
    """Make a server of one folder that holds these names, and then one more without end."""

    class Lister(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            for name in chain(names, repeat(for_ever) if for_ever else ()):
                await anyio.sleep(pause)
                yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs(size=3, permissions=0o100644))

    return Lister


async def _listing_failure(factory: type[asyncssh.SFTPServer], patience: Patience = PATIENT) -> FeedmillError:
    async with ssh_server(sftp_factory=factory) as server:
        return await _failure(replace(_source(server, server.port, ONCE), path="../*.csv", patience=patience))


async def test_a_listing_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More names than a folder holds are not gathered until memory is full."""
    monkeypatch.setattr("connectors.ssh.session.MAX_ENTRIES", 1000)
    error = await _listing_failure(_listing(for_ever=b"stock.csv"))
    assert isinstance(error, RefuseRun)
    assert "listing has no end" in str(error)


async def test_a_listing_that_drips_is_given_up() -> None:
    """A folder's listing has to come as fast as a file: a name now and then would go on for days."""
    error = await _listing_failure(_listing(for_ever=b"stock.csv", pause=0.001), replace(PATIENT, idle=0.4, min_bytes_per_second=1e6))
    assert isinstance(error, Retry)
    assert "bytes a second over" in str(error)


async def test_a_listed_name_that_is_a_path_is_no_file() -> None:
    """A server does not decide which folder is read."""
    error = await _listing_failure(_listing(b"../stock.csv", b"/etc/stock.csv", b"sub/stock.csv"))
    assert isinstance(error, RefuseRun)
    assert "the folder holds no file" in str(error)


async def test_one_failed_read_is_tried_again() -> None:
    """A failure that the server tells of one read is passed over by another login."""
    async with ssh_server(_serving()) as server:
        failed: list[int] = []

        def fail(_: str, offset: int) -> None:
            if offset > len(BODY) // 2 and not failed:
                failed.append(offset)
                raise asyncssh.SFTPFailure("disk trouble p@ss/w:rd")

        server.shelf.before_read = fail
        told: list[str] = []
        assert await _read(_source(server, server.port, told=told)) == BODY
    assert len(told) == 1
    assert "disk trouble ***" in told[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a web server answers there"),
        (b"SSH-1.5-old\r\n", "SSH version 1 only"),
        (b"hello\r\n", "does not speak SSH"),
        (b"SSH-2.0-x\r\n", "closed the connection"),
    ],
)
async def test_what_answers_in_another_protocol_is_named(answer: bytes, said: str) -> None:
    """A port on which something else answers will not become an SSH server by itself."""
    async with ssh_server(_serving()) as server, _greeter(answer) as port:
        error = await _failure(_source(server, port, ONCE))
    assert isinstance(error, Retry if "closed" in said else RefuseRun)
    assert said in str(error)


async def test_an_ftp_server_is_named_before_time_is_up() -> None:
    """An FTP server greets and waits, as an SSH server never does: it is known by its greeting, not by a timeout."""
    begun = time.monotonic()
    async with ssh_server(_serving()) as server, _greeter(b"220 FTP ready\r\n", stay=True) as port:
        error = await _failure(_source(server, port, ONCE))
    assert isinstance(error, RefuseRun)
    assert "an FTP server, or one for mail" in str(error)
    assert time.monotonic() - begun < QUICK.connect


async def test_a_server_with_too_many_logins_under_way_is_a_retry() -> None:
    """OpenSSH says so in a line of its own and closes."""
    async with ssh_server(_serving()) as server, _greeter(b"Exceeded MaxStartups\r\n") as port:
        error = await _failure(_source(server, port, ONCE))
    assert isinstance(error, Retry)
    assert "takes no more connections now" in str(error)


async def test_a_server_that_offers_only_outdated_algorithms_is_refused() -> None:
    """The message names what the server offers, since the supplier is who can change it."""
    async with ssh_server(_serving(), kex_algs=["diffie-hellman-group1-sha1"], encryption_algs=["aes128-ctr"]) as server:
        error = await _failure(_source(server, server.port, ONCE))
    assert isinstance(error, RefuseRun)
    assert "offers only key exchange algorithms" in str(error)
    assert "diffie-hellman-group1-sha1" in str(error)


async def test_a_host_that_takes_no_connection_is_a_retry() -> None:
    """An unreachable server may be back later."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    await listener.aclose()
    async with ssh_server(_serving()) as server:
        error = await _failure(_source(server, port, ONCE))
    assert isinstance(error, Retry)
    assert "takes no connection" in str(error)


async def test_a_passing_failure_before_the_login_is_tried_again() -> None:
    """A server that is back in time costs nothing but the wait."""
    told: list[str] = []
    async with ssh_server(_serving()) as server, fault_proxy(server.port, Cut(0)) as broken, _switch(broken, server.port) as port:
        assert await _read(_source(server, port, told=told)) == BODY
    assert len(told) == 1
    assert "closed the connection" in told[0]
