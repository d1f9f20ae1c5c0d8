"""Who the server is: the key it shows, held against a pinned fingerprint or the known_hosts file (sshd(8), "known_hosts").

The key is judged before a credential leaves this machine: the exchange in which the server proves that it owns it
(RFC 4253, section 8) comes before every login.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio.to_thread
import asyncssh

from connectors.wire.egress import port_of
from engine.errors import ConfigError, RefuseRun

if TYPE_CHECKING:
    from engine.source import Source

DEFAULT_PORT: Final = 22
_DEFAULT_FILE: Final = "~/.ssh/known_hosts"

_ALGORITHMS: Final = (
    ("ssh-ed25519", ("ssh-ed25519",)),
    ("ecdsa-sha2-nistp256", ("ecdsa-sha2-nistp256",)),
    ("ecdsa-sha2-nistp384", ("ecdsa-sha2-nistp384",)),
    ("ecdsa-sha2-nistp521", ("ecdsa-sha2-nistp521",)),
    # The last signs with SHA-1: some suppliers' servers have nothing else.
    ("ssh-rsa", ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")),
)
"""Types of host keys, the best first, and by which algorithms each signs (RFC 8332 for RSA)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server as known_hosts names it."""

    host: str
    port: int

    @property
    def pattern(self) -> str:
        return self.host if self.port == DEFAULT_PORT else f"[{self.host}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Known:
    """What a known_hosts file says of one server.

    `keys` stand under the server's own name and port: any other key is a changed one. `elsewhere` stand under its name
    without the port: they are accepted too, and say nothing against another key, since each port may have a server of its own.
    """

    keys: tuple[asyncssh.SSHKey, ...] = ()
    elsewhere: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()


class HostKeys:
    """Judge the key that a server shows, for one fetch."""

    def __init__(self, source: Source, place: Place, known: Known, path: Path | None) -> None:
        self._source = source
        self._place = place
        self._path = path
        self._pin = source.ssh.host_key.rstrip("=") if source.ssh.host_key is not None else None
        self._others: list[asyncssh.SSHKey] = []
        self._shown: asyncssh.SSHKey | None = None
        self._is_new = False
        self.known = known

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return the host key algorithms to ask for: those of known keys first, so that a server with several shows a known one."""
        types = [key.get_algorithm() for key in (*self.known.keys, *self.known.elsewhere)]
        tried = {key.get_algorithm() for key in self._others}
        ours = sorted((kind for kind, _ in _ALGORITHMS if kind not in tried), key=lambda kind: kind not in types)
        rare = [kind for kind in types if kind not in dict(_ALGORITHMS)]
        plain = (*rare, *(name for kind in ours for name in dict(_ALGORITHMS)[kind]))
        certified = tuple(f"{name}-cert-v01@openssh.com" for name in plain) if self.known.authorities and not rare else ()
        return (*certified, *dict.fromkeys(plain))

    def accept(self, key: asyncssh.SSHKey) -> bool:
        """Tell whether the server may be talked to."""
        self._shown = key
        if self._pin is not None:
            return key.get_fingerprint() == self._pin
        if key in self.known.revoked:
            return False
        self._is_new = not self.known.keys and key not in self.known.elsewhere and self._source.ssh.trust_first_use
        return self._is_new or key in self.known.keys or key in self.known.elsewhere

    def asks_for_another(self) -> bool:
        """Tell whether to connect once more for a key of another type: the pinned key may be one the server shows only when asked."""
        if self._pin is None or self._shown is None or any(key == self._shown for key in self._others):
            return False
        self._others.append(self._shown)
        self._shown = None
        return bool(self.algorithms)

    def refusal(self) -> RefuseRun | None:
        """Return why the key that was shown is not accepted, None when none was shown or the one shown is."""
        key = self._shown or (self._others[0] if self._others else None)
        if key is None or self.accept(key):
            return None
        shown = f"{self._source.name}: the server shows the host key {_described(key)}"
        if self._pin is not None:
            return RefuseRun(
                f"{shown}, but transport.hostKey pins {self._pin}; ask the supplier whether the key was changed on purpose, and "
                "only then pin the new one"
            )
        if key in self.known.revoked:
            return RefuseRun(f"{shown}, which {self._path} marks as @revoked: it must not be used any more; ask the supplier")
        if self.known.keys:
            return self._changed(key, self.known.keys)
        return RefuseRun(
            f"{shown}, which is not known. Compare the fingerprint with the supplier's; when it is the same, set transport.hostKey to "
            f"it, or add the server to {self._path}, or set transport.trustFirstUse to accept whatever key it shows the first time"
        )

    def _changed(self, key: asyncssh.SSHKey, known: Sequence[asyncssh.SSHKey]) -> RefuseRun:
        return RefuseRun(
            f"{self._source.name}: the server shows the host key {_described(key)}, but {self._path} knows it by "
            f"{' and '.join(_described(other) for other in known)}: somebody may stand in between, or the server was set up anew. "
            f"When the supplier confirms the new key, remove the old one (ssh-keygen -R '{self._place.pattern}' -f {self._path})"
        )

    async def remember(self) -> None:
        """Write the key of a first use to the known_hosts file.

        Raises `RefuseRun` when another key was written there meanwhile, `ConfigError` when the file cannot be written.
        """
        if not self._is_new or self._shown is None or self._path is None:
            return
        key, self._is_new = self._shown, False
        known = await anyio.to_thread.run_sync(_append, self._path, key, self._place)
        if known.keys and key not in known.keys:
            raise self._changed(key, known.keys)
        self.known = known
        self._source.tell(
            f"{self._source.name}: its host key {_described(key)} was not known and is trusted from now on; it stands in {self._path}"
        )


