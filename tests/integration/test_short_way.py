"""Pushes of one item: their short way past the application, on which they are answered as it would, and the commit that they share."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import orjson
import pytest
from aiohttp import web
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from feedmill.service import pushing
from feedmill.service.push_group import Ended, Request, commit_group
from feedmill.service.security import gate
from feedmill.service.settings import Limits as Rates
from feedmill.service.settings import Push as Limits
from feedmill.service.settings import Server
from feedmill.web.transport import short
from sinks.sqlite.single.group import Push
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.pushed_feed import make_feed

SHORT: Final = "/api/inventory-feeds/{}/parse-webhook.json"
LONG: Final = "/api/inventory-feeds/{}/parse-webhook.json?way=long"
"""A query is no business of a push, and nothing plain."""

OWN: Final = frozenset(("date", "x-request-id", "ratelimit-reset"))
TIMES: Final = ("id", "createdAt", "updatedAt", "inventoryUpdatedAt")


class Sent(NamedTuple):
    """A call: the body, in which `?` is the way it goes, the feed, and headers that replace those of a good call."""

    body: bytes
    feed: str = "1"
    headers: dict[str, str] = {}  # noqa: RUF012


GOOD: Final = b'{"externalId": "?", "vendorSku": "A", "inventoryQuantity": 3}'
CALLS: Final = {
    "created": Sent(GOOD),
    "unchanged": Sent(GOOD),
    "updated": Sent(b'{"externalId": "?", "retailPrice": "12.50", "images": ["x"], "tags": ["a:b"], "name": "\xc3\xa4"}'),
    "placed": Sent(b'{"externalId": "?", "sequence": 7, "inventoryQuantity": 4.5}'),
    "stale": Sent(b'{"externalId": "?", "sequence": 6, "inventoryQuantity": 5}'),
    "gone": Sent(b'{"externalId": "?", "status": "removed"}'),
    "no kind": Sent(GOOD, headers={"Content-Type": ""}),
    "faults": Sent(b'{"externalId": "?", "inventoryQuantity": "many", "colour": 1}'),
    "no item": Sent(b"[]"),
    "no JSON": Sent(b'{"externalId": '),
    "empty": Sent(b""),
    "twice": Sent(b'{"externalId": "?", "name": "a", "name": "b"}'),
    "NUL": Sent(b'{"externalId": "?", "name": "\\u0000"}'),
    "too deep": Sent(b'{"externalId": "?", "metaFields": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}"),
    "too large": Sent(b'{"externalId": "?", "name": "' + b"x" * 3_000 + b'"}'),
    "kind": Sent(GOOD, headers={"Content-Type": "text/plain"}),
    "charset": Sent(GOOD, headers={"Content-Type": "application/json; charset=latin-1"}),
    "coding": Sent(GOOD, headers={"Content-Encoding": "gzip"}),
    "expectation": Sent(GOOD, headers={"Expect": "a miracle"}),
    "key": Sent(GOOD, headers={"Idempotency-Key": "?"}),
    "key again": Sent(GOOD, headers={"Idempotency-Key": "?"}),
    "no token": Sent(GOOD, headers={"Authorization": ""}),
    "unknown token": Sent(GOOD, headers={"Authorization": "Bearer ?"}),
    "another feed": Sent(GOOD, feed="2"),
    "no feed": Sent(GOOD, feed="0"),
    "no number": Sent(GOOD, feed="01"),
    "close": Sent(GOOD, headers={"Connection": "close"}),
}
PLAIN: Final = {
    *("created", "unchanged", "updated", "placed", "stale", "gone", "no kind"),
    *("faults", "no item", "no JSON", "twice", "NUL", "too deep"),
}
"""Calls whose fault, if any, is in the item."""

TAKEN: Final = {"created", "unchanged", "updated", "placed", "stale", "gone", "no kind", "key", "key again", "close"}


class Ways(NamedTuple):
    """A service, the token of each way, and the ways that calls went."""

    running: Running
    tokens: dict[str, str]
    went: list[str]


@pytest.fixture
async def ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ways]:
    """Run a service with a feed, a token for each way, and note which calls go the short one to its end."""
    went: list[str] = []
    answer = short.ShortWay._answer

    async def noted(self: short.ShortWay, request: web.BaseRequest, *rest: Any) -> web.StreamResponse:
        went.append(request.raw_path)
        return await answer(self, request, *rest)

    monkeypatch.setattr(short.ShortWay, "_answer", noted)
    # A token is asked for again after a second, by the application: not while the two ways are compared.
    monkeypatch.setattr(gate, "FRESH_SECONDS", 3_600.0)
    limits = Rates(writes_per_second=0.01, burst=len(CALLS))
    async with run_service(tmp_path, limits=limits, server=Server(port=0, max_body_bytes=2_000)) as running:
        assert await make_feed(running.service) == 1
        tokens = {way: await make_token(running.service, "feed:1:push") for way in "sl"}
        yield Ways(running, tokens, went)


async def be_known(ways: Ways) -> None:
    """Show the tokens once: the short way takes only those that are known by heart."""
    for token in ways.tokens.values():
        await ways.running.call("GET", "/api/batches/1.json", token=token)


async def send(ways: Ways, way: str, sent: Sent) -> tuple[int, dict[str, str], Any]:
    """Return status, headers and body of an answer, without what no two calls have in common."""
    headers = {"Authorization": f"Bearer {ways.tokens[way]}", "Content-Type": "application/json", **sent.headers}
    told = {name: value.replace("?", way) for name, value in headers.items() if value}
    url = ways.running.url + (SHORT if way == "s" else LONG).format(sent.feed)
    skipped = () if told.get("Content-Type") else ("Content-Type",)
    call = ways.running.client.put(url, data=sent.body.replace(b"?", way.encode()), headers=told, skip_auto_headers=skipped)
    async with call as response:
        raw = await response.read()
        body = orjson.loads(raw.replace(f'"{way}"'.encode(), b'"?"').replace(f"'{way}'".encode(), b"'?'"))
        shown = {name.lower(): value for name, value in response.headers.items()}
        assert shown.keys() >= {"date", "x-request-id"}
        shown = {name: value for name, value in shown.items() if name not in OWN}
        return response.status, shown, {name: value for name, value in body.items() if name not in TIMES}


async def test_both_ways_answer_the_same(ways: Ways) -> None:
    """Status, headers and body of good and bad calls are the same on both ways, and so is how full the token's bucket is."""
    await be_known(ways)
    for name, sent in CALLS.items():
        ways.went.clear()
        quick, long = [await send(ways, way, sent) for way in "sl"]
        assert (name, *quick) == (name, *long)
        assert (name, quick[0] == 200) == (name, name in TAKEN)
        assert (name, bool(ways.went)) == (name, name in PLAIN)
    calls = ways.running.service.watch.metrics.registry.get_sample_value("feedmill_push_seconds_count", {"route": SHORT.format("{id}")})
    assert calls == 2 * len(CALLS)


