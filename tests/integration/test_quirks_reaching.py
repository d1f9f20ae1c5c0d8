"""Quirks 1 to 3: credentials and paths in URLs, servers that lack or demand things, names with dates and packed files, to the items."""

from __future__ import annotations

import gzip
import io
import zipfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import pytest
from aiohttp import web

from engine.run import RunStatus
from engine.source import Patience
from tests.integration.quirk_feeds import GOOD, Items, Outcome, check_items, check_untouched, sync
from tests.servers.authority import Authority, authority
from tests.servers.debian import ACCOUNTS, Account, FtpServer
from tests.servers.ftp_reading import CHANGED, put, put_now
from tests.servers.proftpd import proftpd
from tests.servers.pyftpdlib import pyftpdlib
from tests.servers.ssh import Door, File, Shelf, key, known_line, ssh_server
from tests.servers.vsftpd import vsftpd
from tests.servers.web import serving

T = TypeVar("T")

BODY: Final = b"sku;stock;name\nnew-1;7;Drill\nnew-2;0;Wrench\n"
ITEMS: Final[Items] = {"new-1": 7, "new-2": 0}
QUICK: Final = Patience(connect=5.0, idle=5.0)
SHOP: Final = ACCOUNTS[0]


async def load(url: str, folder: Path, settings: Mapping[str, object] | None = None) -> Outcome:
    """Sync a source that must be read well, once, and leave none of its secrets behind."""
    outcome = await sync(url, folder / "shop.db", settings={"transport.attempts": 1, **(settings or {})}, patience=QUICK)
    assert outcome.record.status is RunStatus.COMPLETE, outcome.record.problems
    check_items(ITEMS, outcome.items)
    left = repr(outcome.record).encode() + await anyio.Path(folder / "shop.db").read_bytes()
    for secret in (b"p@ss", b"p%40ss", b"hush"):
        assert secret not in left
    return outcome


async def refuse(url: str, folder: Path, *said: str, settings: Mapping[str, object] | None = None) -> None:
    """Sync a good feed, then a source that must be refused, which changes nothing and says why."""
    good = folder / "good.csv"
    await anyio.Path(good).write_bytes(GOOD)
    before = await sync(str(good), folder / "shop.db")
    after = await sync(url, folder / "shop.db", settings=settings, patience=QUICK)
    check_untouched(before, after, "refused", said)
    assert "p@ss" not in repr(after.record)


@asynccontextmanager
async def apart(server: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Start and end a server in a thread, since both block."""
    running = await anyio.to_thread.run_sync(server.__enter__)
    try:
        yield running
    finally:
        await anyio.to_thread.run_sync(server.__exit__, None, None, None)


# Quirk 1: credentials and paths


@asynccontextmanager
async def _behind_a_login(scheme: str, account: Account, folder: Path) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
    """Serve the feed as `/stock.csv` to one account; give host with port, and settings by which the server is known."""
    match scheme:
        case "http":
            wanted = "Basic " + b64encode(f"{account.user}:{account.password}".encode()).decode()

            async def answer(request: web.Request) -> web.StreamResponse:
                return web.Response(status=200 if request.headers.get("Authorization") == wanted else 401, body=BODY)

            async with serving(answer) as port:
                yield f"127.0.0.1:{port}", {}
        case "sftp":
            async with ssh_server(Shelf({"/stock.csv": File(BODY)}), Door(account.user, account.password)) as server:
                yield f"127.0.0.1:{server.port}", {"transport.hostKey": server.fingerprint}
        case _:
            async with apart(pyftpdlib(folder)) as ftp:
                await put(ftp.home, "stock.csv", BODY)
                yield f"127.0.0.1:{ftp.port}", {}


@pytest.mark.parametrize("scheme", ["http", "ftp", "sftp"])
@pytest.mark.parametrize(
    ("userinfo", "account"),
    [
        pytest.param("jo%40shop.example:p%40ss%2Fw%3Ard", ACCOUNTS[1], id="q1-reserved-characters-and-a-user-with-at"),
        pytest.param("open:", ACCOUNTS[2], id="q1-empty-password"),
    ],
)
async def test_credentials_of_the_url_open_the_door(userinfo: str, account: Account, scheme: str, tmp_path: Path) -> None:
    """What a URL has to encode reaches the server decoded, and an empty password is a password."""
    async with _behind_a_login(scheme, account, tmp_path) as (host, settings):
        await load(f"{scheme}://{userinfo}@{host}/stock.csv", tmp_path, settings)


@pytest.fixture(scope="module")
def rooted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpServer]:
    """Serve the feed by FTP below a login directory that is not the server's root."""
    with proftpd(tmp_path_factory.mktemp("rooted")) as server:
        put_now(server.home, "feeds/stock.csv", BODY)
        yield server


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("feeds/stock.csv", id="q1-ftp-path-begins-at-the-login-directory"),
        pytest.param("%2F{inside}/feeds/stock.csv", id="q1-ftp-encoded-slash-is-the-root"),
    ],
)
async def test_an_ftp_path_is_relative_unless_its_first_slash_is_encoded(path: str, rooted: FtpServer, tmp_path: Path) -> None:
    """RFC 1738, section 3.2.2: the slash after the host separates, and is no part of the path."""
    below = path.replace("{inside}", rooted.inside.lstrip("/"))
    await load(f"ftp://shop:p%40ss@127.0.0.1:{rooted.port}/{below}", tmp_path)


