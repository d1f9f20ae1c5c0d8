"""Single pushes over 64 connections, beside a bare handler of the same server library; and batches until they are applied."""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.measure import SubjectFailed
from benchmarks.service.daemon import DATABASE, Daemon, run_daemon
from benchmarks.service.processes import family, spent

CONNECTIONS: Final = 64
_ONE: Final = "/api/inventory-feeds/1/parse-webhook.json"
_MANY: Final = "/api/inventory-feeds/1/parse-webhooks.json"
_BATCH: Final = 50
_PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """How a server took a load: requests a second, latencies in seconds, and CPU seconds of all its processes a request."""

    rate: float
    median: float
    p99: float
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Pushes:
    """What was measured: the medians of alternating pairs, and items of batches a second from the first call to the last one applied."""

    times: int
    requests: int
    ours: Load
    bare: Load
    ratio: float
    batched_items: float


def measure_pushes(requests: int, times: int, say: Callable[[str], None]) -> Pushes:
    """Measure `requests` a connection, `times` pairs."""
    ours, bare, batched = list[Load](), list[Load](), list[float]()
    for turn in range(times):
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
            with run_daemon(Path(directory)) as daemon:
                daemon.add_feed({"resourceType": "webhook"}, [])
                ours.append(_play_singles(daemon.port, daemon.token, daemon.process, requests))
                batched.append(_play_batches(daemon, Path(directory), max(requests // 10, 2)))
            with serving_bare() as (process, port):
                bare.append(_play_singles(port, "none", process, requests))
        say(f"pushes {turn + 1}/{times}: {ours[-1].rate:,.0f}/s, bare {bare[-1].rate:,.0f}/s, batches {batched[-1]:,.0f} items/s")
    ratio = statistics.median(one.rate / other.rate for one, other in zip(ours, bare, strict=True))
    return Pushes(times, requests * CONNECTIONS, _median(ours), _median(bare), ratio, statistics.median(batched))


def _median(loads: list[Load]) -> Load:
    figures = ((each.rate, each.median, each.p99, each.cpu) for each in loads)
    return Load(*map(statistics.median, zip(*figures, strict=True)))


@contextmanager
def serving_bare() -> Iterator[tuple[int, int]]:
    """Run the bare handler in a process of its own, and yield that process and its port."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.service.serving"], stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SubjectFailed("the bare handler did not start")
            yield process.pid, int(line)
        finally:
            process.kill()


def _play_singles(port: int, token: str, process: int, requests: int) -> Load:
    play(port, token, _ONE, min(20, requests), 20)
    before = spent(family(process))
    load = play(port, token, _ONE, requests, 100)
    return replace(load, cpu=(spent(family(process)) - before) / (requests * CONNECTIONS))


def play(port: int, token: str, path: str, requests: int, items: int, *, batch: int = 0, connections: int = CONNECTIONS) -> Load:
    """Load a server from another process. Raises `SubjectFailed` when it refuses anything."""
    options = {"port": port, "token": token, "path": path, "requests": requests, "items": items, "batch": batch}
    command = [sys.executable, "-m", "benchmarks.service.load", "--connections", str(connections)]
    # In one word each: a token may begin with a hyphen.
    command += [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if found["refused"]:
        raise SubjectFailed(f"{found['refused']} requests to {path} were refused")
    seconds = found["seconds"]
    return Load(len(seconds) / found["wall"], statistics.median(seconds), seconds[int(len(seconds) * 0.99)])


def _play_batches(daemon: Daemon, directory: Path, requests: int) -> float:
    """Return how many items of batches a second are applied, from the first call to the last."""
    connections = 8
    begun = time.perf_counter()
    play(daemon.port, daemon.token, _MANY, requests, 1_000, batch=_BATCH, connections=connections)
    with closing(sqlite3.connect(directory / DATABASE)) as reader:
        while reader.execute("SELECT 1 FROM batches WHERE status = 'pending' LIMIT 1").fetchall():
            if time.perf_counter() - begun > _PATIENCE:
                raise SubjectFailed("batches were not applied")
            time.sleep(0.005)
    return connections * requests * _BATCH / (time.perf_counter() - begun)
