"""One login at a server, made anew when it breaks, and what is asked of the server over it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import anyio
import asyncssh

from connectors.ssh.errors import LATER, explained
from connectors.ssh.host_keys import DEFAULT_PORT, HostKeys, load_host_keys
from connectors.ssh.line import Line
from connectors.ssh.login import METHODS, Login, identities
from connectors.wire.egress import open_socket, port_of
from connectors.wire.pace import Pace
from connectors.wire.retrying import persist
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry

if TYPE_CHECKING:
    from types import TracebackType

    from anyio.abc import TaskGroup

    from engine.source import Source

T = TypeVar("T")

MAX_ENTRIES: Final = 1_000_000
"""The names of a folder that are listened to at most."""

_CLOSE_SECONDS: Final = 2.0
_KEEPALIVE_SECONDS: Final = 30.0
_MISSED_KEEPALIVES: Final = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of a file. `size` is in bytes, `mtime` in seconds of Unix time; None where it says nothing."""

    size: int | None
    mtime: int | None
    mode: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, attrs: asyncssh.SFTPAttrs) -> Facts:
        """Return the facts in an answer. A time of zero is what servers say that know none."""
        return cls(attrs.size, attrs.mtime or None, attrs.permissions)

    @property
    def changed_at(self) -> datetime | None:
        return None if self.mtime is None else datetime.fromtimestamp(self.mtime, UTC)

    @property
    def version(self) -> str | None:
        """Return what stands for the bytes: size and time of change; None where the server does not tell both."""
        if self.size is None or self.changed_at is None:
            return None
        return f"size={self.size} mtime={self.changed_at:%Y%m%d%H%M%S}"

    def is_folder(self) -> bool:
        return self.mode is not None and stat.S_ISDIR(self.mode)

    def is_file(self) -> bool:
        """Tell whether this is a regular file; a server that does not say is believed."""
        return self.mode is None or stat.S_IFMT(self.mode) in (0, stat.S_IFREG)

    def is_link(self) -> bool:
        return self.mode is not None and stat.S_ISLNK(self.mode)


