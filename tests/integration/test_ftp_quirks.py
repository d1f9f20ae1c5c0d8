"""The FTP connector against servers that lack EPSV, MLSD or listings, that name wrong addresses, and what each reply means (quirk 2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from connectors.ftp import FtpConnector
from engine.errors import ConfigError, FeedmillError, NotModified, RefuseRun, Retry
from engine.source import Egress, Persistence, Secret
from tests.servers.authority import Authority, authority
from tests.servers.debian import ACCOUNTS, free_port
from tests.servers.ftp_reading import BODY, CHANGED, failure, put, put_now, read, read_one, source_of, versions
from tests.servers.pyftpdlib import ScriptedServer, pyftpdlib


@pytest.fixture
def tls(tmp_path: Path) -> Authority:
    """Make an authority that the sources trust."""
    return authority(tmp_path / "authority")


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path, tls: Authority) -> Iterator[ScriptedServer]:
    """Serve three files, of which stock_a.csv is the newest; parameters are `pyftpdlib`'s."""
    lacks = dict(getattr(request, "param", {}))
    with pyftpdlib(tmp_path, tls if lacks.pop("tls", False) else None, **lacks) as server:
        put_now(server.home, "stock.csv")
        for second, name in enumerate(("stock_b.csv", "stock_a.csv")):
            put_now(server.home, name, BODY[: 1000 + second], CHANGED + timedelta(seconds=second))
        yield server


