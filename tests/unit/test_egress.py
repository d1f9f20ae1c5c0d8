"""Which addresses a source may reach, in whatever disguise they come, and that the checked one is the one connected to."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

import anyio
import pytest

from connectors.wire.egress import check_address, check_url, open_socket
from engine.errors import ConfigError, RefuseRun, Retry
from engine.source import Egress, Patience, Source, Tls, parse_location

OPEN = parse_location("https://shop:hunter2@supplier.example/stock.csv?key=hush")
CLOSED = replace(OPEN, egress=Egress(allow_private=False))

PUBLIC = (
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.63.255.255",
    "192.169.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
)
PRIVATE = (
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "2001:db8::1",
    "2001::1",
    "3fff::1",
    "100::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1%2",
    "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::8.8.8.8",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
)
FORBIDDEN = (
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fe80::a9fe:a9fe%lo",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:42::42",
    "ff02::1",
    "4000::1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0.0.0.0",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2002:0:1::",
    "supplier.example",
    "",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_may_be_reached(address: str) -> None:
    """A public address passes with and without private ones allowed, inside an IPv6 address too."""
    check_address(address, CLOSED)
    check_address(address, OPEN)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_internet_needs_the_operator(address: str) -> None:
    """Loopback, private and special addresses pass only where the operator allows them."""
    check_address(address, OPEN)
    with pytest.raises(RefuseRun, match="have the operator allow private addresses"):
        check_address(address, CLOSED)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_nobody_may_reach(address: str) -> None:
    """Link-local, metadata, unspecified, multicast and reserved addresses are refused whatever the settings say."""
    for source in (OPEN, CLOSED):
        with pytest.raises(RefuseRun, match="no feed may use it"):
            check_address(address, source)


def test_a_refusal_names_host_address_reason_and_cure_and_no_secret() -> None:
    """What the operator reads is enough to act on, and safe to print."""
    with pytest.raises(RefuseRun) as caught:
        check_address("::ffff:169.254.169.254", CLOSED, host="cdn.example")
    assert str(caught.value) == (
        "https://shop:***@supplier.example/stock.csv?key=***: cdn.example has the address ::ffff:169.254.169.254, which is a metadata "
        "service of a cloud (169.254.169.254) inside an IPv6 one; no feed may use it: use the supplier's real address"
    )
    with pytest.raises(RefuseRun, match=r"supplier\.example has the address 10\.0\.0\.7, which is a private address; use the supplier's"):
        check_address("10.0.0.7", CLOSED)


WEB = Egress(allow_private=False, ports=frozenset({443, 990, 8443}), schemes=frozenset({"https", "ftps"}))


@pytest.mark.parametrize(
    ("url", "ftps"),
    [
        ("https://supplier.example/", None),
        ("https://supplier.example:8443/", None),
        ("ftps://supplier.example/", "implicit"),
        ("FTPS://supplier.example:990/", None),
    ],
)
def test_listed_schemes_and_ports_pass(url: str, ftps: Any) -> None:
    """A port that the URL leaves out is the one its scheme stands for."""
    check_url(replace(parse_location(url), egress=WEB, tls=Tls(ftps=ftps)))


@pytest.mark.parametrize(
    ("url", "egress", "reason"),
    [
        ("http://u:hunter2@supplier.example/", WEB, r"http is not among the schemes that may be used \(ftps, https\)"),
        ("https://supplier.example:22/", WEB, r"port 22 is not among the ports that may be used \(443, 990, 8443\)"),
        ("ftps://supplier.example/", WEB, "port 21 is not among"),
        ("acme://supplier.example/", Egress(ports=frozenset({443})), "no known port is not among"),
        ("https://supplier.example/", Egress(ports=frozenset()), r"\(none\)"),
        ("file:///etc/passwd", WEB, "file is not among the schemes"),
        ("file:///etc/passwd", Egress(allow_private=False), "files of this machine may not be read"),
    ],
)
def test_what_is_not_listed_is_a_setting_to_change(url: str, egress: Egress, reason: str) -> None:
    """Schemes and ports go by list; this machine's files are as private as its loopback."""
    with pytest.raises(ConfigError, match=reason) as caught:
        check_url(replace(parse_location(url), egress=egress))
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).endswith("use another URL, or have the operator allow it in Feedmill's configuration")


def test_without_lists_everything_passes() -> None:
    """The default is the command line's: the operator knows what they type."""
    for url in ("http://127.0.0.1:1/", "acme://supplier.example/", "file:///srv/stock.csv"):
        check_url(parse_location(url))


@contextmanager
def _listening(host: str = "127.0.0.1", port: int = 0, *, backlog: int = 8) -> Iterator[int]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        yield listener.getsockname()[1]


