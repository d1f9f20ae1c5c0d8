"""HTTP as bytes: for what no client library would send."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketStream


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: its status, its headers in lower case, its body."""

    status: int
    headers: dict[str, str]
    body: bytes


async def send_raw(url: str, *pieces: bytes, pause: float = 0.0, seconds: float = 10.0, until: int | None = None) -> list[Answer]:
    """Send bytes to a server, piece by piece, and return what it answers until it closes the connection, or has answered `until` times."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    assert host is not None
    assert port is not None
    with anyio.fail_after(seconds):
        async with await anyio.connect_tcp(host, port) as stream, anyio.create_task_group() as group:
            group.start_soon(_send, stream, pieces, pause)
            received = await _receive(stream, until)
            group.cancel_scope.cancel()
    return parse_answers(received)


def parse_answers(received: bytes) -> list[Answer]:
    """Return the whole answers in what a server sent; each says how long it is."""
    answers = []
    while b"\r\n\r\n" in received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(received) < length:
            break
        answers.append(Answer(int(first.split(" ")[1]), headers, received[:length]))
        received = received[length:]
    return answers


async def _send(stream: SocketStream, pieces: tuple[bytes, ...], pause: float) -> None:
    try:
        for piece in pieces:
            await stream.send(piece)
            await anyio.sleep(pause)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        # The server has heard enough.
        return


async def _receive(stream: SocketStream, until: int | None) -> bytes:
    received = b""
    try:
        while until is None or len(parse_answers(received)) < until:
            received += await stream.receive()
        return received
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return received
