"""Who we are: password, key file or agent, each only when the feed names it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
import asyncssh

from engine.errors import ConfigError, RefuseRun

if TYPE_CHECKING:
    from connectors.ssh.host_keys import HostKeys
    from engine.source import Source

METHODS: Final = ("publickey", "password", "keyboard-interactive")
"""The ways of RFC 4252 and RFC 4256 that are tried, in this order."""


@asynccontextmanager
async def identities(source: Source) -> AsyncIterator[Sequence[asyncssh.SSHKeyPair]]:
    """Give the keys to log in with: the key file's, then the agent's. Raises `ConfigError` when what is asked for is not there."""
    keys = [] if source.ssh.key_file is None else await anyio.to_thread.run_sync(_key_file, source)
    if not source.ssh.use_agent:
        yield keys
        return
    agent = await _agent()
    try:
        try:
            with anyio.fail_after(source.patience.connect):
                keys.extend(await agent.get_keys())
        except (OSError, ValueError, asyncssh.Error):
            raise ConfigError("transport.sshAgent: the agent does not tell its keys; check it with ssh-add -l") from None
        if not keys:
            raise ConfigError("transport.sshAgent: the agent holds no key; add one with ssh-add")
        yield keys
    finally:
        agent.close()


async def _agent() -> asyncssh.SSHAgentClient:
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        raise ConfigError("transport.sshAgent: SSH_AUTH_SOCK names no agent; start one, or set transport.privateKey instead")
    try:
        return await asyncssh.connect_agent(path)
    except (OSError, asyncssh.Error):
        raise ConfigError(f"transport.sshAgent: no agent answers at {path} (SSH_AUTH_SOCK); start one") from None


def _key_file(source: Source) -> list[asyncssh.SSHKeyPair]:
    path, passphrase = source.ssh.key_file or "", source.ssh.key_passphrase
    try:
        return list(asyncssh.load_keypairs(path, passphrase.reveal() if passphrase is not None else None))
    except OSError as error:
        raise ConfigError(f"transport.privateKey: {path} cannot be read ({error.strerror}); check path and permissions") from None
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError, ValueError) as error:
        # The library's message is not passed on: only what kind it is of.
        raise ConfigError(_unreadable_key(path, str(error).lower(), passphrase is not None)) from None


def _unreadable_key(path: str, reason: str, has_passphrase: bool) -> str:
    if "bcrypt" in reason:
        return f"transport.privateKey: {path} is encrypted in OpenSSH's format, for which the Python package bcrypt has to be installed"
    if not has_passphrase and "passphrase" in reason:
        return f"transport.privateKeyPassphrase: {path} is encrypted; give its passphrase"
    # One wrong passphrase in some hundred passes for a right one, and what it opens is no key.
    if has_passphrase and (any(word in reason for word in ("passphrase", "decrypt")) or b"ENCRYPTED" in Path(path).read_bytes()[:200]):
        return f"transport.privateKeyPassphrase: the passphrase does not open {path}; check it"
    return f"transport.privateKey: {path} is no private key in OpenSSH or PEM format; convert it (PuTTY's with puttygen -O private-openssh)"


class Login(asyncssh.SSHClient):
    """Answer what one connection asks on the way to a session, and remember it for whoever has to say why it failed."""

    def __init__(self, source: Source, host_keys: HostKeys, keys: Sequence[asyncssh.SSHKeyPair]) -> None:
        self.connection: asyncssh.SSHClientConnection | None = None
        self._source = source
        self._host_keys = host_keys
        self._keys = list(keys)
        self._password = source.password.reveal() if source.password is not None else None
        self._offered: set[str] = set()
        self._sent: set[str] = set()
        self._asked_for_more = False
        self._must_change = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._host_keys.accept(key)

    async def public_key_auth_requested(self) -> Sequence[asyncssh.SSHKeyPair] | None:
        await self._asked("publickey")
        keys, self._keys = self._keys, []
        if keys:
            self._sent.add("publickey")
        return keys or None

    async def password_auth_requested(self) -> str | None:
        await self._asked("password")
        return self._once("password")

    async def kbdint_auth_requested(self) -> str | None:
        await self._asked("keyboard-interactive")
        return "" if self._password is not None and "keyboard-interactive" not in self._sent else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        if not prompts:
            return []
        # Prompts come in every language, so the one that hides what is typed is the password's; a second is for something else.
        secret = None if len(prompts) > 1 or prompts[0][1] else self._once("keyboard-interactive")
        self._asked_for_more = self._asked_for_more or secret is None
        return None if secret is None else [secret]

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        self._must_change = True
        return NotImplemented

    async def _asked(self, method: str) -> None:
        # The server has proven who it is by now; a key of a first use is kept before the first credential is sent.
        await self._host_keys.remember()
        self._offered.add(method)
        if self.connection is not None:
            self._offered.update(self.connection.get_server_auth_methods())

    def _once(self, method: str) -> str | None:
        if self._password is None or method in self._sent:
            return None
        self._sent.add(method)
        return self._password

    def refusal(self) -> RefuseRun:
        """Return why the login was refused, and what the server would take."""
        offered = ", ".join(method for method in METHODS if method in self._offered)
        start = f"{self._source.name}: the login was refused: "
        if not offered:
            return RefuseRun(f"{start}the server takes neither password nor key; ask the supplier how to log in")
        if self._must_change:
            return RefuseRun(f"{start}the password has expired; change it with the supplier")
        if self._asked_for_more:
            return RefuseRun(f"{start}the server asks for more than a password (it takes {offered}); ask the supplier for a login by key")
        if not self._sent:
            return RefuseRun(f"{start}the server takes {offered}; {_CURES[offered if offered in _CURES else 'password']}")
        wrong = " and ".join(_SENT[method] for method in METHODS if method in self._sent and method != "keyboard-interactive")
        alone = ", or not without a password" if self._password is None and self._offered - {"publickey"} else ""
        return RefuseRun(
            f"{start}{wrong or _SENT['password']} is not accepted for this user{alone} (the server takes {offered}); check it with "
            "the supplier, and that this machine's address is allowed"
        )


_SENT: Final = {"publickey": "the key", "password": "the password"}
_CURES: Final = {
    "publickey": "set transport.privateKey to a key file, or transport.sshAgent",
    "password": "put the password into the URL as user:password@host, or set transport.privateKey or transport.sshAgent",
}
