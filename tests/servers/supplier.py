"""A supplier whose stock a service fetches: what it answers, and a gate behind which it keeps the rest of its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
from aiohttp import ClientConnectionResetError, web

from engine.feed import build_feed
from feedmill.service.context import Service
from feedmill.service.definition.stored_feeds import split_secrets
from sinks.sqlite.control import Control
from tests.servers.web import serving

FIELDS = ({"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"})


@dataclass(slots=True)
class Supplier:
    """`body` is what it answers; with a `gate` all but the head of it comes once that is open. `asked` counts the requests."""

    url: str = ""
    body: str = ""
    gate: anyio.Event | None = None
    asked: int = 0
    reached: anyio.Event = field(default_factory=anyio.Event)

    def offer(self, **stock: object) -> None:
        """Answer with this stock from now on."""
        self.body = "sku,qty\n" + "".join(f"{key},{quantity}\n" for key, quantity in stock.items())

    def close_gate(self) -> None:
        """Answer the head alone from now on, until the gate is opened."""
        self.gate, self.reached = anyio.Event(), anyio.Event()

    def open_gate(self) -> None:
        """Answer the rest, and all of it to whoever asks from now on."""
        if self.gate is not None:
            self.gate.set()
        self.gate = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        self.asked += 1
        gate, body = self.gate, self.body.encode()
        response = web.StreamResponse(headers={"Content-Type": "text/csv", "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[:10])
        if gate is not None:
            self.reached.set()
            await gate.wait()
        with suppress(ClientConnectionResetError):  # Of a worker that is not there any more.
            await response.write(body[10:])
        return response


@asynccontextmanager
async def supplying() -> AsyncIterator[Supplier]:
    """Run a supplier on loopback."""
    supplier = Supplier()
    supplier.offer(a=1, b=2, c=3)
    async with serving(supplier.answer) as port:
        supplier.url = f"http://127.0.0.1:{port}/stock.csv"
        try:
            yield supplier
        finally:
            supplier.open_gate()


async def store_feed(service: Service, name: str, location: str, **settings: Any) -> int:
    """Store a feed as the API does, its location sealed, and return its id."""
    asked = {"resourceType": "ftpCsv", "mapping": "custom", "resourceLocation": location, **settings}
    feed = build_feed(name, asked, FIELDS)
    number = await Control(service.store.database).find_feed(feed.definition())
    async with service.store.writing() as writer:
        await writer.connection.execute(
            "UPDATE main.inventory_feeds SET sealed = ? WHERE id = ?", (service.keys.seal(split_secrets(feed)), number)
        )
    return number
