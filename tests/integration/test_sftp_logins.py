"""Logging in over SSH: every way, each only when the feed names it, and what a refusal says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import asyncssh
import pytest

from connectors.sftp import SftpConnector
from connectors.ssh.login import _unreadable_key
from engine.errors import ConfigError, FeedmillError, RefuseRun
from engine.source import Patience, Persistence, Secret, Source, Ssh, parse_location
from tests.servers.debian import environment, program
from tests.servers.ssh import Door, File, Shelf, SshServer, key, ssh_server

BODY = b"sku;stock\n1;2\n"
PASSPHRASE = "pass-phr@se"


def _shelf() -> Shelf:
    return Shelf({"/stock.csv": File(BODY)})


def _source(server: SshServer, password: Secret | None = None, *, username: str | None = "shop", **ssh: object) -> Source:
    return Source(
        f"sftp://127.0.0.1:{server.port}/stock.csv",
        username,
        password,
        Patience(connect=10.0, idle=5.0),
        persistence=Persistence(attempts=1),
        ssh=Ssh(host_key=server.fingerprint, **ssh),  # type: ignore[arg-type]
    )


async def _read(source: Source) -> bytes:
    async with SftpConnector().fetch(source) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def _refused(source: Source) -> FeedmillError:
    with pytest.raises(FeedmillError) as caught:
        await _read(source)
    for secret in ("p@ss/w:rd", PASSPHRASE, "wrong-one"):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Give a folder with the key of the user in every form that suppliers hand out."""
    user, rsa = key("user"), key("user-rsa", "ssh-rsa")
    user.write_private_key(tmp_path / "openssh")
    rsa.write_private_key(tmp_path / "pem", "pkcs1-pem")
    rsa.write_private_key(tmp_path / "pem-locked", "pkcs1-pem", PASSPHRASE)
    rsa.write_private_key(tmp_path / "pkcs8", "pkcs8-pem")
    rsa.write_private_key(tmp_path / "pkcs8-locked", "pkcs8-pem", PASSPHRASE)
    key("stranger").write_private_key(tmp_path / "stranger")
    user.write_public_key(tmp_path / "public")
    (tmp_path / "putty").write_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
    return tmp_path


def _with_keys() -> Door:
    return Door(password=None, keys=(key("user"), key("user-rsa", "ssh-rsa")))


@pytest.mark.parametrize("name", ["openssh", "pem", "pkcs8"])
async def test_a_key_file_opens_the_door(keys: Path, name: str) -> None:
    """Private keys in OpenSSH, PKCS#1 and PKCS#8 form are read."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        assert await _read(_source(server, key_file=str(keys / name))) == BODY
        assert set(server.door.tried) == {"publickey"}


@pytest.mark.parametrize("name", ["pem-locked", "pkcs8-locked"])
async def test_a_key_file_with_a_passphrase_opens_the_door(keys: Path, name: str) -> None:
    """An encrypted key is opened by its passphrase; without it, or with another, the message names the setting."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        path = str(keys / name)
        assert await _read(_source(server, key_file=path, key_passphrase=Secret(PASSPHRASE))) == BODY
        for passphrase, said in ((None, "give its passphrase"), (Secret("wrong-one"), "does not open")):
            error = await _refused(_source(server, key_file=path, key_passphrase=passphrase))
            assert isinstance(error, ConfigError)
            assert str(error).startswith("transport.privateKeyPassphrase: ")
            assert said in str(error)


@pytest.mark.parametrize("name", ["pem-locked", "pkcs8-locked"])
def test_a_passphrase_that_opens_rubbish_is_a_wrong_one(keys: Path, name: str) -> None:
    """Padding that is right by chance does not make the file one of another format."""
    told = _unreadable_key(str(keys / name), "invalid private key", has_passphrase=True)
    assert told.startswith("transport.privateKeyPassphrase: the passphrase does not open ")


async def test_a_certificate_beside_the_key_file_goes_along(keys: Path) -> None:
    """A server that knows only who signs its users' keys is shown the certificate."""
    certificate = key("authority").generate_user_certificate(key("user"), "feed", principals=["shop"])
    await anyio.Path(keys / "openssh-cert.pub").write_bytes(certificate.export_certificate())
    async with ssh_server(_shelf(), Door(password=None, authorities=(key("authority"),))) as server:
        assert await _read(_source(server, key_file=str(keys / "openssh"))) == BODY


