"""The supplier over HTTP and HTTPS: the files of a directory, and pages of JSON."""

from __future__ import annotations

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.transports.certificate import server_context
from benchmarks.transports.material import page
from benchmarks.transports.sending import send_file

PAGES = "/pages"
"""Where pages are: `?last=N&page=M`, of which those after the last are empty lists."""

LISTED = "/listed"
"""The same of the pages that lie in the directory as `page-M.json`."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = Path()

    def do_GET(self) -> None:  # the name that http.server calls
        parts = urlsplit(self.path)
        path = self.directory / Path(parts.path).name
        if parts.path == PAGES:
            query = parse_qs(parts.query)
            number = int(query["page"][0])
            body = page(number) if number <= int(query["last"][0]) else b"[]"
            self._head("application/json", len(body))
            self.connection.sendall(body)
        elif parts.path == LISTED:
            listed = self.directory / f"page-{int(parse_qs(parts.query)['page'][0])}.json"
            body = listed.read_bytes() if listed.is_file() else b"[]"
            self._head("application/json", len(body))
            self.connection.sendall(body)
        elif path.is_file():
            self._head("application/gzip" if path.suffix == ".gz" else "text/csv; charset=utf-8", path.stat().st_size)
            send_file(self.connection, path)
        else:
            self.send_error(404)

    def _head(self, kind: str, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of a request; what goes wrong is still said."""


class _Server(ThreadingHTTPServer):
    context: ssl.SSLContext | None = None

    def finish_request(self, request: object, client_address: object) -> None:
        # Here and not when it is accepted: a handshake is for the connection's own thread.
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
        super().finish_request(request, client_address)  # type: ignore[arg-type]


def main(directory: str, certificate: str | None = None) -> None:
    """Serve a directory, with TLS where a certificate is given, until terminated; the port is printed first."""
    _Handler.directory = Path(directory)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.context = server_context(certificate) if certificate is not None else None
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
