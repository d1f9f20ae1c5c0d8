"""The FTP connector against vsftpd, proftpd and pyftpdlib: plain, explicit and implicit TLS, 1.2 and 1.3, quirks 1 and 2."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from ftplib import FTP_TLS
from ftplib import Error as FtpError
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from OpenSSL import SSL

from connectors.ftp import FtpConnector
from engine.errors import NotModified, RefuseRun
from engine.source import Secret, Source
from tests.servers.authority import Authority, authority
from tests.servers.debian import ACCOUNTS, FtpServer
from tests.servers.ftp_reading import BODY, CHANGED, Mode, failure, put, put_now, read, read_one, source_of, versions
from tests.servers.proftpd import proftpd
from tests.servers.pyftpdlib import ScriptedServer, pyftpdlib
from tests.servers.vsftpd import vsftpd

_PYOPENSSL = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}


@dataclass(frozen=True)
class Case:
    """A running server and how it is spoken to."""

    kind: str
    mode: Mode
    server: FtpServer | ScriptedServer
    tls: Authority


def _serve(
    kind: str, folder: Path, tls: Authority | None, implicit: bool, newest: str
) -> AbstractContextManager[FtpServer] | AbstractContextManager[ScriptedServer]:
    if kind == "vsftpd":
        return vsftpd(folder, tls, implicit=implicit, newest_tls=newest)
    if kind == "proftpd":
        return proftpd(folder, tls, implicit=implicit, newest_tls=newest)
    return pyftpdlib(folder / f"{implicit}-{newest}", tls, implicit=implicit, newest_tls=_PYOPENSSL[newest])


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that the sources trust."""
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that vouches for none of the servers."""
    return authority(tmp_path_factory.mktemp("stranger"))


_KINDS = ("vsftpd", "proftpd", "pyftpdlib")
_MODES = ("ftp", "explicit TLSv1.2", "explicit TLSv1.3", "implicit TLSv1.2", "implicit TLSv1.3")


@pytest.fixture(scope="module", params=[f"{kind} {mode}" for kind in _KINDS for mode in _MODES])
def case(request: pytest.FixtureRequest, tls: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Serve a file, by every server in every way it can be spoken to."""
    kind, mode, newest = (*request.param.split(" "), "TLSv1.3")[:3]
    folder = tmp_path_factory.getbasetemp() if kind == "vsftpd" else tmp_path_factory.mktemp(kind)
    with _serve(kind, folder, None if mode == "ftp" else tls, mode == "implicit", newest) as server:
        put_now(server.home, "feeds/stock.csv")
        yield Case(kind, mode, server, tls)


def _source(case: Case, below: str, **more: Any) -> Source:
    return source_of(case.server.port, below, case.mode, case.tls, **more)


async def test_a_file_is_read_whole_and_once(case: Case) -> None:
    """Bytes, size and time are the file's; the second time nothing is downloaded. The data channel reuses the login's session."""
    source = _source(case, "feeds/stock.csv")
    before = await case.server.count("RETR")
    async with FtpConnector().fetch(source) as documents:
        document = await anext(documents)
        assert b"".join([chunk async for chunk in document.chunks]) == BODY
        assert (document.name, document.size, document.mtime) == (source.name, len(BODY), CHANGED)
        assert document.version == f"size={len(BODY)} mtime=20261101063000"
        assert [further async for further in documents] == []
    with pytest.raises(NotModified):
        await read(replace(source, known={document.name: document.version}))
    assert (await case.server.count("RETR")) - before in (0, 1)  # 0 where the server does not log commands within TLS
    assert await read_one(replace(source, known={document.name: "size=1 mtime=20261101063000"})) == BODY


@pytest.mark.parametrize("case", [f"{kind} explicit {newest}" for kind in _KINDS[:2] for newest in _PYOPENSSL], indirect=True)
async def test_the_servers_do_demand_the_session(case: Case) -> None:
    """The test above proves something: a client that opens its data connection with a session of its own gets nothing here."""

    def attempt() -> str:
        with FTP_TLS(context=ssl.create_default_context(cafile=case.tls.ca_file), timeout=5) as client:
            client.connect("127.0.0.1", case.server.port)
            client.login(ACCOUNTS[0].user, ACCOUNTS[0].password)
            client.prot_p()
            with pytest.raises(FtpError) as caught:
                client.retrbinary("RETR feeds/stock.csv", lambda _: None)
            return str(caught.value)

    assert (await anyio.to_thread.run_sync(attempt))[:3] in ("522", "425")


