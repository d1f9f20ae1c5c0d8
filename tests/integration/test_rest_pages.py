"""The REST connector against a real API on the loopback: each style of paging to its end, and what is no end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Literal

import anyio
import pytest
from aiohttp import web

from connectors.rest import RestConnector
from engine.document import Document
from engine.errors import FeedmillError, NotModified, RefuseRun, Retry
from engine.source import Paging, Persistence, Request, RequestParameter, Secret, Source, parse_location
from plugins.conformance.connector import CHECKS, ConnectorCase, ConnectorCheck
from tests.servers.rest import Api, api, saying, sending
from tests.servers.web import serving

STYLES = {
    "page": Paging("page", size=100, size_parameter="limit"),
    "offset": Paging("offset", size=100),
    "cursor": Paging("cursor", cursor_path="meta.next", items_path="items"),
    "url": Paging("cursor", cursor_path="meta.next"),
    "link": Paging("link"),
}


def paged(url: str, paging: Paging, *parameters: RequestParameter) -> Source:
    """Return a source that is read in pages, and that is not waited for long."""
    source = parse_location(url)
    return replace(source, request=Request(paging=paging, parameters=parameters), persistence=Persistence(3, 0.01, 0.5))


async def read(source: Source) -> list[tuple[Document, bytes]]:
    """Return every document with its bytes."""
    async with RestConnector().fetch(source) as documents:
        return [(document, b"".join([chunk async for chunk in document.chunks])) async for document in documents]


async def failure(source: Source) -> FeedmillError:
    """Return the error that reading ends with."""
    with pytest.raises(FeedmillError) as caught:
        await read(source)
    return caught.value


def skus(found: list[tuple[Document, bytes]]) -> list[str]:
    """Return the keys of all pages, whatever stands around the items."""
    contents = [json.loads(data) for _, data in found]
    return [item["sku"] for content in contents for item in (content if isinstance(content, list) else content["items"])]


@pytest.fixture(params=STYLES)
async def case(request: pytest.FixtureRequest) -> AsyncIterator[ConnectorCase]:
    """Give the connector with an API of three pages of several chunks, and a path that it does not know."""
    style = request.param
    async with api(padding=4000) as served:
        base = f"http://shop:p%40ss-hunter2@{served.base}"
        source, missing = (paged(f"{base}/{path}", STYLES[style]) for path in (f"{style}?key=hush-1", "missing?key=hush-2"))
        yield ConnectorCase(RestConnector(), source, served.whole(style), missing)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_each_style_keeps_the_contract(check: ConnectorCheck, case: ConnectorCase) -> None:
    """Every rule of the kit holds for every style of paging."""
    await check(case)


@pytest.mark.parametrize("style", STYLES)
async def test_every_item_comes_once_and_each_page_is_a_document(style: str) -> None:
    """Three pages are three documents of true size, named by their number, and their items are those of the API, in order."""
    async with api() as served:
        found = await read(paged(f"http://{served.base}/{style}?key=hush", STYLES[style]))
    assert skus(found) == [f"{n:05}" for n in range(250)]
    assert [document.name for document, _ in found] == [f"http://{served.base}/{style}?key=*** (page {n})" for n in (1, 2, 3)]
    assert all(document.size == document.buffer_bytes == len(data) for document, data in found)
    assert {document.charset for document, _ in found} == {"utf-8"}
    assert {document.version for document, _ in found} == {None}


async def test_parameters_go_along_and_name_the_place() -> None:
    """The feed's own parameters, the page and its size stand in every request; the URL's other parameters stay as written."""
    async with api() as served:
        source = paged(
            f"http://{served.base}/page?q=%2B+%7e&page=9",
            Paging("page", size=100, size_parameter="page[size]"),
            RequestParameter("api_key", Secret("hush & co")),
            RequestParameter("X-Shop", Secret("acme"), "header"),
        )
        await read(source)
    assert served.requests[1].raw_path == "/page?q=%2B+%7e&api_key=hush%20%26%20co&page%5Bsize%5D=100&page=2"
    assert {request.headers["X-Shop"] for request in served.requests} == {"acme"}


async def test_counting_begins_where_it_is_told() -> None:
    """`start` is the number of the first page, and the parameter may have any name."""

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.query_string)
        return web.json_response([{"sku": request.query["seite"]}] if request.query["seite"] in "01" else [])

    seen: list[str] = []
    async with serving(handler) as port:
        found = await read(paged(f"http://127.0.0.1:{port}/", Paging("page", parameter="seite", start=0)))
    assert (skus(found), seen) == (["0", "1"], ["seite=0", "seite=1", "seite=2"])


async def test_a_parameter_of_the_feed_is_added_to_a_next_page_that_leaves_it_out() -> None:
    """The address in a Link header seldom repeats the key that the request had; it is sent all the same, and not twice."""
    async with api() as served:
        await read(paged(f"http://{served.base}/link", Paging("link"), RequestParameter("api_key", Secret("hush"))))
    assert [request.query_string for request in served.requests] == ["api_key=hush", "page=2&api_key=hush", "page=3&api_key=hush"]


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200])
@pytest.mark.parametrize("style", STYLES)
async def test_the_last_item_is_read_whatever_the_last_page_holds(style: str, count: int) -> None:
    """One item over a page's size, or under, or none: nothing is lost and nothing comes twice."""
    async with api(count=count) as served:
        assert skus(await read(paged(f"http://{served.base}/{style}", STYLES[style]))) == [f"{n:05}" for n in range(count)]


