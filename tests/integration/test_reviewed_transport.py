"""What a reviewer from outside found in the transports, put right: each a way to wrong stock, to a trap, or to a wrong word."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

import engine.flow.pipeline
import feedmill
from engine.document import Document
from engine.flow.pipeline import Job, run_feed
from engine.run import RunRecord, RunStatus
from engine.source import Source
from sinks.sqlite.queries import open_queries
from tests.integration.pipeline_parts import MemoryConnector, MemorySink, job
from tests.servers.web import serving

FIELDS = {"sku": "sku", "inventoryQuantity": "qty"}
CHANGED, NOW = "Sun, 01 Nov 2026 06:30:00 GMT", "Sun, 01 Nov 2026 07:30:00 GMT"


async def sync(port: int, folder: Path, settings: Mapping[str, object]) -> RunRecord:
    """Run the feed once, from a server of the test."""
    asked: dict[str, Any] = {"transport.attempts": 1, **settings}
    return await feedmill.sync(f"http://127.0.0.1:{port}/stock.csv", to=str(folder / "shop.db"), feed="acme", fields=FIELDS, settings=asked)


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
        first = await sync(port, tmp_path, {"transport.auth": auth, attribute: "one"})
        again = await sync(port, tmp_path, {"transport.auth": auth, attribute: "one"})
        other = await sync(port, tmp_path, {"transport.auth": auth, attribute: "two"})
    assert [record.status for record in (first, again, other)] == [RunStatus.COMPLETE] * 3, first.problems
    assert (again.bytes, other.counts.updated) == (0, 1)
    assert await quantities(tmp_path) == {"a": 2}


async def test_a_content_coding_is_no_way_around_the_limits(tmp_path: Path) -> None:
    """What unpacks without end is refused whatever layer it is packed in, and the feed's own limits count."""
    body = b"sku,qty\n" + b"a,1\n" * 2_000_000

    async def bomb(request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})

    async with serving(bomb) as port:
        record = await sync(port, tmp_path, {"transport.maxBytes": 1_000_000})
    assert record.status is RunStatus.ERROR
    assert record.read < 1_000_000
    assert "unpacks to more than 1,000,000 bytes" in record.problems[-1].message


class _Waiting(MemoryConnector):
    """Say now and then that the supplier is busy, then nothing any more."""

    said = 0

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        """Wait for ever."""
        return self._wait(source)

    @asynccontextmanager
    async def _wait(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        while self.said < 8:
            await anyio.sleep(0.2)
            source.tell("the supplier is busy")
            self.said += 1
        await anyio.Event().wait()
        yield self._documents()


async def test_who_says_that_it_waits_has_not_stalled() -> None:
    """A connector that tells of each of its tries is not taken for one that hangs; one that falls silent is."""
    connector = _Waiting([])
    record = await run_feed(replace(job(connector, MemorySink()), stall_patience=1.2))
    assert (connector.said, [problem.code for problem in record.problems]) == (8, ["source", "stalled"])


@pytest.mark.parametrize(
    "settings",
    [{"transport.maxRetryWait": 900}, {"transport.idleTimeout": 600}, {"transport.jitter": 900}],
    ids=lambda settings: next(iter(settings)),
)
async def test_the_feeds_own_patience_is_within_the_engines(
    settings: Mapping[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a feed's settings let a source keep silent, the watchdog does not bite before."""
    jobs: list[Job] = []

    async def note(made: Job) -> RunRecord:
        jobs.append(made)
        return RunRecord(made.recipe.feed.name, 0, RunStatus.COMPLETE)

    monkeypatch.setattr(engine.flow.pipeline, "run_feed", note)
    await sync(1, tmp_path, settings)
    assert jobs[0].stall_patience > max(float(str(value)) for value in settings.values())
