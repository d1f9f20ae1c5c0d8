"""A client that is cheaper than any server: requests are made beforehand, answers are only counted. Runs in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial


class Connection(asyncio.Protocol):
    """One keep-alive connection: sends the next request when an answer is whole, and notes how long it took."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._received = bytearray()
        self._wanted = -1
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.seconds: list[float] = []
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if self._transport is None or request is None:
            self._end()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if not self._done.done():
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer."""
        self._received += data
        if self._wanted < 0:
            head = self._received.find(b"\r\n\r\n")
            if head < 0:
                return
            text = bytes(self._received[:head]).lower()
            at = text.index(b"content-length:") + 15
            self._wanted = head + 4 + int(text[at:].split(b"\r\n", 1)[0])
        if len(self._received) >= self._wanted:
            self.seconds.append(time.perf_counter() - self._sent_at)
            self.refused += self._received[9:10] != b"2"
            self._received.clear()
            self._wanted = -1
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that ended before its requests as one that was refused."""
        if not self._done.done():
            self.refused += 1
            self._done.set_result(None)


def requests(chosen: argparse.Namespace, connection: int) -> Iterator[bytes]:
    """Yield the requests of a connection: new figures for items of its own, in turn."""
    head = f"PUT {chosen.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {chosen.token}\r\nContent-Type: application/json\r\n"
    for number in range(chosen.requests):
        sent = [item(connection, number * chosen.batch + each, chosen.items) for each in range(chosen.batch or 1)]
        body = json.dumps(sent if chosen.batch else sent[0]).encode()
        yield f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def item(connection: int, number: int, items: int) -> dict[str, object]:
    """Return one item as a supplier pushes it, the smallest that is one."""
    key = f"sku-{connection:03d}-{number % items:05d}"
    return {"externalId": key, "vendorSku": key.upper(), "inventoryQuantity": number + 1}


def _same(connection: Connection) -> Connection:
    return connection


async def play(chosen: argparse.Namespace) -> dict[str, object]:
    """Send everything, and return the wall seconds, the latencies in order and how many were refused."""
    loop = asyncio.get_running_loop()
    prepared = [list(requests(chosen, number)) for number in range(chosen.connections)]
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in prepared]
    gc.freeze()
    gc.disable()
    begun = time.perf_counter()
    made = [Connection(iter(mine), end) for mine, end in zip(prepared, ends, strict=True)]
    for connection in made:
        await loop.create_connection(partial(_same, connection), chosen.host, chosen.port)
    await asyncio.gather(*ends)
    wall = time.perf_counter() - begun
    latencies = sorted(each for connection in made for each in connection.seconds)
    return {"wall": wall, "seconds": latencies, "refused": sum(connection.refused for connection in made)}


def main(arguments: Sequence[str]) -> None:
    """Read the command line, play, print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--token", default="none")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--batch", type=int, default=0)
    print(json.dumps(asyncio.run(play(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main(sys.argv[1:])
