"""What is measured: each transport, and the program in C that fetches the same from the same server."""

from __future__ import annotations

import shlex
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.transports.fetch import Task
from benchmarks.transports.material import Material
from benchmarks.transports.suppliers import Suppliers
from benchmarks.transports.web_server import PAGES

USER, PASSWORD = "shop", "password"
_CIPHER: Final = "aes128-gcm@openssh.com"
"""What Feedmill's own connector asks for first, so that both do the same work."""

PEERS: Final = ("curl", "sftp")
"""The programs that not every machine has."""


@dataclass(frozen=True, slots=True)
class Case:
    """One transport: what to fetch, how many bytes that is, and the same with another program, whose `command` is run."""

    title: str
    task: Task
    size: int
    peer: str
    command: list[str]


def find_missing() -> list[str]:
    """Return the names of those programs that are not installed."""
    return [name for name in PEERS if shutil.which(name) is None]


def describe_programs(suppliers: Suppliers) -> str:
    """Return which programs took part, with their versions where they tell them."""
    server = "a server in Python (no sshd was found)" if suppliers.ssh.in_python else "sshd"
    versions = [_version("curl", "--version"), _version("ssh", "-V").partition(" ")[0], " ".join(ssl.OPENSSL_VERSION.split()[:2])]
    return f"SFTP is served by {server}, all else by plain blocking sockets; {', '.join(filter(None, versions))}"


def _version(program: str, option: str) -> str:
    if shutil.which(program) is None:
        return ""
    told = subprocess.run([program, option], capture_output=True, text=True, check=False)
    return " ".join((told.stdout or told.stderr).split(",")[0].split()[:2])


def make_cases(material: Material, suppliers: Suppliers) -> Iterator[Case]:
    """Yield all cases for files of one size."""
    name, trusted = material.plain.name, str(suppliers.certificate.ca_file)
    http, https = f"http://127.0.0.1:{suppliers.http}", f"https://127.0.0.1:{suppliers.https}"
    packed, ftp = f"{http}/{material.packed.name}", f"127.0.0.1:{suppliers.ftp}/{name}"
    login, pages = ("--user", f"{USER}:{PASSWORD}"), f"{PAGES}?last={material.pages}"
    yield Case("file", Task(material.plain.as_uri()), material.size, "cat", _dropping(f"exec cat {shlex.quote(str(material.plain))}"))
    yield Case("http", Task(f"{http}/{name}"), material.size, "curl", _curl(f"{http}/{name}"))
    yield Case(
        "http, gzip unpacked",
        Task(packed, unpack=True),
        material.size,
        "curl, gzip",
        _dropping(f"{shlex.join(_curl(packed, output='-'))} | gzip -dc"),
    )
    yield Case("https", Task(f"{https}/{name}", ca_file=trusted), material.size, "curl", _curl("--cacert", trusted, f"{https}/{name}"))
    yield Case(
        "rest, 1.1 MB a page",
        Task(f"rest+{http}{pages}", pages=True),
        material.size_of_pages,
        "curl, unread",
        # To the empty page that is the end, as who does not know the number has to.
        _curl(f"{http}{pages}&page=[1-{material.pages + 1}]"),
    )
    yield Case("ftp", Task(f"ftp://{ftp}", USER, PASSWORD), material.size, "curl", _curl(*login, f"ftp://{ftp}"))
    yield Case(
        "ftps",
        Task(f"ftps://{ftp}", USER, PASSWORD, ca_file=trusted),
        material.size,
        "curl",
        _curl(*login, "--ssl-reqd", "--cacert", trusted, f"ftp://{ftp}"),
    )
    yield _over_ssh(material, suppliers)


def _over_ssh(material: Material, suppliers: Suppliers) -> Case:
    server, path = suppliers.ssh, str(material.plain)
    task = Task(f"sftp://127.0.0.1:{server.port}{path}", server.user, key_file=str(server.key_file), host_key=server.host_key)
    options = ("-o", f"UserKnownHostsFile={server.known_hosts}", "-o", "IdentitiesOnly=yes", "-i", str(server.key_file))
    command = ["sftp", "-q", "-F", "none", "-c", _CIPHER, "-P", str(server.port), *options, f"{server.user}@127.0.0.1:{path}", "/dev/null"]
    return Case("sftp", task, material.size, "sftp", command)


def _curl(*arguments: str, output: str = "/dev/null") -> list[str]:
    # Before all others the option that keeps this user's own settings out.
    return ["curl", "--disable", "--silent", "--show-error", "--fail", "--noproxy", "*", "--output", output, *arguments]


def _dropping(script: str) -> list[str]:
    return ["sh", "-c", f"{script} > /dev/null"]
