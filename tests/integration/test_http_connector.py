"""The HTTP connector against aiohttp's own server on the loopback: what is read, what is said of it, what each status means."""

from __future__ import annotations

import base64
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web

from connectors.http import HttpConnector
from connectors.web.client import user_agent
from connectors.web.errors import retry_after
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry
from engine.source import Patience, Persistence, Source, parse_location

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(60_000))
CHANGED = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
ONCE = Persistence(attempts=1)


@asynccontextmanager
async def _serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _answering(status: int = 200, body: bytes = BODY, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return handler


async def _fetch(source: Source) -> tuple[Document, list[bytes]]:
    async with HttpConnector().fetch(source) as documents:
        found = [(document, [chunk async for chunk in document.chunks]) async for document in documents]
    assert len(found) == 1
    return found[0]


async def _failure(handler: Handler, *, userinfo: str = "") -> FeedmillError:
    async with _serving(handler) as port:
        source = parse_location(f"http://{userinfo}127.0.0.1:{port}/stock.csv?token=hush", patience=Patience(connect=5, idle=5))
        with pytest.raises(FeedmillError) as caught:
            await _fetch(replace(source, persistence=ONCE))
    assert "hush" not in str(caught.value)
    return caught.value


async def test_a_document_says_what_the_headers_say() -> None:
    """Size, time, ETag, type and charset come from the response; the name shows no query value."""
    handler = _answering(Last_Modified=format_datetime(CHANGED, usegmt=True), ETag='"v7"', Content_Type="text/csv; charset=windows-1252")
    async with _serving(handler) as port:
        document, chunks = await _fetch(parse_location(f"http://127.0.0.1:{port}/stock.csv?token=hush"))
    assert b"".join(chunks) == BODY
    assert document.name == f"http://127.0.0.1:{port}/stock.csv?token=***"
    assert (document.size, document.mtime, document.etag) == (len(BODY), CHANGED, '"v7"')
    assert (document.content_type, document.charset) == ("text/csv", "windows-1252")


async def test_a_document_is_silent_where_the_headers_are() -> None:
    """What a server does not say, or says unreadably, is None and not a guess."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Last-Modified": "yesterday"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(BODY)
        return response

    async with _serving(handler) as port:
        document, chunks = await _fetch(parse_location(f"http://127.0.0.1:{port}/"))
    assert b"".join(chunks) == BODY
    assert (document.size, document.mtime, document.etag, document.charset) == (None, None, None, None)


async def test_small_writes_are_gathered_into_chunks() -> None:
    """Many small pieces on the wire become few chunks, none empty and none above the aim."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(BODY), 512):
            await response.write(BODY[start : start + 512])
        return response

    async with _serving(handler) as port:
        _, chunks = await _fetch(parse_location(f"http://127.0.0.1:{port}/"))
    assert b"".join(chunks) == BODY
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)
    assert len(chunks) < len(BODY) // 512 // 4


async def test_the_request_names_its_maker() -> None:
    """A supplier's administrator can see who fetches, and no more is asked for than can be undone."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.Response(body=BODY)

    async with _serving(handler) as port:
        await _fetch(parse_location(f"http://127.0.0.1:{port}/a%2Fb?x=%2B+%7e"))
    assert seen[0].headers["User-Agent"] == user_agent()
    assert seen[0].headers["Accept-Encoding"] == "gzip, deflate"
    assert "Authorization" not in seen[0].headers
    assert seen[0].raw_path == "/a%2Fb?x=%2B+%7e"


async def test_a_url_that_is_not_written_out_is_encoded() -> None:
    """Blanks and umlauts in a path reach the server percent-encoded."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.Response(body=BODY)

    async with _serving(handler) as port:
        await _fetch(parse_location(f"http://127.0.0.1:{port}/Lager bestände.csv"))
    assert seen == ["/Lager%20best%C3%A4nde.csv"]


@pytest.mark.parametrize(
    ("userinfo", "expected"),
    [
        ("shop:p%40ss%2Fw%3Ard@", "shop:p@ss/w:rd"),
        ("shop:@", "shop:"),
        ("shop@", "shop:"),
        ("jo%40shop.example:pw@", "jo@shop.example:pw"),
        ("j%C3%B6:%E2%82%AC@", "jö:€"),
    ],
)
async def test_credentials_of_the_url_arrive_decoded(userinfo: str, expected: str) -> None:
    """Reserved characters, an empty password and a user with an at sign are sent as Basic credentials in UTF-8 (quirk 1)."""

    async def handler(request: web.Request) -> web.StreamResponse:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        return web.Response(body=f"{scheme}|{base64.b64decode(token).decode()}".encode())

    async with _serving(handler) as port:
        _, chunks = await _fetch(parse_location(f"http://{userinfo}127.0.0.1:{port}/"))
    assert b"".join(chunks).decode() == f"Basic|{expected}"


