"""HTTP sources that break in the middle: whatever happens, half a feed is never taken for a feed."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace

import pytest

from connectors.http import HttpConnector
from connectors.web.body import Body
from connectors.web.client import get, open_session
from engine.errors import FeedmillError, RefuseRun, Retry
from engine.source import Patience, Persistence, parse_location
from tests.fault.fault_proxy import Cut, Drip, Fault, Reset, Stall, canned_server, fault_proxy

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(100_000))
QUICK = Patience(connect=2.0, idle=0.4, min_bytes_per_second=2_000.0)
ONCE = Persistence(attempts=1)


def _http(body: bytes, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Connection: close", *headers, "", ""]).encode() + body


def _sized(body: bytes, *headers: str) -> bytes:
    return _http(body, f"Content-Length: {len(body)}", *headers)


def _chunked(body: bytes) -> bytes:
    return _http(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), "Transfer-Encoding: chunked")


async def _read(port: int) -> bytes:
    source = parse_location(f"http://user:hunter2@127.0.0.1:{port}/stock.csv?token=hush", patience=QUICK)
    async with HttpConnector().fetch(replace(source, persistence=ONCE)) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def _failure(answer: bytes, fault: Fault) -> FeedmillError:
    async with canned_server(answer) as server, fault_proxy(server, fault) as port:
        with pytest.raises(FeedmillError) as caught:
            await _read(port)
    assert "hunter2" not in str(caught.value)
    assert "hush" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("answer", [_sized(BODY), _chunked(BODY), _http(BODY)], ids=["length", "chunked", "until close"])
async def test_a_body_that_arrives_whole_is_read_whole(answer: bytes) -> None:
    """However a body is framed, every byte of it is read."""
    async with canned_server(answer) as server, fault_proxy(server, Fault(after=1 << 30)) as port:
        assert await _read(port) == BODY


@pytest.mark.parametrize("fault", [Cut(300_000), Reset(300_000)], ids=["cut", "reset"])
async def test_a_body_short_of_its_length_is_a_retry_with_both_figures(fault: Fault) -> None:
    """A body that ends before Content-Length is reached says how much came of how much."""
    error = await _failure(_sized(BODY), fault)
    assert isinstance(error, Retry)
    assert "the body ended after" in str(error)
    assert f"of {len(BODY)} bytes: nothing was applied" in str(error)


@pytest.mark.parametrize("fault", [Cut(300_000), Reset(300_000)], ids=["cut", "reset"])
async def test_a_chunked_body_without_its_last_chunk_is_a_retry(fault: Fault) -> None:
    """A chunked body that stops before the zero chunk is not complete."""
    error = await _failure(_chunked(BODY), fault)
    assert isinstance(error, Retry)
    assert "the body ended after" in str(error)


async def test_a_reset_is_no_end_of_a_body_that_runs_until_close() -> None:
    """Where the end of the connection is the end of the body, a reset is still not taken for it."""
    error = await _failure(_http(BODY), Reset(300_000))
    assert isinstance(error, Retry)
    assert "the body ended after" in str(error)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_body_that_lost_its_end_before_it_was_sent_is_a_retry(coding: str) -> None:
    """A coded body whose length is right but whose end mark is missing was cut before the server sent it."""
    whole = gzip.compress(BODY)
    error = await _failure(_sized(whole[: len(whole) // 2], f"Content-Encoding: {coding}"), Fault(after=1 << 30))
    assert isinstance(error, Retry)
    assert "compressed body" in str(error)


async def test_a_server_that_stalls_is_a_retry_after_the_idle_time() -> None:
    """A source that stops sending is given up after `Patience.idle`."""
    begun = time.monotonic()
    error = await _failure(_sized(BODY), Stall(300_000))
    assert isinstance(error, Retry)
    assert "sent nothing for 0.4 s" in str(error)
    assert time.monotonic() - begun < 5


async def test_a_server_that_never_answers_is_a_retry_after_the_idle_time() -> None:
    """A source that takes the connection and says nothing is given up after `Patience.idle`."""
    error = await _failure(_sized(BODY), Stall(0))
    assert isinstance(error, Retry)
    assert "sent nothing for 0.4 s" in str(error)


async def test_a_server_that_drips_is_a_retry_that_names_its_rate() -> None:
    """A source that sends a byte now and then is stalled too, though no single wait is long."""
    error = await _failure(_sized(BODY), Drip(300))
    assert isinstance(error, Retry)
    assert "bytes a second over" in str(error)


async def test_a_connection_that_ends_before_any_answer_is_a_retry() -> None:
    """A server that closes without a word may do better later."""
    assert isinstance(await _failure(_sized(BODY), Cut(0)), Retry)


async def test_a_server_that_speaks_no_http_is_refused() -> None:
    """A port on which something else answers will not become a web server by itself."""
    error = await _failure(b"220 ftp.example ready\r\n\r\n", Fault(after=1 << 30))
    assert isinstance(error, RefuseRun)
    assert "did not answer in HTTP" in str(error)


async def test_the_length_is_counted_whatever_the_client_library_says() -> None:
    """Our own count is a second lock: a body that the library calls whole but that is short of its length is a retry."""
    async with canned_server(_sized(BODY)) as server:
        source = parse_location(f"http://127.0.0.1:{server}/stock.csv", patience=QUICK)
        async with open_session(source) as session:
            body = Body(await get(session, source), source)
            body.promised = len(BODY) + 1
            with pytest.raises(Retry, match=f"ended after {len(BODY)} of {len(BODY) + 1} bytes"):
                [chunk async for chunk in body]
            await body.aclose()
