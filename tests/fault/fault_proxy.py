"""A TCP proxy that breaks connections on purpose, and a server that says one thing: the faulty end of every fault test."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

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


class Swallow(Fault):
    """Take all that the server has to send, keep the rest, and then end the connection in good order: the server notices nothing."""


class Reset(Fault):
    """Break the connection with a TCP reset."""


class Stall(Fault):
    """Send nothing more, and keep the connection."""


class Drip(Fault):
    """From then on send one byte each `INTERVAL` seconds."""

    INTERVAL = 0.02


class Corrupt(Fault):
    """Change one bit of the byte that comes next, and nothing else."""


@dataclass(slots=True)
class Meter:
    """Count what a proxy lets through from the server: the bytes of each connection, in the order in which they began."""

    connections: list[int] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Return the bytes of all connections together."""
        return sum(self.connections)


@asynccontextmanager
async def fault_proxy(port: int, fault: Fault, *, host: str = "127.0.0.1", at: int = 0, meter: Meter | None = None) -> AsyncIterator[int]:
    """Stand before the server on `port` of 127.0.0.1 and give the proxy's own port.

    The proxy listens on port `at` of `host`, any other address of the loopback: a server that announces a second port, as FTP
    does for its data, is stood before by a second proxy of the same number on the same address. Faults count anew with each
    connection.
    """
    listener = await anyio.create_tcp_listener(local_host=host, local_port=at)
    counted = meter or Meter()

    async def handle(client: SocketStream) -> None:
        # A server that has gone is to the client what it would be without the proxy: a connection that ends.
        with suppress(OSError):
            async with client, await anyio.connect_tcp("127.0.0.1", port) as server:
                await _join(client, server, fault, counted)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def _join(client: SocketStream, server: SocketStream, fault: Fault, meter: Meter) -> None:
    number = len(meter.connections)
    meter.connections.append(0)

    def count(sent: int) -> None:
        meter.connections[number] += sent

    async def requests() -> None:
        with suppress(*_GONE):
            async for data in client:
                await server.send(data)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(requests)
        with suppress(*_GONE):
            await _answers(server, client, fault, count)
        tasks.cancel_scope.cancel()


async def _answers(server: ByteReceiveStream, client: SocketStream, fault: Fault, count: Callable[[int], None]) -> None:
    left = fault.after
    struck = False
    async for data in server:
        intact = data if struck and isinstance(fault, Corrupt) else data[:left]
        await client.send(intact)
        count(len(intact))
        if len(data) > len(intact):
            struck = True
            await _strike(data[left:], client, fault)
            if not isinstance(fault, Drip | Corrupt | Swallow):
                return
            count(0 if isinstance(fault, Swallow) else len(data) - len(intact))
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
        case Corrupt():
            await client.send(bytes((rest[0] ^ 1,)) + rest[1:])
        case Drip():
            for byte in rest:
                await anyio.sleep(Drip.INTERVAL)
                await client.send(bytes((byte,)))


@asynccontextmanager
async def canned_server(answer: bytes, *, at_once: bool = False) -> AsyncIterator[int]:
    """Serve one answer to every HTTP request, or `at_once`, byte for byte, then end the connection; gives the port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)

    async def handle(client: SocketStream) -> None:
        async with client:
            with suppress(*_GONE, anyio.EndOfStream):
                head = b""
                while not at_once and b"\r\n\r\n" not in head:
                    head += await client.receive()
                await client.send(answer)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()
