"""A file to a connection, as cheaply as Python can: on two cores the supplier must not compete with what is measured."""

from __future__ import annotations

import mmap
import socket
import ssl
from pathlib import Path
from typing import Final

_PIECE_BYTES: Final = 1024 * 1024


def send_file(connection: socket.socket, path: Path, offset: int = 0) -> None:
    """Send a file from `offset` on: the kernel copies it, or OpenSSL encrypts it where it lies."""
    with path.open("rb") as file:
        if not isinstance(connection, ssl.SSLSocket):
            connection.sendfile(file, offset)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole, memoryview(whole) as view:
            for begin in range(offset, len(view), _PIECE_BYTES):
                with view[begin : begin + _PIECE_BYTES] as piece:
                    connection.sendall(piece)
