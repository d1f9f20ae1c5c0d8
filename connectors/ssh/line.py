"""The TCP connection below a session: it counts what comes in and looks at the first bytes of it.

The client library tells neither how much of a packet has arrived nor what else than SSH a server speaks.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from engine.errors import FeedmillError, RefuseRun, Retry

if TYPE_CHECKING:
    from engine.source import Source

_GREETING_BYTES: Final = 128
_SSH: Final = b"SSH-"

_FOREIGN: Final = (
    (b"HTTP/", "a web server answers there: check the port, or use http or https"),
    (b"220", "an FTP server, or one for mail, answers there: check the port, or use ftp or ftps"),
    (b"\x15\x03", "a TLS server answers there: check the port, or use https or ftps"),
)
_BUSY: Final = (b"Exceeded MaxStartups", b"Not allowed at this time")


class Line(asyncio.Protocol):
    """Carry bytes between a connected socket and the client library, which takes it for a tunnel of its own kind."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock: socket.socket | None = sock
        self._transport: asyncio.Transport | None = None
        self._above: asyncio.Protocol | None = None
        self._greeting = b""
        self.received = 0

    async def create_connection(
        self, session_factory: Callable[[], asyncio.Protocol], remote_host: str, remote_port: int
    ) -> tuple[asyncio.BaseTransport, asyncio.Protocol]:
        """Join the library's connection to the socket; the names are the library's."""
        self._above = session_factory()
        sock, self._sock = self._sock, None
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)
        except BaseException:
            if sock is not None and self._transport is None:
                sock.close()
            raise
        return transport, self._above

    def close(self) -> None:
        """Close the socket, at once."""
        if self._sock is not None:
            self._sock.close()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._above is not None:
            self._above.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if len(self._greeting) < _GREETING_BYTES:
            self._greeting += data[: _GREETING_BYTES - len(self._greeting)]
        if self._above is None:
            return
        if self._says_foreign() is not None:
            # The library would wait for a line of SSH until its time is up.
            self._above.connection_lost(ConnectionAbortedError())
        else:
            self._above.data_received(data)

    def eof_received(self) -> bool | None:
        return self._above.eof_received() if self._above is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._above is not None:
            self._above.connection_lost(exc)

    def stranger(self, source: Source) -> FeedmillError | None:
        """Return what it means that a connection failed on which no SSH server has named itself; None when one has."""
        greeting = self._greeting
        if _SSH in greeting:
            return None
        if greeting.startswith(_BUSY):
            return Retry(f"{source.name}: the server takes no more connections now; try again later")
        if (foreign := self._says_foreign()) is not None:
            return RefuseRun(f"{source.name}: {foreign}")
        if greeting:
            return RefuseRun(f"{source.name}: what answers there does not speak SSH (it begins with {greeting[:20]!r}); check the port")
        return None

    def _says_foreign(self) -> str | None:
        return next((meaning for start, meaning in _FOREIGN if self._greeting.startswith(start)), None)
