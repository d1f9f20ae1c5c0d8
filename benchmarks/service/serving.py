"""The servers that are measured, each in a process of its own: the service, and a bare handler that stores nothing."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import anyio
import orjson
from aiohttp import web

from feedmill.service.context import Service
from feedmill.service.heap import settle_heap
from feedmill.service.inbox import run_inbox
from feedmill.service.keys import digest
from feedmill.service.opening import open_service
from feedmill.service.pushing import run_pushes
from feedmill.service.settings import ServiceSettings
from feedmill.web.app import build_app
from sinks.sqlite import clock


async def put_nothing(request: web.Request) -> web.Response:
    """Parse the body and answer it."""
    sent = orjson.loads(await request.read())
    return web.Response(body=orjson.dumps(sent), content_type="application/json")


async def listen(app: web.Application, told: dict[str, object]) -> None:
    """Serve until the process is ended, after printing where."""
    runner = web.AppRunner(app, handle_signals=False, access_log=None)
    await runner.setup()
    settle_heap()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(orjson.dumps({**told, "port": runner.addresses[0][1]}).decode(), flush=True)
    await anyio.sleep_forever()


async def seed(service: Service) -> str:
    """Make a provider, a feed that is pushed to and a token for it; return the token."""
    token, now = secrets.token_urlsafe(32), clock.now()
    async with service.store.writing() as writer:
        await writer.execute("INSERT INTO main.dropship_providers (name, created_at, updated_at) VALUES ('bench', ?, ?)", now, now)
        await writer.execute(
            "INSERT INTO main.inventory_feeds (id, name, dropship_provider_id, settings, hash, enabled, created_at, updated_at)"
            " SELECT 1, 'bench', id, '{}', '', 1, ?, ? FROM main.dropship_providers",
            *(now, now),
        )
        await writer.connection.execute(
            "INSERT INTO main.api_tokens (name, scopes, digest, hint, created_at, updated_at) VALUES ('bench', ?, ?, '', ?, ?)",
            ('["admin","feed:1:push"]', digest(token), now, now),
        )
    return token


async def serve_pushes(directory: Path) -> None:
    """Serve a fresh database."""
    async with open_service(ServiceSettings(database=f"sqlite:///{directory}/bench.db")) as service, anyio.create_task_group() as group:
        token = await seed(service)
        group.start_soon(run_pushes, service)
        group.start_soon(run_inbox, service)
        await listen(build_app(service), {"token": token})


async def serve_bare() -> None:
    """Serve the bare handler."""
    app = web.Application()
    app.router.add_put("/api/inventory-feeds/{id}/parse-webhook.json", put_nothing)
    await listen(app, {"token": "none"})


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        anyio.run(serve_bare)
    else:
        anyio.run(serve_pushes, Path(sys.argv[2]))
