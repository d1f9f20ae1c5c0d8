"""Who the server is: known, unknown, changed, revoked and pinned host keys, and no credential before that is settled."""

from __future__ import annotations

import base64
import hmac
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import asyncssh
import pytest

from connectors.sftp import SftpConnector
from engine.errors import ConfigError, FeedmillError, RefuseRun
from engine.source import Patience, Persistence, Source, Ssh, parse_location
from tests.servers.ssh import File, Shelf, SshServer, key, known_line, ssh_server

BODY = b"sku;stock\n1;2\n"
FIRST, SECOND, RSA, AUTHORITY = key("first"), key("second"), key("rsa", "ssh-rsa"), key("authority")
ECDSA = key("ecdsa", "ecdsa-sha2-nistp256")


def _shelf() -> Shelf:
    return Shelf({"/stock.csv": File(BODY)})


def _source(server: SshServer, known_hosts: Path | None = None, **ssh: object) -> Source:
    location = parse_location(server.url("/stock.csv"), patience=Patience(connect=10.0, idle=5.0))
    path = str(known_hosts) if known_hosts is not None else None
    return replace(location, persistence=Persistence(attempts=1), ssh=Ssh(known_hosts=path, **ssh))  # type: ignore[arg-type]


async def _read(source: Source) -> bytes:
    async with SftpConnector().fetch(source) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def _refused(source: Source, server: SshServer) -> FeedmillError:
    with pytest.raises(FeedmillError) as caught:
        await _read(source)
    assert server.door.tried == [], "a credential was sent to a server that is not trusted"
    assert "p@ss" not in str(caught.value)
    return caught.value


