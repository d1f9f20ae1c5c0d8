"""The SFTP connector against asyncssh's server: which files a path means, what is said of them, how they are asked for."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
import asyncssh
import pytest

from connectors.sftp import SftpConnector
from engine.document import CHUNK_BYTES, Document
from engine.errors import FeedmillError, NotModified, RefuseRun, Retry
from engine.source import Egress, Patience, Persistence, Source, Ssh, parse_location
from tests.servers.ssh import LONG_AGO, File, Shelf, SshServer, ssh_server

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(60_000))
ONCE = Persistence(attempts=1)
TRY_AGAIN = Persistence(attempts=3, wait_initial=0.01)


def _source(server: SshServer, below: str, **settings: object) -> Source:
    source = parse_location(server.url(below), patience=Patience(connect=10.0, idle=5.0))
    return replace(source, **{"ssh": Ssh(host_key=server.fingerprint), "persistence": ONCE, **settings})  # type: ignore[arg-type]


async def _documents(source: Source) -> dict[str, bytes]:
    async with SftpConnector().fetch(source) as documents:
        return {document.name: b"".join([chunk async for chunk in document.chunks]) async for document in documents}


async def _facts(source: Source) -> Document:
    async with SftpConnector().fetch(source) as documents:
        return await anext(documents)


async def _failure(source: Source) -> FeedmillError:
    with pytest.raises(FeedmillError) as caught:
        await _documents(source)
    assert "p@ss" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


async def test_a_file_is_read_whole_and_described() -> None:
    """Size, time and version of a document are the server's, and its name shows no password."""
    async with ssh_server(Shelf({"/feeds/stock.csv": File(BODY)})) as server:
        source = _source(server, "/feeds/stock.csv")
        assert await _documents(source) == {source.name: BODY}
        document = await _facts(source)
        assert source.name == f"sftp://shop:***@127.0.0.1:{server.port}/feeds/stock.csv"
        assert (document.size, document.mtime) == (len(BODY), datetime.fromtimestamp(LONG_AGO, UTC))
        assert document.version == f"size={len(BODY)} mtime=20260921141320"
        assert document.buffer_bytes == 64 * 1024 * 32


async def test_a_path_begins_at_the_root_and_after_a_tilde_at_the_login_directory() -> None:
    """`/x` is the server's, `/~/x` the user's, and reserved characters are percent-encoded."""
    files = {"/stock.csv": File(b"root"), "/home/shop/stock.csv": File(b"home"), "/home/shop/a b?ü.csv": File(b"odd")}
    async with ssh_server(Shelf(files, home="/home/shop")) as server:
        for path, body in (
            ("/stock.csv", b"root"),
            ("/~/stock.csv", b"home"),
            ("/%7E/stock.csv", b"home"),
            ("/~/a%20b%3F%C3%BC.csv", b"odd"),
        ):
            assert list((await _documents(_source(server, path))).values()) == [body]


async def test_a_name_that_is_no_utf8_is_read() -> None:
    """A file name in Latin-1 is written by its bytes, and one beside it does no harm to a listing."""
    async with ssh_server(Shelf({"/gr\udcfc\udcdf.csv": File(b"odd"), "/stock.csv": File(b"plain")})) as server:
        assert list((await _documents(_source(server, "/gr%FC%DF.csv"))).values()) == [b"odd"]
        assert list((await _documents(_source(server, "/", path="s*.csv"))).values()) == [b"plain"]
        assert list(await _documents(_source(server, "/", path="g*.csv"))) == [f"sftp://shop:***@127.0.0.1:{server.port}/gr%FC%DF.csv"]


@pytest.mark.parametrize(
    ("url", "path"), [("", "feeds/stock.csv"), ("/feeds", "stock.csv"), ("/feeds/", "/stock.csv"), ("/~/", "feeds/stock.csv")]
)
async def test_a_resource_path_stands_below_the_url(url: str, path: str) -> None:
    """`resourcePath` is joined to the URL's path, and the document is named by the whole."""
    async with ssh_server(Shelf({"/feeds/stock.csv": File(BODY)})) as server:
        ((name, body),) = (await _documents(_source(server, url, path=path))).items()
        assert name.endswith("/feeds/stock.csv")
        assert body == BODY


