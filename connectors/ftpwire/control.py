"""The control connection of FTP: commands, replies, TLS. What is asked over it is in `connectors.ftpwire.client`."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final

import aioftp
import anyio
from aioftp.common import Code, SSLSessionBoundContext

from connectors.ftpwire.data import let_go, protect, streams
from connectors.wire.egress import open_socket
from engine.errors import RefuseRun

if TYPE_CHECKING:
    from connectors.ftpwire.target import Target
    from engine.source import Source

_MAX_REPLY_LINES: Final = 2000
_MAX_REPLY_BYTES: Final = 1024 * 1024


class ControlConnection(aioftp.Client):
    """Send commands and read replies, each within `patience.idle`; the errors are the client library's.

    Texts are latin-1, see `connectors.ftpwire.target`. After an error only `aclose` makes sense: which reply belongs to which
    command is not known any more.
    """

    def __init__(self, source: Source, target: Target, context: ssl.SSLContext | None) -> None:
        super().__init__(encoding="latin-1")
        self._source = source
        self._target = target
        self._context = context
        self._peer = ""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Tell whether `aclose` was called."""
        return self._closed

    async def aclose(self) -> None:
        """Say goodbye, and close the connection at once."""
        self._closed = True
        if self._stream is None:
            return
        writer = self._stream.writer
        if not writer.is_closing():
            writer.write(b"QUIT\r\n")
        await let_go(writer)

    async def secure(self, context: ssl.SSLContext) -> None:
        """Turn to TLS (RFC 4217, section 4)."""
        await self.command("AUTH TLS", "234")
        with anyio.move_on_after(0):
            # Whatever arrived behind the answer is not protected: it could be replies of somebody in between.
            if await self.stream.reader.read(1):
                raise RefuseRun(f"{self._source.name}: the server, or somebody in between, sent words ahead of TLS; ask the supplier")
        await protect(self.stream.writer, context, self._target.host, self._source.patience.connect)

    def bound_context(self) -> ssl.SSLContext:
        """Return a context that resumes the login's TLS session: most servers take a data connection only from who holds its key."""
        control: ssl.SSLObject = self.stream.writer.get_extra_info("ssl_object")
        session = control.session
        if session is None:
            return control.context
        return SSLSessionBoundContext(ssl.PROTOCOL_TLS_CLIENT, context=control.context, session=session)

    async def command(  # type: ignore[override]
        self,
        command: str | None = None,
        expected_codes: str | tuple[str, ...] = (),
        wait_codes: str | tuple[str, ...] = (),
        censor_after: int | None = None,
    ) -> tuple[Code, list[str]]:
        with anyio.fail_after(self._source.patience.idle):
            answer = await super().command(command, expected_codes, wait_codes, censor_after)
        return answer if answer is not None else (Code("000"), [])

    async def parse_response(self) -> tuple[Code, list[str]]:
        """Read a reply; one of several lines ends at its own code with a blank (RFC 959, section 4.2), whatever stands between."""
        first = await self._line()
        code = first[:3]
        if not re.fullmatch(r"[1-5]\d\d", code) or first[3:4] not in ("", " ", "-"):
            raise aioftp.AIOFTPException("no reply")
        words, size = [first[4:]], len(first)
        more = first[3:4] == "-"
        while more:
            line = await self._line()
            more = line[:4].rstrip() != code
            words.append(line if more else line[4:])
            size += len(line)
            if len(words) > _MAX_REPLY_LINES or size > _MAX_REPLY_BYTES:
                raise aioftp.AIOFTPException("a reply without end")
        return Code(code), words

    async def _open_connection(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # The library's own would resolve the name and connect by itself: here the egress policy decides what is connected to.
        # It is private to aioftp, hence the narrow bound on its version.
        sock = await open_socket(host, port, self._source)
        # During a long transfer nothing is said here, and routers forget connections that are silent.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._peer = sock.getpeername()[0]
        reader, writer = await streams(sock)
        if self._context is not None and self._target.security == "implicit":
            try:
                await protect(writer, self._context, host, self._source.patience.connect)
            except BaseException:
                await let_go(writer)
                raise
        return reader, writer

    async def _line(self) -> str:
        line = await self.stream.reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line.decode("latin-1").rstrip("\r\n")
