"""What the service sends of its own accord: where it may go, and that nobody it talks to can hold it or read what is not theirs."""

from __future__ import annotations

import ssl
from pathlib import Path

import anyio
import pytest
from aiohttp import web
from anyio import to_thread

from engine.errors import ConfigError, RefuseRun, Retry
from engine.source import Egress
from feedmill.service.outgoing import check_destination, mask_url, post_json
from tests.servers.web import serving

OPEN = Egress(allow_private=True)
CLOSED = Egress(allow_private=False)


async def test_an_address_that_is_not_allowed_gets_no_connection() -> None:
    """Loopback is refused unless private addresses are allowed, as a number and under a name; so is a scheme or port that is not."""
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with serving(handler) as port:
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
            with pytest.raises(RefuseRun, match="operator") as refused:
                await post_json(f"http://{host}:{port}/s3cret", b"{}", {}, egress=CLOSED, seconds=5)
            assert "s3cret" not in str(refused.value)
            with pytest.raises(RefuseRun):
                await check_destination(f"http://{host}:{port}/", CLOSED)
        with pytest.raises(ConfigError, match="port"):
            await post_json(f"http://127.0.0.1:{port}/", b"{}", {}, egress=Egress(ports=frozenset({443})), seconds=5)
        for location in ("ftp://127.0.0.1/", "file:///etc/passwd", "http://", "/etc/passwd", "http://[::1", "http://user:pa/ss@host/"):
            with pytest.raises(ConfigError):
                await post_json(location, b"{}", {}, egress=OPEN, seconds=5)
            with pytest.raises(ConfigError):
                await check_destination(location, OPEN)
    assert not asked


async def test_what_is_sent_and_what_comes_back() -> None:
    """The body goes as it is, user and password of the URL as Basic credentials; a redirect is an answer, and is not followed."""
    asked: list[tuple[str, bytes, str | None, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.path_qs, await request.read(), request.headers.get("Authorization"), request.headers.get("X-Own")))
        return web.Response(status=307, text="elsewhere", headers={"Location": "/elsewhere", "Retry-After": "7"})

    async with serving(handler) as port:
        answer = await post_json(f"http://u%40x:p%2F@127.0.0.1:{port}/a?b=c", b'{"a":1}', {"X-Own": "1"}, egress=OPEN, seconds=5)
    assert asked == [("/a?b=c", b'{"a":1}', "Basic dUB4OnAv", "1")]
    assert (answer.status, answer.body, answer.retry_after, answer.complete) == (307, b"elsewhere", 7.0, True)


async def test_nobody_can_hold_it_or_fill_it() -> None:
    """A server that is silent, or that drips for ever, ends it in time; of an answer that never ends only so much is read."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/silent":
            await anyio.sleep(0.4)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(40):
            await response.write(b"x" if request.path == "/drip" else b"x" * 65536)
            await anyio.sleep(0.02 if request.path == "/drip" else 0)
        return response

    async with serving(handler) as port:
        with anyio.fail_after(4):
            for path in ("silent", "drip"):
                with pytest.raises(Retry, match=r"within 0\.2 s") as late:
                    await post_json(f"http://127.0.0.1:{port}/{path}?token=s3cret", b"{}", {}, egress=OPEN, seconds=0.2)
                assert "s3cret" not in str(late.value)
            huge = await post_json(f"http://127.0.0.1:{port}/huge", b"{}", {}, egress=OPEN, seconds=3, max_bytes=100)
    assert huge.body == b"x" * 100
    assert not huge.complete
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await to_thread.run_sync(context.load_cert_chain, Path(__file__).with_name("self_signed.pem"))
    async with serving(handler, tls=context) as secure:
        with pytest.raises(Retry, match="certificate"):
            await post_json(f"https://127.0.0.1:{secure}/", b"{}", {}, egress=OPEN, seconds=3)
    with pytest.raises(Retry, match="gave no answer") as gone:
        await post_json(f"http://127.0.0.1:{port}/s3cret", b"{}", {}, egress=OPEN, seconds=3)
    assert "s3cret" not in str(gone.value)


def test_of_a_url_the_host_alone_is_shown() -> None:
    """Path, query and userinfo of a webhook's URL may each be what lets somebody call it."""
    assert mask_url("https://a:b@Hooks.example:8443/x/y?z=1") == "https://***@Hooks.example:8443/***"
    assert mask_url("HTTPS://hooks.example/") == "https://hooks.example"