class Session:
    """A connection that is logged in and speaks SFTP. Every question is answered within `patience.idle` or is a `Retry`."""

    def __init__(self, source: Source, connection: asyncssh.SSHClientConnection, sftp: asyncssh.SFTPClient, line: Line) -> None:
        self._source = source
        self._connection = connection
        self._sftp = sftp
        self.line = line

    @property
    def most_bytes(self) -> int | None:
        """Return how many bytes the server says it gives in one answer, None where it says nothing."""
        # What the library assumes of a server that does not say is less than what every server gives.
        limit = self._sftp.limits.max_read_len
        return limit if limit > _ASSUMED_READ_BYTES else None

    async def facts(self, path: str, name: str) -> Facts:
        """Return the facts of what a path leads to, links followed. `name` is its URL, for what goes wrong."""
        with explained(self._source, name), anyio.fail_after(self._source.patience.idle):
            return Facts.of(await self._sftp.stat(path))

    async def home(self) -> str:
        """Return the path of the login directory."""
        with explained(self._source), anyio.fail_after(self._source.patience.idle):
            return str(await self._sftp.realpath("."))

    async def listing(self, folder: str, name: str) -> Sequence[tuple[str, Facts]]:
        """Return names and facts of what is in a folder, links not followed.

        Raises `RefuseRun` for more names than a folder can sensibly hold, `Retry` when they come slower than the floor.
        """
        found: list[tuple[str, Facts]] = []
        pace = Pace(self._source)
        # The library's iterator is a generator, hence typed less than it is.
        entries = cast("Any", self._sftp.scandir(folder))
        with explained(self._source, name):
            async with aclosing(entries):
                while True:
                    before, asked = self.line.received, monotonic()
                    with anyio.fail_after(self._source.patience.idle):
                        entry = await anext(entries, None)
                    if entry is None:
                        return found
                    pace.note(self.line.received - before, monotonic() - asked)
                    filename = str(entry.filename)
                    # A name that is a path is none that a folder can hold: it is a broken server's or a trap.
                    if "/" not in filename and "\0" not in filename:
                        found.append((filename, Facts.of(entry.attrs)))
                    if len(found) > MAX_ENTRIES:
                        raise RefuseRun(f"{name}: the folder's listing has no end; ask the supplier for a folder of its own")

    async def open(self, path: str, name: str) -> tuple[asyncssh.SFTPClientFile, Facts]:
        """Open a file for reading and return it with the facts of what was opened."""
        with explained(self._source, name), anyio.fail_after(self._source.patience.idle):
            # Without a block size a read is one request: how many are under way is decided here, not in the library.
            file = await self._sftp.open(path, "rb", encoding=None, block_size=cast("int", None))
            return file, Facts.of(await file.stat())

    async def facts_of(self, file: asyncssh.SFTPClientFile) -> Facts:
        """Return the facts of an open file, whatever its name stands for by now."""
        with explained(self._source), anyio.fail_after(self._source.patience.idle):
            return Facts.of(await file.stat())

    async def read(self, file: asyncssh.SFTPClientFile, offset: int, size: int) -> bytes:
        """Ask once for `size` bytes and return what came, empty at the end of the file. Waits without a limit."""
        with explained(self._source):
            piece = cast("bytes", await file.read(size, offset))
        if len(piece) > size:
            raise Retry(f"{self._source.name}: sent more than it was asked for; {LATER}")
        return piece

    async def close(self, file: asyncssh.SFTPClientFile) -> None:
        """Close a file; when the connection is gone, so is the file."""
        with suppress(FeedmillError), explained(self._source):
            await file.close()

    async def aclose(self) -> None:
        """Say goodbye and close the connection."""
        await _hang_up(self._connection, self.line)


_ASSUMED_READ_BYTES: Final = 16 * 1024


class Site:
    """The server of a source over one fetch. `tasks` is where what is read ahead runs."""

    def __init__(self, source: Source, host_keys: HostKeys, keys: Sequence[asyncssh.SSHKeyPair], tasks: TaskGroup) -> None:
        self._host_keys = host_keys
        self._keys = keys
        self._session: Session | None = None
        self.source = source
        self.tasks = tasks

    async def session(self) -> Session:
        """Return the session, logging in when there is none. Raises what connecting and logging in can end with."""
        if self._session is None:
            self._session = await _logged_in(self.source, self._host_keys, self._keys)
        return self._session

    async def ask(self, question: Callable[[Session], Awaitable[T]]) -> T:
        """Put a question to the server, over another session when one fails, as often as `source.persistence` says."""

        async def once() -> T:
            try:
                return await question(await self.session())
            except Retry:
                await self.drop()
                raise

        return await persist(self.source, once)

    async def drop(self) -> None:
        """Close the session; the next question makes another."""
        session, self._session = self._session, None
        if session is not None:
            await session.aclose()


@asynccontextmanager
async def open_site(source: Source) -> AsyncIterator[Site]:
    """Give the source's server and close what was opened there. Connects to nothing yet; raises `ConfigError` early."""
    if not source.username:
        raise ConfigError(f"{source.name}: an SFTP URL needs a user name: sftp://user@host/path")
    host_keys = await load_host_keys(source)
    async with identities(source) as keys, _ReadingTasks() as tasks:
        site = Site(source, host_keys, keys, tasks)
        try:
            yield site
        finally:
            await site.drop()


class _ReadingTasks:
    """A task group that ends with its context and lets the context's own error out as it was raised, not wrapped in a group."""

    def __init__(self) -> None:
        self._group = anyio.create_task_group()

    async def __aenter__(self) -> TaskGroup:
        return await self._group.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool | None:
        self._group.cancel_scope.cancel()
        if isinstance(error, Exception):
            await self._group.__aexit__(None, None, None)
            return None
        return await self._group.__aexit__(kind, error, trace)


