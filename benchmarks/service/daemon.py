"""`feedmill serve` as it is installed, on a database of the benchmark's, and calls to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.measure import SubjectFailed

DATABASE: Final = "bench.db"
_PROGRAM: Final = "from feedmill.cli import main; main()"
_END_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A service that runs: its process, where it listens, a token for everything, and one connection to it."""

    process: int
    port: int
    token: str
    connection: HTTPConnection

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return what a call answers. Raises `SubjectFailed` when it is refused."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        with self.connection.getresponse() as response:
            answered = response.read()
        if response.status >= 300:
            raise SubjectFailed(f"{method} {path} answered {response.status}: {answered[:200]!r}")
        return json.loads(answered)

    def add_feed(self, attributes: Mapping[str, object], rows: Sequence[Mapping[str, str]], name: str = "bench") -> int:
        """Make a provider and a feed of it with mapping rows, and return its id."""
        provider = self.call("POST", "/api/dropship-providers.json", {"name": name})["id"]
        feed = self.call("POST", "/api/inventory-feeds.json", {"name": name, "dropshipProviderId": provider, **attributes})["id"]
        for row in rows:
            self.call("POST", "/api/inventory-feed-fields.json", {"inventoryFeedId": feed, **row})
        return int(feed)


@contextmanager
def run_daemon(directory: Path) -> Iterator[Daemon]:
    """Run the service on the database in a directory, by its defaults but that it may fetch from loopback.

    Raises `SubjectFailed` with what it said when it does not start.
    """
    command = [sys.executable, "-c", _PROGRAM, "serve", "--db", f"sqlite:///{directory / DATABASE}", "--port", "0"]
    environment = {**os.environ, "FEEDMILL_EGRESS__ALLOW_PRIVATE": "true"}
    with (
        (directory / "daemon.log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process,
    ):
        try:
            said = [process.stdout.readline().rstrip() for _ in range(2)] if process.stdout is not None else []
            if not all(said):
                process.wait(_END_SECONDS)
                log.seek(0)
                raise SubjectFailed(f"the service did not start: {log.read()[-2_000:]}")
            port = urlsplit(said[0].rpartition(" ")[2]).port or 0
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                yield Daemon(process.pid, port, said[1].rpartition(" ")[2], connection)
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