def _server(**lacks: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("server", [lacks], indirect=True, ids=["server"])


@pytest.mark.parametrize("epsv", ["500", "501", "502", "522 Network protocol not supported"])
@_server(masquerade="192.0.2.1")
async def test_pasv_is_used_where_epsv_is_refused_and_its_address_is_not_believed(server: ScriptedServer, epsv: str) -> None:
    """Behind NAT a server names an address that nobody can reach: its port on the control connection's host is used."""
    server.replies.update({"EPSV": epsv})
    assert await read_one(source_of(server.port, "stock_a.csv")) == BODY[:1001]
    assert (await server.count("EPSV"), await server.count("PASV")) == (1, 1)
    assert await read_one(source_of(server.port, "", path="stock_*.csv")) == BODY[:1001]
    assert (await server.count("EPSV"), await server.count("PASV")) == (2, 3)


async def test_an_epsv_reply_that_names_an_address_too_is_read(server: ScriptedServer) -> None:
    """Its port is taken and its address is not looked at; here nobody listens there, so PASV is asked for."""
    server.replies.update({"EPSV": f"229 Entering (|1|192.0.2.1|{free_port()}|)"})
    assert await read_one(source_of(server.port, "stock_a.csv")) == BODY[:1001]
    assert (await server.count("EPSV"), await server.count("PASV")) == (1, 1)


async def test_list_stands_in_for_mlsd(server: ScriptedServer) -> None:
    """Without MLSD the folder is read from LIST, and the times it only shows by the minute are asked for."""
    server.replies.update({"MLSD": "500"})
    assert await read_one(source_of(server.port, "", path="stock_*.csv")) == BODY[:1001]
    assert await server.count("LIST") == 1


async def test_list_alone_tells_the_newest_by_the_minute(server: ScriptedServer) -> None:
    """Without MLSD and MDTM what LIST shows has to do; then nothing can be told unchanged."""
    server.replies.update({"MLSD": "500", "MDTM": "500"})
    await put(server.home, "stock_0.csv", BODY[:999], CHANGED + timedelta(days=2))
    async with FtpConnector().fetch(source_of(server.port, "", path="stock_*.csv")) as documents:
        document = await anext(documents)
        assert document.name.endswith("/stock_0.csv")
        assert (document.size, document.mtime, document.version) == (999, None, None)


@_server(permissions="er")
async def test_without_a_listing_a_file_is_read_and_a_pattern_refused(server: ScriptedServer) -> None:
    """No right to list is no hindrance to a name; a pattern cannot be looked for, and the message offers a date."""
    assert await read_one(source_of(server.port, "stock_a.csv")) == BODY[:1001]
    await put(server.home, f"stock_{datetime.now(UTC):%Y%m%d}.csv", b"1;2\n")
    assert await read_one(source_of(server.port, "", path="stock_{date:%Y%m%d}.csv")) == b"1;2\n"
    error = await failure(source_of(server.port, "", path="stock_*.csv"))
    assert isinstance(error, RefuseRun)
    assert "the folder may not be listed" in str(error)


async def test_without_size_and_time_a_file_is_read_every_time(server: ScriptedServer) -> None:
    """A server that tells nothing of its files cannot be asked whether they changed."""
    server.replies.update({"SIZE": "500", "MDTM": "502"})
    source = source_of(server.port, "stock_a.csv")
    async with FtpConnector().fetch(source) as documents:
        document = await anext(documents)
        assert (document.size, document.mtime, document.version) == (None, None, None)
        assert b"".join([chunk async for chunk in document.chunks]) == BODY[:1001]


async def test_an_unchanged_source_is_told_before_anything_is_downloaded(server: ScriptedServer) -> None:
    """With the version of the last run known no RETR is sent; with another document known, everything is read."""
    source = source_of(server.port, "stock.csv")
    known = await versions(source)
    server.commands.clear()
    with pytest.raises(NotModified):
        await read(replace(source, known=known))
    assert await server.count("RETR") == 0
    assert await read_one(replace(source, known={**known, "another": "size=1 mtime=20260101000000"})) == BODY
    await put(server.home, "stock.csv", BODY, CHANGED + timedelta(seconds=1))
    assert await read_one(replace(source, known=known)) == BODY


async def test_a_file_that_just_changed_is_given_time_to_settle(server: ScriptedServer) -> None:
    """A file of this second could change once more without its time showing it; it is read when the second is over."""
    while datetime.now(UTC).microsecond > 600_000:
        await anyio.sleep(0.02)
    second = datetime.now(UTC).replace(microsecond=0)
    await put(server.home, "stock.csv", BODY, second - timedelta(seconds=1))
    await versions(source_of(server.port, "stock.csv"))
    assert datetime.now(UTC) >= second + timedelta(seconds=1)
    assert await server.count("SIZE") == 3  # when it was found, when it had settled, when it was read


@pytest.mark.parametrize("change", ["append", "truncate", "touch"])
async def test_a_file_that_changes_while_it_is_read_is_a_retry(server: ScriptedServer, change: str) -> None:
    """Whatever moves, size or time, the bytes are not taken for a feed; and no resumption is tried."""
    big = BODY * 20
    await put(server.home, "stock.csv", big)

    def disturb() -> None:
        path = server.home / "stock.csv"
        if change == "append":
            with path.open("ab") as file:
                file.write(BODY)
        elif change == "truncate":
            os.truncate(path, len(big) - 100_000)
        else:
            os.utime(path, (1.79e9, 1.79e9))

    source = replace(source_of(server.port, "stock.csv"), persistence=Persistence(attempts=3, wait_initial=0.01))
    async with FtpConnector().fetch(source) as documents:
        document = await anext(documents)
        await anext(document.chunks)
        await anyio.to_thread.run_sync(disturb)
        with pytest.raises(Retry, match="is still being written"):
            [chunk async for chunk in document.chunks]
    assert await server.count("RETR") == 1


async def test_an_empty_file_is_refused(server: ScriptedServer) -> None:
    """A file of no bytes is no feed."""
    await put(server.home, "stock.csv", b"")
    error = await failure(source_of(server.port, "stock.csv"))
    assert isinstance(error, RefuseRun)
    assert "the file is empty" in str(error)


@_server(tls=True)
async def test_a_protected_file_without_a_size_is_whole_when_the_sender_ended_it(server: ScriptedServer, tls: Authority) -> None:
    """Where no size is told TLS's own mark of the end has to be there, and a server in good order sends it."""
    server.replies["SIZE"] = "500"
    assert await read_one(source_of(server.port, "stock_a.csv", "explicit", tls)) == BODY[:1001]


REPLIES: list[tuple[str, str, type[FeedmillError], str]] = [
    ("USER", "421 Too busy.", Retry, "the server ends the connection"),
    ("USER", "530 Sorry, the maximum number of clients (5) is connected.", Retry, "too many are logged in"),
    ("USER", "332 Account?", RefuseRun, "asks for an account"),
    ("PASS", "430 No.", RefuseRun, "user or password are not accepted"),
    ("PASS", "530 No.", RefuseRun, "user and password that were sent are not accepted"),
    ("PASS", "532 Account?", RefuseRun, "asks for an account"),
    ("PASS", "503 What?", RefuseRun, "expected other commands before"),
    ("EPSV", "421 Idle for too long.", Retry, "the server ends the connection"),
    ("EPSV", "425 No port left.", Retry, "could not open the data connection"),
    ("EPSV", "229 Where?", RefuseRun, "did not answer in FTP"),
    ("RETR", "425 Cannot open data connection.", Retry, "could not open the data connection"),
    ("RETR", "450 Busy.", Retry, "perhaps being written"),
    ("RETR", "451 Local error.", Retry, "the server failed"),
    ("RETR", "452 Disk full.", Retry, "no room left"),
    ("RETR", "522 Session reuse required.", RefuseRun, "its TLS session is not the one of the login"),
    ("RETR", "550 p@ss is no file.", RefuseRun, "(*** is no file.)"),
    ("RETR", "553 Bad name.", RefuseRun, "does not allow the name"),
    ("RETR", "599 What?", RefuseRun, "the server refuses"),
    ("RETR", "499 What?", Retry, "the server failed"),
    ("RETR", "This is no FTP.", RefuseRun, "did not answer in FTP"),
    ("SIZE", "450 Busy.", Retry, "perhaps being written"),
    ("TYPE", "504 Only text.", RefuseRun, "does not offer the command in this form"),
]


@pytest.mark.parametrize(("verb", "reply", "fate", "cure"), REPLIES, ids=lambda value: value if isinstance(value, str) else None)
async def test_each_reply_ends_the_run_with_its_cure(
    server: ScriptedServer, verb: str, reply: str, fate: type[FeedmillError], cure: str
) -> None:
    """What passes is tried again, what will not change is refused, and the server's own words stand in the message."""
    server.replies[verb] = reply
    error = await failure(source_of(server.port, "stock.csv"))
    assert type(error) is fate
    assert cure in str(error)
    assert "ftp://shop:***@127.0.0.1" in str(error)


async def test_what_fails_in_passing_is_tried_again(server: ScriptedServer) -> None:
    """A server that was busy once is asked again, and whoever reads the run's record is told."""
    told: list[str] = []
    server.replies["RETR"] = "450 Busy."

    def tell(message: str) -> None:
        told.append(message)
        server.replies.clear()

    source = replace(source_of(server.port, "stock.csv"), persistence=Persistence(attempts=2, wait_initial=0.01), tell=tell)
    assert await read_one(source) == BODY
    assert len(told) == 1
    assert "answered 450 (Busy.)" in told[0]


async def test_a_reply_of_many_lines_is_one_reply(server: ScriptedServer) -> None:
    """Lines between the first and the last may begin with any figures and need not be UTF-8 (RFC 959, section 4.2)."""
    server.replies["CWD"] = "250-Willkommen\r\n123 Hauptstraße\r\n250und mehr\r\n250 ok"
    assert await read_one(source_of(server.port, "./stock.csv")) == BODY


@pytest.mark.parametrize("below", ["a%0Db.csv", "a%0ADELE%20b.csv", "a%00b.csv", "x%0D%0A/b.csv"])
async def test_a_path_that_would_be_a_second_command_is_never_sent(server: ScriptedServer, below: str) -> None:
    """Line ends and NUL in a path, a user or a password are refused before anything is connected to."""
    for source in (
        source_of(server.port, below),
        replace(source_of(server.port, "stock.csv"), username="shop\r\nDELE stock.csv"),
        replace(source_of(server.port, "stock.csv"), password=Secret("p@ss\nDELE stock.csv")),
        source_of(server.port, "", path="stock\r\n.csv"),
    ):
        assert isinstance(await failure(source), ConfigError)
    assert server.commands == []


@pytest.mark.parametrize("below", ["", "feeds/", "stock.csv;type=d"])
async def test_a_url_that_names_no_file_is_a_setting_to_change(server: ScriptedServer, below: str) -> None:
    """A folder without a pattern, or a listing asked for by its type, is not a feed."""
    assert isinstance(await failure(source_of(server.port, below)), ConfigError)


async def test_an_address_that_policy_forbids_is_not_connected_to(server: ScriptedServer) -> None:
    """The egress policy is asked for the control connection, and by its address for the data connection."""
    for egress, fate in ((Egress(allow_private=False), RefuseRun), (Egress(ports=frozenset({21})), ConfigError)):
        assert isinstance(await failure(replace(source_of(server.port, "stock.csv"), egress=egress)), fate)
    assert server.commands == []


async def test_who_gives_no_name_is_anonymous(server: ScriptedServer) -> None:
    """A URL without a user logs in as `anonymous`; where that is refused the message says what to write."""
    error = await failure(replace(source_of(server.port, "stock.csv"), username=None, password=None))
    assert isinstance(error, RefuseRun)
    assert "no credentials were sent" in str(error)
    assert "USER anonymous" in server.commands


async def test_a_document_left_half_way_makes_room_for_the_next(server: ScriptedServer) -> None:
    """Who asks for the next document before the end of one gets it, over a new connection."""
    for day, name in enumerate(("late_1.csv", "late_2.csv")):
        await put(server.home, name, BODY * 20, CHANGED + timedelta(days=day))
    async with FtpConnector().fetch(source_of(server.port, "", path="late_*.csv", select="all")) as documents:
        await anext((await anext(documents)).chunks)
        second = await anext(documents)
        assert b"".join([chunk async for chunk in second.chunks]) == BODY * 20


@_server(tls=True)
async def test_words_ahead_of_tls_are_not_taken_for_protected_ones(server: ScriptedServer, tls: Authority) -> None:
    """Replies that arrive in plain text behind the answer to AUTH TLS could be anybody's."""
    server.replies["AUTH"] = "234 Go on.\r\n230 Logged in."
    error = await failure(source_of(server.port, "stock_a.csv", "explicit", tls))
    assert isinstance(error, RefuseRun)
    assert "sent words ahead of TLS" in str(error)


async def test_accounts_of_every_kind_are_known(server: ScriptedServer) -> None:
    """The accounts of the test servers log in here too."""
    for account in ACCOUNTS:
        assert await read_one(source_of(server.port, "stock.csv", account=account)) == BODY
