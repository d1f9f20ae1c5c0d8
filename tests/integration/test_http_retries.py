"""What fails in passing is asked for again, as the feed says and as the supplier wishes; what will not pass is asked once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web

from connectors.http import HttpConnector
from engine.errors import FeedmillError, NotModified, RefuseRun, Retry
from engine.source import Courtesy, Patience, Persistence, Source, parse_location
from tests.fault.fault_proxy import Drip, canned_server, fault_proxy
from tests.servers import reading
from tests.servers.web import serving

BODY = b"sku;stock\nold-1;11\n"
FAST = Persistence(attempts=3, wait_initial=0.01)


class Supplier:
    """A server that answers with these, one after the other, and with the file from then on."""

    def __init__(self, *answers: Callable[[], web.Response]) -> None:
        self.answers = list(answers)
        self.times: list[float] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.times.append(time.monotonic())
        return self.answers.pop(0)() if self.answers else web.Response(body=BODY, headers={"ETag": '"v7"'})


def _status(status: int, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _source(port: int, persistence: Persistence = FAST, told: list[str] | None = None) -> Source:
    location = parse_location(f"http://shop:hunter2@127.0.0.1:{port}/stock.csv?token=hush", patience=Patience(connect=2.0, idle=2.0))
    return replace(location, persistence=persistence, tell=(told if told is not None else []).append)


async def _fetch(source: Source) -> bytes:
    return await reading.read(HttpConnector(), source)


async def _failure(source: Source) -> FeedmillError:
    return await reading.failure(HttpConnector(), source)


@pytest.mark.parametrize("status", [202, 408, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_asked_for_again(status: int) -> None:
    """Two failures are outlived with three attempts; the run's record is told of each, without a secret."""
    supplier = Supplier(_status(status), _status(status))
    told: list[str] = []
    async with serving(supplier.answer) as port:
        assert await _fetch(_source(port, told=told)) == BODY
    assert len(supplier.times) == 3
    assert len(told) == 2
    assert all(f"answered {status}" in text for text in told)
    assert "hush" not in "".join(told)
    assert "hunter2" not in "".join(told)


async def test_attempts_end() -> None:
    """A server that goes on failing is left after the attempts of the feed, with its last answer."""
    supplier = Supplier(*[_status(500)] * 9)
    async with serving(supplier.answer) as port:
        error = await _failure(_source(port))
    assert isinstance(error, Retry)
    assert len(supplier.times) == FAST.attempts


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 451])
async def test_what_will_not_pass_is_asked_once(status: int) -> None:
    """Asking again would change nothing but the supplier's mood."""
    supplier = Supplier(_status(status))
    async with serving(supplier.answer) as port:
        assert isinstance(await _failure(_source(port)), RefuseRun)
    assert len(supplier.times) == 1


async def test_the_suppliers_wish_takes_the_place_of_our_wait() -> None:
    """Where the supplier says how long to wait, that is the wait, however long ours would have been."""
    supplier = Supplier(_status(503, Retry_After="0"), _status(429, Retry_After="0"))
    begun = time.monotonic()
    async with serving(supplier.answer) as port:
        assert await _fetch(_source(port, Persistence(attempts=3, wait_initial=30.0))) == BODY
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "headers",
    [{"Retry_After": "3600"}, {"Date": "Sun, 01 Nov 2020 06:30:00 GMT", "Retry_After": "Sun, 01 Nov 2020 07:30:00 GMT"}],
    ids=["seconds", "date"],
)
async def test_a_wish_for_too_long_a_pause_ends_the_run(headers: dict[str, str]) -> None:
    """A supplier that wants an hour is not asked again in this run; how long it wants is on the error."""
    supplier = Supplier(_status(429, **headers))
    async with serving(supplier.answer) as port:
        error = await _failure(_source(port, Persistence(wait_max=60.0)))
    assert isinstance(error, Retry)
    assert error.retry_after == 3600.0
    assert len(supplier.times) == 1


async def test_a_condition_is_asked_again_with_the_request() -> None:
    """A failure before the answer does not turn an unchanged source into a download."""
    supplier = Supplier(_status(503), _status(304))
    async with serving(supplier.answer) as port:
        source = _source(port)
        assert isinstance(await _failure(replace(source, known={source.name: 'etag "v7"'})), NotModified)


async def test_an_answer_that_drips_its_head_is_given_up() -> None:
    """A head that hardly moves is bounded by connect and idle together, not by each byte anew."""
    answer = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 2000 + b"\r\n\r\n"
    async with canned_server(answer) as server, fault_proxy(server, Drip(10)) as port:
        begun = time.monotonic()
        source = replace(_source(port, Persistence(attempts=1)), patience=Patience(connect=0.15, idle=0.15))
        assert isinstance(await _failure(source), Retry)
    assert time.monotonic() - begun < 5


async def test_one_host_gets_as_many_fetches_at_once_as_the_feed_allows() -> None:
    """With one connection to a host, three feeds wait for one another."""
    open_now, most = 0, 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(20):
            await response.write(BODY)
            await anyio.lowlevel.checkpoint()
        open_now -= 1
        return response

    async with serving(answer) as port, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(_fetch, replace(_source(port), courtesy=Courtesy(max_connections=1)))
    assert most == 1
