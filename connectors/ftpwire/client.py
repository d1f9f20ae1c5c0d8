"""One control connection to an FTP server: login, questions about files, data connections.

aioftp opens a data connection with TLS before it sends the command that uses it. Servers such as vsftpd begin their handshake
only after the command, and both sides would wait for ever; others begin before they answer it. So here the data connection is
plain until the command is sent, and then handshake and answer are awaited at the same time.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

import aioftp
import anyio
import anyio.to_thread

from connectors.ftpwire.control import ControlConnection
from connectors.ftpwire.data import DataChannel, streams
from connectors.ftpwire.errors import Phase, explained
from connectors.ftpwire.listing import Listing, parse_list, parse_mlsd, server_time
from connectors.ftpwire.target import wire
from connectors.wire.egress import open_socket
from connectors.wire.pace import Pace
from engine.errors import RefuseRun, Retry

if TYPE_CHECKING:
    import socket
    import ssl

    from connectors.ftpwire.target import Target
    from engine.source import Source

_UNSUPPORTED: Final = ("500", "501", "502", "504", "202")
_MAX_LISTING_BYTES: Final = 64 * 1024 * 1024
_LAST_WORDS_SECONDS: Final = 1.0
# RFC 2428 leaves the first two fields empty; some servers write family and address, which are not looked at.
_EPSV: Final = re.compile(r"\((.)\d?\1[^()]*\1(\d{1,5})\1\)")
_PASV: Final = re.compile(r"\d{1,3},\d{1,3},\d{1,3},\d{1,3},(\d{1,3}),(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of a file; None where it does not. `mtime` is exact to the second."""

    size: int | None = None
    mtime: datetime | None = None

    @property
    def version(self) -> str | None:
        """Return the text by which these bytes are known again, None unless both facts are there."""
        if self.size is None or self.mtime is None:
            return None
        return f"size={self.size} mtime={self.mtime:%Y%m%d%H%M%S}"


