"""A paged JSON API on the loopback, in every style of paging, with logins, a token endpoint and faults to order."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import anyio
from aiohttp import web

from tests.servers.web import Handler, serving

CLIENT, CLIENT_SECRET = "shop:client", "s3cret/with+signs"


@dataclass
class Api:
    """An API of `count` items, `size` to a page: `/page`, `/offset`, `/cursor`, `/url`, `/link` are the styles, `/token` gives tokens.

    `asked` holds the page numbers in the order in which they were asked for, `requests` the requests themselves. `faults` holds,
    for a page, the answers to give in place of it, each once. `around` makes the object of a page from its items.
    """

    count: int = 250
    size: int = 100
    padding: int = 0
    around: Callable[[list[dict[str, object]], int], dict[str, object]] | None = None
    allows: Callable[[web.Request], bool] = lambda _: True
    faults: defaultdict[int, list[Handler]] = field(default_factory=lambda: defaultdict(list))
    past_the_end: Handler | None = None
    asked: list[int] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    answered: defaultdict[int, anyio.Event] = field(default_factory=lambda: defaultdict(anyio.Event))
    tokens: list[str] = field(default_factory=list)
    token_requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    token_answer: Handler | None = None
    expires_in: object = 3600
    secret_in_body: bool = False
    port: int = 0

    @property
    def base(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pages(self) -> int:
        return -(-self.count // self.size)

    def items(self, number: int) -> list[dict[str, object]]:
        """Return the items of a page, counted from one."""
        first = (number - 1) * self.size
        return [{"sku": f"{n:05}", "stock": n % 7, "note": "x" * self.padding} for n in range(first, min(first + self.size, self.count))]

    def body(self, number: int, style: str = "page") -> bytes:
        """Return the bytes of a page as its style writes them."""
        items = self.items(number)
        if self.around is not None:
            return json.dumps(self.around(items, number)).encode()
        if style in ("page", "offset", "link"):
            return json.dumps(items).encode()
        more = number < self.pages
        cursor = f"c{number + 1}" if style == "cursor" else f"/url?page={number + 1}"
        return json.dumps({"items": items, "meta": {"next": cursor if more else None}}).encode()

    def whole(self, style: str) -> bytes:
        """Return all pages, joined."""
        return b"".join(self.body(number + 1, style) for number in range(self.pages))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.path == "/token":
            return await self._token(request)
        style = request.path.strip("/")
        number = self._number(request, style)
        if number is None:
            return web.Response(status=404)
        self.asked.append(number)
        try:
            if not self.allows(request):
                return web.Response(status=401)
            if self.faults[number]:
                return await self.faults[number].pop(0)(request)
            if number > self.pages and self.past_the_end is not None:
                return await self.past_the_end(request)
            return web.Response(body=self.body(number, style), headers=self._headers(style, number))
        finally:
            self.answered[number].set()

    def _number(self, request: web.Request, style: str) -> int | None:
        query = request.query
        match style:
            case "page" | "url" | "link":
                return int(query.get("page", "1"))
            case "offset":
                return -(-int(query["offset"]) // self.size) + 1
            case "cursor":
                return int(query.get("cursor", "c1").removeprefix("c"))
        return None

    def _headers(self, style: str, number: int) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if style != "link" or number >= self.pages:
            return headers
        return headers | {"Link": f'<link?page={number + 1}>; title="a, b; rel=prev"; rel="last next", </link?page=1>; rel=first'}

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append((request.headers.get("Authorization", ""), form))
        if self.token_answer is not None:
            return await self.token_answer(request)
        pair = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        in_head = tuple(map(unquote_plus, pair.split(":"))) == (CLIENT, CLIENT_SECRET)
        in_body = (form.get("client_id"), form.get("client_secret")) == (CLIENT, CLIENT_SECRET)
        known = in_body if self.secret_in_body else in_head
        if not known:
            return web.json_response({"error": "invalid_client", "error_description": f"wrong: {form}"}, status=401)
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return web.json_response({"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": self.expires_in})

    def newest_token_only(self, request: web.Request) -> bool:
        """Allow a request under the token that was given last; for `allows`."""
        return bool(self.tokens) and request.headers.get("Authorization") == f"Bearer {self.tokens[-1]}"


def saying(status: int, **headers: str) -> Handler:
    """Answer with a status and nothing else."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return handler


def sending(content: object, **headers: str) -> Handler:
    """Answer with JSON, or with bytes as they are."""

    async def handler(request: web.Request) -> web.StreamResponse:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return web.Response(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return handler


def cutting(body: bytes, after: int) -> Handler:
    """Promise a body and break the connection within it."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[:after])
        assert request.transport is not None
        request.transport.abort()
        return response

    return handler


@asynccontextmanager
async def api(**settings: Any) -> AsyncIterator[Api]:
    """Serve an `Api` with these settings."""
    made = Api(**settings)
    async with serving(made.answer) as made.port:
        yield made