def _dated() -> Shelf:
    return Shelf(
        {
            "/feeds/stock_1.csv": File(b"old", LONG_AGO),
            "/feeds/stock_2.csv": File(b"new", LONG_AGO + 60),
            "/feeds/stock_3.csv": File(b"middle", LONG_AGO + 30),
            "/feeds/.stock_4.csv": File(b"under way", LONG_AGO + 90),
            "/feeds/notes.txt": File(b"no feed", LONG_AGO + 90),
            "/feeds/stock_dir.csv/x": File(b"in a folder"),
        }
    )


async def test_of_a_pattern_the_newest_wins() -> None:
    """Of several files the one of the latest time is the feed; hidden files and folders are none."""
    async with ssh_server(_dated()) as server:
        ((name, body),) = (await _documents(_source(server, "/feeds/", path="stock_*.csv"))).items()
        assert name == f"sftp://shop:***@127.0.0.1:{server.port}/feeds/stock_2.csv"
        assert body == b"new"


async def test_of_a_pattern_all_come_the_oldest_first() -> None:
    """With `select` all, each file is a document of its own name."""
    async with ssh_server(_dated()) as server:
        found = await _documents(_source(server, "/feeds/", path="stock_*.csv", select="all"))
    assert list(found.values()) == [b"old", b"middle", b"new"]
    assert [name.rpartition("/")[2] for name in found] == ["stock_1.csv", "stock_3.csv", "stock_2.csv"]


async def test_a_pattern_in_the_login_directory_is_listed_there() -> None:
    """`/~/` goes with a pattern too."""
    async with ssh_server(Shelf({"/home/shop/stock_1.csv": File(b"mine")}, home="/home/shop")) as server:
        assert await _documents(_source(server, "/~/", path="stock_*.csv")) == {
            f"sftp://shop:***@127.0.0.1:{server.port}/~/stock_1.csv": b"mine"
        }


async def test_a_link_is_what_it_leads_to() -> None:
    """A symbolic link counts with size and time of its file; one that leads nowhere is left out."""
    shelf = Shelf(
        {
            "/feeds/stock_1.csv": File(target="data/real.csv", mtime=LONG_AGO + 600),
            "/feeds/stock_2.csv": File(b"newer", LONG_AGO + 60),
            "/feeds/stock_3.csv": File(target="gone.csv", mtime=LONG_AGO + 900),
            "/feeds/data/real.csv": File(b"linked", LONG_AGO),
        }
    )
    async with ssh_server(shelf) as server:
        assert list((await _documents(_source(server, "/feeds/stock_1.csv"))).values()) == [b"linked"]
        assert list((await _documents(_source(server, "/feeds", path="stock_*.csv"))).values()) == [b"newer"]


async def test_a_date_in_the_path_is_todays() -> None:
    """`{date:...}` is written out before anything is asked for."""
    name = f"/stock_{datetime.now(UTC):%Y%m%d}.csv"
    async with ssh_server(Shelf({name: File(b"today")})) as server:
        assert list((await _documents(_source(server, "/", path="stock_{date:%Y%m%d}.csv"))).values()) == [b"today"]


async def test_what_is_known_is_not_read_again() -> None:
    """The same size and time is `NotModified` before a file is opened; another time is not."""
    async with ssh_server(_dated()) as server:
        source = _source(server, "/feeds/", path="stock_*.csv", select="all")
        async with SftpConnector().fetch(source) as documents:
            known = {document.name: document.version or "" async for document in documents}
        server.shelf.opened.clear()
        assert isinstance(await _failure(replace(source, known=known)), NotModified)
        assert not server.shelf.opened
        server.shelf.files["/feeds/stock_3.csv"].mtime = LONG_AGO + 31
        assert len(await _documents(replace(source, known=known))) == 3
        del server.shelf.files["/feeds/stock_3.csv"]
        assert len(await _documents(replace(source, known=known))) == 2