class FtpClient(ControlConnection):
    """A control connection that is logged in and in the target's folder once it is `ready`.

    Errors are Feedmill's own but where they are said not to be. Every wait for a reply ends after `patience.idle`, every
    connection and handshake after `patience.connect`.
    """

    def __init__(self, source: Source, target: Target, context: ssl.SSLContext | None) -> None:
        super().__init__(source, target, context)
        self._passive = ["EPSV", "PASV"]

    async def ready(self) -> None:
        """Connect, secure the connection as the URL says, log in, enter the folder."""
        with explained(self._source, Phase.GREETING):
            await self.connect(self._target.host, self._target.port)
        if self._context is not None and self._target.security == "explicit":
            with explained(self._source, Phase.TLS):
                await self.secure(self._context)
        with explained(self._source, Phase.LOGIN):
            await self._log_in()
        if self._context is not None:
            with explained(self._source, Phase.PROTECTION):
                await self.command("PBSZ 0", "200")
                await self.command("PROT P", "200")
        with explained(self._source, Phase.FOLDER):
            await self.command("TYPE I", "200")
            if not (self._target.folder + wire(self._target.file)).isascii():
                # Servers of the Windows world read names as UTF-8 only when asked to; the others may refuse as they like.
                await self.command("OPTS UTF8 ON", "xxx")
            if self._target.folder:
                await self.command(f"CWD {self._target.folder}", "2xx")

    async def facts(self, name: str) -> Facts:
        """Ask for size and time of a file; what the server does not know or does not say is None."""
        with explained(self._source, Phase.FILE):
            size = await self._ask(f"SIZE {wire(name)}")
            mtime = await self._ask(f"MDTM {wire(name)}")
        return Facts(int(size) if size.isascii() and size.isdigit() and len(size) <= 18 else None, server_time(mtime))

    async def _ask(self, command: str) -> str:
        # A refusal is no answer either: whether the file is there shows when it is asked for.
        code, words = await self.command(command, ("213", *_UNSUPPORTED, "55x"))
        return words[-1].strip() if code == "213" else ""

    async def listing(self) -> Listing:
        """List the folder, by MLSD where the server knows it; raises `RefuseRun` when it may not be listed or cannot be read."""
        with explained(self._source, Phase.LISTING):
            try:
                # Parsed in a thread: what a server sends can take seconds, during which other feeds go on.
                found = await anyio.to_thread.run_sync(parse_mlsd, await self._read_listing("MLSD"))
            except aioftp.StatusCodeError as error:
                if not str(error.received_codes[-1]).startswith("5"):
                    raise
                found = await anyio.to_thread.run_sync(parse_list, await self._read_listing("LIST"), datetime.now(UTC))
        if found.unread and not found.files:
            raise RefuseRun(
                f"{self._source.name}: the folder's listing is in a form that is not known; name the file without a pattern "
                "(a date as {date:%Y%m%d} works)"
            )
        return found

    async def _read_listing(self, command: str) -> bytes:
        try:
            channel = await self.transfer(command)
        except aioftp.StatusCodeError as error:
            if str(error.received_codes[-1]) in ("226", "250"):  # nothing there, so nothing to connect for
                return b""
            raise
        pieces: list[bytes] = []
        size = 0
        pace = Pace(self._source)
        asked = monotonic()
        try:
            while piece := await channel.read(self._source.patience.idle):
                pace.note(len(piece), monotonic() - asked)
                asked = monotonic()
                pieces.append(piece)
                size += len(piece)
                if size > _MAX_LISTING_BYTES:
                    raise RefuseRun(f"{self._source.name}: the folder's listing has no end; ask the supplier for a folder of its own")
        finally:
            await channel.aclose()
        await self.finished()
        return b"".join(pieces)

    async def retrieve(self, name: str, offset: int) -> DataChannel:
        """Begin to receive a file from `offset` on."""
        with explained(self._source, Phase.FILE):
            return await self.transfer(f"RETR {wire(name)}", offset)

    async def transfer(self, command: str, offset: int = 0) -> DataChannel:
        """Open a data connection and send the command for it; the errors are the client library's."""
        channel = DataChannel(*await streams(await self._data_socket()))
        try:
            if offset:
                with explained(self._source, Phase.REST):
                    await self.command(f"REST {offset}", "350")
            # Sent, and not yet answered: see the module.
            await self.command(command)
            if self._context is None:
                await self.command(None, "1xx")
            else:
                await self._answered_and_protected(channel)
        except BaseException:
            await channel.aclose()
            raise
        return channel

    async def finished(self) -> None:
        """Await the reply that the transfer is complete; the errors are the client library's."""
        await self.command(None, ("226", "250"))

    async def _log_in(self) -> None:
        code, _ = await self.command(f"USER {self._target.user}", ("230", "331"))
        if code == "331":
            await self.command(f"PASS {self._target.password}", ("230", "202"), censor_after=5)

    async def _data_socket(self) -> socket.socket:
        """Ask for a passive port and connect to it, on the host that the control connection goes to.

        The address in a PASV reply is not looked at: behind NAT it is wrong, and a hostile server could name another machine.
        """
        while True:
            verb = self._passive[0]
            try:
                port = await self._passive_port(verb)
                return await open_socket(self._peer, port, self._source)
            except (aioftp.StatusCodeError, Retry) as error:
                # Refused, or a port behind a router that only knows PASV: the other way is tried once, and kept to.
                passing = isinstance(error, aioftp.StatusCodeError) and not str(error.received_codes[-1]).startswith("5")
                if passing or len(self._passive) == 1:
                    raise
                self._passive.remove(verb)

    async def _passive_port(self, verb: str) -> int:
        if verb == "EPSV":
            _, words = await self.command("EPSV", "229")
            found = _EPSV.search(words[-1])
            port = int(found[2]) if found else 0
        else:
            _, words = await self.command("PASV", "227")
            found = _PASV.search(words[-1])
            port = int(found[1]) * 256 + int(found[2]) if found else 0
        if not 0 < port < 65536:
            raise ValueError("no port in the reply")
        return port

    async def _answered_and_protected(self, channel: DataChannel) -> None:
        """Await the command's answer and the handshake on the data connection at the same time."""
        failures: list[Exception] = []

        async def answer() -> None:
            try:
                await self.command(None, "1xx")
            except (aioftp.AIOFTPException, EOFError, OSError, ValueError) as error:
                failures.insert(0, error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer)
            try:
                await channel.protect(self.bound_context(), self._target.host, self._source.patience.connect)
            except OSError as error:
                failures.append(error)
        if not failures:
            return
        if not isinstance(failures[0], aioftp.AIOFTPException):
            # The handshake failed after the answer: the server will say why (522, 425) in a moment.
            with anyio.move_on_after(_LAST_WORDS_SECONDS), suppress(EOFError, OSError):
                await self.command(None, "226")
        raise failures[0]