@pytest.mark.parametrize("style", ["page", "offset", "cursor", "link"])
async def test_an_empty_feed_is_one_empty_page(style: str) -> None:
    """The page that holds no item is passed on: whether nothing can be right is not the connector's to say."""
    async with api(count=0) as served:
        found = await read(paged(f"http://{served.base}/{style}", STYLES[style]))
    assert [json.loads(data) in ([], {"items": [], "meta": {"next": None}}) for _, data in found] == [True]


@pytest.mark.parametrize("style", ["page", "offset"])
async def test_a_server_that_caps_its_pages_is_read_to_the_end(style: Literal["page", "offset"]) -> None:
    """A page with fewer items than were asked for is not the last one when more follow: half a feed would pass for a feed."""
    async with api(count=250, size=40) as served:
        found = await read(paged(f"http://{served.base}/{style}", Paging(style, size=1000, size_parameter="limit")))
    assert skus(found) == [f"{n:05}" for n in range(250)]


@pytest.mark.parametrize("status", [204, 400, 404, 416, 422])
async def test_nothing_there_after_a_short_page_is_the_end(status: int) -> None:
    """Many APIs know no page past the last one; after a page that is not full, that confirms the end."""
    async with api(past_the_end=saying(status)) as served:
        assert len(skus(await read(paged(f"http://{served.base}/page", STYLES["page"])))) == 250


async def test_the_same_page_again_after_a_short_one_is_the_end() -> None:
    """Some APIs give the last page to every number beyond it."""
    async with api(count=150) as served:
        served.past_the_end = sending(served.body(2))
        assert len(skus(await read(paged(f"http://{served.base}/page", STYLES["page"])))) == 150


async def test_nothing_there_after_a_full_page_is_refused() -> None:
    """A page that is missing after a full one may be a fault, and the rest of the feed behind it."""
    async with api(count=200, past_the_end=saying(404)) as served:
        error = await failure(paged(f"http://{served.base}/page", STYLES["page"]))
    assert isinstance(error, RefuseRun)
    assert str(error).startswith("page 3: ")
    assert "404" in str(error)


async def test_an_announced_total_spares_the_request_past_the_end() -> None:
    """When as many items came as were announced and the last page is short, nothing more is asked."""
    async with api(around=lambda items, _: {"items": items, "total": 250}) as served:
        assert len(skus(await read(paged(f"http://{served.base}/page", STYLES["page"])))) == 250
    assert served.asked == [1, 2, 3]


async def test_one_page_is_ahead_and_never_two() -> None:
    """While a page is read the next one is fetched, and the one after that only when the next is taken."""
    async with (
        api(padding=4000, count=500) as served,
        RestConnector().fetch(paged(f"http://{served.base}/page", STYLES["page"])) as documents,
    ):
        for number in (1, 2, 3):
            document = await documents.__anext__()
            await document.chunks.__anext__()
            with anyio.fail_after(5):
                await served.answered[number + 1].wait()
            await anyio.wait_all_tasks_blocked()
            assert served.asked == list(range(1, number + 2))


async def test_an_error_of_the_page_ahead_waits_for_its_turn() -> None:
    """The page that is being read is read to its end, though the next one is known to be bad."""
    async with api() as served:
        served.faults[2].append(sending({"error": "quota exceeded"}))
        async with RestConnector().fetch(paged(f"http://{served.base}/page", STYLES["page"])) as documents:
            document = await documents.__anext__()
            await served.answered[2].wait()
            await anyio.wait_all_tasks_blocked()
            assert b"".join([chunk async for chunk in document.chunks]) == served.body(1)
            with pytest.raises(RefuseRun, match=r"page 2: .*quota exceeded"):
                await documents.__anext__()