@pytest.fixture
def locked_openssh(tmp_path: Path) -> str:
    """Give an encrypted key in OpenSSH's own format."""
    pytest.importorskip("bcrypt")
    key("user").write_private_key(tmp_path / "locked", "openssh", PASSPHRASE, rounds=1, ignore_few_rounds=True)
    return str(tmp_path / "locked")


async def test_a_key_file_encrypted_by_openssh_opens_the_door(locked_openssh: str) -> None:
    """The format that `ssh-keygen` writes is read, too, and a wrong passphrase names the setting."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        assert await _read(_source(server, key_file=locked_openssh, key_passphrase=Secret(PASSPHRASE))) == BODY
        for passphrase in (None, Secret("wrong-one")):
            error = await _refused(_source(server, key_file=locked_openssh, key_passphrase=passphrase))
            assert str(error).startswith("transport.privateKeyPassphrase: ")


@pytest.mark.parametrize(
    ("name", "said"), [("gone", "cannot be read (No such file"), ("public", "is no private key"), ("putty", "puttygen")]
)
async def test_what_is_no_private_key_is_a_wrong_setting(keys: Path, name: str, said: str) -> None:
    """A key file that is missing or of another kind is `ConfigError`, before anything is connected to."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        error = await _refused(_source(server, key_file=str(keys / name)))
        assert not server.door.tried
    assert isinstance(error, ConfigError)
    assert "transport.privateKey: " in str(error)
    assert said in str(error)


async def test_a_password_opens_the_door() -> None:
    """Reserved characters of the password arrive as they are."""
    async with ssh_server(_shelf()) as server:
        assert await _read(replace(_source(server, Secret("p@ss/w:rd")))) == BODY
        assert await _read(replace(parse_location(server.url("/stock.csv")), ssh=Ssh(host_key=server.fingerprint))) == BODY


@pytest.mark.parametrize("prompt", ["Password: ", "Mot de passe : ", "(shop@host) Passwort:"])
async def test_a_password_answers_a_prompt(prompt: str) -> None:
    """Servers that offer only keyboard-interactive get the password there, in whatever language they ask."""
    async with ssh_server(_shelf(), Door(password=None, prompted="p@ss/w:rd", prompt=prompt)) as server:
        assert await _read(_source(server, Secret("p@ss/w:rd"))) == BODY
        assert server.door.tried == ["keyboard-interactive"]


async def test_a_server_that_asks_for_more_than_a_password_is_refused() -> None:
    """A second prompt is for a code that no feed has; the password is not sent there."""
    async with ssh_server(_shelf(), Door(password=None, prompted="p@ss/w:rd", second_prompt="Code: ")) as server:
        error = await _refused(_source(server, Secret("p@ss/w:rd")))
        assert server.door.tried == ["keyboard-interactive"]
    assert isinstance(error, RefuseRun)
    assert "asks for more than a password" in str(error)


async def test_a_server_that_asks_for_two_things_at_once_gets_neither() -> None:
    """Which of two hidden answers is the password's nobody can tell, and a code is not to be had: nothing is sent."""
    async with ssh_server(_shelf(), Door(password=None, prompted="p@ss/w:rd", prompt_beside="Code: ")) as server:
        error = await _refused(_source(server, Secret("p@ss/w:rd")))
        assert server.door.tried == []
    assert isinstance(error, RefuseRun)
    assert "asks for more than a password" in str(error)


async def test_a_key_and_a_password_are_both_tried(keys: Path) -> None:
    """A key that is not accepted leaves the way to the password open."""
    async with ssh_server(_shelf(), Door(keys=(key("user"),))) as server:
        assert await _read(_source(server, Secret("p@ss/w:rd"), key_file=str(keys / "stranger"))) == BODY
        assert server.door.tried == ["publickey", "password"]


