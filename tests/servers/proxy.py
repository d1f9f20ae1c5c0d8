"""A forward proxy: tunnels by CONNECT, and requests in absolute form (RFC 9110, section 9.3.6; RFC 9112, section 3.2.2)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream

_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


@dataclass(slots=True)
class Proxy:
    """A running proxy. `heads` are the requests it was asked, each as method, target and the names and values of its headers.

    It wants `credentials`, `user:password`, where there are any, and answers `refusal` to everything where that is a status.
    """

    credentials: str | None = None
    refusal: int | None = None
    port: int = 0
    heads: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def serve(self, client: SocketStream) -> None:
        """Answer one connection, then close it."""
        async with client:
            with suppress(*_GONE):
                await self._answer(client)

    async def _answer(self, client: SocketStream) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await client.receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.heads.append((method, target, headers))
        status = self._judged(headers)
        if status is not None:
            await client.send(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        elif method == "CONNECT":
            host, _, port = target.rpartition(":")
            await _join(client, host, int(port), b"HTTP/1.1 200 Go on\r\n\r\n", rest)
        else:
            url = urlsplit(target)
            path = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
            kept = [line for line in lines if not line.lower().startswith(("proxy-", "connection:"))]
            # One request a connection: the next may be for another server.
            request = "\r\n".join((f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", "")).encode("latin-1") + rest
            await _join(client, url.hostname or "", url.port or 80, b"", request)

    def _judged(self, headers: dict[str, str]) -> int | None:
        wanted = None if self.credentials is None else "Basic " + base64.b64encode(self.credentials.encode()).decode()
        return 407 if headers.get("proxy-authorization") != wanted else self.refusal


@asynccontextmanager
async def forward_proxy(*, credentials: str | None = None, refusal: int | None = None) -> AsyncIterator[Proxy]:
    """Run a forward proxy on the loopback."""
    proxy = Proxy(credentials, refusal)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as tasks:
        proxy.port = listener.extra(SocketAttribute.local_port)
        tasks.start_soon(listener.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()


async def _join(client: SocketStream, host: str, port: int, to_client: bytes, to_server: bytes) -> None:
    async with await anyio.connect_tcp(host, port) as server, anyio.create_task_group() as tasks:
        if to_client:
            await client.send(to_client)
        if to_server:
            await server.send(to_server)

        async def copy(receive: Callable[[], Awaitable[bytes]], send: Callable[[bytes], Awaitable[None]]) -> None:
            with suppress(*_GONE):
                while True:
                    await send(await receive())
            tasks.cancel_scope.cancel()

        tasks.start_soon(copy, client.receive, server.send)
        await copy(server.receive, client.send)