async def test_a_user_name_with_a_colon_is_a_setting_that_cannot_work() -> None:
    """Basic credentials cannot carry a colon in the user name, so it is said before anything is sent."""
    with pytest.raises(ConfigError, match="colon"):
        await _fetch(parse_location("http://a%3Ab:pw@127.0.0.1:9/"))


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY[:5000]) + gzip.compress(BODY[5000:]) + bytes(512)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
        ("identity", BODY),
    ],
    ids=["gzip", "members and padding", "zlib", "bare deflate", "identity"],
)
async def test_a_content_coding_is_undone(coding: str, coded: bytes) -> None:
    """A body coded for the way is what it was before; its size is then unknown, for the length is that of the coded body."""
    async with _serving(_answering(body=coded, Content_Encoding=coding)) as port:
        document, chunks = await _fetch(parse_location(f"http://127.0.0.1:{port}/"))
    assert b"".join(chunks) == BODY
    assert document.size == (len(BODY) if coding == "identity" else None)


async def test_a_gzip_file_sent_with_a_content_coding_loses_one_layer_only() -> None:
    """`Content-Encoding: gzip` around a `.gz` yields the `.gz`: what is in the file is not the transport's business (quirk 3)."""
    inner = gzip.compress(BODY)
    async with _serving(_answering(body=gzip.compress(inner), Content_Encoding="gzip")) as port:
        _, chunks = await _fetch(parse_location(f"http://127.0.0.1:{port}/stock.csv.gz"))
    assert b"".join(chunks) == inner


async def test_a_body_that_inflates_hugely_comes_in_chunks() -> None:
    """Thirty megabytes out of thirty kilobytes never stand in memory at once."""
    async with _serving(_answering(body=gzip.compress(bytes(30 << 20)), Content_Encoding="gzip")) as port:
        _, chunks = await _fetch(parse_location(f"http://127.0.0.1:{port}/"))
    assert sum(map(len, chunks)) == 30 << 20
    assert max(map(len, chunks)) <= CHUNK_BYTES


async def test_a_coding_nobody_asked_for_is_refused() -> None:
    """A body we cannot undo is refused by its coding's name."""
    error = await _failure(_answering(Content_Encoding="br"))
    assert isinstance(error, RefuseRun)
    assert "'br'" in str(error)


