"""Connections and their bounds: how many, how long a head may take to arrive and an answer to leave, how large a head may be.

The library bounds lines, fields and idle connections. A client that sends its head byte by byte, or takes its answer so, is
nobody's business there; it is here, or a few hundred of them would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from feedmill.web.problems import MEDIA, Problem
from feedmill.web.transport.exchange import SERVER

if TYPE_CHECKING:
    from aiohttp import StreamReader

KEEPALIVE_SECONDS: Final = 75.0
"""How long a connection may be idle: longer than the 60 s after which the usual proxies give one up."""

_OPTIONS: Final[Mapping[str, Any]] = {
    "keepalive_timeout": KEEPALIVE_SECONDS,
    "lingering_time": 3.0,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "auto_decompress": False,
    "access_log": None,
}
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a connection may take: `head` and `write` in seconds, of a whole head and of a wait for the client to read on."""

    connections: int
    head: float
    write: float
    head_bytes: int


class Connection(web.RequestHandler):
    """One connection, within bounds.

    It waits for a head from the start, and again after each answer; `_waiting` is true as long as it does. The middleware of the
    application calls `began` and `answered`.
    """

    def __init__(self, server: web.Server, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, **_OPTIONS)
        self._of = server
        self._bounds = bounds
        self._events = loop
        self._waiting = True
        self._head = bytearray()
        self._seen = 0
        self._content: StreamReader | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        full = len(self._of.connections) >= self._bounds.connections
        super().connection_made(transport)
        if full:
            self._refuse(Problem(503, "too-many-connections", "the server holds as many connections as it may", retry_after=5.0))
        else:
            self._start_head_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting and (self._content is None or self._content.is_eof()):
            self._watch_head(data)
        super().data_received(data)

    def began(self) -> None:
        """Note that a whole head has arrived and is being answered."""
        self._waiting = False
        self._stop_head_timer()

    def answered(self, content: StreamReader) -> None:
        """Note that the next head may come as soon as the body of this request is through."""
        self._content = content
        self._waiting = True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self._events.call_later(self._bounds.write, self._give_up)

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what the library could not read, or what nobody foresaw, as a problem, and log what is our fault."""
        log = structlog.get_logger("feedmill")
        if isinstance(exc, ConnectionError):
            raise ConnectionError("the client is gone") from exc
        if status >= 500:
            log.error("a call failed", path=request.path, method=request.method, exception=_told(exc))
        else:
            # Not what was sent: a head that cannot be read may hold a token all the same.
            log.info("a request could not be read", client=request.remote, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, so that no other can be given")
        problem = _problem_of(status, exc)
        response = _page(problem) if "text/html" in request.headers.get("Accept", "") else problem.response()
        response.headers.update({"Server": SERVER, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"})
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        structlog.get_logger("feedmill").error("a connection failed", exception=_told(kw.get("exc_info")))

    def _watch_head(self, data: bytes) -> None:
        # The end of a head may be split over two reads, so the last three bytes of the one before count.
        found = (bytes(self._head[-3:]) + data).find(_END)
        if found >= 0:
            self.began()
            self._head.clear()
            self._seen = 0
            return
        self._seen += len(data)
        self._head[:] = data[-3:]
        if self._seen > self._bounds.head_bytes:
            self._refuse(_too_large())
        elif self._head_timer is None:
            self._start_head_timer()

    def _start_head_timer(self) -> None:
        self._head_timer = self._events.call_later(self._bounds.head, self._give_up_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _give_up_head(self) -> None:
        self._head_timer = None
        if self._seen:
            self._refuse(Problem(408, "slow", f"the head of the request did not arrive within {self._bounds.head:g} s"))
        else:
            self.force_close()

    def _give_up(self) -> None:
        self._write_timer = None
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Answer without a request, and close."""
        response = problem.response()
        body = response.body if isinstance(response.body, bytes) else b""
        extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items() if name == "Retry-After")
        head = (
            f"HTTP/1.1 {response.status} {response.reason}\r\nServer: {SERVER}\r\nContent-Type: {MEDIA}\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n{extra}Connection: close\r\n\r\n"
        )
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(head.encode() + body)
        self.force_close()


def _told(error: object) -> str:
    """Return a traceback as text, here and not in the log: renderers for people read sources, which the loop must not wait for."""
    return "".join(traceback.format_exception(error)).strip() if isinstance(error, BaseException) else "unknown"


def _page(problem: Problem) -> web.Response:
    """Return a problem as a page, for whoever looks with a browser. It is made of nothing that could be what has failed."""
    title = str(problem.document()["title"])
    text = f"<h1>{title}</h1><p>{escape(problem.detail)}.</p><p><a href='/'>Overview</a></p>"
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='color-scheme' content='light dark'><title>{title}</title>"
    policy = {"Content-Security-Policy": "default-src 'none'"}
    return web.Response(status=problem.status, text=f"{head}{text}</html>", content_type="text/html", headers=policy)


def _too_large() -> Problem:
    return Problem(431, "head-too-large", "the head of the request is larger than this server reads")


def _problem_of(status: int, exc: BaseException | None) -> Problem:
    if isinstance(exc, LineTooLong):
        return _too_large()
    if status < 500:
        return Problem(status, "malformed", "the request is no HTTP that this server reads")
    return Problem(status, "internal", "the server is at fault, and has logged how; please report it")