async def test_both_ways_are_bounded(ways: Ways) -> None:
    """What the token's bucket does not hold is refused on both ways in the same words, and what is paused or not there too."""
    await be_known(ways)
    answers = {way: [await send(ways, way, Sent(GOOD)) for _ in range(len(CALLS) + 1)] for way in "sl"}
    assert [status for status, _, _ in answers["s"]] == [200] * len(CALLS) + [429]
    for quick, long in zip(*answers.values(), strict=True):
        assert {**quick[1], "retry-after": ""} == {**long[1], "retry-after": ""}
    for way in "sl":
        ways.tokens[way] = await make_token(ways.running.service, "admin")
    await be_known(ways)
    async with ways.running.service.store.writing() as writer:
        await writer.execute("UPDATE main.inventory_feeds SET enabled = 0")
    for feed, status in (("1", 409), ("9", 404)):
        ways.went.clear()
        quick, long = [await send(ways, way, Sent(GOOD, feed=feed)) for way in "sl"]
        assert quick == long
        assert quick[0] == status
        assert ways.went


async def test_a_commit_waits_for_as_many_as_the_last_one_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was answered by one commit shares the next, however far apart they send; who comes alone waits no longer than it may."""
    sizes: list[int] = []

    def noted(connection: sqlite3.Connection, name: str, requests: Sequence[Request], limits: Limits) -> list[Ended]:
        sizes.append(len(requests))
        return commit_group(connection, name, requests, limits)

    monkeypatch.setattr(pushing, "commit_group", noted)
    async with run_service(tmp_path, push=Limits(gather_ms=100)) as running:
        feed = await make_feed(running.service)

        async def push(key: str) -> None:
            sent = {"externalId": key, "vendorSku": key}
            assert (await running.service.pushing.ask(running.service, Request(Push(feed, sent)))).status == 200

        async with create_task_group() as group:
            group.start_soon(push, "a")
            group.start_soon(push, "b")
        async with create_task_group() as group:
            group.start_soon(push, "a")
            for _ in range(50):
                await checkpoint()
            assert sizes == [2]
            group.start_soon(push, "b")
        with anyio.fail_after(10):
            await push("a")
        assert sizes == [2, 2, 1]