@contextmanager
def _deaf(host: str = "127.0.0.1") -> Iterator[int]:
    """Listen with a queue that is full: the kernel drops every further request to connect."""
    with _listening(host, backlog=0) as port, socket.socket() as first, socket.socket() as second:
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex((host, port))
        yield port


class _Resolver:
    """Stand for the name service: what a real one answers cannot be chosen in a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.asked = 0
        self._addresses = addresses
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, host: str, port: int, *_: object, **__: object) -> list[object]:
        self.asked += 1
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in self._addresses]


def _source(port: int, *, patience: float = 5.0, allow_private: bool = True) -> Source:
    return replace(
        parse_location(f"http://supplier.example:{port}/stock.csv"), patience=Patience(patience), egress=Egress(allow_private=allow_private)
    )


async def test_a_socket_is_ready_for_the_loop() -> None:
    """It is connected, does not block, and sends small writes at once."""
    with _listening() as port, await open_socket("localhost", port, _source(port)) as sock:
        assert sock.getpeername()[1] == port
        assert sock.getblocking() is False
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_the_name_is_asked_for_once_and_the_answer_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that would answer otherwise the second time is not asked a second time (DNS rebinding)."""
    resolver = _Resolver(monkeypatch, "127.0.0.3")
    with _listening("127.0.0.3") as port, await open_socket("supplier.example", port, _source(port)) as sock:
        assert sock.getpeername() == ("127.0.0.3", port)
    assert resolver.asked == 1


async def test_a_forbidden_address_is_left_out_and_an_allowed_one_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad answer among good ones costs nothing but itself."""
    _Resolver(monkeypatch, "169.254.169.254", "::ffff:0.0.0.0", "127.0.0.1")
    with _listening() as port, await open_socket("supplier.example", port, _source(port)) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433"])
async def test_no_spelling_of_loopback_is_connected_to(host: str) -> None:
    """However a number is written, the resolver turns it into the address that is judged."""
    with _listening() as port, pytest.raises(RefuseRun, match="this machine itself"):
        await open_socket(host, port, _source(port, allow_private=False))


async def test_when_every_address_is_forbidden_the_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left to connect to: that will not change by itself."""
    _Resolver(monkeypatch, "10.1.2.3", "169.254.169.254")
    with pytest.raises(RefuseRun, match=r"supplier\.example has the address 10\.1\.2\.3"):
        await open_socket("supplier.example", 80, _source(80, allow_private=False))


async def test_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead server among several is passed over, and so is an address of a family this machine cannot reach."""
    _Resolver(monkeypatch, "127.0.0.2", "2606:4700::1", "127.0.0.1")
    with _listening() as port, await open_socket("supplier.example", port, _source(port)) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


async def test_one_address_that_swallows_packets_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience is shared out among the addresses that are left."""
    _Resolver(monkeypatch, "127.0.0.2", "127.0.0.1")
    with (
        _deaf("127.0.0.2") as port,
        _listening("127.0.0.1", port),
        await open_socket("supplier.example", port, _source(port, patience=0.4)) as sock,
    ):
        assert sock.getpeername()[0] == "127.0.0.1"


async def test_a_server_that_answers_nothing_is_a_retry_within_the_patience() -> None:
    """The wait for a connection ends when the setting says."""
    with _deaf() as port:
        begun = monotonic()
        with pytest.raises(Retry, match=rf"127\.0\.0\.1 took no connection on port {port} within 0\.2 s"):
            await open_socket("127.0.0.1", port, _source(port, patience=0.2))
        assert monotonic() - begun < 2.0


async def test_a_refused_connection_is_a_retry_with_the_reason() -> None:
    """Nobody listens: the message says so in words."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with pytest.raises(Retry, match=rf"takes no connection on port {port} \(Connection refused\)"):
            await open_socket("127.0.0.1", port, _source(port))


async def test_a_name_that_does_not_resolve_is_a_retry() -> None:
    """The name service may know it later."""
    with pytest.raises(Retry, match=r"the host name no-such-host\.invalid does not resolve"):
        await open_socket("no-such-host.invalid", 80, _source(80))


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "a\0b"])
async def test_what_can_be_no_name_is_a_setting_to_change(host: str) -> None:
    """No name service needs to be asked for it."""
    with pytest.raises(ConfigError, match="is no valid host name"):
        await open_socket(host, 80, _source(80))


async def test_a_cancelled_connection_leaves_no_socket() -> None:
    """A run that is cancelled while it connects closes what it opened; an unclosed socket would warn, which is an error here."""
    with _deaf() as port:
        with anyio.move_on_after(0.05) as scope:
            await open_socket("127.0.0.1", port, _source(port))
        gc.collect()
    assert scope.cancelled_caught