async def test_an_ftp_path_that_begins_at_the_root_unencoded_is_not_found(rooted: FtpServer, tmp_path: Path) -> None:
    """Who writes the server's absolute path into the URL is told where it begins (quirk 1)."""
    url = f"ftp://shop:p%40ss@127.0.0.1:{rooted.port}{rooted.inside}/feeds/stock.csv"
    await refuse(url, tmp_path, "check the path, which starts in the login directory (%2F is the root)")


# Quirk 2: servers that lack things, and servers that demand them


@pytest.mark.parametrize(
    ("lacking", "settings"),
    [
        pytest.param({"masquerade": "10.9.8.7", "replies": {"EPSV": "500"}}, {}, id="q2-passive-behind-nat"),
        pytest.param({"replies": {"EPSV": "500"}}, {}, id="q2-epsv-refused"),
        pytest.param({"replies": {"MLSD": "500"}}, {"resourcePath": "stock_*.csv"}, id="q2-mlsd-missing"),
        pytest.param({"permissions": "er"}, {"resourcePath": "stock_1.csv"}, id="q2-no-listing-right"),
        pytest.param({"replies": dict.fromkeys(("SIZE", "MDTM"), "500")}, {"resourcePath": "stock_1.csv"}, id="q2-no-facts"),
    ],
)
async def test_an_ftp_server_that_lacks_things_is_read(lacking: dict[str, Any], settings: dict[str, object], tmp_path: Path) -> None:
    """What a server cannot do is done in another way, or not needed."""
    async with apart(pyftpdlib(tmp_path, **lacking)) as server:
        await put(server.home, "stock_1.csv", BODY)
        file = "" if "resourcePath" in settings else "stock_1.csv"
        await load(f"ftp://shop:p%40ss@127.0.0.1:{server.port}/{file}", tmp_path, settings)


