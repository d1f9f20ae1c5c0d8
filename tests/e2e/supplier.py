"""A supplier on loopback whose answer a test may change, and a way to run the command line against it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson
from aiohttp import web
from anyio.abc import Process

from engine.run import RunRecord
from feedmill.library import sync
from feedmill.shapes import dump
from plugins.manager import Registry, load_registry
from sinks.sqlite.queries import open_queries

COMMAND = Path(sys.executable).with_name("feedmill")

# A suite that runs in the background of a shell inherits an ignored SIGINT, and a command would inherit it from the suite.
_UNMASKED = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)


@dataclass
class Supplier:
    """Serve `body` at `/stock.csv`. With `gate` set, half of it goes out and the rest waits for the event."""

    body: bytes = b""
    url: str = ""
    gate: anyio.Event | None = None
    half_sent: anyio.Event = field(default_factory=anyio.Event)
    authorizations: list[str | None] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.authorizations.append(request.headers.get("Authorization"))
        response = web.StreamResponse(headers={"Content-Length": str(len(self.body)), "Content-Type": "text/csv"})
        await response.prepare(request)
        middle = len(self.body) // 2
        await response.write(self.body[:middle])
        if self.gate is not None:
            self.half_sent.set()
            await self.gate.wait()
        await response.write(self.body[middle:])
        return response


@asynccontextmanager
async def serve() -> AsyncIterator[Supplier]:
    """Run a supplier for the length of the block."""
    supplier = Supplier()
    app = web.Application()
    app.router.add_get("/stock.csv", supplier.handle)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    supplier.url = f"http://{host}:{port}/stock.csv"
    try:
        yield supplier
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Outcome:
    """What a command printed and ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return standard output as JSON."""
        return orjson.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Return standard output as JSON lines."""
        return [orjson.loads(line) for line in self.out.splitlines()]


async def feedmill(*arguments: str, cwd: Path) -> Outcome:
    """Run the command line to its end."""
    done = await anyio.run_process([str(COMMAND), *arguments], cwd=cwd, check=False)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


async def run_feed(
    source: str, cwd: Path, *, to: str = "shop.db", settings: Mapping[str, object] | None = None, fields: Mapping[str, str] | None = None
) -> RunRecord:
    """Do what `feedmill sync` does, by the same call, without the second of a process that starts."""
    registry = await anyio.to_thread.run_sync(_installed)
    return await sync(source, to=str(cwd / to), feed="acme", settings=settings, fields=fields or (), registry=registry)


@cache
def _installed() -> Registry:
    return load_registry()


async def read_items(database: Path, feed: str = "acme") -> list[dict[str, Any]]:
    """Return what `feedmill items` prints, by the same calls, without the second of a process that starts."""
    async with open_queries(f"sqlite:///{database}") as queries:
        return [orjson.loads(dump(item)) async for item in queries.items(feed)]


@asynccontextmanager
async def started(*arguments: str, cwd: Path) -> AsyncIterator[Process]:
    """Start a command and end it with the block, whatever it does."""
    with (cwd / "started.out").open("wb") as output:
        process = await anyio.open_process([*_UNMASKED, str(COMMAND), *arguments], cwd=cwd, stdout=output, stderr=output)
        try:
            yield process
        finally:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()


def table(rows: Sequence[Sequence[object]], *, delimiter: str = ";") -> bytes:
    """Return rows as CSV bytes."""
    return "".join(delimiter.join(map(str, row)) + "\n" for row in rows).encode()