def _hashed(key: asyncssh.SSHKey, host: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = base64.b64encode(hmac.new(salt, host.encode(), "sha1").digest()).decode()
    return known_line(key, f"|1|{base64.b64encode(salt).decode()}|{digest}")


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    """Give an empty known_hosts file."""
    path = tmp_path / "known_hosts"
    path.touch()
    return path


async def _among(known_hosts: Path, *lines: str, keys: Sequence[asyncssh.SSHKey] = (FIRST,)) -> bytes:
    """Read from a server of which `lines` are known; `{port}` in them is its port."""
    async with ssh_server(_shelf(), host_keys=keys) as server:
        await anyio.Path(known_hosts).write_text("".join(line.replace("{port}", str(server.port)) for line in lines))
        try:
            return await _read(_source(server, known_hosts))
        except FeedmillError:
            assert server.door.tried == []
            raise


HOST = "[127.0.0.1]:{port}"


@pytest.mark.parametrize(
    "lines",
    [
        [known_line(FIRST, HOST)],
        ["# a comment\n\n", known_line(FIRST, f"supplier.example,{HOST}")],
        [known_line(FIRST, "[127.0.0.*]:*")],
        [known_line(FIRST, "127.0.0.1")],
        [known_line(SECOND, "supplier.example"), known_line(FIRST, HOST).rstrip()],
        [known_line(SECOND, HOST), known_line(FIRST, HOST)],
        [known_line(SECOND, "127.0.0.1"), known_line(FIRST, HOST)],
        [known_line(SECOND, HOST, "@revoked"), known_line(FIRST, HOST)],
    ],
    ids=["port", "several names", "wildcard", "without port", "another host", "two keys", "another port", "another revoked"],
)
async def test_a_known_host_key_is_trusted(known_hosts: Path, lines: list[str]) -> None:
    """Each form in which known_hosts may name a server is understood."""
    assert await _among(known_hosts, *lines) == BODY


async def test_a_hashed_host_name_is_recognised(known_hosts: Path) -> None:
    """Names that OpenSSH has hashed are compared by their hash."""
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        await anyio.Path(known_hosts).write_text(_hashed(FIRST, f"[127.0.0.1]:{server.port}"))
        assert await _read(_source(server, known_hosts)) == BODY
        await anyio.Path(known_hosts).write_text(_hashed(SECOND, f"[127.0.0.1]:{server.port}"))
        server.door.tried.clear()
        assert SECOND.get_fingerprint() in str(await _refused(_source(server, known_hosts), server))


@pytest.mark.parametrize("known", [FIRST, ECDSA, RSA], ids=["ed25519", "ecdsa", "rsa"])
async def test_a_server_of_several_keys_is_asked_for_the_known_one(known_hosts: Path, known: asyncssh.SSHKey) -> None:
    """Which of its keys a server shows is the client's choice: it is the one that known_hosts has."""
    assert await _among(known_hosts, known_line(known, HOST), keys=[RSA, FIRST, ECDSA]) == BODY


async def test_a_certificate_of_a_known_authority_is_trusted(known_hosts: Path) -> None:
    """A host certificate counts when known_hosts names who signed it, and not when it does not."""
    certificate = AUTHORITY.generate_host_certificate(FIRST, "feed", principals=["127.0.0.1"])
    async with ssh_server(_shelf(), host_keys=[FIRST], server_host_certs=[certificate]) as server:
        await anyio.Path(known_hosts).write_text(known_line(AUTHORITY, "127.0.0.*", "@cert-authority"))
        assert await _read(_source(server, known_hosts)) == BODY
        server.door.tried.clear()
        await anyio.Path(known_hosts).write_text(known_line(SECOND, "127.0.0.*", "@cert-authority"))
        assert isinstance(await _refused(_source(server, known_hosts), server), RefuseRun)


async def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_how_to_accept_it(known_hosts: Path) -> None:
    """The message holds all that is needed to compare the key and to accept it."""
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        error = await _refused(_source(server, known_hosts), server)
    assert isinstance(error, RefuseRun)
    for said in (FIRST.get_fingerprint(), "not known", "transport.hostKey", str(known_hosts), "transport.trustFirstUse"):
        assert said in str(error)


@pytest.mark.parametrize("trust_first_use", [False, True])
@pytest.mark.parametrize("shown", [SECOND, RSA], ids=["same type", "another type"])
async def test_a_changed_host_key_is_refused_with_both_fingerprints(
    known_hosts: Path, shown: asyncssh.SSHKey, trust_first_use: bool
) -> None:
    """A key other than the known one is refused whatever is trusted at first use, and the file stays as it is."""
    async with ssh_server(_shelf(), host_keys=[shown]) as server:
        line = known_line(FIRST, f"[127.0.0.1]:{server.port}")
        await anyio.Path(known_hosts).write_text(line)
        error = await _refused(_source(server, known_hosts, trust_first_use=trust_first_use), server)
        assert (await anyio.Path(known_hosts).read_text()) == line
    assert isinstance(error, RefuseRun)
    for said in (shown.get_fingerprint(), FIRST.get_fingerprint(), f"ssh-keygen -R '[127.0.0.1]:{server.port}' -f {known_hosts}"):
        assert said in str(error)


@pytest.mark.parametrize("lines", [[known_line(FIRST, "*", "@revoked")], [known_line(FIRST, HOST), known_line(FIRST, HOST, "@revoked")]])
async def test_a_revoked_host_key_is_refused(known_hosts: Path, lines: list[str]) -> None:
    """A key marked as revoked is refused even where it is known, too."""
    with pytest.raises(RefuseRun, match="marks as @revoked") as caught:
        await _among(known_hosts, *lines)
    assert FIRST.get_fingerprint() in str(caught.value)


async def test_a_revoked_key_is_not_trusted_at_first_use(known_hosts: Path) -> None:
    """First use does not get round a revocation."""
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        await anyio.Path(known_hosts).write_text(known_line(FIRST, "*", "@revoked"))
        assert "@revoked" in str(await _refused(_source(server, known_hosts, trust_first_use=True), server))


@pytest.mark.parametrize(
    "there", [None, "", "supplier.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEpONexVYxQ9zm9/PZ7B6Zwxg2yQZQxXkR9rX6lJtR1q"]
)
async def test_a_first_use_is_kept_and_the_second_one_checked(tmp_path: Path, there: str | None) -> None:
    """The key of a first use is added to the file, told, and from then on the only one."""
    path, told = tmp_path / "ssh" / "known_hosts", list[str]()
    if there is not None:
        await anyio.Path(path.parent).mkdir()
        await anyio.Path(path).write_text(there)
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        source = replace(_source(server, path, trust_first_use=True), tell=told.append)
        assert await _read(source) == BODY
        assert (await anyio.Path(path).read_text()) == (f"{there}\n" if there else "") + server.known_line()
        assert len(told) == 1
        assert FIRST.get_fingerprint() in told[0]
        if there is None:
            assert stat.S_IMODE((await anyio.Path(path).stat()).st_mode) == 0o600
        assert await _read(replace(source, ssh=Ssh(known_hosts=str(path)))) == BODY
        assert await _read(source) == BODY
        assert len(told) == 1
        port = server.port
    async with ssh_server(_shelf(), host_keys=[SECOND], at=port) as server:
        assert FIRST.get_fingerprint() in str(await _refused(_source(server, path, trust_first_use=True), server))


async def test_a_first_use_is_kept_though_the_login_fails(known_hosts: Path) -> None:
    """The key is written before a credential is sent: a server that only collects passwords gets one, once."""
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        with pytest.raises(RefuseRun, match="the login was refused"):
            await _read(replace(_source(server, known_hosts, trust_first_use=True), username="somebody"))
        assert (await anyio.Path(known_hosts).read_text()) == server.known_line()


async def test_a_first_use_that_cannot_be_kept_ends_before_the_login(tmp_path: Path) -> None:
    """A key that would be forgotten is not trusted."""
    await anyio.Path(tmp_path / "file").touch()
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        error = await _refused(_source(server, tmp_path / "file" / "known_hosts", trust_first_use=True), server)
    assert isinstance(error, ConfigError)
    assert "transport.knownHosts: " in str(error)


@pytest.mark.parametrize("pinned", [FIRST, ECDSA, RSA], ids=["ed25519", "ecdsa", "rsa"])
async def test_a_pinned_fingerprint_stands_for_the_file(tmp_path: Path, pinned: asyncssh.SSHKey) -> None:
    """A pinned key is found among those of a server, whichever it would show first, and no file is needed."""
    async with ssh_server(_shelf(), host_keys=[FIRST, ECDSA, RSA]) as server:
        for pin in (pinned.get_fingerprint(), pinned.get_fingerprint() + "="):
            assert await _read(_source(server, tmp_path / "gone", host_key=pin)) == BODY


async def test_another_key_than_the_pinned_one_is_refused_with_both_fingerprints(known_hosts: Path) -> None:
    """Neither known_hosts nor first use gets round a pinned fingerprint."""
    async with ssh_server(_shelf(), host_keys=[SECOND, RSA]) as server:
        await anyio.Path(known_hosts).write_text(server.known_line())
        error = await _refused(_source(server, known_hosts, host_key=FIRST.get_fingerprint(), trust_first_use=True), server)
    assert isinstance(error, RefuseRun)
    assert FIRST.get_fingerprint() in str(error)
    assert SECOND.get_fingerprint() in str(error)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this user another home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def test_the_users_own_file_is_the_default(home: Path) -> None:
    """Without a setting it is ~/.ssh/known_hosts, made by a first use where it is missing."""
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        assert str(home / ".ssh" / "known_hosts") in str(await _refused(_source(server), server))
        assert not await anyio.Path(home / ".ssh").exists()
        assert await _read(_source(server, trust_first_use=True)) == BODY
        assert stat.S_IMODE((await anyio.Path(home / ".ssh").stat()).st_mode) == 0o700
        assert await _read(_source(server)) == BODY


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("# fine\n" + known_line(FIRST, "|1|broken"), "line 2 of"),
        ("@unheard x y z\n", "line 1 of"),
        ("word\n", "line 1 of"),
    ],
    ids=["missing", "broken", "unheard", "word"],
)
async def test_a_known_hosts_file_that_cannot_be_understood_is_a_wrong_setting(tmp_path: Path, content: str | None, said: str) -> None:
    """A line that may be the one that revokes a key is not skipped."""
    path = tmp_path / "known_hosts"
    if content is not None:
        await anyio.Path(path).write_text(content)
    async with ssh_server(_shelf(), host_keys=[FIRST]) as server:
        error = await _refused(_source(server, path), server)
    assert isinstance(error, ConfigError)
    assert str(error).startswith("transport.knownHosts: ")
    assert said in str(error)
