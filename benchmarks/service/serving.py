"""The bare handler that pushes are compared with, in a process of its own: it parses a body, answers it, and stores nothing."""

from __future__ import annotations

import anyio
import orjson
from aiohttp import web

from feedmill.service.operations.heap import settle_heap


async def put_nothing(request: web.Request) -> web.Response:
    """Parse the body and answer it."""
    sent = orjson.loads(await request.read())
    return web.Response(body=orjson.dumps(sent), content_type="application/json")


async def serve_bare() -> None:
    """Serve the bare handler until the process is ended, after printing its port; its heap is settled as the service's is."""
    app = web.Application()
    app.router.add_put("/api/inventory-feeds/{id}/parse-webhook.json", put_nothing)
    runner = web.AppRunner(app, handle_signals=False, access_log=None)
    await runner.setup()
    settle_heap()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(serve_bare)
