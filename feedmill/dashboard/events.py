"""The stream of what has happened (server-sent events): topics, by which the page asks anew for what it shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
from aiohttp import web

from feedmill.dashboard.page import shows

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

BEAT_SECONDS: Final = 15.0
"""After how long of silence a comment is sent: whoever is gone shows then, and no proxy takes the silence for the end."""

GATHER_SECONDS: Final = 0.2
"""How long topics are gathered before they are sent: a busy run moves more often than anybody can read."""

_RETRY: Final = b"retry: 1000\n\n"


async def stream_events(view: View) -> web.StreamResponse:
    """Send topics as they come until the browser is gone or the server stops."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    await response.prepare(view.request)
    with view.service.live.watching() as watcher:
        await response.write(_RETRY)
        while not view.service.live.ended:
            topics: set[str] = set()
            with anyio.move_on_after(BEAT_SECONDS):
                topics = await watcher.take()
                await anyio.sleep(GATHER_SECONDS)
            await response.write(f"data: {' '.join(sorted(topics))}\n\n".encode() if topics else b": still here\n\n")
    return response


EVENTS: Final = shows("/events", stream_events)