async def _logged_in(source: Source, host_keys: HostKeys, keys: Sequence[asyncssh.SSHKeyPair]) -> Session:
    while True:
        try:
            with anyio.fail_after(source.patience.connect):
                return await _connected(source, host_keys, keys)
        except TimeoutError:
            cure = "try again later, or raise transport.connectTimeout"
            raise Retry(f"{source.name}: the login was not done within {source.patience.connect:g} s; {cure}") from None
        except _AnotherKey:
            continue


class _AnotherKey(Exception):
    """The pinned host key may be one that the server shows only when asked for it."""


async def _connected(source: Source, host_keys: HostKeys, keys: Sequence[asyncssh.SSHKeyPair]) -> Session:
    host = urlsplit(source.url).hostname or ""
    port = port_of(source) or DEFAULT_PORT
    line = Line(await open_socket(host, port, source))
    login = Login(source, host_keys, keys)
    try:
        with explained(source):
            try:
                connection = await asyncssh.connect(host, port, tunnel=cast("Any", line), **_options(source, host_keys, login))
                await host_keys.remember()
                return Session(source, connection, await connection.start_sftp_client(path_errors="surrogateescape"), line)
            except (asyncssh.Error, OSError, ValueError) as error:
                if (better := _better(error, source, host_keys, login, line)) is not None:
                    raise better from None
                raise
    except BaseException:
        await _hang_up(login.connection, line)
        raise


def _better(error: Exception, source: Source, host_keys: HostKeys, login: Login, line: Line) -> Exception | None:
    """Return what is known of a failed login beyond the library's error."""
    if isinstance(error, ValueError) and login.connection is None:
        # The library looks up who runs the process even where it is told whom to log in.
        if "local username" in str(error):
            return ConfigError("the user that runs Feedmill has no name on this machine; set LOGNAME in its environment")
        return ConfigError(f"{source.name}: the user name cannot be sent over SSH (RFC 4013); check it")
    if isinstance(error, asyncssh.HostKeyNotVerifiable) and host_keys.asks_for_another():
        return _AnotherKey()
    if isinstance(error, asyncssh.PermissionDenied):
        return login.refusal()
    # Whatever the error: OpenSSH hangs up without a word when it has no key of the types it is asked for.
    return host_keys.refusal() or line.stranger(source)


def _options(source: Source, host_keys: HostKeys, login: Login) -> dict[str, Any]:
    """Return the library's options: everything it would else take from this user's SSH configuration is switched off."""
    known = host_keys.known
    return {
        "config": None,
        "options": None,
        "client_factory": lambda: login,
        "username": source.username,
        # No key is trusted by the library itself, so that each is judged in one place.
        "known_hosts": ([], list(known.authorities), list(known.revoked) if known.authorities else []),
        "server_host_key_algs": list(host_keys.algorithms),
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": [],
        "client_keys": None,
        "agent_path": None,
        "gss_host": None,
        "host_based_auth": False,
        "public_key_auth": True,
        "password_auth": True,
        "kbdint_auth": True,
        "preferred_auth": METHODS,
        "client_version": "Feedmill",
        # Of what is equally safe the fastest: OpenSSL does both of its steps in one call (measured: 1.4 times chacha20-poly1305).
        "encryption_algs": "^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
        "login_timeout": 0,
        "keepalive_interval": _KEEPALIVE_SECONDS,
        "keepalive_count_max": _MISSED_KEEPALIVES,
    }


async def _hang_up(connection: asyncssh.SSHClientConnection | None, line: Line) -> None:
    # Shielded, so that a cancelled run leaves no socket behind; bounded, so that a silent server cannot hold it.
    with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
        if connection is not None:
            connection.close()
            await connection.wait_closed()
    line.close()