@pytest.mark.parametrize(
    ("path", "resource", "said"),
    [
        ("/feeds/gone.csv", None, "gone.csv: is not there"),
        ("/feeds/gone.csv", None, "begins at the login directory /home/shop is written /~/"),
        ("/feeds/stock_*.csv", None, "a pattern stands in resourcePath"),
        ("/gone", "stock_*.csv", "/gone: is not there"),
        (
            "/feeds",
            "stick_*.csv",
            "no file fits 'stick_*.csv'; there are '.stock_4.csv', 'empty.csv', 'locked.csv', 'notes.txt', 'stock_1.csv'",
        ),
        ("/feeds", None, "is a folder; name one file in it"),
        ("/feeds/locked.csv", None, "does not let this user read it"),
        ("/feeds/pipe", None, "is no regular file"),
        ("/feeds/empty.csv", None, "is empty"),
    ],
)
async def test_what_is_no_feed_is_refused(path: str, resource: str | None, said: str) -> None:
    """What is missing, no file, unreadable or empty is `RefuseRun`, and the message says which and what to do."""
    shelf = _dated()
    shelf.home = "/home/shop"
    shelf.files |= {"/feeds/locked.csv": File(mode=0o100000), "/feeds/pipe": File(mode=0o010644), "/feeds/empty.csv": File()}
    async with ssh_server(shelf) as server:
        error = await _failure(_source(server, path, path=resource))
    assert isinstance(error, RefuseRun)
    assert said in str(error)


async def test_a_server_that_calls_the_login_directory_root_gets_no_hint() -> None:
    """Where both paths are one there is nothing to advise."""
    async with ssh_server(Shelf()) as server:
        assert "/~/" not in str(await _failure(_source(server, "/gone.csv")))


async def test_a_file_that_grows_while_it_is_read_is_a_retry() -> None:
    """What was read of a file that moved is not applied: the facts after the last byte are held against those before."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:

        def grow(path: str, offset: int) -> None:
            server.shelf.files[path].data += b"more"

        server.shelf.before_read = grow
        error = await _failure(_source(server, "/stock.csv", persistence=TRY_AGAIN))
        assert isinstance(error, Retry)
        assert f"is still being written, or was replaced while it was read ({len(BODY)} bytes at first" in str(error)
        assert len(server.shelf.opened) == 1


async def test_a_size_that_is_out_of_date_does_not_cut_the_feed() -> None:
    """A server that tells less than there is, and keeps to it, is found out by one byte more than that."""

    class Cached(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            return path

        def close(self, file_obj: object) -> None:
            """Hold nothing."""

        def read(self, file_obj: object, offset: int, size: int) -> bytes:
            return BODY[offset : offset + size]

        def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
            return asyncssh.SFTPAttrs(size=len(BODY) // 2, permissions=0o100644, atime=LONG_AGO, mtime=LONG_AGO)

        def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
            return self.fstat(path)

    async with ssh_server(sftp_factory=Cached) as server:
        error = await _failure(_source(server, "/stock.csv"))
    assert isinstance(error, Retry)
    assert f"more than the {len(BODY) // 2} bytes" in str(error)


async def test_a_file_that_is_touched_while_it_is_read_is_a_retry() -> None:
    """The same size with another time may be other bytes."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:

        def touch(path: str, offset: int) -> None:
            server.shelf.files[path].mtime = LONG_AGO + 1

        server.shelf.before_read = touch
        assert "is still being written" in str(await _failure(_source(server, "/stock.csv")))


async def test_a_file_cut_down_while_it_is_read_is_a_retry() -> None:
    """A file that ends before the size it had is not taken for complete."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:

        def cut(path: str, offset: int) -> None:
            server.shelf.files[path].data = BODY[:200_000]

        server.shelf.before_read = cut
        assert isinstance(await _failure(_source(server, "/stock.csv")), Retry)


async def test_a_server_that_ends_a_file_early_and_says_nothing_of_it_is_a_retry() -> None:
    """Fewer bytes than the size, with the size unchanged, are no document."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)}, ends_at=100_000)) as server:
        error = await _failure(_source(server, "/stock.csv"))
    assert isinstance(error, Retry)
    assert f"ended after 100000 of {len(BODY)} bytes" in str(error)


