"""Somebody who is told by webhooks: a server on loopback that keeps what came, and answers as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import orjson
from aiohttp import web

from feedmill.library import sync
from feedmill.service.settings import Webhooks
from tests.servers.web import serving

HASTY = Webhooks(timeout=3, attempts=3, first_wait=0, max_wait=0, pause_after=1000)


@dataclass(frozen=True)
class Told:
    """One request."""

    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """Return it parsed."""
        return orjson.loads(self.raw)

    @property
    def about(self) -> tuple[str, object]:
        """Return the topic, and the key of the item or the run's status."""
        data = self.body["data"]
        return self.body["topic"].rpartition(".")[2], data.get("externalId") or data.get("status")


@dataclass
class Receiver:
    """`answer` says what a request is answered; what it is given is kept in `told`."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    answer: Callable[[Told], web.Response] = lambda told: web.Response()
    hold: anyio.Event | None = None
    came: anyio.Event = field(default_factory=anyio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Keep a request and answer it, once `hold` is set where there is one."""
        told = Told(dict(request.headers), await request.read())
        self.told.append(told)
        self.came.set()
        self.came = anyio.Event()
        if self.hold is not None:
            await self.hold.wait()
        return self.answer(told)

    async def wait(self, ready: Callable[[list[Told]], bool]) -> list[Told]:
        """Wait until what came is enough."""
        with anyio.fail_after(10):
            while not ready(self.told):
                await self.came.wait()
        return self.told

    async def wait_for(self, count: int) -> list[Told]:
        """Wait until so many requests came."""
        return await self.wait(lambda told: len(told) >= count)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver."""
    receiver = Receiver()
    async with serving(receiver.handle) as port:
        receiver.url = f"http://127.0.0.1:{port}/hooks/p4th"
        yield receiver


async def run_feed(folder: Path, rows: dict[str, int], **settings: object) -> None:
    """Run a feed `acme` of keys with their stock."""
    source = folder / "stock.csv"
    await anyio.Path(source).write_text("".join(f"{key};{stock}\n" for key, stock in [("sku", "stock"), *rows.items()]))
    fields = {"sku": "sku", "inventoryQuantity": "stock"}
    await sync(str(source), to=f"sqlite:///{folder}/shop.db", feed="acme", fields=fields, refetch=True, settings=settings or None)
