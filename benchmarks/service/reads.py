"""`python -m benchmarks.service.reads`: how long a reader waits while a million rows load in a worker, beside an idle server."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.catalogue import FIELDS, SETTINGS, CatalogueFile, write_catalogue
from benchmarks.measure import SubjectFailed
from benchmarks.promise import Promise, write_promises

PATH: Final = "/api/inventory-feeds.json"
LIMIT: Final = 5.0
IDLE_REQUESTS: Final = 1_000
PAUSE_SECONDS: Final = 0.005
"""Between two requests of the reader: somebody who looks, not a load of its own."""

_PATIENCE: Final = 600.0

_SERVE: Final = """
import json
import secrets
import sys
import anyio
from aiohttp import web
from engine.feed import build_feed
from feedmill.service.keys import digest
from feedmill.service.opening import LOOPS, open_service
from feedmill.service.settings import Outgoing, ServiceSettings
from feedmill.service.stored_feeds import split_secrets
from feedmill.web.app import build_app
from sinks.sqlite import clock
from sinks.sqlite.control import Control

TOKEN = "INSERT INTO main.api_tokens (name, scopes, digest, hint, created_at, updated_at) VALUES ('bench', '[\\"admin\\"]', ?, '', 0, 0)"
SEAL = "UPDATE main.inventory_feeds SET sealed = ? WHERE id = ?"

async def main(database, source, settings, fields):
    chosen = ServiceSettings(database=database, egress=Outgoing(allow_private=True))
    async with open_service(chosen) as service, anyio.create_task_group() as group:
        token = secrets.token_urlsafe(32)
        feed = build_feed("bench", {**settings, "resourceType": "ftpCsv", "resourceLocation": source}, fields)
        number = await Control(service.store.database).find_feed(feed.definition())
        async with service.store.writing() as writer:
            await writer.connection.execute(TOKEN, (digest(token),))
            await writer.connection.execute(SEAL, (service.keys.seal(split_secrets(feed)), number))
        for loop in LOOPS:
            group.start_soon(loop, service)
        runner = web.AppRunner(build_app(service), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(json.dumps({"port": runner.addresses[0][1], "token": token, "feed": number}), flush=True)
        await anyio.sleep_forever()

anyio.run(main, sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:5]))
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests took, in seconds."""

    requests: int
    median: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        """Return the figures of single requests."""
        ordered = sorted(seconds)
        return cls(len(ordered), median(ordered), ordered[int(len(ordered) * 0.99)])


@dataclass(frozen=True, slots=True)
class Reads:
    """What a reader waited, idle and while `rows` rows were loaded in `seconds`."""

    path: str
    rows: int
    seconds: float
    idle: Latency
    loading: Latency

    @property
    def ratio(self) -> float:
        """Return by what p99 grows."""
        return self.loading.p99 / self.idle.p99


def measure_reads(file: CatalogueFile, directory: Path, path: str, say: Callable[[str], None]) -> Reads:
    """Measure a reader of `path`: first of an idle server, then while it loads the file. Raises `SubjectFailed` when either fails."""
    with _serving(directory, file) as reader:
        reader.read(path, lambda done: done == IDLE_REQUESTS // 5)
        idle = Latency.of(reader.read(path, lambda done: done == IDLE_REQUESTS))
        say(f"idle: p99 {idle.p99 * 1000:.2f} ms")
        run, begun = int(reader.post(f"/api/inventory-feeds/{reader.feed}/fetch.json")["id"]), time.monotonic()
        # Asked of the reader too now and again, which is one request in a hundred.
        seconds = reader.read(path, lambda done: done % 100 == 0 and _has_ended(reader, run, file.rows, begun))
        loading = Latency.of(seconds)
        say(f"loading: p99 {loading.p99 * 1000:.2f} ms")
        return Reads(path, file.rows, time.monotonic() - begun, idle, loading)


def _has_ended(reader: _Reader, run: int, rows: int, begun: float) -> bool:
    found = reader.get(f"/api/data-imports/{run}.json")
    if found["status"] in ("pending", "started"):
        if time.monotonic() - begun > _PATIENCE:
            raise SubjectFailed(f"{rows:,} rows were not loaded in {_PATIENCE:g} s")
        return False
    if (found["status"], found["created"]) != ("complete", rows):
        raise SubjectFailed(f"the load did not end well: {found}")
    return True


class _Reader:
    """Somebody with one connection to the server."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.feed = told["feed"]
        self._headers = {"Authorization": f"Bearer {told['token']}"}
        self._connection = HTTPConnection("127.0.0.1", told["port"])

    def read(self, path: str, is_enough: Callable[[int], bool]) -> list[float]:
        """Get a page again and again and return how long each took."""
        seconds: list[float] = []
        while not seconds or not is_enough(len(seconds)):
            begun = time.perf_counter()
            self.get(path)
            seconds.append(time.perf_counter() - begun)
            time.sleep(PAUSE_SECONDS)
        return seconds

    def get(self, path: str) -> Any:
        """Return what a page answers."""
        return self._ask("GET", path)

    def post(self, path: str) -> Any:
        """Return what a call answers."""
        return self._ask("POST", path)

    def _ask(self, method: str, path: str) -> Any:
        self._connection.request(method, path, headers=self._headers)
        with self._connection.getresponse() as response:
            body = response.read()
        if response.status >= 300:
            raise SubjectFailed(f"{method} {path} answered {response.status}: {body[:200]!r}")
        return json.loads(body)


@contextmanager
def _serving(directory: Path, file: CatalogueFile) -> Iterator[_Reader]:
    told = (f"sqlite:///{directory}/reads.db", str(file.path), json.dumps(SETTINGS), json.dumps(FIELDS))
    with subprocess.Popen([sys.executable, "-c", _SERVE, *told], stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                raise SubjectFailed("the service did not start")
            yield _Reader(json.loads(line))
        finally:
            process.terminate()


def check_reads(found: Reads) -> list[Promise]:
    """Compare with what is promised."""
    text = f"while {found.rows:,} rows load, p99 of `GET {found.path}` is at most {LIMIT:g} times its idle value"
    return [Promise(text, f"{found.ratio:.1f} times", found.ratio <= LIMIT)]


def write_section(found: Reads) -> Iterator[str]:
    """Yield the lines."""
    yield from ("", "## Reading while a run loads", "", "| `GET` | requests | median | p99 |", "| --- | ---: | ---: | ---: |")
    for title, latency in (("idle", found.idle), (f"{found.rows:,} rows loading, {found.seconds:.1f} s", found.loading)):
        yield f"| {title} | {latency.requests:,} | {latency.median * 1000:.2f} ms | {latency.p99 * 1000:.2f} ms |"
    yield from write_promises(check_reads(found))


def main(arguments: list[str]) -> int:
    """Measure and print the section. The code is 1 when the promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service.reads", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows that load, a multiple of 1,000 (default: %(default)s)")
    parser.add_argument("--path", default=PATH, help="what is read (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
        file = write_catalogue(Path(directory), chosen.rows)
        found = measure_reads(file, Path(directory), chosen.path, lambda text: print(text, file=sys.stderr))
    print("\n".join(write_section(found)))
    return 0 if all(promise.kept for promise in check_reads(found)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
