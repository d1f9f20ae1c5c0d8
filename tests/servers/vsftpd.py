"""vsftpd as Debian builds it, with local users, in a root folder of its own.

vsftpd asks PAM and the password file of the system it runs on. Instead of changing the machine's, it is run in a `chroot`
with the files it needs and no others. That asks for no more than vsftpd itself does, which is root and `chroot`: where these
are not to be had, in a mount namespace or outside of one, it could not serve anybody anyway.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.servers.authority import Authority
from tests.servers.debian import ACCOUNTS, FtpServer, daemon, environment, free_port, libraries, program

_NUMBERS: Final = itertools.count(1)
_SETTINGS: Final = {
    "listen": "YES",
    "listen_address": "127.0.0.1",
    "pasv_address": "127.0.0.1",
    "background": "NO",
    "anonymous_enable": "NO",
    "local_enable": "YES",
    "pam_service_name": "vsftpd",
    "nopriv_user": "nobody",
    "secure_chroot_dir": "/empty",
    "check_shell": "NO",
    "seccomp_sandbox": "NO",
    "isolate": "NO",
    "isolate_network": "NO",
    "session_support": "NO",
    "delay_failed_login": "0",
    "delay_successful_login": "0",
    "xferlog_enable": "YES",
    "xferlog_std_format": "NO",
    "log_ftp_protocol": "YES",
}


@contextmanager
def vsftpd(
    folder: Path, tls: Authority | None = None, *, implicit: bool = False, newest_tls: str = "TLSv1.3", **more: str
) -> Iterator[FtpServer]:
    """Serve a new folder to `ACCOUNTS`, whose login directory it is; `more` are settings of vsftpd.conf.

    With `tls` nobody gets in without it, and the data channel has to reuse the control channel's session, as is the default.
    """
    root, number, port = _prison(folder), next(_NUMBERS), free_port()
    inside = f"/srv/{number}"
    home = root / inside.lstrip("/")
    home.mkdir(parents=True)
    log = root / f"log-{number}"
    log.touch()
    settings = _SETTINGS | {"listen_port": str(port), "local_root": inside, "vsftpd_log_file": f"/log-{number}"} | more
    if tls is not None:
        shutil.copy(tls.whole_file, root / f"tls-{number}.pem")
        settings |= {
            "ssl_enable": "YES",
            "force_local_logins_ssl": "YES",
            "force_local_data_ssl": "YES",
            "require_ssl_reuse": "YES",
            "ssl_tlsv1": "YES",
            "ssl_ciphers": "HIGH",
            "implicit_ssl": "YES" if implicit else "NO",
            "rsa_cert_file": f"/tls-{number}.pem",
        }
    (root / f"conf-{number}").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (root / f"openssl-{number}").write_text(
        f"openssl_conf = conf\n[conf]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nMaxProtocol = {newest_tls}\n"
    )
    command = ("chroot", root, "/vsftpd", f"/conf-{number}")
    with daemon(command, port, log, environment(OPENSSL_CONF=f"/openssl-{number}", LD_LIBRARY_PATH="")):
        yield FtpServer(port, home, inside, log)


@cache
def _prison(folder: Path) -> Path:
    """Lay out, once for a folder, a root with vsftpd, its libraries, PAM and the users."""
    if os.geteuid() != 0:
        pytest.skip("vsftpd needs root: it changes its root folder and its user")
    binary = program("usr/sbin/vsftpd")
    root = folder / "vsftpd"
    for name in ("empty", "srv", "etc/pam.d", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy2(binary, root / "vsftpd")
    modules = _modules()
    for place, goal in [pair for file in (binary, *modules) for pair in libraries(file)] + [(module, module) for module in modules]:
        target = root / goal.relative_to("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place, target)
    _write_users(root / "etc")
    root.chmod(0o755)
    return root


def _modules() -> tuple[Path, ...]:
    found = sorted(Path("/").glob("lib/*/security/pam_unix.so")) + sorted(Path("/").glob("lib/security/pam_unix.so"))
    if not found:
        pytest.skip("vsftpd needs PAM's modules (Debian: libpam-modules)")
    return (found[0], found[0].with_name("pam_permit.so"))


def _write_users(etc: Path) -> None:
    users = [f"{account.user}:x:{number}:61000::/srv:/bin/sh" for number, account in enumerate(ACCOUNTS, 61000)]
    (etc / "passwd").write_text("\n".join(["root:x:0:0::/:/bin/sh", "nobody:x:65534:65534::/:/bin/sh", *users, ""]))
    (etc / "group").write_text("root:x:0:\nusers:x:61000:\nnogroup:x:65534:\n")
    (etc / "shadow").write_text("".join(f"{account.user}:{account.hashed}:20000:0:99999:7:::\n" for account in ACCOUNTS))
    (etc / "pam.d" / "vsftpd").write_text("auth required pam_unix.so nullok nodelay\naccount required pam_permit.so\n")
    (etc / "nsswitch.conf").write_text("passwd: files\nshadow: files\ngroup: files\n")