async def test_a_damaged_compressed_body_is_a_retry() -> None:
    """Bits that changed on the way are noticed."""
    broken = bytearray(gzip.compress(BODY))
    broken[len(broken) // 2] ^= 0xFF
    assert isinstance(await _failure(_answering(body=bytes(broken), Content_Encoding="gzip")), Retry)


@pytest.mark.parametrize(
    "status", [201, 204, 205, 206, 226, 300, 304, 305, 400, 402, 404, 405, 406, 407, 409, 410, 413, 418, 422, 451, 499]
)
async def test_a_status_that_will_not_pass_refuses_the_run(status: int) -> None:
    """An answer that waiting will not change is refused with the status and what to do."""
    error = await _failure(_answering(status, b"" if status in (204, 205, 304) else BODY))
    assert isinstance(error, RefuseRun)
    assert f"answered {status} " in str(error)


@pytest.mark.parametrize("status", [202, 408, 425, 429, 500, 501, 502, 503, 504, 507, 599])
async def test_a_status_that_may_pass_is_a_retry(status: int) -> None:
    """An answer that may be better later is a retry, without a delay the supplier did not ask for."""
    error = await _failure(_answering(status))
    assert isinstance(error, Retry)
    assert error.retry_after is None
    assert f"answered {status} " in str(error)


@pytest.mark.parametrize("status", [429, 503])
async def test_the_supplier_says_how_long_to_wait(status: int) -> None:
    """Retry-After is honoured in seconds and as a date, which counts from the server's own clock (RFC 9110, 10.2.3)."""
    seconds = await _failure(_answering(status, Retry_After="120"))
    dated = await _failure(_answering(status, Date="Sun, 01 Nov 2020 06:00:00 GMT", Retry_After="Sun, 01 Nov 2020 06:30:00 GMT"))
    assert isinstance(seconds, Retry)
    assert isinstance(dated, Retry)
    assert (seconds.retry_after, dated.retry_after) == (120.0, 1800.0)


@pytest.mark.parametrize("status", [200, 203])
async def test_an_empty_body_is_refused(status: int) -> None:
    """No bytes are no feed, whether the length says so or only the end of the body does."""

    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        response.enable_chunked_encoding()
        await response.prepare(request)
        return response

    for handler in (_answering(status, b""), chunked, _answering(status, gzip.compress(b""), Content_Encoding="gzip")):
        error = await _failure(handler)
        assert isinstance(error, RefuseRun)
        assert "no content" in str(error)


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_say_whether_any_were_sent(status: int) -> None:
    """The cure differs: give some, or check those given; their value is never shown."""
    without = await _failure(_answering(status))
    given = await _failure(_answering(status), userinfo="shop:hunter2@")
    assert isinstance(without, RefuseRun)
    assert isinstance(given, RefuseRun)
    assert "no credentials were sent" in str(without)
    assert "are not accepted" in str(given)
    assert "hunter2" not in str(given)


def _redirecting(*, host: str, times: int = 1) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        hop = int(request.query.get("hop", "0"))
        if hop < times:
            raise web.HTTPFound(f"http://{host}:{request.url.port}/next?hop={hop + 1}")
        return web.Response(body=request.headers.get("Authorization", "none").encode())

    return handler


async def test_credentials_stay_with_their_host() -> None:
    """A redirect on the same host keeps the credentials, one to another host leaves them behind (quirk 4)."""
    answers = []
    for host in ("127.0.0.1", "localhost"):
        async with _serving(_redirecting(host=host)) as port:
            _, chunks = await _fetch(parse_location(f"http://shop:pw@127.0.0.1:{port}/"))
            answers.append(b"".join(chunks))
    assert answers == [b"Basic " + base64.b64encode(b"shop:pw"), b"none"]


async def test_credentials_lost_to_a_redirect_are_said_to_be() -> None:
    """When the other host then wants credentials, the message says why it got none."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path != "/next":
            raise web.HTTPFound(f"http://localhost:{request.url.port}/next")
        raise web.HTTPUnauthorized

    error = await _failure(handler, userinfo="shop:hunter2@")
    assert isinstance(error, RefuseRun)
    assert "not passed on, because it redirects to another host, localhost" in str(error)


async def test_five_redirects_are_followed_and_no_more() -> None:
    """A short chain is followed to its end; a circle is refused."""
    async with _serving(_redirecting(host="127.0.0.1", times=5)) as port:
        await _fetch(parse_location(f"http://127.0.0.1:{port}/"))
    error = await _failure(_redirecting(host="127.0.0.1", times=6))
    assert isinstance(error, RefuseRun)
    assert "redirects in a circle" in str(error)


@pytest.mark.parametrize(
    "target", ["ftp://127.0.0.1/stock.csv", "file:///etc/passwd", "http://", "http://[::1/", "http://u:p@127.0.0.1:{port}/x"]
)
async def test_a_redirect_that_cannot_be_followed_is_refused(target: str) -> None:
    """A redirect out of the web, or to no address at all, is refused."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target.replace("{port}", str(request.url.port))})

    error = await _failure(handler, userinfo="shop:hunter2@")
    assert isinstance(error, RefuseRun)
    assert "redirect" in str(error)


async def test_a_refused_connection_is_a_retry() -> None:
    """A host on which nothing listens may be back later."""
    async with _serving(_answering()) as port:
        pass
    with pytest.raises(Retry, match="does not take connections"):
        await _fetch(replace(parse_location(f"http://127.0.0.1:{port}/"), persistence=ONCE))


async def test_an_unknown_host_is_a_retry() -> None:
    """A name that does not resolve may be the DNS's fault; the message says it is the name (RFC 6761 keeps .invalid free)."""
    with pytest.raises(Retry, match="does not resolve"):
        await _fetch(replace(parse_location("http://supplier.invalid/stock.csv"), persistence=ONCE))


async def test_a_failed_tls_handshake_is_a_retry() -> None:
    """A port that speaks http, asked for https, speaks http says what to check."""
    async with _serving(_answering()) as port:
        with pytest.raises(Retry, match="TLS handshake"):
            await _fetch(replace(parse_location(f"https://127.0.0.1:{port}/"), persistence=ONCE))


async def test_leaving_early_closes_the_connection() -> None:
    """A reader that has enough leaves no socket behind, in the middle of a body or before its first byte."""
    async with _serving(_answering(body=BODY * 20)) as port:
        source = parse_location(f"http://127.0.0.1:{port}/")
        async with HttpConnector().fetch(source) as documents:
            document = await anext(documents)
            assert await anext(document.chunks)
        async with HttpConnector().fetch(source):
            pass


async def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    """A self-signed certificate is refused with the reason: sending a password to it could send it to anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    async with _serving(_answering(), tls=context) as port:
        with pytest.raises(RefuseRun, match="certificate that is not trusted") as caught:
            await _fetch(parse_location(f"https://shop:hunter2@127.0.0.1:{port}/"))
    assert "self-signed certificate" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("Sun, 01 Nov 2026 06:31:00 GMT", 60.0),
        ("Sun, 01 Nov 2026 06:29:00 GMT", 0.0),
        ("Sunday, 01-Nov-26 06:31:00 GMT", 60.0),
        ("Sun Nov  1 06:31:00 2026", 60.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_seconds_or_any_http_date(text: str, seconds: float | None) -> None:
    """All three date forms are read (RFC 9110, 5.6.7); a date gone by is now; what is neither is no wish."""
    assert retry_after({"Retry-After": text}, CHANGED) == seconds
