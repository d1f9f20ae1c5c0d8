"""A service of Feedmill's on loopback, in the test's own process: its address, a token for everything, and what is behind it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import orjson
from aiohttp import ClientSession

from feedmill.service.context import Service
from feedmill.service.keys import digest
from feedmill.service.opening import LOOPS, Loop, open_service
from feedmill.service.settings import Outgoing, Server, ServiceSettings
from feedmill.web.transport.listening import listen
from sinks.sqlite import clock

SETTINGS: Mapping[str, Any] = {"egress": Outgoing(allow_private=True), "server": Server(port=0)}


@dataclass(frozen=True, slots=True)
class Running:
    """A running service: `client` sends an admin's token to `url` and below it."""

    service: Service
    url: str
    token: str
    client: ClientSession

    async def call(self, method: str, path: str, body: object = None, *, token: str | None = None, **options: Any) -> tuple[int, Any]:
        """Return the status and the JSON of an answer; None where it has none."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}", **options.pop("headers", {})}
        data = None if body is None else orjson.dumps(body)
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self.client.request(method, f"{self.url}{path}", data=data, headers=headers, **options) as response:
            raw = await response.read()
            return response.status, orjson.loads(raw) if raw and "json" in response.content_type else raw or None


@asynccontextmanager
async def run_service(directory: Path, *, loops: bool | tuple[Loop, ...] = True, **settings: Any) -> AsyncIterator[Running]:
    """Run a service on a database in a directory, with its loops, or some of them, or none."""
    chosen = ServiceSettings(database=f"sqlite:///{directory}/shop.db", **{**SETTINGS, **settings})
    async with open_service(chosen) as service, anyio.create_task_group() as group:
        token = await make_token(service, "admin")
        for loop in loops if isinstance(loops, tuple) else LOOPS if loops else ():
            group.start_soon(loop, service)
        async with listen(service) as listening, ClientSession() as client:
            yield Running(service, listening.url, token, client)
        group.cancel_scope.cancel()


async def make_token(service: Service, *scopes: str) -> str:
    """Make a token with scopes, behind the API's back."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    async with service.store.writing() as writer:
        await writer.connection.execute(
            "INSERT INTO main.api_tokens (name, scopes, digest, hint, created_at, updated_at) VALUES ('test', ?, ?, ?, ?, ?)",
            (orjson.dumps(scopes).decode(), digest(token), token[-4:], now, now),
        )
    return token
