"""proftpd as Debian builds it, with users of its own file: it needs neither root nor a change of this machine."""

from __future__ import annotations

import grp
import itertools
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers.authority import Authority
from tests.servers.debian import ACCOUNTS, FtpServer, environment, one_each, program

_NUMBERS: Final = itertools.count(1)

_BASE: Final = """\
ServerType inetd
ServerName test
DefaultAddress 127.0.0.1
Port 0
ControlsEngine off
ControlsSocket {folder}/controls
UseIPv6 off
UseReverseDNS off
User {user}
Group {group}
RootLogin on
RequireValidShell off
AuthOrder mod_auth_file.c
AuthUserFile {folder}/passwd
AuthGroupFile {folder}/group
DelayTable none
DelayEngine off
WtmpLog off
TransferLog none
PidFile {folder}/pid
ScoreboardFile {folder}/scoreboard
SystemLog {log}
ServerLog {log}
LogFormat commands "command: Client \\"%a\\", \\"%r\\""
ExtendedLog {log} ALL commands
"""
_TLS: Final = """\
LoadModule mod_tls.c
TLSEngine on
TLSProtocol {version}
TLSRequired on
TLSECCertificateFile {tls.certificate_file}
TLSECCertificateKeyFile {tls.key_file}
TLSLog {log}
TLSRenegotiate none
"""


@contextmanager
def proftpd(
    folder: Path, tls: Authority | None = None, *, implicit: bool = False, newest_tls: str = "TLSv1.3", more: str = ""
) -> Iterator[FtpServer]:
    """Serve a new folder to `ACCOUNTS`, whose login directory it is; `more` are further lines of proftpd.conf.

    With `tls` nobody gets in without it, and the data channel has to reuse the control channel's session, as is the default.
    """
    binary = program("usr/sbin/proftpd")
    own = folder / f"proftpd-{next(_NUMBERS)}"
    home, log = own / "home", own / "log"
    home.mkdir(parents=True)
    log.touch()
    _write_users(own, home)
    text = _BASE.format(user=pwd.getpwuid(os.geteuid()).pw_name, group=grp.getgrgid(os.getegid()).gr_name, folder=own, log=log)
    if tls is not None:
        text = f"ModulePath {binary.parents[1] / 'lib' / 'proftpd'}\n{text}{_TLS.format(version=newest_tls, tls=tls, log=log)}"
        text += "TLSOptions UseImplicitSSL\n" if implicit else ""
    (own / "conf").write_text(text + more)
    # Not as a daemon: that naps for 0.4 s after each session.
    with one_each((binary, "--config", own / "conf"), log, environment()) as port:
        yield FtpServer(port, home, str(home), log)


def _write_users(own: Path, home: Path) -> None:
    uid, gid = os.geteuid(), os.getegid()
    (own / "passwd").write_text("".join(f"{account.user}:{account.hashed}:{uid}:{gid}::{home}:/bin/sh\n" for account in ACCOUNTS))
    (own / "group").write_text(f"test:x:{gid}:\n")
    # It refuses files that others could change.
    for name in ("passwd", "group"):
        (own / name).chmod(0o600)
