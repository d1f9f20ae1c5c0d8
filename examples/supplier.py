"""A supplier on this machine: a web server that hands out the example catalogue as a CSV file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from examples.catalogue import Catalogue

PATH: Final = "/catalogue.csv"


@dataclass(slots=True)
class Supplier:
    """A running supplier. Raise `version` and the next download brings other stock or prices for one item in a hundred."""

    catalogue: Catalogue
    version: int = 0
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a download with the whole catalogue."""
        return web.Response(body=b"".join(self.catalogue.blocks(self.version)), content_type="text/csv", charset="utf-8")


@asynccontextmanager
async def open_supplier(catalogue: Catalogue) -> AsyncIterator[Supplier]:
    """Serve a catalogue on a free port of the loopback interface until the context is left."""
    supplier = Supplier(catalogue)
    app = web.Application()
    app.router.add_get(PATH, supplier.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        supplier.url = f"http://{host}:{port}{PATH}"
        yield supplier
    finally:
        await runner.cleanup()
