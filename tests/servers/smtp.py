"""A mail server on loopback, in a thread of its own, that keeps what it is sent."""

from __future__ import annotations

import email.message
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from anyio import to_thread

USER, PASSWORD = "feedmill", "s3cret"


class MailServer(Message):
    """Where it listens, and the mails that it took; whom one was for stands in its header `X-RcptTo`."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.mails: list[EmailMessage] = []

    def handle_message(self, message: email.message.Message) -> None:
        """Take a mail."""
        self.mails.append(message_from_bytes(message.as_bytes(), policy=policy.default))


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)


@asynccontextmanager
async def serve_mail(tls: ssl.SSLContext) -> AsyncIterator[MailServer]:
    """Serve mail with STARTTLS and a login, both required."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = MailServer(port)
    controller = Controller(
        server, "127.0.0.1", port, tls_context=tls, require_starttls=True, auth_required=True, authenticator=_authenticate
    )
    await to_thread.run_sync(controller.start)
    try:
        yield server
    finally:
        await to_thread.run_sync(controller.stop)