async def test_pages_that_repeat_are_refused() -> None:
    """A server that ignores the page's number sends the first page for ever."""
    async with serving(sending([{"sku": "1"}])) as port:
        error = await failure(paged(f"http://127.0.0.1:{port}/", Paging("page")))
    assert isinstance(error, RefuseRun)
    assert "repeat" in str(error)
    assert "pagination.parameter" in str(error)


@pytest.mark.parametrize("announced", [False, True], ids=["silent", "announced"])
async def test_a_server_that_begins_anew_beyond_its_last_page(announced: bool) -> None:
    """Page 3 of 2 is page 1 again: the end where all announced items came, else refused at once and not after 10,000 requests."""
    asked: list[int] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(int(request.query["page"]))
        first = (asked[-1] - 1) % 2 * 2
        content: dict[str, object] = {"items": [{"sku": str(first)}, {"sku": str(first + 1)}]}
        return web.json_response(content | ({"total": 4} if announced else {}))

    async with serving(handler) as port:
        source = paged(f"http://127.0.0.1:{port}/", Paging("page"))
        if announced:
            assert skus(await read(source)) == ["0", "1", "2", "3"]
        else:
            error = await failure(source)
            assert isinstance(error, RefuseRun)
            assert "items of an earlier page" in str(error)
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("paging", [Paging("cursor", cursor_path="next"), Paging("link")], ids=["cursor", "link"])
async def test_a_way_that_leads_back_is_refused(paging: Paging) -> None:
    """A cursor or an address that was followed before ends the run; it would go round for ever."""

    async def handler(request: web.Request) -> web.StreamResponse:
        place = int(request.query.get("cursor", "0"))
        other = place % 2 + 1
        return web.json_response({"items": [{"sku": str(place)}], "next": str(other)}, headers={"Link": f"</?cursor={other}>; rel=next"})

    async with serving(handler) as port:
        error = await failure(paged(f"http://127.0.0.1:{port}/", paging))
    assert isinstance(error, RefuseRun)
    assert "repeat" in str(error)


@pytest.mark.parametrize(
    ("limits", "cure"), [({"max_pages": 2}, "pagination.maxPages"), ({"max_items": 249}, "pagination.maxItems")], ids=["pages", "items"]
)
@pytest.mark.parametrize("style", STYLES)
async def test_a_limit_refuses_the_run(style: str, limits: dict[str, Any], cure: str) -> None:
    """A feed that was cut at a limit would be half a feed; the message names what to raise."""
    async with api() as served:
        error = await failure(paged(f"http://{served.base}/{style}", replace(STYLES[style], **limits)))
    assert isinstance(error, RefuseRun)
    assert cure in str(error)


@pytest.mark.parametrize("style", STYLES)
async def test_a_feed_that_fills_its_limits_is_read(style: str) -> None:
    """As many pages and items as the limits say are not too many."""
    async with api() as served:
        assert len(skus(await read(paged(f"http://{served.base}/{style}", replace(STYLES[style], max_pages=3, max_items=250))))) == 250


async def test_a_total_that_changes_is_told_to_come_again() -> None:
    """An item that was added while the pages were read may have pushed another one over a page's edge."""
    async with api(around=lambda items, number: {"items": items, "total": 250 if number < 3 else 251}) as served:
        error = await failure(paged(f"http://{served.base}/page", STYLES["page"]))
    assert isinstance(error, Retry)
    assert "changed while it was read" in str(error)


async def test_fewer_items_than_announced_are_refused() -> None:
    """Pages that end before the announced number, as at a server's limit of depth, are half a feed."""
    async with api(around=lambda items, _: {"items": items, "meta": {"total": 12_000}}) as served:
        error = await failure(paged(f"http://{served.base}/page", STYLES["page"]))
    assert isinstance(error, RefuseRun)
    assert "250 of the 12000" in str(error)


async def test_a_number_that_counts_the_page_alone_is_no_total() -> None:
    """Some APIs call the number of items on the page its total; it changes on the last page, and nothing is wrong."""
    async with api(around=lambda items, _: {"items": items, "total": len(items)}) as served:
        assert len(skus(await read(paged(f"http://{served.base}/page", STYLES["page"])))) == 250


