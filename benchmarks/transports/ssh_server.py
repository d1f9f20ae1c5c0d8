"""The supplier over SFTP: OpenSSH's sshd where it is installed, which is in C, else a server in Python."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import asyncssh

_PATIENCE_SECONDS: Final = 10.0
_STAND_IN: Final = "daemon"
"""Who serves when root measures: sshd that runs as root wants a folder of the machine's, and every Unix has this user."""


@dataclass(frozen=True, slots=True)
class SshServer:
    """A running server and the way in; one in Python is slower than what is measured."""

    port: int
    user: str
    host_key: str
    key_file: Path
    known_hosts: Path
    in_python: bool


def find_sshd() -> str | None:
    """Return the path of OpenSSH's server, None where it is not installed."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")


@contextmanager
def serve_ssh(directory: Path) -> Iterator[SshServer]:
    """Serve this machine's files to the holder of a new key, from another process; what it needs is kept in `directory`."""
    user = _STAND_IN if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    sshd, port = find_sshd(), _free_port()
    host_file, key_file, known_hosts = directory / "host_key", directory / "client_key", directory / "known_hosts"
    host, key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    for path, made in ((host_file, host), (key_file, key)):
        made.write_private_key(path)
        path.chmod(0o600)
    key.write_public_key(directory / "authorized_keys")
    known_hosts.write_text(f"[127.0.0.1]:{port} {host.export_public_key().decode()}")
    account: dict[str, str] = {}
    if sshd is None:
        command = [sys.executable, "-m", "benchmarks.transports.ssh_server", str(directory), str(port)]
    else:
        command = [sshd, "-D", "-e", "-f", str(_write_settings(directory, port))]
        if os.geteuid() == 0:
            account = {"user": user, "group": user}
            os.chown(host_file, pwd.getpwnam(user).pw_uid, -1)
    with (directory / "ssh.log").open("wb") as log, subprocess.Popen(command, stderr=log, **account) as process:  # type: ignore[call-overload]
        try:
            _await_listening(process, port, directory / "ssh.log")
            yield SshServer(port, user, host.get_fingerprint(), key_file, known_hosts, sshd is None)
        finally:
            process.terminate()


def _write_settings(directory: Path, port: int) -> Path:
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "HostKey": directory / "host_key",
        "AuthorizedKeysFile": directory / "authorized_keys",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PidFile": "none",
        "Subsystem": "sftp internal-sftp",
    }
    path = directory / "sshd_config"
    path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the SSH server does not listen:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.02)


async def _serve(directory: Path, port: int) -> None:
    await asyncssh.listen(
        "127.0.0.1",
        port,
        config=None,
        server_host_keys=[str(directory / "host_key")],
        authorized_client_keys=str(directory / "authorized_keys"),
        sftp_factory=True,
    )
    await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(_serve, Path(sys.argv[1]), int(sys.argv[2]))
