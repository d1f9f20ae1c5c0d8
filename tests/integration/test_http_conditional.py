"""A source that has not changed is not fetched again; one that may have changed is, whatever its server says of times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from aiohttp import web

from connectors.http import HttpConnector
from engine.document import Document
from engine.errors import NotModified, RefuseRun
from engine.source import Persistence, Source, parse_location
from tests.servers.web import serving

BODY = b"sku;stock\nold-1;11\n"
EARLY, CHANGED, NOW = "Sat, 31 Oct 2026 06:30:00 GMT", "Sun, 01 Nov 2026 06:30:00 GMT", "Sun, 01 Nov 2026 06:30:02 GMT"
TIMED = f'"{1_793_514_600:x}-13"'


class Supplier:
    """A server with one file. `answers` says which conditions it minds: its 304 carries `unchanged` as headers."""

    def __init__(self, unchanged: Mapping[str, str] | None = None, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.unchanged = unchanged
        self.asked: list[tuple[str | None, str | None]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        conditions = request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")
        self.asked.append(conditions)
        if self.unchanged is not None and any(conditions):
            return web.Response(status=304, headers=self.unchanged)
        return web.Response(body=BODY, headers=self.headers)


def _source(port: int, known: Mapping[str, str] | None = None) -> Source:
    location = parse_location(f"http://127.0.0.1:{port}/stock.csv?token=hush")
    return replace(location, known=known or {}, persistence=Persistence(attempts=1))


async def _fetch(source: Source) -> Document:
    async with HttpConnector().fetch(source) as documents:
        document = await anext(documents)
        assert b"".join([chunk async for chunk in document.chunks]) == BODY
        return document


async def _versions(port: int) -> dict[str, str]:
    document = await _fetch(_source(port))
    return {} if document.version is None else {document.name: document.version}


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        pytest.param({"ETag": '"v7"', "Last_Modified": CHANGED, "Date": NOW}, ('"v7"', None), id="etag alone, though there is a time"),
        pytest.param({"ETag": 'W/"v7"'}, ('W/"v7"', None), id="weak etag"),
        pytest.param({"ETag": TIMED, "Last_Modified": CHANGED, "Date": NOW}, (TIMED, None), id="etag made of an old time"),
        pytest.param({"Last_Modified": CHANGED, "Date": NOW}, (None, CHANGED), id="old time"),
    ],
)
async def test_an_unchanged_source_is_not_fetched(headers: dict[str, str], asked: tuple[str | None, str | None]) -> None:
    """The second fetch asks on a condition, and a 304 ends it before any document."""
    supplier = Supplier({}, **headers)
    async with serving(supplier.answer) as port:
        known = await _versions(port)
        with pytest.raises(NotModified, match="unchanged since the last complete run") as caught:
            await _fetch(_source(port, known))
    assert supplier.asked == [(None, None), asked]
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Last_Modified": NOW, "Date": NOW}, id="time of this second"),
        pytest.param({"ETag": 'W/"v7"', "Last_Modified": NOW, "Date": NOW}, id="weak etag of this second"),
        pytest.param({"ETag": TIMED, "Last_Modified": CHANGED, "Date": CHANGED}, id="etag made of this second"),
        pytest.param({"Last_Modified": "yesterday", "Date": NOW}, id="no readable time"),
        pytest.param({"ETag": '""', "Date": NOW}, id="empty etag"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_what_may_still_change_unseen_is_fetched_again(headers: dict[str, str]) -> None:
    """A file written twice in one second looks the same by its time: no version is made of what is that fresh."""
    supplier = Supplier({}, **headers)
    async with serving(supplier.answer) as port:
        known = await _versions(port)
        assert known == {}
        await _fetch(_source(port, known))
    assert supplier.asked == [(None, None)] * 2


async def test_a_304_that_speaks_of_another_time_is_not_believed() -> None:
    """A file put back from a copy is older than the one we know, which many servers call unchanged: it is fetched."""
    supplier = Supplier({"Last-Modified": EARLY}, Last_Modified=CHANGED, Date=NOW)
    async with serving(supplier.answer) as port:
        await _fetch(_source(port, await _versions(port)))
    assert supplier.asked == [(None, None), (None, CHANGED), (None, None)]


async def test_a_server_that_answers_no_condition_is_known_by_its_strong_etag() -> None:
    """The same strong ETag over a whole body is the same body: it is not read."""
    supplier = Supplier(ETag='"v7"')
    async with serving(supplier.answer) as port:
        known = await _versions(port)
        with pytest.raises(NotModified, match="by its ETag"):
            await _fetch(_source(port, known))


async def test_a_body_of_the_same_time_is_read_all_the_same() -> None:
    """A server that sends the body though it was asked on a condition may know better than its own time."""
    supplier = Supplier(Last_Modified=CHANGED, Date=NOW)
    async with serving(supplier.answer) as port:
        await _fetch(_source(port, await _versions(port)))
    assert supplier.asked == [(None, None), (None, CHANGED)]


async def test_a_changed_source_is_fetched() -> None:
    """Another ETag is another version."""
    supplier = Supplier(ETag='"v8"')
    async with serving(supplier.answer) as port:
        name = _source(port).name
        document = await _fetch(_source(port, {name: 'etag "v7"'}))
    assert document.version == 'etag "v8"'


@pytest.mark.parametrize("known", [{"another": 'etag "v7"'}, {"NAME": 'etag "v7"', "another": "x"}, {"NAME": "not of ours"}])
async def test_no_condition_is_sent_for_what_the_last_run_did_not_read_like_this(known: dict[str, str]) -> None:
    """Where the last run read other documents, or more of them, or wrote a version we cannot read, all is fetched."""
    supplier = Supplier({}, ETag='W/"v7"')
    async with serving(supplier.answer) as port:
        await _fetch(_source(port, {_source(port).name if name == "NAME" else name: version for name, version in known.items()}))
    assert supplier.asked == [(None, None)]


async def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    """Without a condition a 304 means nothing, and nothing is no feed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=304)

    async with serving(answer) as port:
        with pytest.raises(RefuseRun, match="304"):
            await _fetch(_source(port))
