"""A paged API that fails: only the page that failed is asked for again, and what stays broken applies nothing."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest
from aiohttp import web

from connectors.rest import RestConnector
from connectors.web import pages
from engine.errors import FeedmillError, RefuseRun, Retry
from engine.source import Paging, Patience, Persistence, Request, RequestParameter, Secret, Source, parse_location
from tests.fault.fault_proxy import Cut, Fault, Reset, Stall, fault_proxy
from tests.servers import reading
from tests.servers.rest import Api, api, cutting, saying, sending
from tests.servers.web import Handler

STYLES = {
    "page": Paging("page", size=100),
    "offset": Paging("offset", size=100),
    "cursor": Paging("cursor", cursor_path="meta.next"),
    "link": Paging("link"),
}


def source_of(port: int, style: str = "page") -> Source:
    """Return the API's source, tried three times and not waited for long."""
    source = parse_location(f"http://127.0.0.1:{port}/{style}?key=hush", patience=Patience(2, 0.2))
    return replace(source, request=Request(paging=STYLES[style]), persistence=Persistence(3, 0.01, 1.0))


async def read(source: Source) -> bytes:
    """Return the bytes of all documents."""
    return await reading.read(RestConnector(), source)


async def failure(source: Source) -> FeedmillError:
    """Return the error that reading ends with."""
    return await reading.failure(RestConnector(), source, "hush")


@pytest.mark.parametrize("style", STYLES)
async def test_a_page_that_fails_once_is_asked_for_again_alone(style: str) -> None:
    """A 500 and a body cut short, both on page 3: the other pages are asked for once, and nothing is missing or twice."""
    told: list[str] = []
    async with api() as served:
        served.faults[3] += [saying(500), cutting(served.body(3, style), 100)]
        assert await read(replace(source_of(served.port, style), tell=told.append)) == served.whole(style)
    assert [served.asked.count(number) for number in (1, 2, 3)] == [1, 1, 3]
    assert [text.startswith("page 3: ") for text in told] == [True, True]


async def test_a_page_that_keeps_failing_is_a_retry_that_names_it() -> None:
    """When the attempts are used up the run ends, with the number of the page."""
    async with api() as served:
        served.faults[2] += [saying(502)] * 3
        error = await failure(source_of(served.port))
    assert isinstance(error, Retry)
    assert str(error).startswith("page 2: ")
    assert served.asked == [1, 2, 2, 2]


def _date(seconds: int) -> dict[str, str]:
    # Against the server's own clock: whatever time it is here, the wait is the same.
    now = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    return {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(now + timedelta(seconds=seconds), usegmt=True)}


@pytest.mark.parametrize(("status", "wish"), [(429, {"Retry-After": "1"}), (503, _date(1))], ids=["seconds", "date"])
async def test_a_pause_that_is_asked_for_is_kept(status: int, wish: dict[str, str]) -> None:
    """Retry-After in seconds and as a date holds up the one page for as long as it says."""
    async with api(count=10) as served:
        served.faults[1].append(saying(status, **wish))
        begun = anyio.current_time()
        assert await read(source_of(served.port)) == served.whole("page")
    assert 1.0 <= anyio.current_time() - begun < 2.0


async def test_a_pause_that_is_too_long_goes_out_with_the_error() -> None:
    """What the supplier asks for stands on the error, for whoever schedules the next run; nothing is asked in between."""
    async with api() as served:
        served.faults[2].append(saying(429, Retry_After="3600"))
        error = await failure(source_of(served.port))
    assert isinstance(error, Retry)
    assert error.retry_after == 3600
    assert served.asked == [1, 2]


@pytest.mark.parametrize("fault", [Cut(3000), Reset(3000), Stall(3000)], ids=["cut", "reset", "stall"])
async def test_a_connection_that_always_breaks_is_a_retry(fault: Fault) -> None:
    """A connection that breaks in mid-page every time ends in one clear error, and no page is passed on in part."""
    async with api() as served, fault_proxy(served.port, fault) as port:
        error = await failure(source_of(port))
    assert isinstance(error, Retry)
    assert len(served.asked) == 3


async def test_a_coded_page_that_ends_early_is_asked_for_again() -> None:
    """A gzip page without its end is no page, though the server sent all it promised."""
    async with api() as served:
        served.faults[2].append(sending(gzip.compress(served.body(2))[:-9], Content_Encoding="gzip"))
        assert await read(source_of(served.port)) == served.whole("page")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (sending(b"<!doctype html><title>Please log in</title>"), "HTML"),
        (sending({"error": {"code": 17, "message": "quota exceeded for key hush"}}), "quota exceeded for key ***"),
        (sending({"errors": [{"detail": "account suspended"}], "data": []}), "account suspended"),
        (sending({"message": "no such shop"}), "no such shop"),
        (sending(b'[{"sku": "1"},]'), "no JSON"),
        (sending(b'[{"sku": "1"'), "no JSON"),
        (sending({"status": "ok"}), "pagination.itemsPath"),
        (sending("maintenance"), "maintenance"),
        (sending(17), "no list stands in it"),
        (saying(204), "204"),
    ],
    ids=["html", "error", "errors", "message", "comma", "cut", "empty", "text", "number", "nothing"],
)
@pytest.mark.parametrize("number", [1, 2])
async def test_a_page_that_is_none_refuses_the_run(answer: Handler, says: str, number: int) -> None:
    """What is no page of items is refused wherever it comes, in the supplier's own words but for secrets; nothing is retried."""
    async with api() as served:
        served.faults[number].append(answer)
        error = await failure(source_of(served.port))
    assert isinstance(error, RefuseRun)
    assert says in str(error)
    assert str(error).startswith("page 2: ") is (number == 2)


async def test_a_value_of_a_parameter_is_not_quoted_back() -> None:
    """An API that repeats the key it was given does not bring it into the message."""
    async with api() as served:
        served.faults[1].append(sending({"message": "unknown key s3cr%26t or s3cr&t"}))
        source = source_of(served.port)
        request = replace(source.request, parameters=(RequestParameter("X-Key", Secret("s3cr&t"), "header"),))
        error = await failure(replace(source, request=request))
    assert "unknown key *** or ***" in str(error)


async def test_a_page_beyond_the_budget_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is held in memory whole, so it is bounded; what inflates beyond the bound is broken off on the way."""
    monkeypatch.setattr("connectors.rest.PAGE_BYTES", 1024 * 1024)
    async with api() as served:
        served.faults[2].append(sending(gzip.compress(b"[" + b" " * 8_000_000 + b"]"), Content_Encoding="gzip"))
        error = await failure(source_of(served.port))
    assert isinstance(error, RefuseRun)
    assert "pagination.size" in str(error)
    assert pages.PAGE_BYTES == 64 * 1024 * 1024


async def test_leaving_in_mid_page_ends_the_request_ahead() -> None:
    """A reader that leaves breaks off the page that is on its way, and waits for nothing."""
    released = anyio.Event()

    async def never(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    async with api() as served:
        served.faults[2].append(never)
        with anyio.fail_after(1):
            async with RestConnector().fetch(replace(source_of(served.port), patience=Patience())) as documents:
                await documents.__anext__()
                while served.asked != [1, 2]:
                    await anyio.lowlevel.checkpoint()
        released.set()


def test_the_faulty_server_is_a_server() -> None:
    """Without faults to order the API answers every page."""
    assert Api().pages == 3
