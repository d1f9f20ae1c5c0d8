"""Clients that hold on to connections: slow with the head, with the body, with the answer, or too many at once."""

from __future__ import annotations

import socket
from pathlib import Path
from time import monotonic

import anyio
import pytest
from aiohttp import web

from feedmill.service.settings import Server
from feedmill.web import app
from feedmill.web.endpoint import Call, Endpoint
from tests.servers.feedmill_service import Running, run_service
from tests.servers.raw_http import send_raw

pytestmark = pytest.mark.anyio
TOKENS = "/api/api-tokens.json"
LIMIT = 0.3
SLOW = Server(port=0, header_seconds=LIMIT, body_seconds=LIMIT, max_head_bytes=4096)
PIECE = b"x" * 65536


async def _stream(call: Call) -> web.StreamResponse:
    """Answer without an end, until the client is given up."""
    response = web.StreamResponse()
    await response.prepare(call.request)
    while True:
        await response.write(PIECE)


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve an endless answer as well."""
    served = (*app.all_endpoints(), Endpoint("GET", "/api/endless.bin", _stream, "", "", "public"))
    monkeypatch.setattr(app, "all_endpoints", lambda: served)


async def still_answers(running: Running) -> None:
    """Fail unless the server answers others at once."""
    with anyio.fail_after(2):
        assert (await running.call("GET", TOKENS))[0] == 200


async def test_slow_heads_and_bodies(tmp_path: Path) -> None:
    """A head or a body that trickles in is cut off after its time, however it trickles, and a head too large at once."""
    async with run_service(tmp_path, loops=False, server=SLOW) as running:
        head = f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {running.token}\r\n"
        trickle = [b"X: y\r\n"] * 40
        whole = f"{head}Content-Length: 2\r\n\r\n{{}}".encode()
        for pieces, statuses in (
            ((), []),
            ((b"\r\n",), [408]),
            ((head.encode(), *trickle), [408]),
            ((whole, head.encode(), *trickle), [422, 408]),
            ((f"{head}Content-Length: 1000\r\n\r\n".encode(), *[b" "] * 40), [408]),
            ((f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), *[b"1\r\n \r\n"] * 40), [408]),
            ((f"{head}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n".encode(),), [100, 408]),
            ((b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 4096,), [431]),
            ((b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",), [431]),
        ):
            began = monotonic()
            answers = await send_raw(running.url, *pieces, pause=0.05, until=len(statuses) or None)
            assert [each.status for each in answers] == statuses, pieces[0][:200] if pieces else None
            assert monotonic() - began < LIMIT + 1.5
        await still_answers(running)


async def test_a_client_that_does_not_read(tmp_path: Path) -> None:
    """A client that stops reading its answer is cut off, so that what the answer holds is let go; one that goes on is not."""
    async with run_service(tmp_path, loops=False, server=SLOW) as running:
        port = int(running.url.rpartition(":")[2])
        with socket.socket() as unread:
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await anyio.to_thread.run_sync(unread.connect, ("127.0.0.1", port))
            await anyio.to_thread.run_sync(unread.sendall, b"GET /api/endless.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            async with running.client.get(f"{running.url}/api/endless.bin") as response:
                began = monotonic()
                while monotonic() - began < LIMIT * 3:
                    assert await response.content.readany()
                response.close()
            assert await anyio.to_thread.run_sync(_read_all, unread) > 0
        await still_answers(running)


def _read_all(peer: socket.socket) -> int:
    """Return how many bytes come before the end; raises `TimeoutError` where there is none."""
    peer.settimeout(5)
    read = 0
    while piece := peer.recv(1 << 20):
        read += len(piece)
    return read


async def test_too_many_connections(tmp_path: Path) -> None:
    """Beyond the most a connection is told 503 and closed; as soon as others end there is room again."""
    async with run_service(tmp_path, loops=False, server=Server(port=0, max_connections=3)) as running:
        await still_answers(running)
        idle = [await anyio.connect_tcp("127.0.0.1", int(running.url.rpartition(":")[2])) for _ in range(2)]
        for _ in range(20):
            (refused,) = await send_raw(running.url)
            assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        await still_answers(running)
        await idle.pop().aclose()
        with anyio.fail_after(5):
            while True:
                answers = await send_raw(running.url, b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if [each.status for each in answers] == [404]:
                    break
        await idle.pop().aclose()
