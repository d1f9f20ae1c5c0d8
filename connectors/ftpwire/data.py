"""A data connection of FTP, and how a socket becomes a stream."""

from __future__ import annotations

import asyncio
import socket
import ssl

import anyio

from engine.document import CHUNK_BYTES

_CLOSE_SECONDS = 2.0


class DataChannel:
    """The bytes of one transfer, until the server ends the connection."""

    __slots__ = ("_reader", "_tls", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")

    async def read(self, patience: float, limit: int = CHUNK_BYTES) -> bytes:
        """Return at least one byte within `patience` seconds and at most `limit` bytes; nothing at the end of the connection."""
        with anyio.fail_after(patience):
            return await self._reader.read(limit)

    @property
    def ended_by_sender(self) -> bool:
        """Tell, after the end, whether TLS says that it was the sender's own (RFC 8446, section 6.1): without, anybody could cut it."""
        if self._tls is None:
            return False
        try:
            return self._tls.read(1) == b""
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:
            return False

    @property
    def protected(self) -> bool:
        """Tell whether TLS is spoken."""
        return self._tls is not None

    async def aclose(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await self._writer.wait_closed()
            except OSError:
                """It is closed all the same."""


async def streams(
    sock: socket.socket, context: ssl.SSLContext | None = None, host: str | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Make streams of a connected socket, after a TLS handshake when there is a context; at most two chunks are read ahead."""
    if context is None:
        return await asyncio.open_connection(sock=sock, limit=CHUNK_BYTES)
    return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host, limit=CHUNK_BYTES)