async def test_items_that_moved_are_told() -> None:
    """An item that ends a page and begins the next has moved: the run's record says so."""
    told: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        pages = {"1": ["a", "b"], "2": ["b", "c"]}
        return web.json_response([{"sku": sku} for sku in pages.get(request.query["page"], [])])

    async with serving(handler) as port:
        found = await read(replace(paged(f"http://127.0.0.1:{port}/", Paging("page")), tell=told.append))
    assert skus(found) == ["a", "b", "b", "c"]
    assert len(told) == 1
    assert "items moved" in told[0]


@pytest.mark.parametrize(
    ("wrong", "size"),
    [(Paging("cursor", cursor_path="meta.nxt"), None), (Paging("cursor", cursor_path="meta.nxt"), 100), (Paging("link"), 100)],
    ids=["cursor", "cursor-full", "link-full"],
)
async def test_a_first_page_that_names_no_next_one_may_not_be_the_only_one(wrong: Paging, size: int | None) -> None:
    """A cursor that is nowhere may be misspelt, and a full page is hardly the last: half a feed is refused."""
    async with api() as served:
        source = paged(f"http://{served.base}/cursor", wrong)
        error = await failure(replace(source, request=Request(paging=replace(wrong, size=size))))
    assert isinstance(error, RefuseRun)
    assert "first page" in str(error)


@pytest.mark.parametrize(
    ("wrong", "size"), [(Paging("cursor", cursor_path="meta.nxt"), 200), (Paging("link"), None)], ids=["cursor", "link"]
)
async def test_a_first_page_that_may_be_the_only_one_is_told(wrong: Paging, size: int | None) -> None:
    """A page that is not full, and one without a Link header, are taken for the whole feed, and the run's record says so."""
    told: list[str] = []
    async with api() as served:
        source = replace(paged(f"http://{served.base}/cursor", wrong), tell=told.append)
        assert len(skus(await read(replace(source, request=Request(paging=replace(wrong, size=size)))))) == 100
    assert [text.endswith("taken for the only one") for text in told] == [True]


@pytest.mark.parametrize("credentials", ["user", "parameter"])
async def test_credentials_never_follow_to_another_host(credentials: str) -> None:
    """A next page elsewhere is refused where the feed has something to hide, and the other host is not asked."""
    async with api() as served, serving(sending({"items": [{"sku": "x"}], "next": f"http://localhost:{served.port}/url"})) as port:
        paging = Paging("cursor", cursor_path="next")
        userinfo = "u:hush@" if credentials == "user" else ""
        parameters = [RequestParameter("key", Secret("hush"))] if credentials == "parameter" else []
        error = await failure(paged(f"http://{userinfo}127.0.0.1:{port}/", paging, *parameters))
    assert isinstance(error, RefuseRun)
    assert "another host" in str(error)
    assert "hush" not in str(error)
    assert not served.requests


async def test_without_credentials_a_next_page_elsewhere_is_followed() -> None:
    """Where there is nothing to hide, the address of the next page may be anywhere that may be reached."""
    async with api(count=1) as served:
        other = f"http://localhost:{served.port}/url"
        async with serving(sending({"items": [{"sku": "x"}], "meta": {"next": other}})) as port:
            found = await read(paged(f"http://127.0.0.1:{port}/", STYLES["url"]))
    assert skus(found) == ["x", "00000"]


async def test_an_api_that_is_not_paged_is_a_file_over_http() -> None:
    """Without paging the HTTP connector does the work: an unchanged answer is known again."""
    async with serving(sending([{"sku": "1"}], ETag='"v1"')) as port:
        source = parse_location(f"rest+http://127.0.0.1:{port}/stock.json")
        [(document, data)] = await read(source)
        assert (json.loads(data), document.name) == ([{"sku": "1"}], f"http://127.0.0.1:{port}/stock.json")
        assert document.version is not None
        with pytest.raises(NotModified):
            await read(replace(source, known={document.name: document.version}))


async def test_requests_to_one_host_keep_their_distance() -> None:
    """Feeds of one host share its rate: two feeds of four requests each take seven intervals at least."""
    async with api() as served:
        source = paged(f"http://{served.base}/page", STYLES["page"])
        source = replace(source, request=replace(source.request, requests_per_second=50))
        begun = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(read, source)
        assert anyio.current_time() - begun >= 7 / 50 - 0.02
    assert len(served.asked) == 8


def test_the_server_serves_what_it_says() -> None:
    """The pages of the test's own API hold each item once."""
    served = Api(count=5, size=2)
    assert [item["sku"] for number in (1, 2, 3) for item in served.items(number)] == ["00000", "00001", "00002", "00003", "00004"]