@pytest.mark.parametrize(
    ("door", "password", "name", "said"),
    [
        (Door(), "wrong-one", None, "the password is not accepted for this user (the server takes password)"),
        (Door(password=None, prompted="p@ss/w:rd"), "wrong-one", None, "the password is not accepted"),
        (Door(), None, None, "the server takes password; put the password into the URL"),
        (Door(password=None, keys=(key("user"),)), "wrong-one", None, "the server takes publickey; set transport.privateKey"),
        (Door(password=None, keys=(key("user"),)), None, "stranger", "the key is not accepted for this user (the server takes publickey)"),
        (Door(keys=(key("user"),)), "wrong-one", "stranger", "the key and the password is not accepted"),
        (Door(password="p@ss/w:rd", must_change=True), "p@ss/w:rd", None, "the password has expired"),
        (Door(password=None), "wrong-one", None, "takes neither password nor key"),
    ],
)
async def test_a_refused_login_says_what_the_server_takes(
    keys: Path, door: Door, password: str | None, name: str | None, said: str
) -> None:
    """The message tells what was tried, what the server offers, and so what is missing."""
    async with ssh_server(_shelf(), replace(door, tried=[])) as server:
        secret = None if password is None else Secret(password)
        error = await _refused(_source(server, secret, key_file=None if name is None else str(keys / name)))
    assert isinstance(error, RefuseRun)
    assert said in str(error)


@pytest.mark.parametrize("username", [None, ""])
async def test_a_user_name_has_to_be_given(username: str | None) -> None:
    """The name of whoever runs Feedmill is nobody's user at the supplier."""
    async with ssh_server(_shelf()) as server:
        error = await _refused(_source(server, Secret("p@ss/w:rd"), username=username))
        assert not server.door.tried
    assert isinstance(error, ConfigError)
    assert "sftp://user@host/path" in str(error)


@pytest.fixture
def agent(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an ssh-agent that holds the user's key, in the environment."""
    socket = keys / "agent.sock"
    process = subprocess.Popen((program("usr/bin/ssh-agent"), "-D", "-a", socket), env=environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        (keys / "openssh").chmod(0o600)
        subprocess.run(
            (program("usr/bin/ssh-add"), "-q", keys / "openssh"),
            env=environment(SSH_AUTH_SOCK=str(socket)),
            check=True,
            capture_output=True,
        )
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield socket
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.usefixtures("agent")
async def test_an_agent_opens_the_door_when_the_feed_names_it() -> None:
    """`use_agent` logs in with the keys of the agent; without it the agent is not asked, though it is there."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        assert await _read(_source(server, use_agent=True)) == BODY
        server.door.tried.clear()
        assert "set transport.privateKey to a key file, or transport.sshAgent" in str(await _refused(_source(server)))
        assert not server.door.tried


async def test_an_agent_that_is_not_there_is_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SSH_AUTH_SOCK, or with one that nobody answers, the message names the setting."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        assert "transport.sshAgent: SSH_AUTH_SOCK names no agent" in str(await _refused(_source(server, use_agent=True)))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
        error = await _refused(_source(server, use_agent=True))
    assert isinstance(error, ConfigError)
    assert "no agent answers" in str(error)


@pytest.fixture
def home(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this user a home in which the key lies where SSH clients look for one."""
    (keys / ".ssh").mkdir()
    (keys / "openssh").rename(keys / ".ssh" / "id_ed25519")
    monkeypatch.setenv("HOME", str(keys))
    return keys


@pytest.mark.usefixtures("home")
async def test_a_default_key_is_not_used_unasked() -> None:
    """What lies in ~/.ssh is not for every supplier to see."""
    async with ssh_server(_shelf(), _with_keys()) as server:
        await _refused(_source(server))
        assert not server.door.tried


async def test_an_account_without_sftp_is_refused() -> None:
    """A login that ends in no SFTP session is the supplier's to change."""
    async with ssh_server(_shelf(), sftp_factory=None) as server:
        error = await _refused(_source(server, Secret("p@ss/w:rd")))
    assert isinstance(error, RefuseRun)
    assert "refused SFTP" in str(error)


def test_the_library_is_imported_late() -> None:
    """Registering the connectors does not cost the start-up time of the SSH library."""
    code = "import sys, connectors; connectors.feedmill_connectors(); sys.exit('asyncssh' in sys.modules)"
    subprocess.run(("python", "-c", code), executable=sys.executable, check=True, cwd=Path(__file__).parents[2])


def test_the_library_reads_what_the_tests_write(keys: Path) -> None:
    """The keys of this module are what they are called."""
    assert (keys / "pem").read_text().startswith("-----BEGIN RSA PRIVATE KEY")
    assert "ENCRYPTED" in (keys / "pem-locked").read_text()
    assert isinstance(asyncssh.read_private_key(keys / "pkcs8"), asyncssh.SSHKey)
