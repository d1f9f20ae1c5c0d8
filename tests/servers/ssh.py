"""An SSH server on the loopback whose files stand in memory: every way to log in, any host key, and faults on demand."""

from __future__ import annotations

import asyncio
import posixpath
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final
from urllib.parse import quote

import anyio
import anyio.to_thread
import asyncssh

from tests.servers.debian import environment

LONG_AGO: Final = 1_790_000_000
"""A time of change that has settled."""


@cache
def key(name: str, kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    """Return the private key of a name: the same one for the whole test run."""
    return asyncssh.generate_private_key(kind, comment=name)


@dataclass(slots=True)
class File:
    """A file that is served; `mtime` is in seconds of Unix time, None where the server tells none. A link has a target."""

    data: bytes = b""
    mtime: int | None = LONG_AGO
    mode: int = stat.S_IFREG | 0o644
    target: str | None = None


@dataclass(slots=True)
class Shelf:
    """What is served and how, and what was asked for; tests change it while it is served."""

    files: dict[str, File] = field(default_factory=dict)
    home: str = "/"
    most_bytes: int | None = None
    """The bytes of one answer at most."""
    ends_at: int | None = None
    """Where every file ends, whatever its size is said to be."""
    before_read: Callable[[str, int], None] | None = None
    """Called with path and offset before each read; what it raises is the answer."""
    reads: list[tuple[int, int]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def folders(self) -> set[str]:
        """Return every folder that has a file in it."""
        found = {"/", self.home}
        for path in self.files:
            while (path := posixpath.dirname(path)) != "/":
                found.add(path)
        return found


class _Sftp(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], shelf: Shelf) -> None:
        super().__init__(channel)
        self._shelf = shelf

    def _place(self, path: bytes) -> str:
        return posixpath.normpath(posixpath.join(self._shelf.home, path.decode("utf-8", "surrogateescape")))

    def _file(self, path: bytes) -> File:
        place = self._place(path)
        file = self._shelf.files.get(place)
        while file is not None and file.target is not None:
            place = posixpath.join(posixpath.dirname(place), file.target)
            file = self._shelf.files.get(place)
        if file is None and place in self._shelf.folders():
            file = File(mode=stat.S_IFDIR | 0o755)
        if file is None:
            raise asyncssh.SFTPNoSuchFile("No such file")
        return file

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        file = self._file(path)
        if not file.mode & 0o444:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        self._shelf.opened.append(self._place(path))
        return self._place(path), file

    def close(self, file_obj: object) -> None:
        """Hold nothing."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        path, file = file_obj
        self._shelf.reads.append((offset, size))
        if self._shelf.before_read is not None:
            self._shelf.before_read(path, offset)
        data: bytes = file.data[: self._shelf.ends_at]
        return data[offset : offset + min(size, self._shelf.most_bytes or size)]

    def fstat(self, file_obj: Any) -> asyncssh.SFTPAttrs:
        return _attrs(file_obj[1])

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return _attrs(self._file(path))

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return _attrs(self._shelf.files.get(self._place(path)) or self._file(path))

    def realpath(self, path: bytes) -> bytes:
        return self._place(path).encode("utf-8", "surrogateescape")

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        place = self._place(path)
        if place not in self._shelf.folders():
            raise asyncssh.SFTPNoSuchFile("No such file")
        inside = {name: file for name, file in self._shelf.files.items() if posixpath.dirname(name) == place}
        yield asyncssh.SFTPName(b".", attrs=_attrs(File(mode=stat.S_IFDIR)))
        for name, file in inside.items():
            filename = posixpath.basename(name).encode("utf-8", "surrogateescape")
            yield asyncssh.SFTPName(filename, b"-rw-r--r-- " + filename, _attrs(file))


def _attrs(file: File) -> asyncssh.SFTPAttrs:
    mode = file.mode if file.target is None else stat.S_IFLNK | 0o777
    attrs = asyncssh.SFTPAttrs(size=len(file.data), permissions=mode)
    if file.mtime is not None:
        attrs.atime = attrs.mtime = file.mtime
    return attrs


@dataclass(slots=True)
class Door:
    """Who gets in, and what was tried.

    `second_prompt` asks for more after the password, `prompt_beside` together with it, as servers with one-time codes do.
    """

    user: str = "shop"
    password: str | None = "p@ss/w:rd"
    prompted: str | None = None
    prompt: str = "Password: "
    second_prompt: str | None = None
    prompt_beside: str | None = None
    keys: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    """Whose certificates open the door."""
    must_change: bool = False
    tried: list[str] = field(default_factory=list)
    """Every attempt to log in, by method: empty when no credential was ever sent."""


class _Piped(asyncssh.SSHServerSession[bytes]):
    """Let a program on this machine speak SFTP."""

    def __init__(self, program: Path, ended: list[anyio.Event]) -> None:
        self._program = program
        self._ended = ended
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._early: list[bytes] = []

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        assert self._channel is not None
        self._channel.get_connection().create_task(self._run(self._channel))

    async def _run(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        done = anyio.Event()
        self._ended.append(done)
        surroundings = await anyio.to_thread.run_sync(environment)
        self._child = await asyncio.create_subprocess_exec(self._program, stdin=PIPE, stdout=PIPE, env=surroundings)
        assert self._child.stdout is not None
        self._feed(b"".join(self._early))
        while data := await self._child.stdout.read(64 * 1024):
            channel.write(data)
        await self._child.wait()
        channel.exit(0)
        done.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._child is None:
            self._early.append(data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()


class _Server(asyncssh.SSHServer):
    def __init__(self, door: Door, program: Path | None, ended: list[anyio.Event]) -> None:
        self._door = door
        self._program = program
        self._ended = ended
        self._connection: asyncssh.SSHServerConnection | None = None
        self._user = ""
        self._prompts = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._user = username
        return True

    def session_requested(self) -> Any:
        assert self._connection is not None
        channel = self._connection.create_server_channel(encoding=None)
        return (channel, _Piped(self._program, self._ended)) if self._program is not None else False

    def password_auth_supported(self) -> bool:
        return self._door.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        self._door.tried.append("password")
        if self._door.must_change:
            raise asyncssh.PasswordChangeRequired("choose another")
        return (username, password) == (self._door.user, self._door.password)

    def public_key_auth_supported(self) -> bool:
        return bool(self._door.keys or self._door.authorities)

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._door.tried.append("publickey")
        return username == self._door.user and any(known.convert_to_public() == key for known in self._door.authorities)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._door.tried.append("publickey")
        return username == self._door.user and any(known.convert_to_public() == key for known in self._door.keys)

    def kbdint_auth_supported(self) -> bool:
        return self._door.prompted is not None

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> tuple[str, str, str, Sequence[tuple[str, bool]]]:
        beside = [(self._door.prompt_beside, False)] if self._door.prompt_beside is not None else []
        return "", "Welcome", "", [(self._door.prompt, False), *beside]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Any:
        self._door.tried.append("keyboard-interactive")
        if list(responses) != [self._door.prompted]:
            return False
        if self._door.second_prompt is not None:
            return "", "", "", [(self._door.second_prompt, False)]
        return True


@dataclass(frozen=True, slots=True)
class SshServer:
    """A running server."""

    port: int
    host_key: asyncssh.SSHKey
    shelf: Shelf
    door: Door

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint()

    def known_line(self, host: str | None = None) -> str:
        """Return the server's line in known_hosts."""
        return known_line(self.host_key, host or f"[127.0.0.1]:{self.port}")

    def url(self, path: str, *, port: int | None = None, password: str | None = None) -> str:
        """Return the URL of a path with user and password."""
        secret = quote(self.door.password or "" if password is None else password, safe="")
        return f"sftp://{self.door.user}:{secret}@127.0.0.1:{port or self.port}{path}"


def known_line(key: asyncssh.SSHKey, host: str, marker: str = "") -> str:
    """Return a line of known_hosts."""
    algorithm, data = key.export_public_key().decode().split()[:2]
    return f"{marker} {host} {algorithm} {data}\n".lstrip()


@asynccontextmanager
async def ssh_server(
    shelf: Shelf | None = None,
    door: Door | None = None,
    *,
    host_keys: Sequence[asyncssh.SSHKey] | None = None,
    at: int = 0,
    program: Path | None = None,
    **options: Any,
) -> AsyncIterator[SshServer]:
    """Serve a shelf behind a door, on port `at` or any, or what `program` serves; `options` are those of asyncssh's server."""
    shelf, door = shelf or Shelf(), door or Door()
    host_keys = host_keys or [key("host")]
    if program is None:
        options.setdefault("sftp_factory", lambda channel: _Sftp(channel, shelf))
    ended: list[anyio.Event] = []
    listener = await asyncssh.listen(
        "127.0.0.1",
        at,
        config=None,
        server_factory=lambda: _Server(door, program, ended),
        server_host_keys=list(host_keys),
        gss_host=None,
        **options,
    )
    try:
        yield SshServer(listener.get_port(), host_keys[0], shelf, door)
    finally:
        listener.close()
        await listener.wait_closed()
        for program_ended in ended:
            await program_ended.wait()
