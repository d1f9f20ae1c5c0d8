"""An FTP server in a thread of this process, which lacks or answers whatever a test wants it to."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL

from tests.servers.authority import Authority
from tests.servers.debian import ACCOUNTS

with warnings.catch_warnings():
    # It stands on asyncore, which Python 3.11 says will go; for later ones a package of that name takes its place.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer  # type: ignore[import-untyped]
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler  # type: ignore[import-untyped]
    from pyftpdlib.ioloop import IOLoop  # type: ignore[import-untyped]
    from pyftpdlib.servers import FTPServer  # type: ignore[import-untyped]

# With a handler of ours it does not set up its own, which would print every session.
logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())

_TICK_SECONDS: Final = 0.05
_READ_AND_LIST: Final = "elr"


@dataclass
class ScriptedServer:
    """A running server. `commands` are those that arrived, with their arguments but PASS's.

    `replies` may be changed at any time: a verb in it is answered so, and not carried out; "500" alone is what servers say
    to what they do not know. A code in it is replaced wherever the server would have said it.
    """

    port: int
    home: Path
    inside: str = ""
    replies: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    async def count(self, verb: str) -> int:
        """Return how often a command arrived."""
        return sum(command.split(" ")[0] == verb for command in self.commands)


@contextmanager
def pyftpdlib(
    folder: Path,
    tls: Authority | None = None,
    *,
    implicit: bool = False,
    newest_tls: int = SSL.TLS1_3_VERSION,
    permissions: str = _READ_AND_LIST,
    replies: Mapping[str, str] | None = None,
    data_ports: Sequence[int] | None = None,
    masquerade: str | None = None,
) -> Iterator[ScriptedServer]:
    """Serve a new folder to `ACCOUNTS`, whose root and login directory it is.

    `permissions` are pyftpdlib's (no `l`: nothing can be listed), `data_ports` are the passive ports, `masquerade` the
    address it names in PASV.
    """
    home = folder / "pyftpdlib"
    home.mkdir(parents=True)
    server = ScriptedServer(0, home, replies=dict(replies or {}))
    loop = IOLoop()
    handler = _handler(server, tls, implicit, newest_tls)
    handler.authorizer = DummyAuthorizer()
    handler.passive_ports = list(data_ports) if data_ports is not None else None
    handler.masquerade_address = masquerade
    for account in ACCOUNTS:
        handler.authorizer.add_user(account.user, account.password, str(home), perm=permissions)
    listening = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    server.port = listening.address[1]
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            loop.loop(timeout=_TICK_SECONDS, blocking=False)
        listening.close_all()

    thread = threading.Thread(target=run, name=f"pyftpdlib-{server.port}")
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        thread.join()
        loop.close()


def _handler(server: ScriptedServer, tls: Authority | None, implicit: bool, newest_tls: int) -> Any:
    base: Any = FTPHandler if tls is None else TLS_FTPHandler

    class Handler(base):  # type: ignore[misc]
        auth_failed_timeout = 0
        use_sendfile = False

        def process_command(self, cmd: str, *args: Any, **kwargs: Any) -> None:
            server.commands.append(cmd if cmd == "PASS" else f"{cmd} {args[0]}".strip() if args else cmd)
            scripted = server.replies.get(cmd)
            if scripted is None:
                super().process_command(cmd, *args, **kwargs)
            else:
                self.respond(scripted if " " in scripted else f"{scripted} Command {cmd!r} not understood.")

        def respond(self, resp: str, *args: Any, **kwargs: Any) -> None:
            super().respond(server.replies.get(resp[:3], resp), *args, **kwargs)

        def handle(self) -> None:
            if tls is not None and implicit:
                self.secure_connection(self.ssl_context)
            else:
                super().handle()

        def handle_ssl_established(self) -> None:
            if implicit:
                super().handle()
                self._prot = True

    if tls is not None:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(newest_tls)
        context.use_certificate_chain_file(str(tls.certificate_file))
        context.use_privatekey_file(str(tls.key_file))
        Handler.ssl_context = context
        Handler.tls_control_required = Handler.tls_data_required = True
    return Handler
