"""The SFTP connector against OpenSSH: its sshd where it can run here, and its sftp-server in any case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from connectors.sftp import SftpConnector
from engine.errors import NotModified, RefuseRun
from engine.source import Patience, Persistence, Source, Ssh, parse_location
from tests.fault.fault_proxy import Corrupt, Cut, Fault, Meter, Reset, Stall, fault_proxy
from tests.servers.debian import program
from tests.servers.ssh import LONG_AGO, key, ssh_server
from tests.servers.sshd import Sshd, sshd

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(300_000))
QUICK = Patience(connect=10.0, idle=5.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    """Give an sshd with a feed in three files."""
    with sshd() as running:
        for number, name in enumerate(("stock_1.csv", "stock_2.csv", "stock.csv")):
            (running.home / name).write_bytes(BODY)
            os.utime(running.home / name, (LONG_AGO + number, LONG_AGO + number))
        yield running


@pytest.fixture
def both() -> Iterator[Sshd]:
    """Give an sshd that wants a key and a password."""
    with sshd(AuthenticationMethods="publickey,password") as running:
        (running.home / "stock.csv").write_bytes(BODY)
        os.utime(running.home / "stock.csv", (LONG_AGO, LONG_AGO))
        yield running


def _source(server: Sshd, path: str = "/stock.csv", *, port: int | None = None, **ssh: object) -> Source:
    source = parse_location(server.url(path, port=port), patience=QUICK)
    keys = Ssh(host_key=server.fingerprint, key_file=str(server.client_key), **ssh)  # type: ignore[arg-type]
    return replace(source, persistence=Persistence(attempts=2, wait_initial=0.01), ssh=keys)


async def _documents(source: Source) -> dict[str, bytes]:
    async with SftpConnector().fetch(source) as documents:
        return {document.name: b"".join([chunk async for chunk in document.chunks]) async for document in documents}


@pytest.mark.parametrize(("block", "requests"), [(64 * 1024, 32), (1024 * 1024, 4), (10_000, 7)])
async def test_a_file_is_read_whole(server: Sshd, block: int, requests: int) -> None:
    """The bytes are those of the file, also where more is asked for at once than OpenSSH gives."""
    assert list((await _documents(_source(server, block_bytes=block, max_requests=requests))).values()) == [BODY]


async def test_a_password_opens_the_door(server: Sshd) -> None:
    """OpenSSH takes the password of the URL, where the tests may give its users one."""
    if not server.account.password:
        pytest.skip("sshd checks passwords only as root")
    source = replace(_source(server), ssh=Ssh(host_key=server.fingerprint))
    assert list((await _documents(source)).values()) == [BODY]
    with pytest.raises(RefuseRun, match="the server takes publickey, password"):
        await _documents(replace(source, password=None))


async def test_the_host_key_is_known_by_its_line(server: Sshd, tmp_path: Path) -> None:
    """A first use writes the line that OpenSSH itself would, and the next fetch goes by it."""
    known_hosts = tmp_path / "known_hosts"
    source = replace(_source(server), ssh=Ssh(key_file=str(server.client_key), known_hosts=str(known_hosts), trust_first_use=True))
    await _documents(source)
    assert await anyio.Path(known_hosts).read_text() == server.known_line
    await _documents(replace(source, ssh=replace(source.ssh, trust_first_use=False)))


async def test_another_host_key_than_the_pinned_one_is_refused(server: Sshd) -> None:
    """OpenSSH has no key of another type to show, and hangs up; the message is of the key that it did show."""
    with pytest.raises(RefuseRun, match=r"transport\.hostKey pins") as caught:
        await _documents(replace(_source(server), ssh=Ssh(host_key=key("another").get_fingerprint())))
    assert server.fingerprint in str(caught.value)


async def test_a_key_and_a_password_together_open_the_door(both: Sshd) -> None:
    """A server that wants both gets both, and says what is missing when it gets one."""
    source = _source(both)
    if not both.account.password:
        pytest.skip("sshd checks passwords only as root")
    assert list((await _documents(source)).values()) == [BODY]
    with pytest.raises(RefuseRun, match="the key is not accepted for this user, or not without a password"):
        await _documents(replace(source, password=None))


async def test_a_pattern_is_listed_and_then_known(server: Sshd) -> None:
    """The newest of the files that fit is read, and not again while it stays what it is."""
    source = replace(_source(server, ""), path="stock_*.csv")
    async with SftpConnector().fetch(source) as documents:
        document = await anext(documents)
    assert document.name.endswith("/stock_2.csv")
    assert document.version == f"size={len(BODY)} mtime=20260921141321"
    with pytest.raises(NotModified):
        await _documents(replace(source, known={document.name: document.version}))
    assert len(await _documents(replace(source, select="all"))) == 2


async def test_a_missing_file_and_the_login_directory(server: Sshd) -> None:
    """A path that is not there is refused, with the login directory named."""
    with pytest.raises(RefuseRun, match=r"gone\.csv: is not there.*login directory .* is written /~/"):
        await _documents(_source(server, "/gone.csv"))


@pytest.mark.parametrize("kind", [Cut, Reset, Stall, Corrupt], ids=lambda kind: kind.__name__.lower())
async def test_a_download_that_breaks_at_60_percent_goes_on_there(server: Sshd, kind: type[Fault]) -> None:
    """OpenSSH's files are resumed like any other's."""
    meter = Meter()
    async with fault_proxy(server.port, kind(after=len(BODY) * 6 // 10), meter=meter) as port:
        source = replace(_source(server, port=port), patience=replace(QUICK, idle=0.3 if kind is Stall else 5.0))
        assert list((await _documents(source)).values()) == [BODY]
    # A busy machine may look silent for a moment more.
    assert len(meter.connections) == 2 or kind is Stall
    assert meter.bytes < 1.45 * len(BODY)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Give a feed in a file of this machine."""
    path = tmp_path / "stock.csv"
    path.write_bytes(BODY)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def binary() -> Path:
    """Give OpenSSH's sftp-server."""
    return program("usr/lib/openssh/sftp-server")


async def test_openssh_s_sftp_server_alone_is_read_whole(feed: Path, binary: Path) -> None:
    """The program that serves SFTP nearly everywhere gives the bytes, and tells size and time."""
    async with ssh_server(program=binary) as server:
        source = replace(parse_location(server.url(str(feed)), patience=QUICK), ssh=Ssh(host_key=server.fingerprint))
        async with SftpConnector().fetch(source) as documents:
            document = await anext(documents)
            assert document.version == f"size={len(BODY)} mtime=20260921141320"
            assert b"".join([chunk async for chunk in document.chunks]) == BODY
