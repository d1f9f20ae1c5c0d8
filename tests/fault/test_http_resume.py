"""Downloads that break off: gone on with where the server proves that it still has the same bytes, and never otherwise."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from aiohttp import web

from connectors.http import HttpConnector
from engine.document import CHUNK_BYTES
from engine.errors import Retry
from engine.source import Patience, Persistence, Source, parse_location
from tests.fault.fault_proxy import Cut, Fault, Reset, Stall, fault_proxy
from tests.servers.web import serving

BODY = b"sku;stock\n" + b"".join(b"%07d;%d\n" % (n, n * 7919 % 90) for n in range(400_000))
CODED = zlib.compress(BODY, 1)
CHANGED, NOW = "Sun, 01 Nov 2026 06:30:00 GMT", "Sun, 01 Nov 2026 06:31:00 GMT"
STRONG = {"ETag": '"v7"'}
QUICK = Patience(connect=2.0, idle=0.3, min_bytes_per_second=1.0)


@dataclass
class Supplier:
    """A server of one file that ends its first answers early, at these offsets, and counts what it sends.

    `headers` gives those of each answer in turn; `ranges` is whether it answers one.
    """

    cuts: tuple[int, ...] = ()
    headers: Callable[[int], dict[str, str]] = lambda _: STRONG
    body: Callable[[int], bytes] = lambda _: BODY
    ranges: bool = True
    chunked: bool = False
    sent: int = 0
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        turn = len(self.asked)
        wanted, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.asked.append((wanted, condition))
        body, headers = self.body(turn), {"Date": NOW, **self.headers(turn)}
        begin = 0
        if self.ranges and wanted is not None and condition in (headers.get("ETag"), headers.get("Last-Modified")):
            (begin,) = (int(text) for text in re.findall(r"bytes=(\d+)-", wanted))
            if begin >= len(body):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if "Content-Range" in headers else 200, headers=headers)
        if not self.chunked:
            response.content_length = len(body) - begin
        await response.prepare(request)
        end = self.cuts[turn] if turn < len(self.cuts) else len(body)
        for start in range(begin, end, CHUNK_BYTES):
            piece = body[start : min(start + CHUNK_BYTES, end)]
            await response.write(piece)
            self.sent += len(piece)
        if turn < len(self.cuts) and request.transport is not None:
            request.transport.close()
        return response


def _source(port: int, told: list[str] | None = None, attempts: int = 3) -> Source:
    location = parse_location(f"http://user:hunter2@127.0.0.1:{port}/stock.csv?token=hush", patience=QUICK)
    tell = (lambda _: None) if told is None else told.append
    return replace(location, persistence=Persistence(attempts=attempts, wait_initial=0.01, wait_max=0.01), tell=tell)


async def _read(source: Source) -> bytes:
    async with HttpConnector().fetch(source) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def _failure(supplier: Supplier) -> Retry:
    async with serving(supplier.answer) as port:
        with pytest.raises(Retry) as caught:
            await _read(_source(port))
    assert "hunter2" not in str(caught.value)
    assert "hush" not in str(caught.value)
    return caught.value


async def test_a_download_cut_at_sixty_percent_transfers_at_most_forty_five_more() -> None:
    """The rest is asked for from where the first answer ended: in all no more than 105 % goes over the wire, and all of it is right."""
    supplier = Supplier(cuts=(len(BODY) * 60 // 100,))
    told: list[str] = []
    async with serving(supplier.answer) as port:
        assert await _read(_source(port, told)) == BODY
    assert len(supplier.asked) == 2
    assert supplier.sent - len(BODY) * 60 // 100 <= len(BODY) * 45 // 100
    assert supplier.asked[1][1] == '"v7"'
    assert len(told) == 1
    assert "going on after" in told[0]
    assert "hush" not in told[0]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("headers", [STRONG, {"Last-Modified": CHANGED}], ids=["etag", "time"])
async def test_a_download_is_gone_on_with_as_often_as_it_moves_on(headers: dict[str, str], chunked: bool) -> None:
    """Tries are counted without progress: five breaks are outlived with two attempts, by a strong ETag or a settled time."""
    supplier = Supplier(cuts=tuple(len(BODY) * part // 6 for part in range(1, 6)), headers=lambda _: headers, chunked=chunked)
    async with serving(supplier.answer) as port:
        assert await _read(_source(port, attempts=2)) == BODY
    assert len(supplier.asked) == 6
    assert {condition for _, condition in supplier.asked[1:]} == set(headers.values())


@pytest.mark.parametrize("fault", [Cut(2_500_000), Reset(2_500_000), Stall(2_500_000)], ids=["cut", "reset", "stall"])
async def test_a_broken_connection_is_gone_on_with(fault: Fault) -> None:
    """However the connection fails, the rest comes over the next one."""
    supplier = Supplier()
    async with serving(supplier.answer) as server, fault_proxy(server, fault) as port:
        assert await _read(_source(port)) == BODY
    assert len(supplier.asked) == 2


async def test_a_coded_body_is_decoded_over_its_stretches() -> None:
    """Ranges count the coded bytes, and decoding goes on in the middle of them."""
    supplier = Supplier(
        cuts=(len(CODED) // 3, len(CODED) // 2), headers=lambda _: {**STRONG, "Content-Encoding": "deflate"}, body=lambda _: CODED
    )
    async with serving(supplier.answer) as port:
        assert await _read(_source(port)) == BODY
    assert len(supplier.asked) == 3


async def test_a_server_without_ranges_sends_all_of_it_again() -> None:
    """A whole body of the same strong ETag is read from where the first one ended."""
    supplier = Supplier(cuts=(len(BODY) // 2,), ranges=False)
    async with serving(supplier.answer) as port:
        assert await _read(_source(port)) == BODY
    assert len(supplier.asked) == 2


@pytest.mark.parametrize(
    "headers",
    [{}, {"ETag": 'W/"v7"'}, {"Last-Modified": NOW}, {"ETag": f'"{1_793_514_660:x}-13"', "Last-Modified": NOW}],
    ids=["none", "weak", "time of this second", "etag made of this second"],
)
async def test_without_a_strong_validator_nothing_is_resumed(headers: dict[str, str]) -> None:
    """Nothing proves that the rest would belong to the same bytes: the run is one to try again."""
    supplier = Supplier(cuts=(len(BODY) // 2,), headers=lambda _: headers)
    error = await _failure(supplier)
    assert "the body ended after" in str(error)
    assert len(supplier.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_file_that_changed_in_between_is_never_joined(ranges: bool) -> None:
    """Half of yesterday's file and half of today's is no file: another ETag ends the run, whether ranges are known or not."""
    supplier = Supplier(cuts=(len(BODY) // 2,), headers=lambda turn: {"ETag": f'"v{min(turn, 1)}"'}, ranges=ranges)
    assert "changed while it was read" in str(await _failure(supplier))


class _Lying(Supplier):
    """A server that answers a range with something else than what was asked for: `lies` may name {begin}, {last} and {total}."""

    def __init__(self, lies: dict[str, str]) -> None:
        super().__init__(cuts=(len(BODY) // 2,))
        self.lies = lies

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not self.asked:
            return await super().answer(request)
        begin = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        facts = {"begin": begin, "last": len(BODY) - 1, "total": len(BODY), "more": len(BODY) + 1}
        lies = {name: value.format(**facts) for name, value in self.lies.items()}
        return web.Response(status=206, body=BODY[begin:], headers={"Date": NOW, **lies})


TRUE_RANGE = {"Content-Range": "bytes {begin}-{last}/{total}", **STRONG}


async def test_a_range_that_tells_the_truth_is_taken() -> None:
    """The server of the tests below is believed when it does not lie."""
    async with serving(_Lying(TRUE_RANGE).answer) as port:
        assert await _read(_source(port)) == BODY


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param(STRONG, id="no range"),
        pytest.param({**TRUE_RANGE, "Content-Range": "bytes 0-{last}/{total}"}, id="another begin"),
        pytest.param({**TRUE_RANGE, "Content-Range": "bytes {begin}-{total}/{more}"}, id="another total"),
        pytest.param({**TRUE_RANGE, "Content-Range": "bytes {begin}-{last}/*"}, id="no total"),
        pytest.param({"Content-Range": TRUE_RANGE["Content-Range"]}, id="no etag"),
        pytest.param({**TRUE_RANGE, "ETag": '"v8"'}, id="another etag"),
        pytest.param({**TRUE_RANGE, "Content-Encoding": "deflate"}, id="another coding"),
    ],
)
async def test_a_range_that_is_not_the_rest_is_refused(lies: dict[str, str]) -> None:
    """What a server sends for a range counts only if it says that it is the very rest."""
    assert "changed while it was read" in str(await _failure(_Lying(lies)))


async def test_a_rest_that_is_not_there_is_a_retry() -> None:
    """A body that broke off after its last byte has no rest to prove its end by: 416 is not taken for it."""
    supplier = Supplier(cuts=(len(BODY),), chunked=True)
    assert "cannot be gone on with" in str(await _failure(supplier))
    assert supplier.asked[1] == (f"bytes={len(BODY)}-", '"v7"')


async def test_a_server_that_caps_ranges_is_asked_again() -> None:
    """A server may send less of a range than was asked for: what is missing is asked for then."""
    turns = count()

    async def answer(request: web.Request) -> web.StreamResponse:
        turn = next(turns)
        if turn == 0:
            response = web.StreamResponse(headers=STRONG)
            response.content_length = len(BODY)
            await response.prepare(request)
            await response.write(BODY[:1000])
            assert request.transport is not None
            request.transport.close()
            return response
        begin = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        end = min(begin + 2_000_000, len(BODY))
        told = f"bytes {begin}-{end - 1}/{len(BODY)}"
        return web.Response(status=206, body=BODY[begin:end], headers={**STRONG, "Content-Range": told})

    async with serving(answer) as port:
        assert await _read(_source(port)) == BODY
    assert next(turns) == 1 + -(-(len(BODY) - 1000) // 2_000_000)


@pytest.mark.parametrize("seed", range(24))
async def test_whatever_breaks_the_document_is_one_whole_body_or_an_error(seed: int) -> None:
    """Random breaks, files that change in between, servers with and without ranges and lengths: no mix of two bodies ever ends quietly."""
    chance = random.Random(seed)
    bodies = [bytes([65 + number]) * 300_000 for number in range(3)]
    changes = sorted(chance.choices(range(8), k=2)) if seed % 2 else [99, 99]

    def version(turn: int) -> int:
        return sum(turn >= change for change in changes)

    def headers(turn: int) -> dict[str, str]:
        now = version(turn)
        return ({"ETag": f'"v{now}"'}, {"Last-Modified": CHANGED.replace(":00 ", f":0{now} ")})[seed // 2 % 2]

    supplier = Supplier(
        cuts=tuple(sorted(chance.choices(range(300_001), k=5))),
        headers=headers,
        body=lambda turn: bodies[version(turn)],
        ranges=chance.random() < 0.7,
        chunked=chance.random() < 0.5,
    )
    received = None
    async with serving(supplier.answer) as port:
        with suppress(Retry):
            received = await _read(_source(port, attempts=9))
    assert received in ((bodies[0],) if changes[0] == 99 else (None, *bodies))