async def load_host_keys(source: Source) -> HostKeys:
    """Read what is known of the source's server.

    Raises `ConfigError` when the known_hosts file that is asked for is missing or cannot be read. A pinned fingerprint stands
    for the file, which is then not looked at.
    """
    place = Place(urlsplit(source.url).hostname or "", port_of(source) or DEFAULT_PORT)
    if source.ssh.host_key is not None:
        return HostKeys(source, place, Known(), None)
    path = _path(source)
    known = await anyio.to_thread.run_sync(_read, path, place, source)
    return HostKeys(source, place, known, path)


def _path(source: Source) -> Path:
    try:
        return Path(source.ssh.known_hosts or _DEFAULT_FILE).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{source.name}: this user has no home directory, so no {_DEFAULT_FILE}; set transport.knownHosts or transport.hostKey"
        ) from None


def _read(path: Path, place: Place, source: Source) -> Known:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        if source.ssh.known_hosts is None or source.ssh.trust_first_use:
            return Known()
        raise ConfigError(f"transport.knownHosts: {path} does not exist; write the server's key there, or set transport.hostKey") from None
    except OSError as error:
        raise ConfigError(f"transport.knownHosts: {path} cannot be read ({error.strerror}); check path and permissions") from None
    return _look_up(text, place, path)


def _look_up(content: bytes, place: Place, path: Path) -> Known:
    known = asyncssh.SSHKnownHosts()
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        try:
            known.load(line)
        except ValueError:
            # Not skipped: the line may be the one that revokes the key.
            raise ConfigError(f"transport.knownHosts: line {number} of {path} is no known_hosts entry; correct or remove it") from None
    # By name only: whoever can answer under a name's address is just what the key is there to find out.
    keys, authorities, revoked, *_ = known.match(place.pattern, "", None)
    if place.pattern == place.host:
        return Known(tuple(keys), (), tuple(authorities), tuple(revoked))
    others, more_authorities, more_revoked, *_ = known.match(place.host, "", None)
    return Known(tuple(keys), tuple(others), (*authorities, *more_authorities), (*revoked, *more_revoked))


def _append(path: Path, key: asyncssh.SSHKey, place: Place) -> Known:
    """Add a key unless the server is known by now; return what is known of it then."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            content = path.read_bytes()
            known = _look_up(content, place, path)
            if not known.keys:
                # One write: whoever reads without the lock sees the whole line or none of it.
                line = f"{place.pattern} ".encode() + b" ".join(key.export_public_key().split()[:2]) + b"\n"
                os.write(file, line if not content or content.endswith(b"\n") else b"\n" + line)
                known = Known((key,), known.elsewhere, known.authorities, known.revoked)
        finally:
            os.close(file)
    except OSError as error:
        raise ConfigError(
            f"transport.knownHosts: {path} cannot be written ({error.strerror}), so the server's key cannot be kept; "
            "check path and permissions, or set transport.hostKey"
        ) from None
    return known


def _described(key: asyncssh.SSHKey) -> str:
    return f"{key.get_fingerprint()} ({key.get_algorithm()})"
