"""A TCP proxy that breaks connections on purpose, and a server that says one thing: the faulty end of every fault test."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
from anyio.abc import ByteReceiveStream, SocketAttribute, SocketStream

_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the bytes from the server: after `after` of them, counted with every head, or to each of them.

    Nothing set is a faithful proxy.
    """

    after: int = 0


class Cut(Fault):
    """End the connection in good order, as a server does that believes it is done."""


class Reset(Fault):
    """Break the connection with a TCP reset."""


class Stall(Fault):
    """Send nothing more, and keep the connection."""


class Drip(Fault):
    """From then on send one byte each `INTERVAL` seconds."""

    INTERVAL = 0.02


@asynccontextmanager
async def fault_proxy(port: int, fault: Fault) -> AsyncIterator[int]:
    """Stand before the server on `port` of the loopback and give the proxy's own port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)

    async def handle(client: SocketStream) -> None:
        async with client, await anyio.connect_tcp("127.0.0.1", port) as server:
            await _join(client, server, fault)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def _join(client: SocketStream, server: SocketStream, fault: Fault) -> None:
    async def requests() -> None:
        with suppress(*_GONE):
            async for data in client:
                await server.send(data)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(requests)
        with suppress(*_GONE):
            await _answers(server, client, fault)
        tasks.cancel_scope.cancel()


async def _answers(server: ByteReceiveStream, client: SocketStream, fault: Fault) -> None:
    left = fault.after
    async for data in server:
        await client.send(data[:left])
        if len(data) > left:
            await _strike(data[left:], client, fault)
            if not isinstance(fault, Drip):
                return
        left = max(0, left - len(data))


async def _strike(rest: bytes, client: SocketStream, fault: Fault) -> None:
    match fault:
        case Cut():
            await client.send_eof()
        case Reset():
            raw: socket.socket = client.extra(SocketAttribute.raw_socket)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        case Stall():
            await anyio.sleep_forever()
        case Drip():
            for byte in rest:
                await anyio.sleep(Drip.INTERVAL)
                await client.send(bytes((byte,)))


@asynccontextmanager
async def canned_server(answer: bytes) -> AsyncIterator[int]:
    """Serve one answer to every request, byte for byte, then end the connection; gives the port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)

    async def handle(client: SocketStream) -> None:
        async with client:
            with suppress(*_GONE, anyio.EndOfStream):
                head = b""
                while b"\r\n\r\n" not in head:
                    head += await client.receive()
                await client.send(answer)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()
