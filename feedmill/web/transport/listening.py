"""Listen: the application of a service behind an address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from errno import EADDRINUSE
from typing import TYPE_CHECKING

import anyio
from aiohttp import web
from anyio import to_thread

from engine.errors import ConfigError, Retry
from feedmill.web.app import all_endpoints, build_app

if TYPE_CHECKING:
    from feedmill.service.context import Service


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that listens: `port` is the one it was given where it asked for any."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return its address as a URL without a path."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    async def reload(self) -> None:
        """Read the certificate anew, where there is one."""


@asynccontextmanager
async def listen(service: Service) -> AsyncIterator[Listening]:
    """Serve the API of a service until the block ends; calls that are under way are then given `shutdown_seconds`.

    Raises `Retry` when the port is taken, `ConfigError` when it cannot be listened on.
    """
    server = service.settings.server
    if server.tls_certificate is not None or server.tls_key is not None:
        raise ConfigError("server.tls_certificate: this server does not encrypt; put a proxy before it")
    await to_thread.run_sync(all_endpoints)
    runner = web.AppRunner(build_app(service), handle_signals=False, access_log=None, shutdown_timeout=server.shutdown_seconds)
    await runner.setup()
    try:
        site = web.TCPSite(runner, server.host, server.port)
        try:
            await site.start()
        except OSError as error:
            named = f"the server cannot listen on {server.host}:{server.port}"
            if error.errno == EADDRINUSE:
                raise Retry(f"{named}: another process does; end that one, or give another port") from None
            raise ConfigError(f"{named}: {error.strerror or error}; give another host or port") from None
        yield Listening(server.host, runner.addresses[0][1])
        await site.stop()
        # What is cleaned up reads no more, so that a body which is still arriving would never be whole.
        with anyio.move_on_after(server.shutdown_seconds):
            await service.watch.quiet()
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
