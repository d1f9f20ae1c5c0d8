"""The supplier: a web server in a process of its own that streams files with Content-Length, as cheaply as the kernel can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = Path()

    def do_GET(self) -> None:  # the name that http.server calls
        path = self.directory / Path(self.path).name
        if not path.is_file():
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        with path.open("rb") as file:
            # The kernel copies: on two cores the supplier must not compete with what is measured.
            self.connection.sendfile(file)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of a request; what goes wrong is still said."""


@contextmanager
def serve(directory: Path) -> Iterator[str]:
    """Serve the files of a directory on loopback from another process and yield the URL they lie under."""
    command = [sys.executable, "-m", "benchmarks.server", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout is not None else ""
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def main() -> None:
    """Serve the directory named on the command line until terminated; the port is printed first."""
    _Handler.directory = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
