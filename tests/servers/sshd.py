"""OpenSSH's sshd: as the user that runs the tests, or, for root, in a root folder of its own.

As root sshd asks the machine for a user and a folder that only an installation brings. Instead of changing the machine it is
run in a `chroot` with the files it needs and no others; there it knows `ACCOUNTS` and their passwords too.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncssh

from tests.servers.debian import ACCOUNTS, Account, daemon, environment, free_port, libraries, program
from tests.servers.ssh import key, known_line

_SETTINGS: Final = {
    "ListenAddress": "127.0.0.1",
    "UsePAM": "no",
    "StrictModes": "no",
    "KbdInteractiveAuthentication": "no",
    "PidFile": "none",
    "LogLevel": "VERBOSE",
    # The same code as the program sftp-server, without a shell to start it.
    "Subsystem": "sftp internal-sftp",
}


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running sshd: `home` is a folder of the user that logs in, `inside` the same folder as the server sees it."""

    port: int
    account: Account
    home: Path
    inside: str
    host_key: asyncssh.SSHKey
    client_key: Path
    log: Path

    @property
    def known_line(self) -> str:
        return known_line(self.host_key, f"[127.0.0.1]:{self.port}")

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint()

    def url(self, path: str, *, port: int | None = None) -> str:
        """Return the URL of a file below `home`, with the password where the user has one."""
        secret = f":{quote(self.account.password, safe='')}" if self.account.password else ""
        return f"sftp://{quote(self.account.user, safe='')}{secret}@127.0.0.1:{port or self.port}{self.inside}{path}"


@contextmanager
def sshd(**more: str) -> Iterator[Sshd]:
    """Serve a new folder to whoever holds `Sshd.client_key`; `more` are settings of sshd_config. Skips where there is no sshd."""
    binary = program("usr/sbin/sshd")
    folder = Path(tempfile.mkdtemp(prefix="feedmill-sshd-"))
    try:
        as_root = os.geteuid() == 0
        account = ACCOUNTS[0] if as_root else Account(pwd.getpwuid(os.geteuid()).pw_name, "", "")
        inside = Path("/") if as_root else folder
        home, log, port = folder / "srv", folder / "log", free_port()
        home.mkdir()
        for name in ("host_key", "client_key"):
            key(name).write_private_key(folder / name)
            (folder / name).chmod(0o600)
        key("client_key").write_public_key(folder / "authorized_keys")
        settings = _SETTINGS | {
            "Port": str(port),
            "HostKey": str(inside / "host_key"),
            "AuthorizedKeysFile": str(inside / "authorized_keys"),
            "PasswordAuthentication": "yes" if as_root else "no",
            **more,
        }
        (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        if as_root:
            _lay_out(folder, binary)
        command = ("chroot", folder, "/sshd") if as_root else (binary,)
        with daemon(
            (*command, "-D", "-e", "-f", inside / "sshd_config"), port, log, environment(LD_LIBRARY_PATH="") if as_root else environment()
        ):
            yield Sshd(port, account, home, str(inside / "srv"), key("host_key"), folder / "client_key", log)
    finally:
        shutil.rmtree(folder)


def _lay_out(root: Path, binary: Path) -> None:
    root.chmod(0o755)
    for name in ("run/sshd", "etc", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy2(binary, root / "sshd")
    for place, goal in libraries(binary):
        target = root / goal.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(place, target)
    (root / "dev" / "null").touch()
    with suppress(OSError):
        # Where the container does not allow devices an empty file does as well.
        (root / "dev" / "null").unlink()
        os.mknod(root / "dev" / "null", stat.S_IFCHR, os.makedev(1, 3))
    (root / "dev" / "null").touch()
    (root / "dev" / "null").chmod(0o666)
    # A shell has to be named that is there; it is never run.
    users = [f"{account.user}:x:{number}:1000::/srv:/sshd" for number, account in enumerate(ACCOUNTS, 1000)]
    (root / "etc" / "passwd").write_text("\n".join(["root:x:0:0::/:/sshd", "sshd:x:100:65534::/run/sshd:/sshd", *users, ""]))
    (root / "etc" / "group").write_text("root:x:0:\nusers:x:1000:\nnogroup:x:65534:\n")
    (root / "etc" / "shadow").write_text("".join(f"{account.user}:{account.hashed}:20000:0:99999:7:::\n" for account in ACCOUNTS))
    (root / "etc" / "nsswitch.conf").write_text("passwd: files\nshadow: files\ngroup: files\n")
