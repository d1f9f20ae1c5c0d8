"""The supplier over FTP and explicit FTPS (RFC 959, 2428, 4217): as much of a server as it takes to fetch a file.

pyftpdlib encrypts some 200 MB/s where this one, which leaves all of it to OpenSSL, does 700: it would be what is measured.
"""

from __future__ import annotations

import socket
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Final

from benchmarks.transports.certificate import server_context
from benchmarks.transports.sending import send_file

_FIXED: Final = {
    "USER": "331 Password, please.",
    "PASS": "230 Logged in.",
    "PBSZ": "200 PBSZ=0",
    "PROT": "200 Protected.",
    "TYPE": "200 As it is.",
    "CWD": "250 There is one folder.",
    "PWD": '257 "/"',
}


class _Session(StreamRequestHandler):
    directory = Path()
    context: ssl.SSLContext | None = None

    def setup(self) -> None:
        super().setup()
        self._passive: socket.socket | None = None
        self._secured = False

    def handle(self) -> None:
        self._say("220 Ready.")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb == "QUIT":
                return
            self._obey(verb.upper(), rest)

    def _obey(self, verb: str, rest: str) -> None:
        path = self.directory / Path(rest).name
        if verb in _FIXED:
            self._say(_FIXED[verb])
        elif verb == "AUTH" and self.context is not None:
            self._say("234 Go on.")
            self._secure(self.context)
        elif verb == "EPSV":
            self._passive = socket.create_server(("127.0.0.1", 0))
            self._say(f"229 Entering Extended Passive Mode (|||{self._passive.getsockname()[1]}|)")
        elif verb in ("SIZE", "MDTM", "RETR") and path.is_file():
            facts = path.stat()
            match verb:
                case "SIZE":
                    self._say(f"213 {facts.st_size}")
                case "MDTM":
                    self._say(f"213 {datetime.fromtimestamp(facts.st_mtime, UTC):%Y%m%d%H%M%S}")
                case _:
                    self._send(path)
        else:
            self._say("550 No such file." if path.name else "500 Not known.")

    def _secure(self, context: ssl.SSLContext) -> None:
        self.request = self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self._secured = True

    def _send(self, path: Path) -> None:
        assert self._passive is not None
        self._say("150 Here it comes.")
        with self._passive:
            data, _ = self._passive.accept()
        if self._secured and self.context is not None:
            data = self.context.wrap_socket(data, server_side=True)
        with data:
            send_file(data, path)
            if isinstance(data, ssl.SSLSocket):
                data.unwrap().close()
        self._say("226 That was all.")

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


class _Server(ThreadingTCPServer):
    daemon_threads = True


def main(directory: str, certificate: str | None = None) -> None:
    """Serve a directory, with TLS for who asks where a certificate is given, until terminated; the port is printed first."""
    _Session.directory = Path(directory)
    _Session.context = server_context(certificate) if certificate is not None else None
    with _Server(("127.0.0.1", 0), _Session) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
