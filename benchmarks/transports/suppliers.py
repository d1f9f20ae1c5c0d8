"""All the suppliers at once, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import SubjectFailed
from benchmarks.transports.certificate import Certificate, make_certificate
from benchmarks.transports.ssh_server import SshServer, serve_ssh


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Running servers: ports on 127.0.0.1, the certificate of those with TLS, and the way into the one with SSH."""

    http: int
    https: int
    ftp: int
    ssh: SshServer
    certificate: Certificate


@contextmanager
def serve_all(directory: Path) -> Iterator[Suppliers]:
    """Serve the files of a directory over every transport; what the servers need beside is kept there too."""
    # Whoever serves SFTP may be another user than the one who measures.
    directory.chmod(0o755)
    certificate = make_certificate(directory)
    with ExitStack() as stack:
        http = stack.enter_context(_serve("web_server", str(directory)))
        https = stack.enter_context(_serve("web_server", str(directory), str(certificate.whole_file)))
        ftp = stack.enter_context(_serve("ftp_server", str(directory), str(certificate.whole_file)))
        yield Suppliers(http, https, ftp, stack.enter_context(serve_ssh(directory)), certificate)


@contextmanager
def _serve(module: str, *arguments: str) -> Iterator[int]:
    command = [sys.executable, "-m", f"benchmarks.transports.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout is not None else ""
            if not port:
                raise SubjectFailed(f"{module} did not begin to serve")
            yield int(port)
        finally:
            process.terminate()
