"""Listen: the application behind an address, with TLS where there is a certificate."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from errno import EADDRINUSE
from typing import TYPE_CHECKING

import anyio
from aiohttp import web
from anyio import to_thread

from engine.errors import ConfigError, Retry
from feedmill.dashboard.app import add_pages, prepare_pages
from feedmill.web.app import all_endpoints, build_app
from feedmill.web.transport.connections import Bounds, Connection
from feedmill.web.transport.short import ShortWay
from feedmill.web.transport.tls import load_certificate, server_context

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.settings import Server


_LAST_SECONDS = 1.0
"""How long a call may take to end that is still under way when the time to stop is over."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that listens: `port` is the one it was given where it asked for any."""

    server: Server
    port: int
    context: ssl.SSLContext | None

    @property
    def url(self) -> str:
        """Return its address as a URL without a path; one that listens everywhere is reached here by loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.server.host, self.server.host)  # noqa: S104
        shown = f"[{host}]" if ":" in host else host
        return f"{'http' if self.context is None else 'https'}://{shown}:{self.port}"

    async def reload(self) -> None:
        """Read the certificate anew. Raises `ConfigError` for one that cannot be used; the old one then stays."""
        if self.context is not None:
            await to_thread.run_sync(load_certificate, self.context, self.server)


@asynccontextmanager
async def listen(service: Service) -> AsyncIterator[Listening]:
    """Serve the API of a service until the block ends; calls that are under way are then given `shutdown_seconds`.

    Raises `Retry` when the port is taken, `ConfigError` when the address cannot be listened on or the certificate cannot be used.
    """
    server = service.settings.server
    context = await to_thread.run_sync(server_context, server)
    await to_thread.run_sync(all_endpoints)
    await to_thread.run_sync(prepare_pages)
    app = build_app(service)
    add_pages(app, service)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_LAST_SECONDS)
    await runner.setup()
    try:
        if runner.server is not None:
            runner.server.request_handler = ShortWay(service, runner.server.request_handler).handle
        site = BoundedSite(runner, server, context)
        await site.start()
        yield Listening(server, runner.addresses[0][1], context)
        # First nobody new is let in; those who are have their calls answered.
        await site.stop()
        service.live.end()
        # What is cleaned up reads no more, so that a body which is still arriving would never be whole.
        with anyio.move_on_after(server.shutdown_seconds):
            await service.watch.quiet()
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


class BoundedSite(web.BaseSite):
    """A site whose connections are within bounds."""

    def __init__(self, runner: web.AppRunner, server: Server, context: ssl.SSLContext | None) -> None:
        super().__init__(runner, ssl_context=context)
        self._settings = server
        self._context = context

    @property
    def name(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    async def start(self) -> None:
        await super().start()
        chosen, loop, server = self._settings, asyncio.get_running_loop(), self._runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        bounds = Bounds(chosen.max_connections, chosen.header_seconds, chosen.body_seconds, chosen.max_head_bytes)
        handshake = None if self._context is None else chosen.header_seconds
        try:
            self._server = await loop.create_server(
                lambda: Connection(server, bounds, loop),
                chosen.host,
                chosen.port,
                ssl=self._context,
                ssl_handshake_timeout=handshake,
                backlog=1024,
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            named = f"the server cannot listen on {self.name}: {reason}"
            if error.errno == EADDRINUSE:
                raise Retry(f"{named}; end the process that does, or give another port") from None
            raise ConfigError(f"{named}; give another host or port") from None