async def test_the_newest_of_a_pattern_wins_and_all_come_oldest_first(case: Case) -> None:
    """A pattern means names in the folder; seconds decide, whether the server lists by MLSD or only by LIST."""
    for second, name in enumerate(("stock_b.csv", "stock_c.csv", "stock_a.csv")):
        await put(case.server.home, f"daily/{name}", b"sku;stock\n1;%d\n" % second, CHANGED + timedelta(seconds=second))
    await put(case.server.home, "daily/price_z.csv", b"", CHANGED + timedelta(days=3))
    newest = _source(case, "daily", path="stock_*.csv")
    assert await read(newest) == {f"{newest.name}/stock_a.csv": b"sku;stock\n1;2\n"}
    every = replace(newest, select="all")
    assert [name.rpartition("/")[2] for name in await read(every)] == ["stock_b.csv", "stock_c.csv", "stock_a.csv"]
    kept = await versions(every)
    with pytest.raises(NotModified):
        await read(replace(every, known=kept))
    assert len(await read(replace(every, known=dict(list(kept.items())[:2])))) == 3
    await put(case.server.home, "daily/stock_b.csv", b"sku;stock\n1;9\n", CHANGED + timedelta(seconds=9))
    assert len(await read(replace(every, known=kept))) == 3


# What TLS has no part in is looked at without it and with the most common kind.
_few = pytest.mark.parametrize("case", [f"{kind} {mode}" for kind in _KINDS for mode in ("ftp", "explicit TLSv1.3")], indirect=True)


@_few
async def test_a_pattern_that_nothing_fits_names_what_is_there(case: Case) -> None:
    """Who mistyped a pattern is told what he could have meant."""
    error = await failure(_source(case, "feeds", path="price_*.csv"))
    assert isinstance(error, RefuseRun)
    assert "no file fits 'price_*.csv'" in str(error)
    assert "stock.csv" in str(error)


@_few
@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.user)
async def test_credentials_of_the_url_arrive_decoded(case: Case, account: Any) -> None:
    """A password with reserved characters, an empty one and a user with an at sign log in (quirk 1)."""
    assert await read_one(_source(case, "feeds/stock.csv", account=account)) == BODY


@_few
async def test_a_path_is_relative_and_a_first_encoded_slash_is_the_root(case: Case) -> None:
    """RFC 1738: the path starts in the login directory, `%2F` at the root; `;type=` changes nothing (quirk 1)."""
    inside = case.server.inside.lstrip("/")
    below = f"{inside}/" if inside else ""
    assert await read_one(_source(case, f"%2F{below}feeds/stock.csv")) == BODY
    assert await read_one(_source(case, "feeds/stock.csv;type=i")) == BODY
    if inside:
        assert isinstance(await failure(_source(case, f"{below}feeds/stock.csv")), RefuseRun)


@_few
async def test_names_with_blanks_umlauts_and_signs_arrive(case: Case) -> None:
    """What a URL encodes is the file's name to the byte, and a document's name is such a URL again."""
    await put(case.server.home, "Größe & Co/ein #1 [neu].csv")
    source = _source(case, "Gr%C3%B6%C3%9Fe%20&%20Co/ein%20%231%20%5Bneu%5D.csv")
    assert await read(source) == {source.name: BODY}
    chosen = _source(case, "Gr%C3%B6%C3%9Fe%20&%20Co", path="ein #1 *.csv")
    assert list(await read(chosen)) == [f"{source.name.rpartition('/')[0]}/ein%20%231%20%5Bneu%5D.csv"]


@_few
async def test_a_refused_login_is_refused_with_its_cure(case: Case) -> None:
    """A wrong password will not become right by trying again."""
    error = await failure(replace(_source(case, "feeds/stock.csv"), password=Secret("wrong-hunter2")))
    assert isinstance(error, RefuseRun)
    assert "answered 530" in str(error)
    assert "user and password that were sent are not accepted" in str(error)


@_few
async def test_a_missing_file_and_a_missing_folder_are_refused(case: Case) -> None:
    """What is not there is named, with where its path starts."""
    for path in ("feeds/missing.csv", "missing/stock.csv"):
        source = _source(case, path)
        error = await failure(source)
        assert isinstance(error, RefuseRun)
        assert str(error).startswith(f"{source.name}: answered 550")
        assert "starts in the login directory" in str(error)


async def test_an_unknown_certificate_is_refused(case: Case, stranger: Authority) -> None:
    """A server that the trusted authority did not vouch for gets no password."""
    if case.mode == "ftp":
        error = await failure(replace(_source(case, "feeds/stock.csv"), url=f"ftps://127.0.0.1:{case.server.port}/feeds/stock.csv"))
        assert isinstance(error, RefuseRun)
        assert "offers no explicit TLS on this port; no password was sent" in str(error)
        return
    before = await case.server.count("PASS")
    error = await failure(source_of(case.server.port, "feeds/stock.csv", case.mode, stranger))
    assert isinstance(error, RefuseRun)
    assert "shows a TLS certificate that is not trusted" in str(error)
    assert await case.server.count("PASS") == before


@_few
async def test_a_plain_url_never_turns_to_tls_by_itself(case: Case) -> None:
    """A server that takes nobody without TLS refuses a plain login, and the message says what to write instead."""
    if case.mode != "explicit":
        return
    error = await failure(source_of(case.server.port, "feeds/stock.csv"))
    assert isinstance(error, RefuseRun)
    assert "write ftps: instead of ftp:" in str(error)
