"""Tell systemd how a service is doing (`Type=notify`), with the datagram that sd_notify(3) describes."""

from __future__ import annotations

import os
import socket
from typing import Final

import structlog
from anyio import to_thread

VARIABLE: Final = "NOTIFY_SOCKET"


async def notify(*states: str) -> None:
    """Send states such as `READY=1`; nothing happens where nobody asked for them."""
    if address := os.environ.get(VARIABLE):
        await to_thread.run_sync(_send, address, "\n".join(states))


def _send(address: str, message: str) -> None:
    # A leading @ stands for the NUL of an abstract address.
    target = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(target)
            sender.sendall(message.encode())
    except OSError as error:
        structlog.get_logger("feedmill").warning("systemd cannot be told how the service is doing", error=str(error))