async def test_a_fresh_file_is_asked_about_again_once_its_time_has_settled() -> None:
    """A file changed a moment ago may change again within the tick of its clock: reading waits until it could be told."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY, int(time.time()) - 1)})) as server:
        assert list((await _documents(_source(server, "/stock.csv"))).values()) == [BODY]


@pytest.mark.parametrize("most", [1_000, 20_000, 64 * 1024, 100_000])
async def test_a_server_that_gives_less_than_it_is_asked_for_is_read_whole(most: int) -> None:
    """Short answers are no end: the rest is asked for, and later blocks are no bigger than what the server gives."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)}, most_bytes=most)) as server:
        assert list((await _documents(_source(server, "/stock.csv"))).values()) == [BODY]
        sizes = [size for _, size in server.shelf.reads]
    assert max(sizes[10:], default=0) <= max(most, 1_024)


async def test_blocks_and_requests_are_as_many_as_asked_for() -> None:
    """No block is bigger than `block_bytes`, no byte is asked for twice, and one past the end, in case the size is out of date."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:
        await _documents(_source(server, "/stock.csv", ssh=Ssh(host_key=server.fingerprint, block_bytes=10_000, max_requests=4)))
        reads = sorted(server.shelf.reads)
    assert [offset for offset, _ in reads] == [*range(0, len(BODY), 10_000), len(BODY)]
    assert sum(size for _, size in reads) == len(BODY) + 1


async def test_what_is_asked_for_ahead_is_bounded() -> None:
    """A reader that stops is not run past: no more requests than `max_requests` are made beyond what it took."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:
        source = _source(server, "/stock.csv", ssh=Ssh(host_key=server.fingerprint, block_bytes=4_096, max_requests=8))
        async with SftpConnector().fetch(source) as documents:
            document = await anext(documents)
            first = await anext(document.chunks)
            # Answered questions of another kind show that the server has nothing left to do.
            await anext(document.chunks)
            taken = len(first) // 4_096
            assert len(server.shelf.reads) <= taken + CHUNK_BYTES // 4_096 + 8


async def test_a_server_that_tells_no_time_is_read_without_a_version() -> None:
    """Without a time nothing proves that the bytes are the same the next time."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY, mtime=None)})) as server:
        source = _source(server, "/stock.csv")
        assert list((await _documents(source)).values()) == [BODY]
        document = await _facts(source)
        assert (document.version, document.mtime) == (None, None)


async def test_an_address_that_is_not_allowed_is_not_connected_to() -> None:
    """The egress policy holds for SFTP: loopback is refused where private addresses are."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:
        error = await _failure(_source(server, "/stock.csv", egress=Egress(allow_private=False)))
        assert isinstance(error, RefuseRun)
        assert not server.door.tried


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this user another home, with an SSH configuration that would send every connection elsewhere."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  User somebody\n  ProxyCommand false\n  HostKeyAlias other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("home")
async def test_nothing_of_this_users_ssh_configuration_is_read() -> None:
    """A configuration file that would send every connection elsewhere changes nothing."""
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:
        assert list((await _documents(_source(server, "/stock.csv"))).values()) == [BODY]


async def test_no_secret_and_no_line_on_stdout_is_left_by_the_library(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever is logged at whatever level, the password is not in it, and nothing is printed."""
    caplog.set_level("DEBUG")
    async with ssh_server(Shelf({"/stock.csv": File(BODY)})) as server:
        await _documents(_source(server, "/stock.csv"))
        await _failure(replace(_source(server, "/stock.csv"), username="somebody"))
    assert "p@ss/w:rd" not in caplog.text
    assert (await anyio.to_thread.run_sync(capfd.readouterr)).out == ""