async def test_a_pattern_needs_the_right_to_list(tmp_path: Path) -> None:
    """Without it the message says how to do without a pattern (quirk 2)."""
    async with apart(pyftpdlib(tmp_path, permissions="er")) as server:
        await put(server.home, "stock_1.csv", BODY)
        said = ("the folder may not be listed", "name the file without one")
        await refuse(f"ftp://shop:p%40ss@127.0.0.1:{server.port}/", tmp_path, *said, settings={"resourcePath": "stock_*.csv"})


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority of the supplier's own."""
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize("mode", ["explicit", "implicit"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("pyftpdlib", id="q2-ftps"),
        pytest.param("vsftpd", id="q2-tls-session-reuse-of-vsftpd"),
        pytest.param("proftpd", id="q2-tls-session-reuse-of-proftpd"),
    ],
)
async def test_ftps_is_spoken_as_servers_demand_it(
    kind: str, mode: str, tls: Authority, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Explicit or implicit, and with the login's TLS session on the data channel where the server takes no other."""
    servers: Mapping[str, Callable[..., AbstractContextManager[Any]]] = {"pyftpdlib": pyftpdlib, "vsftpd": vsftpd, "proftpd": proftpd}
    serve = servers[kind]
    folder = tmp_path_factory.getbasetemp() if kind == "vsftpd" else tmp_path
    async with apart(serve(folder, tls, implicit=mode == "implicit")) as server:
        await put(server.home, "stock.csv", BODY)
        settings = {"transport.caFile": str(tls.ca_file), "transport.ftps": mode}
        await load(f"ftps://shop:p%40ss@127.0.0.1:{server.port}/stock.csv", tmp_path, settings)


@pytest.mark.parametrize("way", [pytest.param("password", id="q2-sftp-by-password"), pytest.param("key", id="q2-sftp-by-key")])
async def test_sftp_logs_in_by_password_and_by_key(way: str, tmp_path: Path) -> None:
    """A server that takes passwords only, and one that takes keys only."""
    private = tmp_path / "id_ed25519"
    await anyio.to_thread.run_sync(key("supplier").write_private_key, str(private))
    door = Door(SHOP.user, SHOP.password) if way == "password" else Door(SHOP.user, None, keys=(key("supplier"),))
    async with ssh_server(Shelf({"/stock.csv": File(BODY)}), door) as server:
        settings = {"transport.hostKey": server.fingerprint, **({"transport.privateKey": str(private)} if way == "key" else {})}
        userinfo = "shop:p%40ss" if way == "password" else "shop"
        await load(f"sftp://{userinfo}@127.0.0.1:{server.port}/stock.csv", tmp_path, settings)


@pytest.mark.parametrize(
    ("stranger", "said"),
    [
        pytest.param(False, "which is not known. Compare the fingerprint with the supplier's", id="q2-sftp-unknown-host-key"),
        pytest.param(True, "somebody may stand in between, or the server was set up anew", id="q2-sftp-changed-host-key"),
    ],
)
async def test_an_sftp_server_has_to_be_known(stranger: bool, said: str, tmp_path: Path) -> None:
    """No credential is sent to a server whose host key is unknown or another than it was; the message names the fingerprints."""
    known_hosts = tmp_path / "known_hosts"
    async with ssh_server(Shelf({"/stock.csv": File(BODY)}), Door(SHOP.user, SHOP.password)) as server:
        former = key("former")
        line = known_line(former, f"[127.0.0.1]:{server.port}") if stranger else ""
        await anyio.Path(known_hosts).write_text(line)
        named = (said, server.fingerprint, *((former.get_fingerprint(),) if stranger else ()))
        url = f"sftp://shop:p%40ss@127.0.0.1:{server.port}/stock.csv"
        await refuse(url, tmp_path, *named, settings={"transport.knownHosts": str(known_hosts)})
        assert server.door.tried == []


# Quirk 3: which file, and what it is wrapped in


@asynccontextmanager
async def _shelf_of(
    scheme: str, files: Mapping[str, tuple[bytes, datetime]], folder: Path
) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
    """Serve a folder of files; give its URL, and settings by which the server is known."""
    match scheme:
        case "file":
            shelf = folder / "shelf"
            for name, (body, changed) in files.items():
                await put(shelf, name, body, changed)
            yield shelf.as_uri(), {}
        case "ftp":
            async with apart(pyftpdlib(folder)) as ftp:
                for name, (body, changed) in files.items():
                    await put(ftp.home, f"daily/{name}", body, changed)
                yield f"ftp://shop:p%40ss@127.0.0.1:{ftp.port}/daily", {}
        case _:
            kept = {f"/daily/{name}": File(body, int(changed.timestamp())) for name, (body, changed) in files.items()}
            async with ssh_server(Shelf(kept), Door(SHOP.user, SHOP.password)) as ssh:
                yield f"sftp://shop:p%40ss@127.0.0.1:{ssh.port}/daily", {"transport.hostKey": ssh.fingerprint}


_everywhere = pytest.mark.parametrize("scheme", ["file", "ftp", "sftp"])


@_everywhere
@pytest.mark.parametrize("pattern", [pytest.param("stock_*.csv", id="q3-newest-of-a-pattern")])
async def test_the_newest_file_of_a_pattern_wins(pattern: str, scheme: str, tmp_path: Path) -> None:
    """By its time of change, not by its name; a newer file that the pattern does not mean is left alone."""
    files = {
        "stock_a.csv": (BODY, CHANGED + timedelta(seconds=1)),
        "stock_b.csv": (GOOD, CHANGED),
        "price_z.csv": (GOOD, CHANGED + timedelta(hours=9)),
    }
    async with _shelf_of(scheme, files, tmp_path) as (url, settings):
        await load(url, tmp_path, {**settings, "resourcePath": pattern})


@_everywhere
@pytest.mark.parametrize("name", [pytest.param("stock_{date:%Y%m%d}.csv", id="q3-date-in-the-name")])
async def test_a_date_in_the_name_is_todays(name: str, scheme: str, tmp_path: Path) -> None:
    """Written out in UTC; older files are not looked at, however new their time of change is."""
    today = datetime.now(UTC)
    # Tomorrow's is there too: midnight may pass while this runs.
    files = {f"stock_{today + timedelta(days=ahead):%Y%m%d}.csv": (BODY, CHANGED) for ahead in (0, 1)}
    files["stock_20200101.csv"] = (GOOD, CHANGED + timedelta(hours=9))
    async with _shelf_of(scheme, files, tmp_path) as (url, settings):
        await load(url, tmp_path, {**settings, "resourcePath": name})


def _zip(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return packed.getvalue()


_HEADER, *_ROWS = BODY.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        pytest.param(
            "stock.zip",
            _zip({f"stock_{number}.csv": _HEADER + row for number, row in enumerate(_ROWS)}),
            {},
            id="q3-several-files-in-one-zip",
        ),
        pytest.param("stock.csv", gzip.compress(BODY), {}, id="q3-gz-without-the-extension"),
        pytest.param(
            "stock.csv.gz", gzip.compress(gzip.compress(BODY)), {"Content-Encoding": "gzip"}, id="q3-content-encoding-around-a-gz"
        ),
        pytest.param("stock.csv.gz", BODY, {}, id="q3-gz-in-name-only"),
        pytest.param("stock.csv.gz", gzip.compress(BODY), {"Content-Encoding": "gzip"}, id="q3-content-encoding-that-is-the-gz"),
    ],
)
async def test_what_is_packed_is_unpacked_by_its_bytes(name: str, body: bytes, headers: dict[str, str], tmp_path: Path) -> None:
    """Neither a name nor a header is believed over the bytes, and each layer is taken off once."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    async with serving(answer) as port:
        await load(f"http://127.0.0.1:{port}/{name}?token=hush", tmp_path)


def _all_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.startswith("shop.db")}


@pytest.mark.parametrize(
    "name",
    [pytest.param("../stock.csv", id="q3-zip-member-outside"), pytest.param("/etc/stock.csv", id="q3-zip-member-at-the-root")],
)
async def test_the_name_of_a_member_is_no_path(name: str, tmp_path: Path) -> None:
    """A member is read where it is; nothing is written under its name, wherever that points."""
    await put(tmp_path, "inner/stock.zip", _zip({name: BODY}))
    await load(str(tmp_path / "inner" / "stock.zip"), tmp_path)
    assert await anyio.to_thread.run_sync(_all_below, tmp_path) == {"inner", "inner/stock.zip"}


def _zip_one(body: bytes) -> bytes:
    return _zip({"stock.csv": body})


@pytest.mark.parametrize("pack", [pytest.param(gzip.compress, id="q3-gzip-bomb"), pytest.param(_zip_one, id="q3-zip-bomb")])
async def test_a_bomb_is_refused(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """What unpacks to more than the feed allows ends the run, at the limit and not at the end of memory."""
    bomb = pack(BODY + b"new-3;1;Bomb\n" * 400_000)
    assert len(bomb) < 50_000
    await put(tmp_path, "bomb", bomb)
    said = ("more than 1,000,000 bytes", "transport.maxBytes")
    await refuse(str(tmp_path / "bomb"), tmp_path, *said, settings={"transport.maxBytes": 1_000_000})
