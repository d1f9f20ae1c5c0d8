"""An FTP server for one file, in a thread of this process."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

with warnings.catch_warnings():
    # It stands on asyncore, which Python 3.11 says will go; for later ones a package of that name takes its place.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer  # type: ignore[import-untyped]
    from pyftpdlib.handlers import FTPHandler  # type: ignore[import-untyped]
    from pyftpdlib.ioloop import IOLoop  # type: ignore[import-untyped]
    from pyftpdlib.servers import FTPServer  # type: ignore[import-untyped]

ACCOUNT: Final = ("joe", "p@ss/word")
"""User and password, which needs percent-encoding in a URL."""

# With a handler of ours it does not set up its own, which would print every session.
logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())


@contextmanager
def serve_folder(folder: Path) -> Iterator[int]:
    """Let `ACCOUNT` read a folder over FTP until the context is left; yield the port. Blocks for a moment on leaving."""
    loop = IOLoop()

    class Handler(FTPHandler):  # type: ignore[misc]
        """One session; what is set on the class counts for all."""

        authorizer = DummyAuthorizer()

    Handler.authorizer.add_user(*ACCOUNT, str(folder), perm="elr")
    server = FTPServer(("127.0.0.1", 0), Handler, ioloop=loop)
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            server.serve_forever(timeout=0.1, blocking=False, handle_exit=False)
        server.close_all()

    thread = threading.Thread(target=run, name="ftp", daemon=True)
    thread.start()
    try:
        yield server.address[1]
    finally:
        ended.set()
        thread.join()
