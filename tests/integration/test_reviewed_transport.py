"""What a reviewer from outside found in the transports, put right: each a way to wrong stock, to a trap, or to a wrong word."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import feedmill
from engine.run import RunRecord, RunStatus
from sinks.sqlite.queries import open_queries
from tests.servers.web import serving

FIELDS = {"sku": "sku", "inventoryQuantity": "qty"}
CHANGED, NOW = "Sun, 01 Nov 2026 06:30:00 GMT", "Sun, 01 Nov 2026 07:30:00 GMT"


async def sync(port: int, folder: Path, *, path: str = "stock.csv", **settings: object) -> RunRecord:
    """Run the feed once, from a server of the test."""
    asked: dict[str, Any] = {"transport.attempts": 1, **settings}
    return await feedmill.sync(f"http://127.0.0.1:{port}/{path}", to=str(folder / "shop.db"), feed="acme", fields=FIELDS, settings=asked)


async def quantities(folder: Path) -> Mapping[str, object]:
    """Return what is stored."""
    async with open_queries(f"sqlite:///{folder / 'shop.db'}") as queries:
        return {str(item["externalId"]): item["inventoryQuantity"] async for item in queries.items("acme")}


async def _of_customer(request: web.Request) -> web.StreamResponse:
    """Answer each customer with a file of its own; all files have one time, and only the time is minded."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.headers.get("X-Api-Key", "")
    if not token:
        return web.Response(status=401)
    if "If-Modified-Since" in request.headers:
        return web.Response(status=304)
    quantity = {"one": 1, "two": 2}[token]
    return web.Response(text=f"sku,qty\na,{quantity}\n", headers={"Last-Modified": CHANGED, "Date": NOW})


@pytest.mark.parametrize("auth", ["bearer", "header"])
@pytest.mark.parametrize("attribute", ["authenticationSecret", "authenticationToken"])
async def test_another_token_brings_another_file(auth: str, attribute: str, tmp_path: Path) -> None:
    """A token says whose file it is: under another one nothing is unchanged, whatever the server says of times."""
    async with serving(_of_customer) as port:
        first = await sync(port, tmp_path, **{"transport.auth": auth, attribute: "one"})
        again = await sync(port, tmp_path, **{"transport.auth": auth, attribute: "one"})
        other = await sync(port, tmp_path, **{"transport.auth": auth, attribute: "two"})
    assert [record.status for record in (first, again, other)] == [RunStatus.COMPLETE] * 3, first.problems
    assert (again.bytes, other.counts.updated) == (0, 1)
    assert await quantities(tmp_path) == {"a": 2}


async def test_a_content_coding_is_no_way_around_the_limits(tmp_path: Path) -> None:
    """What unpacks without end is refused whatever layer it is packed in, and the feed's own limits count."""
    body = b"sku,qty\n" + b"a,1\n" * 2_000_000

    async def bomb(request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})

    async with serving(bomb) as port:
        record = await sync(port, tmp_path, **{"transport.maxBytes": 1_000_000})
    assert record.status is RunStatus.ERROR
    assert record.read < 1_000_000
    assert "unpacks to more than 1,000,000 bytes" in record.problems[-1].message
