"""Debian's own servers, as `fetch_debian.sh` unpacked them or as this machine has them: found, started, ended with the test."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import pytest

UNPACKED: Final = Path(__file__).parents[2] / ".servers" / "root"

_PATIENCE_SECONDS: Final = 15.0
_LIBRARIES: Final = ("usr/lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/pulseaudio", "lib/*-linux-gnu*")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a test server, with the password as `crypt` (SHA-512) stores it: no Python that we support can do that for all."""

    user: str
    password: str
    hashed: str


ACCOUNTS: Final = (
    Account("shop", "p@ss", "$6$feedmill$ufS376iYN7RvXNDlYhlsnuDwc4xjMtACfLdCTGFOqSD93vQ3Xgp64BQ6/8hub6C9IqGtOUxDp41Ox2NsPk47k/"),
    Account(
        "jo@shop.example",
        "p@ss/w:rd",
        "$6$feedmill$v6.XpaM8cQg9KtRbOjMkbUj48uysBfACkiUSCS9Fj3qmdelKTEA7IwcYLQhbiUDwuhAJB9fV3ejzp2MwZ3yl6.",
    ),
    Account("open", "", "$6$feedmill$YTxz4JwqGlelnQbKRM4zRk8kKvl9Yph87hIIYjthE4kGTklScKd0UDJ3zIJ7gP2R5iPgC6wIIE8UijX5EFDMv1"),
)
"""Who may log in everywhere: a plain user, one whose name and password hold reserved characters, one with an empty password."""


@dataclass(frozen=True, slots=True)
class FtpServer:
    """A running FTP server: `home` is where its users land, `inside` is that folder's absolute path as the server sees it."""

    port: int
    home: Path
    inside: str
    log: Path

    async def count(self, verb: str) -> int:
        """Return how often the log shows a command of a client."""
        text = await anyio.Path(self.log).read_text(errors="replace")
        return len(re.findall(rf'command: Client "[^"]*", "{verb}\b', text))


def program(path: str) -> Path:
    """Return where a program is, named by its path from the root (`usr/sbin/vsftpd`); skips the test where it is not."""
    for root in (UNPACKED, Path("/")):
        if os.access(root / path, os.X_OK):
            return root / path
    pytest.skip(f"{Path(path).name} is neither in .servers (make .servers/.stamp) nor on this machine")


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which an unpacked program finds its libraries."""
    folders = [str(folder) for pattern in _LIBRARIES for folder in sorted(UNPACKED.glob(pattern))]
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": ":".join(folders), "LC_ALL": "C", "TZ": "UTC", **more}


def libraries(binary: Path) -> list[tuple[Path, Path]]:
    """Return the shared libraries a program loads: where each is, and where it would be were everything installed."""
    listed = subprocess.run(("ldd", str(binary)), env=environment(), check=True, capture_output=True, text=True).stdout
    found = [Path(path) for path in re.findall(r"(/\S+) \(0x", listed)]
    return [(path, Path("/") / path.relative_to(UNPACKED) if path.is_relative_to(UNPACKED) else path) for path in found]


def free_port() -> int:
    """Return a port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_pair() -> tuple[int, int]:
    """Return two neighbouring ports of the loopback that nobody listens on just now: proftpd takes no smaller range."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port, port + 1


@contextmanager
def daemon(command: Sequence[str | Path], port: int, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server in the foreground until the context is left; give way once it takes connections on `port`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command], env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _await_listening(process, port, log)
        yield
    finally:
        process.terminate()
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{process.args!r} does not listen on {port}:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.02)


@contextmanager
def one_each(command: Sequence[str | Path], log: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """Start a server for each connection, which is its standard input and output, as inetd does; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    processes: list[subprocess.Popen[bytes]] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, log.open("ab") as errors:
                processes.append(
                    subprocess.Popen(
                        [str(part) for part in command],
                        env=dict(environment),
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=errors,
                    )
                )

    thread = threading.Thread(target=serve, name=f"inetd-{Path(command[0]).name}")
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # a mere close would not wake who accepts
        thread.join()
        listener.close()
        for process in processes:
            process.terminate()
        for process in processes:
            _end(process)
