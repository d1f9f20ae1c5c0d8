"""A data connection of FTP, and how a socket becomes a stream."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

import anyio
import anyio.lowlevel

from engine.document import CHUNK_BYTES

_CLOSING_STEPS: Final = 8


class DataChannel:
    """The bytes of one transfer, until the server ends the connection."""

    __slots__ = ("_reader", "_tls", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._tls: ssl.SSLObject | None = None

    async def read(self, patience: float, limit: int = CHUNK_BYTES) -> bytes:
        """Return at least one byte within `patience` seconds and at most `limit` bytes; nothing at the end of the connection."""
        with anyio.fail_after(patience):
            return await self._reader.read(limit)

    async def protect(self, context: ssl.SSLContext, host: str, patience: float) -> None:
        """Speak TLS from here on, see `protect`."""
        await protect(self._writer, context, host, patience)
        self._tls = self._writer.get_extra_info("ssl_object")

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
        await let_go(self._writer)


async def let_go(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once, and give way until its socket is closed too."""
    transport = writer.transport
    sock = transport.get_extra_info("socket")
    transport.abort()
    # Not `wait_closed`: it would wait for ever where a handshake was broken off.
    with anyio.CancelScope(shield=True):
        for _ in range(_CLOSING_STEPS):
            if sock is None or sock.fileno() < 0:
                break
            await anyio.lowlevel.checkpoint()


async def streams(sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Make streams of a connected socket, which is theirs from now on; at most two chunks are read ahead."""
    try:
        return await asyncio.open_connection(sock=sock, limit=CHUNK_BYTES)
    except BaseException:
        sock.close()
        raise


async def protect(writer: asyncio.StreamWriter, context: ssl.SSLContext, host: str, patience: float) -> None:
    """Speak TLS from here on; raises what the handshake does, `TimeoutError` after `patience` seconds.

    A connection is never made with TLS at once: a handshake that is cancelled before it began would leave its socket open.
    """
    with anyio.fail_after(patience):
        await writer.start_tls(context, server_hostname=host)
