"""The short way of the call that comes most often: one item pushed, with nothing about it that is out of the ordinary.

What the application would have done for it, without its router and middlewares. Whatever is not plain, or may not be, is left to the
application before anything was counted, read or done: only what is wrong with the item itself is refused here, in the same words.
"""

from __future__ import annotations

import re
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import monotonic, perf_counter, time
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import HttpVersion11, hdrs, web
from multidict import istr

from engine.errors import FeedmillError
from feedmill.service.keys import digest
from feedmill.service.operations.tracing import is_traced
from feedmill.service.push_group import Request
from feedmill.web.access import admits, shown_token
from feedmill.web.json_text import parse_json
from feedmill.web.problems import Problem, answer_error
from feedmill.web.resources.pushes import PUT_ITEM, check_item
from feedmill.web.transport.connections import Connection
from feedmill.web.transport.exchange import CLIENT_GONE, PLAIN, SERVER, Exchange, add_headers, begin, log_exchange
from sinks.sqlite.single.group import Push

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from feedmill.service.context import Service
    from feedmill.service.push_group import Reply
    from feedmill.service.security.gate import Caller

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_PATH: Final = re.compile(re.escape(PUT_ITEM.path).replace(re.escape("{id}"), "([1-9][0-9]{0,17})"), re.ASCII)
_KEY: Final = istr("Idempotency-Key")
_KINDS: Final = (None, PUT_ITEM.takes)
_REST: Final = "".join(f"{name}: {value}\r\n" for name, value in {**PLAIN, "Server": SERVER, "Cache-Control": "no-store"}.items())


class _Answer(web.StreamResponse):
    """An answer whose head is text already. It is written whole, and the connection stays open: what is not so is not plain."""

    def __init__(self, head: str, body: bytes) -> None:
        super().__init__()
        self._whole = head.encode("latin-1") + body

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        await request.writer.write(self._whole)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the answer ends with its length."""


class ShortWay:
    """Answers plain pushes of one item itself, and has `ordinary` answer everything else."""

    def __init__(self, service: Service, ordinary: Handler) -> None:
        self._service = service
        self._ordinary = ordinary
        settings = service.settings
        self._most = settings.server.max_body_bytes
        self._closed = bool(settings.server.trusted_proxies) or settings.log.access
        self._dated = (0, "")

    def handle(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Return what answers a request."""
        if request.method == "PUT" and not self._closed and (found := _PATH.fullmatch(request.raw_path)) and self._is_plain(request):
            return self._push(request, found[1])
        return self._ordinary(request)

    def _is_plain(self, request: web.BaseRequest) -> bool:
        headers = request.headers
        return (
            request.content.is_eof()
            and request.version == HttpVersion11
            and request.keep_alive
            and headers.get(hdrs.CONTENT_TYPE) in _KINDS
            and hdrs.EXPECT not in headers
            and hdrs.IF_MATCH not in headers
            and hdrs.CONTENT_ENCODING not in headers
            and hdrs.TRANSFER_ENCODING not in headers
            and hdrs.UPGRADE not in headers
            and _KEY not in headers
            and 0 < (request.content_length or 0) <= self._most
            and not self._service.stopping
            and not is_traced()
        )

    async def _push(self, request: web.BaseRequest, feed: str) -> web.StreamResponse:
        began, service = perf_counter(), self._service
        caller = self._caller(request, feed)
        if caller is None:
            return await self._ordinary(request)
        level = None
        if service.gate.writes is not None:
            level = service.gate.writes.take(caller.token, monotonic())
            if not level.admitted:
                # Nothing was poured into the bucket, so that it is as full when the application looks.
                return await self._ordinary(request)
        service.gate.note_use(caller)
        exchange = begin(request, ())
        exchange.token, exchange.level = caller.token, level
        return await self._answer(request, exchange, int(feed), began)

    async def _answer(self, request: web.BaseRequest, exchange: Exchange, feed: int, began: float) -> web.StreamResponse:
        service, connection, status = self._service, request.protocol, 500
        if isinstance(connection, Connection):
            connection.began()
        try:
            with service.watch:
                sent = parse_json(request.content.read_nowait(), service.settings.server.max_json_depth)
                reply = await service.pushing.ask(service, Request(Push(feed, check_item(sent))))
            status = reply.status
            return self._show(reply, exchange)
        except (Problem, FeedmillError) as error:
            response = answer_error(error, request)
            status = response.status
            await add_headers(request, response)
            return response
        except (ConnectionError, CancelledError):
            status = CLIENT_GONE
            raise
        finally:
            if isinstance(connection, Connection):
                connection.answered(request.content)
            if status >= 400:
                log_exchange(request, PUT_ITEM.path, status, exchange, service.settings)
            counted = 500 if status == CLIENT_GONE else status
            service.watch.metrics.count_request("PUT", PUT_ITEM.path, counted, perf_counter() - began)

    def _caller(self, request: web.BaseRequest, feed: str) -> Caller | None:
        """Return whose token a request shows if it is known by heart and may push to the feed."""
        token = shown_token(request)
        caller = self._service.gate.tokens.known(digest(token)) if token else None
        return caller if caller is not None and admits(caller, PUT_ITEM, feed) else None

    def _show(self, reply: Reply, exchange: Exchange) -> _Answer:
        now = int(time())
        if now != self._dated[0]:
            self._dated = now, formatdate(now, usegmt=True)
        outcome = f"Feedmill-Outcome: {reply.outcome}\r\n" if reply.outcome is not None else ""
        level = "" if exchange.level is None else "".join(f"{name}: {value}\r\n" for name, value in exchange.level.headers().items())
        head = (
            f"HTTP/1.1 {reply.status} OK\r\n{outcome}Content-Length: {len(reply.body)}\r\nContent-Type: application/json\r\n"
            f"Date: {self._dated[1]}\r\n{_REST}X-Request-Id: {exchange.id}\r\n{level}\r\n"
        )
        return _Answer(head, reply.body)
